//! The smallest world in which a lane can run: a shard in memory, a clock that jumps, and a commit
//! that may go wrong. It applies planned commits only, so what is asserted is what would be durable.

mod events;
mod parts;
mod puts;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use millstream_aggregate::unpack;
use millstream_core::{
    batch::Output,
    block::{BlockBuilder, Slice},
    catalog::{Catalog, NewStream, Request, Rules},
    event::{Identity, Origin},
    port::{
        Commit, Disposition, GuestError, InvokeError, ModuleInfo, Page, ReadLimits, RecordFailure,
        Verdict,
    },
    position::Position,
    time::Millis,
    trigger::{
        Action, Batch, Checkpoint, Event, FilterCriteria, Lane, Machine, Policy, Share,
        effect::Unsettled,
    },
};
use serde_json::{Value, json};

/// What a function answers, or why it could not.
pub(crate) type Answer = Result<Result<Verdict, GuestError>, InvokeError>;

/// What becomes of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Durable,
    Full,
    /// It happened, but the lane is not told so.
    Ambiguous,
    /// It did not happen, and the lane is not told so either.
    Lost,
    /// The host ends after it happened.
    CrashAfter,
    /// The host ends before it happens.
    CrashBefore,
}

/// A record that was given up, as its dead letter has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// Its number; the first one's of those that are packed into it.
    pub(crate) record: usize,
    pub(crate) reason: String,
    pub(crate) attempts: u64,
    pub(crate) error: String,
}

/// One call of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) at: u64,
    pub(crate) records: Vec<usize>,
    pub(crate) attempt: u32,
}

/// Why a lane does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It waits for records that do not come.
    Idle,
    /// It has come to its end.
    Finished,
    /// The host ends.
    Crash,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) now: Millis,
    epoch: u64,
    put: usize,
    /// The number of the next record, or user record.
    named: usize,
    shard: Vec<Slice>,
    keys: BTreeMap<Bytes, Bytes>,
    catalog: Catalog,
    lane: Lane,
    pub(crate) outputs: Vec<usize>,
    /// What the function gave to a stream that is no number.
    pub(crate) told: Vec<Value>,
    pub(crate) letters: Vec<Letter>,
    pub(crate) calls: Vec<Called>,
    /// What becomes of the next commits; after them, all are durable.
    pub(crate) fates: Vec<Fate>,
    /// Whether a read gives one block at most.
    pub(crate) short_reads: bool,
    /// Puts that come while the lane waits, in order: at which time, how many records.
    pub(crate) coming: Vec<(u64, usize)>,
    /// Commits that were asked for.
    pub(crate) commits: usize,
    /// Records that commits passed and that filters had left out.
    pub(crate) filtered: u64,
    /// Pages that were read.
    pub(crate) reads: usize,
    /// Where the records come from, where the function takes events.
    events: Option<Arc<Origin>>,
    /// How many partition keys there are.
    pub(crate) key_count: usize,
}

impl World {
    /// With a trigger of these settings, besides its stream, its function and where letters go.
    pub(crate) fn new(settings: Value) -> Self {
        Self::calling("handler", settings)
    }

    /// The same with a function of that world.
    fn calling(of: &str, settings: Value) -> Self {
        let mut all = json!({
            "stream": "in", "function": "f", "starting_position": "TRIM_HORIZON",
            "on_failure_stream": "dead",
        });
        for (name, value) in settings.as_object().unwrap() {
            all[name] = value.clone();
        }
        let mut catalog = Catalog::default();
        for stream in ["in", "out", "dead"] {
            catalog = changed(
                catalog,
                Request::CreateStream {
                    name: stream.try_into().unwrap(),
                    settings: NewStream::of(1),
                },
            );
        }
        let module = ModuleInfo {
            hash: String::new(),
            size: 0,
            world: of.into(),
            imports: Vec::new(),
        };
        catalog = changed(
            catalog,
            Request::PutFunction {
                name: "f".try_into().unwrap(),
                module,
                wasm: Bytes::new(),
                limits: Default::default(),
                config: BTreeMap::new(),
            },
        );
        catalog = changed(
            catalog,
            Request::PutTrigger {
                name: "t".try_into().unwrap(),
                settings: serde_json::from_value(all).unwrap(),
                starts: BTreeMap::new(),
            },
        );
        let lane = lane(&catalog);
        Self {
            now: Millis(1_000_000),
            epoch: 1,
            put: 0,
            named: 0,
            shard: Vec::new(),
            keys: BTreeMap::new(),
            catalog,
            lane,
            outputs: Vec::new(),
            told: Vec::new(),
            letters: Vec::new(),
            calls: Vec::new(),
            fates: Vec::new(),
            short_reads: false,
            coming: Vec::new(),
            commits: 0,
            filtered: 0,
            reads: 0,
            events: None,
            key_count: usize::MAX,
        }
    }

    /// Changes the trigger's filters. A machine that runs does not notice.
    pub(crate) fn filter(&mut self, patterns: &[Value]) {
        let texts = patterns.iter().map(Value::to_string).collect();
        let mut trigger = self.lane.trigger.as_ref().clone();
        trigger.settings.filter_criteria = FilterCriteria::new(texts).unwrap();
        self.lane.trigger = Arc::new(trigger);
    }

    pub(crate) fn records(&self) -> usize {
        self.put
    }

    /// Removes the oldest block, as retention does.
    pub(crate) fn trim(&mut self) {
        self.shard.remove(0);
    }

    pub(crate) fn checkpoint(&self) -> Option<Checkpoint> {
        let stored = self.keys.get(
            &self
                .lane
                .share
                .key(self.lane.trigger.id, self.lane.shard.number),
        )?;
        Some(Checkpoint::decode(stored).unwrap())
    }

    fn tail(&self) -> Position {
        Position::new(self.epoch, self.put as u64)
    }

    /// Runs the lane, with restarts where the host ends, until it waits for records that do not come.
    pub(crate) fn run(&mut self, mut function: impl FnMut(&[usize], u32) -> Answer) {
        while !self.life(&mut function) {
            self.epoch += 1;
        }
    }

    /// Runs the lane until the host ends (false) or nothing is left to do (true).
    pub(crate) fn life(&mut self, function: &mut impl FnMut(&[usize], u32) -> Answer) -> bool {
        self.batches(&mut |batch: &Batch, attempt| function(&numbers(batch), attempt))
    }

    fn batches(&mut self, function: &mut impl FnMut(&Batch, u32) -> Answer) -> bool {
        let policy = Policy {
            events: self.events.clone(),
            ..Policy::of(
                &self.lane.trigger.settings,
                &self.lane.shard,
                self.lane.share,
            )
        };
        let (mut machine, mut action) = Machine::new(policy, Position::START);
        for _ in 0..100_000 {
            let event = match self.react_to(action, function) {
                Ok(event) => event,
                Err(Stop::Crash) => return false,
                Err(Stop::Idle | Stop::Finished) => return true,
            };
            action = machine.step(self.now, event);
        }
        panic!("the lane does not come to rest: {machine:?}");
    }

    /// Does what a lane's machine says.
    pub(crate) fn react(
        &mut self,
        action: Action,
        function: &mut impl FnMut(&[usize], u32) -> Answer,
    ) -> Result<Event, Stop> {
        self.react_to(action, &mut |batch: &Batch, attempt| {
            function(&numbers(batch), attempt)
        })
    }

    fn react_to(
        &mut self,
        action: Action,
        function: &mut impl FnMut(&Batch, u32) -> Answer,
    ) -> Result<Event, Stop> {
        Ok(match action {
            Action::Load => Event::Loaded(Ok(self.checkpoint())),
            Action::Read { from, limits } => {
                self.reads += 1;
                Event::Read {
                    page: Ok(self.read(from, limits)),
                    tail: self.tail(),
                }
            }
            Action::Wait { beyond, ms } => {
                if !self.wait(beyond, ms) {
                    return Err(Stop::Idle);
                }
                Event::Woken
            }
            Action::Invoke { batch, attempt } => {
                let records = numbers(&batch);
                let at = self.now.0;
                self.calls.push(Called {
                    at,
                    records,
                    attempt,
                });
                Event::Invoked(function(&batch, attempt))
            }
            Action::Finish => return Err(Stop::Finished),
            Action::Commit(effects) => {
                self.commits += 1;
                let result = match effects.plan(&self.lane, &self.catalog) {
                    Err(error) => Err(error),
                    Ok(commit) => match self.commit(&commit) {
                        Some(result) => result,
                        None => return Err(Stop::Crash),
                    },
                };
                if result.is_ok() {
                    self.filtered += effects.filtered;
                }
                Event::Committed(result)
            }
        })
    }

    /// Waits as the shell would; false where nothing would ever happen.
    fn wait(&mut self, beyond: Option<Position>, ms: Option<u64>) -> bool {
        let wakes = |world: &Self| beyond.is_some_and(|beyond| world.tail() > beyond);
        let end = ms.map_or(u64::MAX, |ms| self.now.0 + ms);
        while !wakes(self) {
            match self.coming.first().copied() {
                Some((at, records)) if at <= end => {
                    self.coming.remove(0);
                    self.now = Millis(at.max(self.now.0));
                    self.put(records);
                }
                _ if ms.is_none() => return false,
                _ => {
                    self.now = Millis(end);
                    return true;
                }
            }
        }
        true
    }

    fn read(&self, from: Position, limits: ReadLimits) -> Page {
        let mut left = limits.records as u32;
        let mut page = Page::default();
        for slice in self.shard.iter().filter(|slice| slice.next() > from) {
            let skip = from.0.saturating_sub(slice.base.0) as u32;
            let end = slice.range.end.min(skip + left);
            left -= end - skip;
            page.slices.push(Slice {
                range: skip..end,
                ..slice.clone()
            });
            if left == 0 || self.short_reads {
                break;
            }
        }
        page
    }

    /// Applies the commit as its fate will have it; nothing where the host ends.
    fn commit(&mut self, commit: &Commit) -> Option<Result<(), Unsettled>> {
        let fate = if self.fates.is_empty() {
            Fate::Durable
        } else {
            self.fates.remove(0)
        };
        if matches!(fate, Fate::Durable | Fate::Ambiguous | Fate::CrashAfter) {
            self.apply(commit);
        }
        match fate {
            Fate::Durable => Some(Ok(())),
            Fate::Full => Some(Err(Unsettled::Postponed("full".into()))),
            Fate::Ambiguous | Fate::Lost => Some(Err(Unsettled::Unknown("who knows".into()))),
            Fate::CrashAfter | Fate::CrashBefore => None,
        }
    }

    fn apply(&mut self, commit: &Commit) {
        for put in &commit.puts {
            match &put.value {
                Some(value) => self.keys.insert(put.key.clone(), value.clone()),
                None => self.keys.remove(&put.key),
            };
        }
        let dead = self.catalog.stream("dead").unwrap().shards[0].number;
        for append in &commit.appends {
            for i in 0..append.block.len() {
                let data = append.block.datum(i);
                if append.shard == dead {
                    self.letters.push(letter(data));
                } else if let Some(number) = numbered(data) {
                    self.outputs.push(number);
                } else {
                    self.told.push(serde_json::from_slice(data).unwrap());
                }
            }
        }
    }
}

/// That the first `done` records of a batch are done, and what failed.
pub(crate) fn verdict(done: &[usize], failures: &[(u32, Disposition)]) -> Answer {
    let mut builder = BlockBuilder::default();
    for record in done {
        builder.push("k", record.to_string().as_bytes());
    }
    let output = builder.finish().map(|block| Output {
        stream: "out".try_into().unwrap(),
        block,
    });
    let failure = |&(index, disposition): &(u32, Disposition)| RecordFailure {
        index,
        disposition,
        reason: format!("record {index} failed"),
    };
    Ok(Ok(Verdict {
        outputs: output.into_iter().collect(),
        writes: BTreeMap::new(),
        failures: failures.iter().map(failure).collect(),
        ..Verdict::default()
    }))
}

/// That the function failed as a whole.
pub(crate) fn error() -> Answer {
    Ok(Err(GuestError::Returned {
        message: "no".into(),
    }))
}

/// What the function is given.
pub(crate) fn numbers(batch: &Batch) -> Vec<usize> {
    let columns = batch.columns();
    let given = (0..columns.len()).map(|i| number(columns.datum(i)));
    given.collect()
}

/// The trigger's lane on the whole shard.
fn lane(catalog: &Catalog) -> Lane {
    let stream = catalog.stream("in").unwrap();
    let function = "f".try_into().unwrap();
    let (name, shard) = (&stream.name, &stream.shards[0]);
    let origin = Origin::new(&Identity::default(), name, &function, shard);
    Lane {
        origin: Arc::new(origin),
        trigger: Arc::clone(catalog.trigger("t").unwrap()),
        function_version: Some(1),
        shifted: None,
        shard: catalog.stream("in").unwrap().shards[0].clone(),
        share: Share::WHOLE,
    }
}

fn number(data: &[u8]) -> usize {
    numbered(data).unwrap()
}

fn numbered(data: &[u8]) -> Option<usize> {
    std::str::from_utf8(data).unwrap().trim_end().parse().ok()
}

fn letter(data: &[u8]) -> Letter {
    let letter: Value = serde_json::from_slice(data).unwrap();
    let text = |name: &str| letter[name].as_str().unwrap().to_owned();
    let packed = || {
        let data = base64_simd::STANDARD.decode_to_vec(text("data")).unwrap();
        number(unpack(&data).unwrap()[0].data)
    };
    Letter {
        record: letter["text"]
            .as_str()
            .map_or_else(packed, |text| number(text.as_bytes())),
        reason: text("reason"),
        attempts: letter["attempts"].as_u64().unwrap(),
        error: text("error"),
    }
}

fn changed(catalog: Catalog, request: Request) -> Catalog {
    catalog
        .decide(request, Millis(0), &Rules::default())
        .unwrap()
        .catalog
}
