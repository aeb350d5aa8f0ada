//! The child: an upload in one file becomes machine code in another, within limits that the child
//! sets for itself before it looks at a byte. All that takes an upload apart happens here.

use std::{ffi::OsString, fs, process::ExitCode};

use millstream_core::port::ModuleError;
use rlimit::Resource;

use super::ending;
use crate::{engine, upload};

/// The whole of the hidden subcommand `__compile FROM TO CPU_SECONDS ADDRESS_SPACE_BYTES`, which the
/// host starts for each upload. `args` begin with FROM.
#[must_use]
pub fn compile_child(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match run(args.into_iter().collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (code, text) = ending::write(error);
            eprintln!("{text}");
            ExitCode::from(code)
        }
    }
}

fn run(args: Vec<OsString>) -> Result<(), ModuleError> {
    let [from, to, cpu, space] = args.as_slice() else {
        return Err(broken("expected FROM TO CPU_SECONDS ADDRESS_SPACE_BYTES"));
    };
    confine(number(cpu)?, number(space)?)?;
    let component = upload::component(fs::read(from).map_err(broken)?)?;
    let engine = engine::compiling().map_err(broken)?;
    let code =
        engine
            .precompile_component(&component)
            .map_err(|error| ModuleError::NotAModule {
                message: format!("{error:#}"),
            })?;
    fs::write(to, code).map_err(broken)
}

fn confine(cpu_seconds: u64, address_space: u64) -> Result<(), ModuleError> {
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

fn number(text: &OsString) -> Result<u64, ModuleError> {
    text.to_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| broken(format!("{text:?} is not a number")))
}

fn broken(error: impl std::fmt::Display) -> ModuleError {
    ModuleError::Host {
        message: error.to_string(),
    }
}
