//! The four bundled functions and the streams between them: which there are and how they connect.
//!
//! access-log -> (access-log) -> events -> (metrics) -> metrics -> (alerts) -> alerts
//!                     |           |-> (sessions) -> sessions
//!                 unparsable      `-> (alerts) -> alerts

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::{Session, deploy};
use crate::{client::route::Route, failure::Failure};

/// Where the lines go in.
pub(super) const INPUT: &str = "access-log";
/// What the first function makes of them.
pub(super) const EVENTS: &str = "events";

const FUNCTIONS: [&str; 4] = ["access-log", "metrics", "sessions", "alerts"];
/// Names and shards. One line a client: what belongs together meets in one shard.
const STREAMS: [(&str, u32); 6] = [
    (INPUT, 2),
    ("unparsable", 1),
    (EVENTS, 2),
    ("metrics", 1),
    ("sessions", 1),
    ("alerts", 1),
];
const DEAD_LETTERS: &str = "dead-letters";

/// A function on a stream.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) trigger: &'static str,
    stream: &'static str,
    function: &'static str,
}

/// Upstream first: once a step has no lag, nothing can come to it any more that its followers miss.
pub(super) const STEPS: [Step; 5] = [
    Step {
        trigger: "access-log",
        stream: INPUT,
        function: "access-log",
    },
    Step {
        trigger: "metrics",
        stream: EVENTS,
        function: "metrics",
    },
    Step {
        trigger: "sessions",
        stream: EVENTS,
        function: "sessions",
    },
    Step {
        trigger: "alerts-of-events",
        stream: EVENTS,
        function: "alerts",
    },
    Step {
        trigger: "alerts-of-metrics",
        stream: "metrics",
        function: "alerts",
    },
];

/// Where the bundled functions are.
#[derive(Debug)]
pub(super) struct Guests(PathBuf);

impl Guests {
    /// In `given`, or where `make guests` puts them: below the working directory or beside the binary.
    pub(super) fn find(given: Option<&Path>) -> Result<Self, Failure> {
        const BUILT: &str = "wasm32-wasip2/guest";
        let places: Vec<PathBuf> = match given {
            Some(dir) => vec![dir.to_owned()],
            None => {
                // target/debug/millstream -> target
                let binary = std::env::current_exe().ok();
                let target = binary.as_deref().and_then(|exe| exe.parent()?.parent());
                let target = target.map(|target| target.join(BUILT));
                let mut places = vec![Path::new("target").join(BUILT)];
                places.extend(target);
                places
            }
        };
        let whole = |dir: &&PathBuf| FUNCTIONS.iter().all(|name| file(dir, name).is_file());
        if let Some(dir) = places.iter().find(whole) {
            return Ok(Self(dir.clone()));
        }
        let looked: Vec<_> = places.iter().map(|dir| dir.display().to_string()).collect();
        Err(Failure::Failed(format!(
            "the bundled functions are not in {}; build them with `make guests`, or say where they are with --guests",
            looked.join(" or ")
        )))
    }
}

fn file(dir: &Path, function: &str) -> PathBuf {
    dir.join(format!("guest_{}.wasm", function.replace('-', "_")))
}

/// Deploys the functions, creates the streams, connects them.
pub(super) fn build(session: &Session, guests: &Guests) -> Result<(), Failure> {
    let client = &session.client;
    for name in FUNCTIONS {
        let upload = deploy::Args {
            name: name.to_owned(),
            file: file(&guests.0, name),
            limits: Vec::new(),
            config: Vec::new(),
        };
        let function = deploy::upload(&upload, session)?;
        let size = crate::output::bytes(function["size"].as_u64().unwrap_or_default());
        session.output.note(&format!("deployed {name} ({size})"));
    }
    for (name, shards) in STREAMS.into_iter().chain([(DEAD_LETTERS, 1)]) {
        let route = Route::new(&["v1", "streams", name]);
        client.put(&route, &json!({"shards": shards}))?;
    }
    for Step {
        trigger,
        stream,
        function,
    } in STEPS
    {
        let settings = json!({
            "stream": stream,
            "function": function,
            "starting_position": "TRIM_HORIZON",
            "batch_size": 1000,
            "maximum_retry_attempts": 3,
            "on_failure_stream": DEAD_LETTERS,
        });
        client.put(&Route::new(&["v1", "triggers", trigger]), &settings)?;
        session
            .output
            .note(&format!("trigger  {stream} -> {function}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_functions_are_named_with_the_remedy() {
        let empty = tempfile::tempdir().unwrap();
        let failure = Guests::find(Some(empty.path())).unwrap_err().to_string();
        assert!(failure.contains("make guests"), "{failure}");
        assert!(
            failure.contains(&*empty.path().to_string_lossy()),
            "{failure}"
        );
    }

    #[test]
    fn steps_stand_after_what_feeds_them() {
        let fed_by = |stream: &'static str| match stream {
            INPUT => None,
            EVENTS => Some("access-log"),
            other => Some(other),
        };
        for (i, step) in STEPS.iter().enumerate() {
            if let Some(feeder) = fed_by(step.stream) {
                assert!(STEPS[..i].iter().any(|before| before.trigger == feeder));
            }
            assert!(STREAMS.iter().any(|(name, _)| *name == step.stream));
        }
    }
}
