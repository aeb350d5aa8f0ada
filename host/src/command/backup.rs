//! `millstream backup`: a consistent copy of a host's data, while it runs or while it does not.

use std::path::{self, Path, PathBuf};

use millstream_log::{Options, SqliteLog};
use serde_json::{Value, json};

use super::{Session, check, progress};
use crate::{
    client::route::Route,
    failure::Failure,
    output::{bytes, cell},
    storage,
};

/// What to copy where.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The copy is a data directory that `millstream serve --data PATH` opens.
A running host makes the copy itself, so PATH is on the host's machine.

Examples:
  millstream backup --to /backups/2026-01-31
  millstream backup --to /backups/2026-01-31 --data /var/lib/millstream")]
pub(crate) struct Args {
    /// A directory that is empty or does not exist.
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
    /// Copy this directory, which no host is using, instead of asking a host.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let to = path::absolute(&args.to).map_err(|source| Failure::File {
        path: args.to.clone(),
        source,
    })?;
    let report = match &args.data {
        Some(data) => offline(data, &to, session)?,
        None => online(&to, session)?,
    };
    session.output.print(&report, |report| {
        let size = report["bytes"].as_u64().unwrap_or_default();
        format!("copied {} to {}", bytes(size), cell(&report["path"]))
    })
}

fn online(to: &Path, session: &Session) -> Result<Value, Failure> {
    let bar = progress::waiting(session.output, "copy");
    let route = Route::new(&["v1", "backup"]);
    let report = session.client.post(&route, &json!({"path": to}));
    bar.finish_and_clear();
    report
}

fn offline(data: &Path, to: &Path, session: &Session) -> Result<Value, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::Failed(error.to_string());
    // Opening would make what is missing, and a copy of damaged data should not pass for a backup.
    let check = check::whole(data, &mut |_, _| {}).map_err(|error| failed(&error))?;
    if !check.is_sound() {
        return Err(Failure::Failed(format!(
            "{} is damaged and was not copied; `millstream check` says how",
            data.display()
        )));
    }
    let log = SqliteLog::open(Options::new(data)).map_err(|error| failed(&error))?;
    let bar = progress::over_pages(session.output, "copy");
    let report = log.backup(to, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    log.close();
    let report = report.map_err(|error| failed(&error))?;
    Ok(Value::Object(storage::fields(&report)))
}
