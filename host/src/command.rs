//! Runs a subcommand.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod functions;
pub(crate) mod invoke;
pub(crate) mod logs;
pub(crate) mod progress;
pub(crate) mod put;
pub(crate) mod rollback;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod stream;
pub(crate) mod tail;
pub(crate) mod trigger;

use crate::{
    cli::{Cli, Command, Global},
    client::Client,
    failure::Failure,
    output::Output,
    telemetry,
};

/// A host to talk to, and how to print what it says.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) output: Output,
}

impl Session {
    fn new(global: &Global) -> Result<Self, Failure> {
        Ok(Self {
            client: Client::new(&global.url, global.ca.as_deref())?,
            output: Output { json: global.json },
        })
    }
}

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    // A host tells what it does; a command speaks only when something is wrong.
    let quiet = match command {
        Command::Serve(_) => "info",
        _ => "error",
    };
    let filter = global.log.as_deref().unwrap_or(quiet);
    telemetry::start(filter)
        .map_err(|error| Failure::Usage(format!("--log {filter:?}: {error}")))?;
    let output = Output { json: global.json };
    let session = || Session::new(&global);
    match command {
        Command::Serve(args) => serve::run(*args, output),
        Command::Demo(args) => demo::run(&args, output),
        Command::Stream(command) => stream::run(command, &session()?),
        Command::Put(args) => put::run(args, &session()?),
        Command::Tail(args) => tail::run(&args, &session()?),
        Command::Deploy(args) => deploy::run(&args, &session()?),
        Command::Rollback(args) => rollback::run(&args, &session()?),
        Command::Functions(args) => functions::run(args, &session()?),
        Command::Invoke(args) => invoke::run(&args, &session()?),
        Command::Logs(args) => logs::run(&args, &session()?),
        Command::Trigger(command) => trigger::run(command, &session()?),
        Command::Status(_) => status::run(&session()?),
        Command::Backup(args) => backup::run(&args, &session()?),
        Command::Check(args) => check::run(&args, output),
        Command::Completions(args) => completions::run(&args),
    }
}

/// `NAME=VALUE`, for clap.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has the form NAME=VALUE")?;
    if name.is_empty() {
        return Err("the name before `=` is missing".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_split_at_the_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("a").is_err());
        assert!(pair("=a").is_err());
    }
}
