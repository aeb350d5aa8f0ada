//! `millstream redrive`: send a trigger's dead letters back, once each.

pub(crate) mod moment;
mod total;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use self::{moment::Moment, total::Total};
use super::{Session, progress};
use crate::{client::route::Route, clock, failure::Failure, interrupt, output::count};

/// How often a host is asked again that says it is busy.
const TRIES: u32 = 30;

/// Which letters, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A letter that was sent back is marked in the same commit, so it goes once, also through crashes and
when the command is given again. Letters that the function fails again stay what they are.
Ctrl-C ends it after the step that is under way; what was sent back until then is.

With --to stream the record is put into its stream again, under its own key: every reader of the
stream gets it. With --to function only this trigger's function does, with the state of the shard that
the record was read from.

Exit code 1 also says that letters failed again.

Examples:
  millstream redrive parse --dry-run
  millstream redrive parse
  millstream redrive parse --to function --reason Rejected --error 'no field'
  millstream redrive parse --from 2h --pattern '{\"data\": {\"status\": [{\"numeric\": [\">=\", 500]}]}}'")]
pub(crate) struct Args {
    /// The trigger whose letters they are.
    trigger: String,
    /// Where they go.
    #[arg(long, value_name = "TARGET", default_value = "stream")]
    to: Target,
    /// The stream that holds them, where it is not the trigger's on_failure_stream any more.
    #[arg(long, value_name = "STREAM")]
    letters: Option<String>,
    /// Only those of this reason, as Rejected; may be given several times.
    #[arg(long, value_name = "REASON")]
    reason: Vec<String>,
    /// Only those with this text in their error.
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// Only those of records of this shard.
    #[arg(long, value_name = "SHARD")]
    shard: Option<String>,
    /// Only those of records with this partition key.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only those that were written since: a moment as 2026-08-01T12:00:00Z, or how long ago, as 90m,
    /// 2h or 3d.
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Only those that were written before.
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Only those that match this pattern, in the language of triggers' filters. It sees the fields of
    /// the letter, and in `data` those of the record's data.
    #[arg(long, value_name = "PATTERN")]
    pattern: Option<String>,
    /// Also those that were sent back before.
    #[arg(long)]
    again: bool,
    /// Letters that the function is called with at once, at most the trigger's batch size.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: Option<u32>,
    /// Only count and show what would be sent back.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Into the stream that they were read from.
    Stream,
    /// Through the trigger's function.
    Function,
}

pub(super) fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    interrupt::on_first({
        let interrupted = Arc::clone(&interrupted);
        move || interrupted.store(true, Ordering::Relaxed)
    })?;
    let bar = progress::waiting(session.output, "redrive");
    let mut total = Total::default();
    let mut request = args.request();
    let ended = loop {
        if interrupted.load(Ordering::Relaxed) {
            break Err(Failure::Interrupted(String::new()));
        }
        let step = match step(session, &args.trigger, &Value::Object(request.clone())) {
            Ok(step) => step,
            Err(failure) => break Err(failure),
        };
        total.add(&step);
        bar.set_message(format!("redrive: {}", count(total.redriven)));
        let cursor = step["cursor"].clone();
        if let Some(why) = step["stopped"]["message"].as_str() {
            break Err(Failure::Failed(why.to_owned()));
        }
        if cursor.is_null() {
            break Ok(());
        }
        request.insert("cursor".to_owned(), cursor);
    };
    bar.finish_and_clear();
    if let Err(failure) = &ended
        && total.is_nothing()
        && !matches!(failure, Failure::Interrupted(_))
    {
        return ended;
    }
    let summary = total.summary(&args.trigger, args.to == Target::Function, ended.is_ok());
    session
        .output
        .print(&summary, |_| total.text(args.dry_run))?;
    ended?;
    match total.failed {
        0 => Ok(()),
        failed => {
            let failed = count(failed);
            let what = format!("{failed} letters failed again and stay where they are");
            Err(Failure::Failed(what))
        }
    }
}

/// Asks for a step until the host has time for it.
fn step(session: &Session, trigger: &str, request: &Value) -> Result<Value, Failure> {
    let route = Route::new(&["v1", "triggers", trigger, "redrive"]);
    let mut tries = 1;
    loop {
        let failure = match session.client.post(&route, request) {
            Ok(step) => return Ok(step),
            Err(failure) => failure,
        };
        match failure.retry_after() {
            Some(seconds) if tries < TRIES => {
                tries += 1;
                thread::sleep(Duration::from_secs(seconds));
            }
            _ => return Err(failure),
        }
    }
}

impl Args {
    fn request(&self) -> Map<String, Value> {
        let mut request = Map::new();
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                request.insert(name.to_owned(), value);
            }
        };
        let now = clock::now();
        set(
            "to",
            json!(match self.to {
                Target::Stream => "stream",
                Target::Function => "function",
            }),
        );
        set("letters", json!(self.letters));
        set("reasons", json!(self.reason));
        set("error", json!(self.error));
        set("shard_id", json!(self.shard));
        set("partition_key", json!(self.key));
        set("since_ms", json!(self.from.map(|from| from.before(now))));
        set("until_ms", json!(self.until.map(|until| until.before(now))));
        set("pattern", json!(self.pattern));
        set("again", json!(self.again));
        set("batch_size", json!(self.batch_size));
        set("dry_run", json!(self.dry_run));
        request
    }
}
