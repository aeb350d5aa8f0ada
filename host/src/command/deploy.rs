//! `millstream deploy`: upload a function and wait until it can be called.

use std::{fs::File, io, path::PathBuf, thread, time::Duration};

use serde_json::Value;

use super::{Session, functions, pair, progress};
use crate::{
    client::{Payload, route::Route},
    failure::Failure,
    output::{bytes, cell},
};

/// How long the host holds the answer while it compiles.
const WAIT_MS: u64 = 1_000;
/// How long to wait before asking again whether it is compiled; the host offers no event for it.
const POLL: Duration = Duration::from_millis(250);

/// What to upload.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millstream deploy sessions target/wasm32-wasip2/guest/guest_sessions.wasm
  millstream deploy alerts alerts.wasm --limit time_ms=500 --config errors_per_minute=20

Limits: memory_bytes time_ms table_elements output_records output_bytes state_entries
        state_bytes log_bytes call_bytes random_bytes handles")]
pub(crate) struct Args {
    /// The function's name: a-z, A-Z, 0-9, '_', '-'.
    pub(crate) name: String,
    /// A WebAssembly component, or a core module that carries its component type.
    pub(crate) file: PathBuf,
    /// What an invocation may use.
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) limits: Vec<(String, String)>,
    /// What the function reads by `config`.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) config: Vec<(String, String)>,
}

pub(super) fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let function = upload(args, session)?;
    session.output.print(&function, |f| {
        format!(
            "deployed {} version {} ({}, world {})",
            cell(&f["name"]),
            f["version"],
            bytes(f["size"].as_u64().unwrap_or_default()),
            cell(&f["world"])
        )
    })
}

/// Uploads the function and waits until it is compiled.
pub(crate) fn upload(args: &Args, session: &Session) -> Result<Value, Failure> {
    let unreadable = |source| Failure::File {
        path: args.file.clone(),
        source,
    };
    let file = File::open(&args.file).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(unreadable(io::ErrorKind::IsADirectory.into()));
    }
    let size = metadata.len();
    let bar = progress::over_bytes(session.output, size, "upload");
    let mut body = progress::Counted { inner: file, bar };
    let payload = Payload::Reader(&mut body, size);
    let answer = session.client.send("PUT", &args.route(), payload);
    body.bar.finish_and_clear();
    let answer = answer?;
    match answer.status {
        202 => await_compiled(args, session),
        _ => Ok(answer.body),
    }
}

impl Args {
    fn route(&self) -> Route {
        let route = functions::route(&self.name).with("wait_ms", WAIT_MS);
        let route = self
            .limits
            .iter()
            .fold(route, |route, (name, value)| route.with(name, value));
        self.config.iter().fold(route, |route, (name, value)| {
            route.with(&format!("config.{name}"), value)
        })
    }
}

fn await_compiled(args: &Args, session: &Session) -> Result<Value, Failure> {
    let bar = progress::waiting(session.output, "compile");
    let compiled = loop {
        let function = session.client.get(&functions::route(&args.name))?;
        match function["upload"]["status"].as_str() {
            None => break Ok(function),
            Some("failed") => {
                let error = &function["upload"]["error"];
                let message = error["message"].as_str().or(error.as_str());
                break Err(Failure::Refused {
                    status: 422,
                    code: "module_refused".to_owned(),
                    message: message.unwrap_or("the module cannot be used").to_owned(),
                    retry_after: None,
                });
            }
            Some(_) => thread::sleep(POLL),
        }
    };
    bar.finish_and_clear();
    compiled
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::{Cli, Command};

    #[test]
    fn limits_and_settings_go_into_the_query() {
        let line = "millstream deploy f f.wasm --limit time_ms=5 --config to=a&b --config x=";
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        let Command::Deploy(args) = cli.command else {
            panic!("{cli:?}");
        };
        let route = "/v1/functions/f?wait_ms=1000&time_ms=5&config.to=a%26b&config.x=";
        assert_eq!(args.route().to_string(), route);
    }
}
