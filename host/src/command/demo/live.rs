//! The records' way through the pipeline, shown while they go.

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    super::{
        Session,
        put::{
            self,
            feed::Feed,
            sender::{Sender, Tally},
        },
    },
    input::Input,
    pipeline::{EVENTS, INPUT, STEPS, Step},
};
use crate::{
    client::route::Route,
    failure::Failure,
    output::{count, printable},
};

/// How often the lines are drawn anew.
const REFRESH: Duration = Duration::from_millis(50);
/// How long nothing may move before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// What makes the bundled functions give out what they still hold open.
pub(super) const FLUSH: &str = "{\"flush\":true}";

/// Puts the input, waits until all of it is through, and has the last windows closed.
pub(super) fn run(session: &Session, input: Input) -> Result<(), Failure> {
    let lines = Lines::new(session);
    let began = Instant::now();
    let tally = thread::scope(|scope| {
        let feed = Feed::default();
        let ingest = scope.spawn(move || ingest(session, &feed, input));
        while !ingest.is_finished() {
            lines.refresh()?;
            thread::sleep(REFRESH);
        }
        ingest.join().expect("ingesting does not panic")
    })?;
    lines.settle()?;
    flush(session)?;
    let flows = lines.settle()?;
    lines.screen.clear()?;
    for (step, flow) in STEPS.iter().zip(flows) {
        session
            .output
            .note(&format!("{:18} {}", step.trigger, flow.show()));
    }
    let seconds = began.elapsed().as_secs_f64();
    let records = count(tally.records);
    session.output.note(&format!(
        "done     {records} records through all functions in {seconds:.2} s\n"
    ));
    Ok(())
}

fn ingest(session: &Session, feed: &Feed, input: Input) -> Result<Tally, Failure> {
    // One connection keeps the order of the log; a client's lines meet in one shard.
    let sender = Sender {
        client: session.client.clone(),
        route: put::records(INPUT)
            .with("format", "lines")
            .with("key_field", 1),
        connections: 1,
        patience: PATIENCE,
        bar: ProgressBar::hidden(),
    };
    let tally = Mutex::new(Tally::default());
    thread::scope(|scope| {
        scope.spawn(|| feed.read(input.into_reader()));
        sender.run(feed, &tally);
    });
    let tally = tally.into_inner().expect("no holder panics");
    match (tally.failure, feed.take_error()) {
        (Some(failure), _) => Err(failure),
        (None, Some(error)) => Err(Failure::Failed(error.to_string())),
        (None, None) => Ok(Tally {
            failure: None,
            ..tally
        }),
    }
}

/// One flush record into each shard of the events, since each shard's functions hold their own.
fn flush(session: &Session) -> Result<(), Failure> {
    let stream = session
        .client
        .get(&Route::new(&["v1", "streams", EVENTS]))?;
    for shard in stream["shards"].as_array().into_iter().flatten() {
        let record = json!({
            "StreamName": EVENTS,
            "PartitionKey": "flush",
            "ExplicitHashKey": shard["starting_hash_key"],
            "Data": base64_simd::STANDARD.encode_to_string(FLUSH),
        });
        session.client.kinesis("PutRecord", &record)?;
    }
    Ok(())
}

/// One line on the screen a step.
struct Lines<'a> {
    session: &'a Session,
    screen: MultiProgress,
    bars: Vec<ProgressBar>,
}

/// What a step's shards did, taken together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Flow {
    batches: u64,
    records: u64,
    outputs: u64,
    dead_letters: u64,
    lag: u64,
    error: Option<String>,
}

impl<'a> Lines<'a> {
    fn new(session: &'a Session) -> Self {
        let screen = MultiProgress::new();
        if !session.output.watched() {
            screen.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{prefix:18} {msg}");
        let style = style.expect("the template above is valid");
        let bar = |step: &Step| {
            let bar = screen.add(ProgressBar::no_length().with_style(style.clone()));
            bar.set_prefix(step.trigger);
            bar
        };
        let bars = STEPS.iter().map(bar).collect();
        Self {
            session,
            screen,
            bars,
        }
    }

    /// Draws what each step did; gives it, upstream first.
    fn refresh(&self) -> Result<Vec<Flow>, Failure> {
        let mut flows = Vec::with_capacity(STEPS.len());
        for (step, bar) in STEPS.iter().zip(&self.bars) {
            let route = Route::new(&["v1", "triggers", step.trigger]);
            let flow = Flow::of(&self.session.client.get(&route)?);
            bar.set_message(flow.show());
            bar.tick();
            flows.push(flow);
        }
        Ok(flows)
    }

    /// Waits until no step has anything left. Steps are asked upstream first, so what the one gave
    /// out is seen by the next.
    fn settle(&self) -> Result<Vec<Flow>, Failure> {
        let (mut before, mut moved) = (Vec::new(), Instant::now());
        loop {
            let flows = self.refresh()?;
            if flows.iter().all(|flow| flow.lag == 0) {
                return Ok(flows);
            }
            if flows != before {
                (before, moved) = (flows, Instant::now());
            } else if moved.elapsed() > PATIENCE {
                return Err(stuck(&before));
            }
            thread::sleep(REFRESH);
        }
    }
}

fn stuck(flows: &[Flow]) -> Failure {
    let stuck = STEPS.iter().zip(flows).find(|(_, flow)| flow.lag > 0);
    let what = stuck.map_or_else(String::new, |(step, flow)| {
        let why = flow.error.as_deref().unwrap_or("no error was reported");
        format!(
            ": trigger {} waits with {} records; {why}",
            step.trigger, flow.lag
        )
    });
    Failure::Failed(format!("nothing moved for {} s{what}", PATIENCE.as_secs()))
}

impl Flow {
    fn of(trigger: &Value) -> Self {
        let mut flow = Self::default();
        for shard in trigger["shards"].as_array().into_iter().flatten() {
            let number = |field: &str| shard[field].as_u64().unwrap_or_default();
            flow.batches += number("batches");
            flow.records += number("records");
            flow.outputs += number("outputs");
            flow.dead_letters += number("dead_letters");
            flow.lag += number("lag_records");
            let error = shard["last_error"].as_str().map(printable);
            flow.error = flow.error.or(error);
        }
        flow
    }

    fn show(&self) -> String {
        let Self {
            batches,
            records,
            outputs,
            dead_letters,
            lag,
            error,
        } = self;
        let mut text = format!(
            "{:>9} records in  {:>5} batches  {:>9} records out  lag {:>7}",
            count(*records),
            count(*batches),
            count(*outputs),
            count(*lag)
        );
        if *dead_letters > 0 {
            text += &format!("  dead letters {}", count(*dead_letters));
        }
        if let Some(error) = error {
            text += &format!("  {error}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steps_shards_are_taken_together() {
        let flow = Flow::of(&json!({"shards": [
            {"batches": 1, "records": 1000, "outputs": 990, "lag_records": 5},
            {"batches": 2, "records": 500, "dead_letters": 1, "last_error": "bad\u{7}"},
        ]}));
        let expected = Flow {
            batches: 3,
            records: 1500,
            outputs: 990,
            dead_letters: 1,
            lag: 5,
            error: Some("bad\\u{7}".to_owned()),
        };
        assert_eq!(flow, expected);
        assert!(flow.show().contains("1,500 records in"), "{}", flow.show());
    }

    #[test]
    fn a_stuck_step_is_named_with_its_error() {
        let mut flows: Vec<_> = STEPS.iter().map(|_| Flow::default()).collect();
        flows[1].lag = 7;
        flows[1].error = Some("out of luck".to_owned());
        let failure = stuck(&flows).to_string();
        assert!(
            failure.contains("trigger metrics waits with 7 records; out of luck"),
            "{failure}"
        );
    }
}
