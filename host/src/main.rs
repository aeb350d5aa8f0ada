//! Millstream: Kinesis and Lambda in one binary.
//!
//! The binary wires the crates in the order in which data flows (`wiring`), and is its own client
//! (`command/`, over `client`). It decides nothing about records: that is `millstream-core`'s part.

mod channels;
mod cli;
mod clock;
mod control;
mod demand;
mod door;
mod failure;
mod functions;
mod housekeeping;
mod interrupt;
mod metrics;
mod output;
mod reserve;
mod settings;
mod storage;
mod sweep;
mod telemetry;
mod wiring;

mod client;
mod command;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, failure::Failure, wiring::COMPILE_COMMAND};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == COMPILE_COMMAND) {
        return millstream_runtime::compile_child(args);
    }
    let cli = Cli::parse();
    let json = cli.global.json;
    match command::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure, json),
    }
}

fn report(failure: &Failure, json: bool) -> ExitCode {
    if failure.is_broken_pipe() {
        return ExitCode::SUCCESS;
    }
    if json {
        eprintln!("{}", failure.to_json());
    } else {
        eprintln!("millstream: {failure}");
    }
    ExitCode::from(failure.exit_code())
}
