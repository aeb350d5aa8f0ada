//! Functions that follow a script: what they do with a record follows from it and from how often they
//! saw it. Hosts may be unable to call them, and calls may take their time.

use std::{collections::BTreeMap, fmt, future::pending, sync::Arc, time::Duration};

use bytes::Bytes;
use millstream_core::{
    batch::{Columns, Output},
    block::BlockBuilder,
    name::StreamName,
    port::{
        Call, Disposition, GuestError, Invoke, InvokeError, Invoked, Later, RecordFailure, Usage,
        Verdict,
    },
    position::Position,
};
use tokio::time::sleep;

use crate::{
    audit::{Answer, LaneId, Said},
    ground::{Ground, Inner},
    record::{Class, Memory, Origin, Temper, chained},
};

/// All functions of a world, and what they remember beside their state: nothing undoes that.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    /// By the function's name.
    pub(crate) tempers: BTreeMap<String, Temper>,
    /// How often a lane's function failed at a record.
    tries: BTreeMap<(LaneId, Position), u32>,
    /// From now on only what never gets better fails.
    pub(crate) healed: bool,
}

/// The stream that does not exist.
const NOWHERE: &str = "nowhere";

pub(crate) struct Guest {
    ground: Arc<Ground>,
    life: u64,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guest({})", self.life)
    }
}

/// A call under way.
struct Busy {
    ground: Arc<Ground>,
    life: u64,
    lane: LaneId,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut inner = self.ground.lock();
        if inner.lives_on(self.life) {
            inner.audit.hung_up(self.lane);
        }
    }
}

impl Guest {
    pub(crate) fn new(ground: &Arc<Ground>, life: u64) -> Arc<Self> {
        let ground = Arc::clone(ground);
        Arc::new(Self { ground, life })
    }
}

impl Invoke for Guest {
    fn call(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        let (ground, life) = (Arc::clone(&self.ground), self.life);
        let mut inner = ground.lock();
        if !inner.lives_on(life) {
            return Box::pin(pending());
        }
        let Inner { audit, store, .. } = &mut *inner;
        let lane = match audit.called(store, &call) {
            Ok(lane) => lane,
            Err(wrong) => {
                drop(inner);
                self.ground.accuse(&wrong);
                return Box::pin(pending());
            }
        };
        let (records, attempt) = (call.batch.len(), call.attempt);
        let first = Position(call.batch.positions[0]);
        (inner.trace).note(format_args!(
            "{lane:?} calls, {records} from {first:?}, try {attempt}"
        ));
        let Inner { faults, chance, .. } = &mut *inner;
        let slow = if chance.odds(faults.slow) { 5_000 } else { 0 };
        let took = chance.from(0, faults.call_ms + slow);
        let uncallable = chance.odds(faults.uncallable).then(|| {
            let busy = InvokeError::Throttled;
            let absent = InvokeError::NotReady(call.function.clone(), "it compiles".into());
            [busy, absent, InvokeError::Host("no memory".into())][chance.below(3) as usize].clone()
        });
        drop(inner);
        let busy = Busy { ground, life, lane };
        Box::pin(async move {
            sleep(Duration::from_millis(took)).await;
            if let Some(error) = uncallable {
                return busy.uncallable(error);
            }
            busy.answer(&call).await
        })
    }
}

impl Busy {
    fn uncallable(&self, error: InvokeError) -> Result<Invoked, InvokeError> {
        let mut inner = self.ground.lock();
        if inner.lives_on(self.life) {
            let lane = self.lane;
            inner
                .trace
                .note(format_args!("{lane:?} is not called: {error}"));
            inner.audit.not_called(lane);
        }
        Err(error)
    }

    async fn answer(&self, call: &Call) -> Result<Invoked, InvokeError> {
        let batch = &call.batch;
        let mut names: Vec<String> = (0..batch.len()).map(|i| name(batch.key(i))).collect();
        names.push("n".to_owned());
        names.sort();
        names.dedup();
        let temper = {
            let inner = self.ground.lock();
            inner.guests.tempers[call.function.as_str()].clone()
        };
        if temper.memory == Memory::Nothing {
            names.clear();
        }
        let state = match names.is_empty() {
            true => Vec::new(),
            false => match call.state.get_many(names.clone()).await {
                Ok(state) => state,
                Err(error) => return self.uncallable(InvokeError::Host(error.to_string())),
            },
        };
        let mut memory = BTreeMap::new();
        for (name, value) in names.into_iter().zip(state) {
            let text = value.as_deref().map(String::from_utf8_lossy);
            let number = text.and_then(|text| text.parse().ok()).unwrap_or(0_u64);
            memory.insert(name, number);
        }
        let lane = self.lane;
        let answer = |inner: &mut Inner| {
            let (result, said) = inner.guests.judge(&temper, lane, call, memory);
            inner.trace.note(format_args!("{lane:?} is told {said}"));
            inner.audit.answered(lane, Answer::new(call, said));
            result
        };
        match self.ground.of_life(self.life, answer) {
            Some(result) => Ok(Invoked {
                result,
                answer: None,
                logs: Vec::new(),
                logs_dropped: 0,
                usage: Usage::default(),
            }),
            None => pending().await,
        }
    }
}

/// Where a key is remembered.
pub(crate) fn name(key: &str) -> String {
    format!("k.{key}")
}

impl Guests {
    pub(crate) fn new(tempers: BTreeMap<String, Temper>) -> Self {
        Self {
            tempers,
            ..Self::default()
        }
    }

    /// Whether it fails this time.
    fn fails(&mut self, lane: LaneId, position: Position, times: Option<u32>) -> bool {
        let tries = self.tries.entry((lane, position)).or_default();
        *tries += 1;
        times.is_none_or(|times| *tries <= times && !self.healed)
    }

    fn judge(
        &mut self,
        temper: &Temper,
        lane: LaneId,
        call: &Call,
        memory: BTreeMap<String, u64>,
    ) -> (Result<Verdict, GuestError>, Said) {
        let batch = &call.batch;
        let mut work = Work::new(temper, lane, call.version, memory);
        for i in 0..batch.len() {
            let position = Position(batch.positions[i]);
            match temper.class(lane.trigger, batch.datum(i)) {
                Class::Rejected => work.refuse(i, Disposition::Reject, position),
                Class::Retried(times) if self.fails(lane, position, Some(times)) => {
                    work.refuse(i, Disposition::Retry, position);
                    if position.0.is_multiple_of(2) && i + 1 < batch.len() {
                        // What is said beyond does not count.
                        let next = Position(batch.positions[i + 1]);
                        work.refuse(i + 1, Disposition::Reject, next);
                    }
                    return work.end(i);
                }
                Class::Poison(times) if self.fails(lane, position, times) => {
                    let error = error(position);
                    let said = Said::failed(error.to_string());
                    return (Err(error), said);
                }
                Class::Senseless(times) if self.fails(lane, position, Some(times)) => {
                    let records = batch.len();
                    work.refuse(records, Disposition::Reject, position);
                    let error = format!("the function failed record {records} of {records}");
                    return (Ok(work.verdict()), Said::failed(error));
                }
                Class::Astray(times) if self.fails(lane, position, Some(times)) => {
                    work.give(NOWHERE.try_into().ok(), batch, i, 0);
                    let error = format!("stream `{NOWHERE}` does not exist");
                    return (Ok(work.verdict()), Said::failed(error));
                }
                _ => work.finish(batch, i),
            }
        }
        work.end(batch.len())
    }
}

/// Why a function fails as a whole.
fn error(position: Position) -> GuestError {
    let message = format!("poison at {position:?}");
    match position.0 % 5 {
        0 => GuestError::Returned { message },
        1 => GuestError::Trapped { message },
        2 => GuestError::Exited { status: 1, message },
        3 => GuestError::Limit {
            limit: "time_ms",
            message,
        },
        _ => GuestError::Invalid { message },
    }
}

/// An answer that is being made.
struct Work<'t> {
    temper: &'t Temper,
    lane: LaneId,
    version: u64,
    memory: BTreeMap<String, u64>,
    touched: BTreeMap<String, u64>,
    outputs: Vec<Output>,
    failures: Vec<RecordFailure>,
}

impl<'t> Work<'t> {
    fn new(temper: &'t Temper, lane: LaneId, version: u64, memory: BTreeMap<String, u64>) -> Self {
        Self {
            temper,
            lane,
            version,
            memory,
            touched: BTreeMap::new(),
            outputs: Vec::new(),
            failures: Vec::new(),
        }
    }

    fn refuse(&mut self, index: usize, disposition: Disposition, position: Position) {
        self.failures.push(RecordFailure {
            index: index as u32,
            disposition,
            reason: format!("not {position:?}"),
        });
    }

    /// A record is done.
    fn finish(&mut self, batch: &Columns, i: usize) {
        let position = Position(batch.positions[i]);
        let memory = self.temper.memory;
        if matches!(memory, Memory::Count | Memory::Both) {
            self.remember("n".to_owned(), |before| before + 1);
        }
        if matches!(memory, Memory::Keys | Memory::Both) {
            self.remember(name(batch.key(i)), |before| chained(before, position));
        }
        let targets = self.temper.targets(self.lane.trigger, batch.datum(i));
        for (index, stream) in targets.iter().enumerate() {
            self.give(Some(stream.clone()), batch, i, index);
        }
    }

    fn remember(&mut self, name: String, with: impl FnOnce(u64) -> u64) {
        let before = self.touched.get(&name).or_else(|| self.memory.get(&name));
        let after = with(before.copied().unwrap_or(0));
        self.touched.insert(name, after);
    }

    fn give(&mut self, stream: Option<StreamName>, batch: &Columns, i: usize, index: usize) {
        let origin = Origin {
            trigger: self.lane.trigger,
            shard: self.lane.shard,
            position: Position(batch.positions[i]),
            index,
            version: self.version,
        };
        let mut builder = BlockBuilder::default();
        builder.push(batch.key(i), origin.text().as_bytes());
        if let (Some(stream), Some(block)) = (stream, builder.finish()) {
            self.outputs.push(Output { stream, block });
        }
    }

    fn verdict(self) -> Verdict {
        let writes = self.touched.into_iter();
        let written = |(name, number): (String, u64)| (name, Some(Bytes::from(number.to_string())));
        Verdict {
            outputs: self.outputs,
            writes: writes.map(written).collect(),
            failures: self.failures,
            window_state: None,
        }
    }

    /// The answer: the records before `until` are done, or rejected.
    fn end(self, until: usize) -> (Result<Verdict, GuestError>, Said) {
        let verdict = self.verdict();
        let before = |failure: &&RecordFailure| (failure.index as usize) < until;
        let reason = |failure: &RecordFailure| (failure.index as usize, failure.reason.clone());
        let first = verdict.failures.first().map(reason);
        let said = match first {
            Some((0, reason)) if until == 0 => Said::Failed {
                error: reason,
                first: true,
            },
            _ => Said::Done {
                until,
                rejected: verdict.failures.iter().filter(before).map(reason).collect(),
                outputs: verdict.outputs.clone(),
                writes: verdict.writes.clone(),
            },
        };
        (Ok(verdict), said)
    }
}
