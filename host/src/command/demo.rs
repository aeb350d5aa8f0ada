//! `millstream demo`: the whole of Millstream in one run, on an empty temporary directory.
//!
//! The host runs in this process, so that nothing can be left behind; the demo itself talks to it
//! over HTTP like anyone else.

mod input;
mod live;
mod pipeline;
mod report;
mod traffic;

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;
use tokio::{runtime::Runtime, task::spawn_blocking, time::timeout};

use self::{input::Input, pipeline::Guests, report::Report};
use super::Session;
use crate::{
    client::Client,
    failure::Failure,
    interrupt::Signals,
    output::Output,
    settings::Settings,
    wiring::{self, Host},
};

/// How long the host gets to stop.
const STOP: Duration = Duration::from_secs(9);

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Starts a host on an empty temporary directory and a free port, deploys the four bundled functions,
connects them, puts the access log into a stream, and reports what comes out at the other end.
Without --input it takes ../shared/data/apache_access.log, or makes up traffic where that is missing.

Examples:
  millstream demo
  millstream demo --input /var/log/nginx/access.log
  millstream demo --json | jq .status_classes")]
pub(crate) struct Args {
    /// An access log in combined format.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Lines of made-up traffic.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        conflicts_with = "input"
    )]
    lines: usize,
    /// Where the bundled functions are, as `make guests` builds them.
    #[arg(long, value_name = "DIR")]
    guests: Option<PathBuf>,
    /// Keep the data directory, and say where it is.
    #[arg(long)]
    keep: bool,
}

pub(super) fn run(args: &Args, output: Output) -> Result<(), Failure> {
    // Before anything is started: what is missing is told at once.
    let guests = Guests::find(args.guests.as_deref())?;
    let input = Input::choose(args.input.as_deref(), args.lines)?;
    let runtime = Runtime::new()?;
    // From here on a signal is waited for, so nothing that is made can be left behind.
    let signals = runtime.block_on(async { Signals::take_over() })?;
    let dir = tempfile::Builder::new()
        .prefix("millstream-demo-")
        .tempdir()?;
    let done = runtime.block_on(supervise(&dir, signals, input, guests, output));
    // Ends what a signal broke off, compilers included.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if args.keep {
        let kept = dir.keep();
        output.note(&format!(
            "the data is kept; look at it with: millstream serve --data {}",
            kept.display()
        ));
    } else {
        dir.close()?;
    }
    let report = done?;
    output.print(&report.to_json(), |_| report.to_text())
}

/// Runs host and demo until the demo is done or a signal comes; either way the host is stopped.
async fn supervise(
    dir: &TempDir,
    mut signals: Signals,
    input: Input,
    guests: Guests,
    output: Output,
) -> Result<Report, Failure> {
    let settings = Settings::for_demo(dir.path());
    let host = tokio::select! {
        host = wiring::start(&settings) => host?,
        () = signals.next() => return Err(Failure::Interrupted(String::new())),
    };
    let session = Session {
        client: Client::new(host.url(), None)?,
        output,
    };
    let play = spawn_blocking(move || play(&session, input, &guests));
    let done = tokio::select! {
        done = play => done.unwrap_or_else(|error| Err(Failure::Failed(error.to_string()))),
        () = signals.next() => Err(Failure::Interrupted(String::new())),
    };
    stop(host, &mut signals).await;
    done
}

async fn stop(host: Host, signals: &mut Signals) {
    tokio::select! {
        _ = timeout(STOP, host.stop()) => {}
        () = signals.next() => {}
    }
}

fn play(session: &Session, input: Input, guests: &Guests) -> Result<Report, Failure> {
    let output = session.output;
    output.note(&format!(
        "host     {} on an empty directory",
        session.client.url()
    ));
    output.note(&format!("input    {}", input.describe()));
    pipeline::build(session, guests)?;
    live::run(session, input)?;
    report::read(session)
}
