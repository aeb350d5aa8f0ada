//! Sends requests and keeps count of what is known to be stored.

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use indicatif::ProgressBar;
use serde_json::Value;

use super::feed::{Chunk, Feed};
use crate::{
    client::{Client, Payload, route::Route},
    failure::Failure,
};

/// Where to and how.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) client: Client,
    pub(crate) route: Route,
    pub(crate) connections: usize,
    /// How long to try again while the host says that nothing was written.
    pub(crate) patience: Duration,
    pub(crate) bar: ProgressBar,
}

/// What is known of what was sent.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Records that the host has stored durably.
    pub(crate) records: u64,
    /// Lines of input, empty ones included, that these records came from.
    pub(crate) lines: u64,
    /// Bytes of input that these records came from.
    pub(crate) bytes: u64,
    pub(crate) requests: u64,
    /// Lines of requests that went out and were not answered (yet).
    pub(crate) unknown: u64,
    /// The first thing that went wrong.
    pub(crate) failure: Option<Failure>,
}

impl Sender {
    /// Sends everything that `feed` gives and keeps `tally` up to date meanwhile. Stops at the first
    /// failure; requests that are under way then are still waited for.
    pub(crate) fn run(&self, feed: &Feed, tally: &Mutex<Tally>) {
        thread::scope(|scope| {
            for _ in 0..self.connections {
                scope.spawn(|| self.run_one(feed, tally));
            }
        });
    }

    fn run_one(&self, feed: &Feed, tally: &Mutex<Tally>) {
        let tally = || tally.lock().expect("no holder panics");
        while let Some(chunk) = feed.take() {
            tally().unknown += chunk.lines;
            let sent = self.send(&chunk, feed);
            match sent {
                Ok(records) => {
                    tally().store(&chunk, records);
                    self.bar.inc(chunk.bytes.len() as u64);
                }
                Err(failure) => {
                    feed.stop();
                    tally().fail(&chunk, failure);
                }
            }
        }
    }

    /// One request, again and again while the host says that it may be asked again.
    fn send(&self, chunk: &Chunk, feed: &Feed) -> Result<u64, Failure> {
        let began = Instant::now();
        loop {
            let payload = Payload::Bytes(&chunk.bytes);
            let failure = match self.client.send("POST", &self.route, payload) {
                Ok(answer) => return stored(&answer.body),
                Err(failure) => failure,
            };
            let Some(seconds) = failure.retry_after() else {
                return Err(failure);
            };
            let pause = Duration::from_secs(seconds.clamp(1, 10));
            if began.elapsed() + pause > self.patience || feed.stopped_within(pause) {
                return Err(failure);
            }
        }
    }
}

fn stored(answer: &Value) -> Result<u64, Failure> {
    answer["records"]
        .as_u64()
        .ok_or_else(|| Failure::Answer(format!("no number of records in {answer}")))
}

impl Tally {
    fn store(&mut self, chunk: &Chunk, records: u64) {
        self.unknown -= chunk.lines;
        self.requests += 1;
        self.records += records;
        self.lines += chunk.lines;
        self.bytes += chunk.bytes.len() as u64;
    }

    fn fail(&mut self, chunk: &Chunk, failure: Failure) {
        if !matches!(failure, Failure::Broken { .. } | Failure::Answer(_)) {
            self.unknown -= chunk.lines;
        }
        self.failure
            .get_or_insert(in_the_input(failure, chunk.lines_before));
    }
}

/// The host counts the lines of a request, people those of their file.
fn in_the_input(mut failure: Failure, lines_before: u64) -> Failure {
    if let Failure::Refused { message, .. } = &mut failure
        && let Some((number, what)) = message
            .strip_prefix("line ")
            .and_then(|m| m.split_once(':'))
        && let Ok(number) = number.parse::<u64>()
    {
        *message = format!("line {}:{what}", lines_before + number);
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(message: &str) -> Failure {
        Failure::Refused {
            status: 400,
            code: "bad_request".to_owned(),
            message: message.to_owned(),
            retry_after: None,
        }
    }

    #[test]
    fn a_bad_line_is_named_as_a_line_of_the_input() {
        let shifted = in_the_input(refused("line 3: not JSON: at column 1"), 1_000);
        assert_eq!(shifted.to_string(), "line 1003: not JSON: at column 1");
        let other = in_the_input(refused("stream `s` does not exist"), 1_000);
        assert_eq!(other.to_string(), "stream `s` does not exist");
    }

    #[test]
    fn only_unanswered_requests_are_unknown() {
        let chunk = |lines| Chunk {
            lines,
            ..Chunk::default()
        };
        let mut tally = Tally {
            unknown: 10,
            ..Tally::default()
        };
        tally.store(&chunk(2), 2);
        tally.fail(&chunk(3), refused("no"));
        assert_eq!((tally.lines, tally.unknown), (2, 5));
        let broken = Failure::Broken {
            url: String::new(),
            reason: String::new(),
        };
        tally.fail(&chunk(5), broken);
        assert_eq!(tally.unknown, 5);
        assert!(matches!(tally.failure, Some(Failure::Refused { .. })));
    }

    #[test]
    fn an_answer_without_a_count_is_no_success() {
        assert_eq!(stored(&serde_json::json!({"records": 3})).unwrap(), 3);
        assert!(stored(&Value::Null).is_err());
    }
}
