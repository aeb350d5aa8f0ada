//! `millstream serve`: run a host until it is told to stop.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::{
    failure::Failure,
    interrupt::{EXIT_CODE, Signals},
    output::Output,
    settings::Settings,
    wiring::{self, Host},
};

/// All of stopping together; a host that takes longer is ended, which loses nothing acknowledged.
const STOP: Duration = Duration::from_secs(9);

/// How to run it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints one line on stdout when it is ready: millstream is ready on http://127.0.0.1:4567
SIGTERM and Ctrl-C stop it within 10 seconds; a second one stops it at once.

Exit codes: 0 told to stop, 1 could not start, 2 the command line is wrong,
74 the disk failed under a commit, 130 a second signal.

Examples:
  millstream serve
  millstream serve --data /var/lib/millstream --listen 127.0.0.1:8080
  millstream serve --listen 0.0.0.0:4567 --credentials keys --tls-cert host.pem --tls-key host.key
  aws --endpoint-url http://127.0.0.1:4567 kinesis list-streams")]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(args: Args, output: Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(serve(&args.settings, output));
    // Nothing that still runs there has anything left to write to.
    runtime.shutdown_background();
    done
}

async fn serve(settings: &Settings, output: Output) -> Result<(), Failure> {
    let mut signals = Signals::take_over()?;
    let host = tokio::select! {
        started = wiring::start(settings) => started?,
        () = signals.next() => return Err(Failure::Interrupted(" before it was ready".to_owned())),
    };
    announce(&host, output)?;
    signals.next().await;
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        stopped = timeout(STOP, host.stop()) => {
            if stopped.is_err() {
                tracing::warn!("what still runs is cut off");
            }
        }
        () = signals.next() => std::process::exit(EXIT_CODE),
    }
    Ok(())
}

fn announce(host: &Host, output: Output) -> Result<(), Failure> {
    let url = host.url();
    if host.is_open() {
        tracing::info!(
            "there are no credentials: any well-formed signature is accepted, and everyone on \
             this machine can read and change everything"
        );
    }
    if host.is_exposed() && !url.starts_with("https:") {
        tracing::warn!("{url} has no TLS: what other machines send and get can be read on its way");
    }
    if output.json {
        output.line(&json!({"ready": true, "url": url}).to_string())
    } else {
        output.line(&format!("millstream is ready on {url}"))
    }
}
