//! What a lane is doing and why, in plain sentences: for people who ask why nothing happens.

use std::fmt::Write;

use serde::Serialize;

use crate::{
    port::PartReport,
    time::Millis,
    trigger::machine::{Doing, Extent},
};

/// What is known of a lane's surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Its trigger.
    pub trigger: &'a str,
    /// The function that it calls.
    pub function: &'a str,
    /// Attempts that a batch gets; none: for ever.
    pub attempts: Option<u32>,
    /// The shards that must be done before.
    pub parents: &'a [String],
    /// Whether the shard takes no more records.
    pub is_closed: bool,
    /// The time.
    pub now: Millis,
}

/// What a lane waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// New records.
    Records,
    /// More records for its batch, or the end of the batching window.
    Window,
    /// The function's answer.
    Answer,
    /// The log.
    Commit,
    /// The end of a back-off after a failure.
    Retry,
    /// The function to be there.
    Function,
    /// A free place among the calls at once.
    Concurrency,
    /// The shards that this one came from.
    Parents,
    /// Somebody who resumes the trigger.
    Resume,
    /// Nothing: it reads on, or its shard is done.
    Nothing,
}

/// What a lane is doing and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// In how many milliseconds it tries again, where it rests.
    pub retry_in_ms: Option<u64>,
    /// Which attempt of the batch is under way or comes next; none without a batch.
    pub attempt: Option<u32>,
    /// The same in sentences.
    pub sentences: Vec<String>,
}

/// Explains what is known of a lane.
#[must_use]
pub fn explain(lane: &PartReport, around: &Around<'_>) -> Explanation {
    let Doing { batch, due, .. } = lane.doing;
    let rest = lane.retry_at.map(|at| at.since(around.now));
    let rest = rest.filter(|_| lane.status.state == "backing_off");
    let waits_for = waits_for(lane, around);
    let attempt = batch.map(|_| lane.status.attempts.saturating_add(1));
    let mut sentences = vec![match waits_for {
        WaitsFor::Resume => format!(
            "The trigger is paused; `millstream trigger resume {}` goes on.",
            around.trigger
        ),
        WaitsFor::Parents => format!(
            "It waits until {} is done, which this shard came from.",
            around.parents.join(" and ")
        ),
        WaitsFor::Nothing if around.is_closed => {
            "The shard is closed, and all of it is done.".into()
        }
        WaitsFor::Nothing => "It reads the records that wait.".into(),
        WaitsFor::Records => "All records are done; it waits for new ones.".into(),
        WaitsFor::Window => {
            let left = due.map_or(0, |due| due.since(around.now));
            format!(
                "It has {} and waits up to {} for more, as the batching window says.",
                of_batch(batch),
                duration(left)
            )
        }
        WaitsFor::Answer => {
            let since = duration(around.now.since(lane.since));
            let function = around.function;
            let batch = of_batch(batch);
            format!("It calls function `{function}` with {batch}, for {since} now.")
        }
        WaitsFor::Commit => format!("What came of {} is being committed.", of_batch(batch)),
        WaitsFor::Function => format!("Function `{}` cannot be called yet.", around.function),
        WaitsFor::Concurrency => format!(
            "As many calls run as the host or the reserved concurrency of function `{}` allows.",
            around.function
        ),
        WaitsFor::Retry => match batch {
            Some(_) if lane.status.attempts > 0 => format!("{} failed.", capital(&of_batch(batch))),
            _ => "Something other than the function failed.".into(),
        },
    }];
    sentences.extend(tries(lane, around, attempt, rest));
    sentences.extend(lag(lane));
    Explanation {
        waits_for,
        retry_in_ms: rest,
        attempt,
        sentences,
    }
}

fn waits_for(lane: &PartReport, around: &Around<'_>) -> WaitsFor {
    match lane.status.state {
        "paused" => WaitsFor::Resume,
        "invoking" => WaitsFor::Answer,
        "committing" => WaitsFor::Commit,
        "batching" => WaitsFor::Window,
        "backing_off" if lane.awaits_function => WaitsFor::Function,
        "backing_off" if lane.is_throttled => WaitsFor::Concurrency,
        "backing_off" => WaitsFor::Retry,
        _ if !around.parents.is_empty() => WaitsFor::Parents,
        _ if lane.status.lag_records > 0 || around.is_closed => WaitsFor::Nothing,
        _ => WaitsFor::Records,
    }
}

/// Which attempt it is, what failed, and when it goes on.
fn tries(
    lane: &PartReport,
    around: &Around<'_>,
    attempt: Option<u32>,
    rest: Option<u64>,
) -> Vec<String> {
    let mut sentences = Vec::new();
    let failed = lane.status.attempts;
    if let (Some(attempt), true) = (attempt, failed > 0) {
        let of = around.attempts.map_or_else(
            || " of as many as it takes".to_owned(),
            |attempts| format!(" of {attempts}"),
        );
        let is = if rest.is_some() {
            "Next comes"
        } else {
            "This is"
        };
        sentences.push(format!("{is} attempt {attempt}{of}."));
    }
    if let Some(error) = &lane.status.last_error {
        sentences.push(format!("The last error: {error}"));
    }
    if let Some(ms) = rest {
        sentences.push(format!("It tries again in {}.", duration(ms)));
    }
    sentences
}

fn lag(lane: &PartReport) -> Option<String> {
    let records = lane.status.lag_records;
    (records > 0).then(|| {
        let mut text = format!("{} wait", count(records));
        if lane.status.lag_ms > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, ", the oldest for {}", duration(lane.status.lag_ms));
        }
        text + "."
    })
}

fn of_batch(batch: Option<Extent>) -> String {
    let records = batch.map_or(0, |batch| batch.records);
    format!("a batch of {}", count(records))
}

fn count(records: u64) -> String {
    match records {
        1 => "1 record".to_owned(),
        records => format!("{records} records"),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

fn duration(ms: u64) -> String {
    let (seconds, minutes) = (ms / 1000, ms / 60_000);
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{port::PartStatus, position::Position};

    const NOW: Millis = Millis(1_000_000);

    fn lane(state: &'static str) -> PartReport {
        PartReport {
            status: PartStatus {
                state,
                position: Position(40),
                lag_records: 0,
                lag_ms: 0,
                attempts: 0,
                last_error: None,
            },
            doing: Doing::default(),
            since: NOW,
            retry_at: None,
            awaits_function: false,
            is_throttled: false,
        }
    }

    fn around() -> Around<'static> {
        Around {
            trigger: "t",
            function: "f",
            attempts: Some(4),
            parents: &[],
            is_closed: false,
            now: NOW,
        }
    }

    fn batch() -> Doing {
        Doing {
            batch: Some(Extent {
                first: Position(40),
                end: Position(52),
                records: 12,
            }),
            ..Doing::default()
        }
    }

    fn said(lane: &PartReport) -> String {
        explain(lane, &around()).sentences.join(" ")
    }

    #[test]
    fn a_lane_at_rest_says_what_it_waits_for() {
        assert_eq!(
            said(&lane("waiting")),
            "All records are done; it waits for new ones."
        );
        assert_eq!(
            said(&lane("paused")),
            "The trigger is paused; `millstream trigger resume t` goes on."
        );
        let parents = [
            "shardId-000000000000".to_owned(),
            "shardId-000000000001".to_owned(),
        ];
        let behind = Around {
            parents: &parents,
            ..around()
        };
        let explained = explain(&lane("waiting"), &behind);
        assert_eq!(explained.waits_for, WaitsFor::Parents);
        assert!(explained.sentences[0].contains("shardId-000000000000 and shardId-000000000001"));
        let closed = Around {
            is_closed: true,
            ..around()
        };
        assert_eq!(
            explain(&lane("waiting"), &closed).waits_for,
            WaitsFor::Nothing
        );
    }

    #[test]
    fn a_batch_that_waits_for_more_says_how_long() {
        let mut lane = lane("batching");
        lane.doing = Doing {
            due: Some(NOW.plus(3_250)),
            ..batch()
        };
        lane.status.lag_records = 12;
        lane.status.lag_ms = 61_000;
        assert_eq!(
            said(&lane),
            "It has a batch of 12 records and waits up to 3.2 s for more, as the batching window \
             says. 12 records wait, the oldest for 1 min 1 s."
        );
    }

    #[test]
    fn a_failing_batch_says_why_and_when_it_is_tried_again() {
        let mut lane = lane("backing_off");
        lane.doing = batch();
        lane.retry_at = Some(NOW.plus(400));
        lane.status.attempts = 2;
        lane.status.last_error = Some("no field `user`".to_owned());
        let explained = explain(&lane, &around());
        assert_eq!(
            (explained.waits_for, explained.attempt),
            (WaitsFor::Retry, Some(3))
        );
        assert_eq!(explained.retry_in_ms, Some(400));
        assert_eq!(
            explained.sentences.join(" "),
            "A batch of 12 records failed. Next comes attempt 3 of 4. The last error: no field \
             `user` It tries again in 400 ms."
        );
        let endless = Around {
            attempts: None,
            ..around()
        };
        let text = explain(&lane, &endless).sentences.join(" ");
        assert!(text.contains("attempt 3 of as many as it takes"), "{text}");
    }

    #[test]
    fn a_call_under_way_says_since_when() {
        let mut lane = lane("invoking");
        lane.doing = batch();
        let later = Around {
            now: NOW.plus(7_200_000),
            ..around()
        };
        let text = explain(&lane, &later).sentences.join(" ");
        assert_eq!(
            text,
            "It calls function `f` with a batch of 12 records, for 2 h 0 min now."
        );
    }

    #[test]
    fn who_is_not_to_blame_is_not_blamed() {
        let mut lane = lane("backing_off");
        lane.retry_at = Some(NOW);
        assert!(said(&lane).starts_with("Something other than the function failed."));
        lane.is_throttled = true;
        assert!(said(&lane).starts_with("As many calls run as"));
        lane.awaits_function = true;
        assert!(said(&lane).starts_with("Function `f` cannot be called yet."));
    }
}
