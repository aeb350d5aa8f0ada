//! `millstream completions`: a script that teaches a shell this command line.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{cli::Cli, failure::Failure};

/// For which shell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  millstream completions bash > ~/.local/share/bash-completion/completions/millstream"
)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    // Into memory first: the generator panics when its writer fails, as a closed pipe does.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "millstream", &mut script);
    Ok(io::stdout().lock().write_all(&script)?)
}
