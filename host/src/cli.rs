//! The command line: what can be typed. What it does stands in `command/`, one file a subcommand.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::command::{
    backup, check, completions, demo, deploy, functions, invoke, logs, put, rollback, serve,
    status, stream, tail, trigger,
};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed, or refused by the host; stderr says why
  2    the command line is wrong
  3    no host answers at the URL
  74   serve: the disk failed under a commit
  130  interrupted

Example:
  millstream serve &
  millstream stream create clicks --shards 4
  millstream put --stream clicks --file clicks.ndjson --key-pointer /user
  millstream tail clicks --from TRIM_HORIZON -n 10";

/// Kinesis and Lambda in one binary: streams in SQLite, functions in WebAssembly.
#[derive(Debug, Parser)]
#[command(name = "millstream", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The host to talk to. Requests are signed with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where
    /// they are set.
    #[arg(
        long,
        global = true,
        env = "MILLSTREAM_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:4567"
    )]
    pub(crate) url: String,
    /// Certificates of authorities to trust with https, as PEM, instead of the machine's own.
    #[arg(long, global = true, env = "AWS_CA_BUNDLE", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Print JSON, for programs; errors too, on stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to log to stderr, as in `info,millstream_worker=debug`.
    #[arg(long, global = true, env = "RUST_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// The subcommands, in the order in which a user meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a host.
    Serve(Box<serve::Args>),
    /// Show what Millstream does, on an access log.
    Demo(demo::Args),
    /// Create, list, show and delete streams.
    #[command(subcommand)]
    Stream(stream::Command),
    /// Put records from a file or stdin into a stream.
    Put(put::Args),
    /// Follow a stream.
    Tail(tail::Args),
    /// Upload a function.
    Deploy(deploy::Args),
    /// Have a function run again as it did before.
    Rollback(rollback::Args),
    /// List, show and delete functions.
    Functions(functions::Args),
    /// Try a function on some records; nothing is committed.
    Invoke(invoke::Args),
    /// Show or follow what a function logs.
    Logs(logs::Args),
    /// Connect functions to streams.
    #[command(subcommand)]
    Trigger(trigger::Command),
    /// Show what a host is doing.
    Status(status::Args),
    /// Copy a host's data, while it runs or while it does not.
    Backup(backup::Args),
    /// Verify a data directory, while a host uses it or while none does.
    Check(check::Args),
    /// Print completions for a shell.
    Completions(completions::Args),
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_leaf_has_an_example() {
        fn visit(command: &clap::Command) {
            let mut children = command.get_subcommands().peekable();
            if children.peek().is_none() {
                let help = command.get_after_help().map(ToString::to_string);
                let help = help.unwrap_or_default();
                assert!(help.contains("millstream "), "{}", command.get_name());
            }
            children.for_each(visit);
        }
        visit(&Cli::command());
    }

    #[test]
    fn options_may_stand_before_or_after_the_subcommand() {
        for line in [
            ["millstream", "--json", "stream", "list"],
            ["millstream", "stream", "list", "--json"],
        ] {
            assert!(Cli::try_parse_from(line).unwrap().global.json);
        }
    }
}
