//! The child: one component in a file becomes machine code in another, within limits that the
//! child sets for itself before it looks at a byte.

use std::{ffi::OsString, fs, process::ExitCode};

use rlimit::Resource;

use crate::engine;

/// Exit code for a component that is not valid, as opposed to a compiler that failed.
pub(crate) const INVALID: u8 = 3;

/// What went wrong, and whose fault it is.
struct Failure {
    code: u8,
    message: String,
}

/// The whole of the hidden subcommand `__compile FROM TO CPU_SECONDS ADDRESS_SPACE_BYTES`, which the
/// host starts for each upload. `args` begin with FROM.
#[must_use]
pub fn compile_child(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match run(args.into_iter().collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, message }) => {
            eprintln!("{message}");
            ExitCode::from(code)
        }
    }
}

fn run(args: Vec<OsString>) -> Result<(), Failure> {
    let [from, to, cpu, space] = args.as_slice() else {
        return Err(broken("expected FROM TO CPU_SECONDS ADDRESS_SPACE_BYTES"));
    };
    confine(number(cpu)?, number(space)?)?;
    let component = fs::read(from).map_err(broken)?;
    let engine = engine::compiling().map_err(broken)?;
    let code = engine
        .precompile_component(&component)
        .map_err(|error| Failure {
            code: INVALID,
            message: format!("{error:#}"),
        })?;
    fs::write(to, code).map_err(broken)
}

fn confine(cpu_seconds: u64, address_space: u64) -> Result<(), Failure> {
    // A second between the soft and the hard limit, so that the signal says which limit it was.
    for (resource, soft, hard) in [
        (Resource::CORE, 0, 0),
        (Resource::CPU, cpu_seconds, cpu_seconds + 1),
        (Resource::AS, address_space, address_space),
    ] {
        resource.set(soft, hard).map_err(broken)?;
    }
    Ok(())
}

fn number(text: &OsString) -> Result<u64, Failure> {
    text.to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| broken(format!("{text:?} is not a number")))
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure {
        code: 1,
        message: error.to_string(),
    }
}
