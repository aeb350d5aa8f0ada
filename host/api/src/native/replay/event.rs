//! What a replay tells, as server-sent events.

use bytes::Bytes;
use millstream_core::{
    block::Slice,
    catalog::Shard,
    name::StreamName,
    replay::{Difference, Given, Made},
    sequence::SequenceNumber,
};
use serde::Serialize;

use crate::native::{
    datum::Datum,
    error::{ErrorBody, NativeError},
};

/// What came of it so far.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    records: u64,
    records_in_range: u64,
    batches: u64,
    /// Batches of which the two versions made something else.
    differing_batches: u64,
    pub(super) differences: usize,
    /// Whether it ended because there were that many.
    pub(super) is_cut: bool,
    tried: Figures,
    against: Figures,
}

/// What one version made.
#[derive(Debug, Default, Serialize)]
struct Figures {
    outputs: u64,
    state_writes: u64,
    failures: u64,
}

#[derive(Serialize)]
pub(super) struct Progress {
    records: u64,
    records_in_range: u64,
    differences: usize,
}

#[derive(Serialize)]
struct DifferenceView<'a> {
    shard_id: String,
    /// The first record of the batch.
    batch: Option<String>,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum What<'a> {
    Output {
        stream: &'a StreamName,
        index: usize,
        tried: Option<GivenView<'a>>,
        against: Option<GivenView<'a>>,
    },
    State {
        key: &'a str,
        tried: Option<Datum<'a>>,
        against: Option<Datum<'a>>,
    },
    Failure {
        sequence_number: Option<String>,
        tried: Option<&'a str>,
        against: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct GivenView<'a> {
    partition_key: &'a str,
    #[serde(flatten)]
    datum: Datum<'a>,
}

impl Summary {
    pub(super) fn of(records_in_range: u64) -> Self {
        Self {
            records: 0,
            records_in_range,
            batches: 0,
            differing_batches: 0,
            differences: 0,
            is_cut: false,
            tried: Figures::default(),
            against: Figures::default(),
        }
    }

    pub(super) fn add(&mut self, batch: &[Slice], made: &[Made; 2], differences: usize) {
        self.records += batch.iter().map(|slice| slice.count() as u64).sum::<u64>();
        self.batches += 1;
        self.differing_batches += u64::from(differences > 0);
        self.differences += differences;
        self.tried.add(&made[0]);
        self.against.add(&made[1]);
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            records: self.records,
            records_in_range: self.records_in_range,
            differences: self.differences,
        }
    }
}

impl Figures {
    fn add(&mut self, made: &Made) {
        self.outputs += made.output_records();
        self.state_writes += made.writes.len() as u64;
        self.failures += made.failures.len() as u64;
    }
}

/// One thing in which they differ.
pub(super) fn difference(out: &mut Vec<u8>, shard: &Shard, batch: &[Slice], what: &Difference) {
    let number =
        |slice: &Slice, position| SequenceNumber::of(shard, position, slice.arrival).to_string();
    let what = match what {
        Difference::Output { stream, at, sides } => {
            let [tried, against] = sides;
            What::Output {
                stream,
                index: *at,
                tried: tried.as_ref().map(given),
                against: against.as_ref().map(given),
            }
        }
        Difference::State { name, sides } => {
            let [tried, against] = sides;
            What::State {
                key: name,
                tried: tried.as_ref().map(datum),
                against: against.as_ref().map(datum),
            }
        }
        Difference::Failure { position, sides } => {
            let [tried, against] = sides;
            let mut slices = batch.iter();
            let slice = slices.find(|s| s.first() <= *position && *position < s.next());
            What::Failure {
                sequence_number: slice.map(|slice| number(slice, *position)),
                tried: tried.as_deref(),
                against: against.as_deref(),
            }
        }
    };
    let first = batch.first();
    let view = DifferenceView {
        shard_id: shard.id(),
        batch: first.map(|slice| number(slice, slice.first())),
        what,
    };
    push(out, "difference", &view);
}

fn given(given: &Given) -> GivenView<'_> {
    GivenView {
        partition_key: &given.key,
        datum: Datum::of(&given.data),
    }
}

fn datum(value: &Bytes) -> Datum<'_> {
    Datum::of(value)
}

/// The last event of a replay that cannot go on.
pub(super) fn failed(out: &mut Vec<u8>, error: &NativeError) {
    #[derive(Serialize)]
    struct Failed {
        error: ErrorBody,
    }
    let error = error.body();
    push(out, "error", &Failed { error });
}

pub(super) fn push(out: &mut Vec<u8>, name: &str, event: &impl Serialize) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    // JSON escapes line ends, so one line holds it.
    serde_json::to_writer(&mut *out, event).expect("an event has text keys and goes to memory");
    out.extend_from_slice(b"\n\n");
}
