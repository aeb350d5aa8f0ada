//! The compiling child as a program of its own, for tests and the example.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(first) if first == "__compile" => millstream_runtime::compile_child(args),
        _ => ExitCode::FAILURE,
    }
}
