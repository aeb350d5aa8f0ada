//! What becomes durable at once: a batch's outputs, its state writes, its dead letters or failure
//! records, and the checkpoint that moves past it. Nothing else makes a lane's commits.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use thiserror::Error;

use super::{
    batch::Batch,
    checkpoint::Checkpoint,
    discard::{Discards, Reason},
    outbox::entry,
    share::Share,
    window::OpenWindow,
};
use crate::{
    batch::Output,
    block::{Block, BlockBuilder},
    catalog::{Catalog, Shard, Stream, Trigger, function::Shift, key},
    event::Origin,
    journal::RequestId,
    limit,
    name::StreamName,
    planted::Bug,
    port::{Append, Commit, CommitError, Put},
    put::route::route,
};

/// A trigger on one shard, or on a part of it.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The trigger.
    pub trigger: Arc<Trigger>,
    /// The version of its function that is called; none while there is no such function.
    pub function_version: Option<u64>,
    /// The version that a part of the batches goes to in its place.
    pub shifted: Option<(u64, Shift)>,
    /// The shard.
    pub shard: Shard,
    /// Which part.
    pub share: Share,
    /// Where its records come from, in the words of an event.
    pub origin: Arc<Origin>,
}

impl Lane {
    /// The version that `batch` goes to.
    #[must_use]
    pub fn version_for(&self, batch: &Batch) -> Option<u64> {
        match self.shifted {
            Some((version, shift))
                if !batch.is_empty() && shift.takes(self.shard.number, batch.position(0)) =>
            {
                Some(version)
            }
            _ => self.function_version,
        }
    }
}

impl Lane {
    /// The id of a call, in the function's log and in failure records. The same batch is called under
    /// the same one again where a crash undid that it was called.
    #[must_use]
    pub fn request(&self, batch: &Batch, attempt: u32) -> RequestId {
        let first = (!batch.is_empty()).then(|| batch.position(0).0);
        RequestId::following(&[
            self.trigger.id,
            self.trigger.created.0,
            self.shard.number.0.into(),
            first.unwrap_or(0),
            batch.next().map_or(0, |next| next.0),
            batch.len() as u64,
            attempt.into(),
        ])
    }
}

/// Everything that one step of a lane makes durable.
#[derive(Debug, Clone)]
pub struct Effects {
    /// Where the lane stands then.
    pub checkpoint: Checkpoint,
    /// Records that are done then.
    pub done: usize,
    /// Records that the trigger's filters left out and that are passed then.
    pub filtered: u64,
    /// Records for streams.
    pub outputs: Vec<Output>,
    /// What the function remembers.
    pub writes: BTreeMap<String, Option<Bytes>>,
    /// Records that are given up.
    pub discards: Option<Discards>,
    /// A window that is given up: its last call failed as often as it may be tried.
    pub lost_window: Option<OpenWindow>,
}

/// Why a lane's commit did not succeed, by what is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unsettled {
    /// Nothing was written, and the function's answer is why: that is a failed attempt.
    #[error("{0}")]
    Refused(String),
    /// Nothing was written, but the same may succeed later.
    #[error("{0}")]
    Postponed(String),
    /// Nothing was written: what the function's answer was made of has changed meanwhile.
    #[error("another batch of the shard changed what the function had read")]
    Stale,
    /// Only the checkpoint tells whether it was written.
    #[error("{0}")]
    Unknown(String),
}

impl From<CommitError> for Unsettled {
    fn from(error: CommitError) -> Self {
        let text = error.to_string();
        match error {
            // A shard that was closed since has children that the next plan finds.
            CommitError::Full | CommitError::Busy | CommitError::Closed(_) => Self::Postponed(text),
            // A stream was deleted after the commit was planned.
            CommitError::TooLarge { .. } | CommitError::Gone(_) => Self::Refused(text),
            CommitError::Ambiguous(_) | CommitError::Unavailable(_) => Self::Unknown(text),
        }
    }
}

impl Effects {
    /// That only the checkpoint moves.
    #[must_use]
    pub fn only(checkpoint: Checkpoint) -> Self {
        Self {
            checkpoint,
            done: 0,
            filtered: 0,
            outputs: Vec::new(),
            writes: BTreeMap::new(),
            discards: None,
            lost_window: None,
        }
    }

    /// Whether this is what a function answered, and not only what became of its failures.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        let rejected = |discards: &Discards| discards.reason == Reason::Rejected;
        self.done > 0 || self.discards.as_ref().is_some_and(rejected)
    }

    /// How many records are given to streams.
    #[must_use]
    pub fn output_records(&self) -> u64 {
        self.outputs
            .iter()
            .map(|output| u64::from(output.block.len()))
            .sum()
    }

    /// How many records are given up.
    #[must_use]
    pub fn discarded(&self) -> usize {
        self.discards
            .as_ref()
            .map_or(0, |discards| discards.records.len())
    }

    /// The commit that makes them durable, with streams as they are in `catalog`.
    ///
    /// # Errors
    /// [`Unsettled::Refused`] where an output's stream does not exist, or where it is too much.
    pub fn plan(&self, lane: &Lane, catalog: &Catalog) -> Result<Commit, Unsettled> {
        let checkpoint = Put {
            key: lane.share.key(lane.trigger.id, lane.shard.number),
            value: Some(self.checkpoint.encode()),
        };
        let kept = (!Bug::CheckpointForgotten.is_here()).then_some(checkpoint);
        self.plan_with(lane, catalog, kept.into_iter().collect())
    }

    /// The commit of everything but the checkpoint, with `more` in its place.
    pub(super) fn plan_with(
        &self,
        lane: &Lane,
        catalog: &Catalog,
        more: Vec<Put>,
    ) -> Result<Commit, Unsettled> {
        let mut commit = Commit::default();
        // A function may give its records away one by one: they are routed together.
        let mut streams: BTreeMap<&StreamName, Vec<&Block>> = BTreeMap::new();
        for Output { stream, block } in &self.outputs {
            streams.entry(stream).or_default().push(block);
        }
        let letters;
        let on_failure = lane.trigger.settings.on_failure_stream.as_ref();
        if let (Some(discards), Some(stream)) = (&self.discards, on_failure) {
            letters = discards
                .letters(lane)
                .filter(|_| !Bug::LettersLost.is_here());
            let stream = streams.entry(stream).or_default();
            stream.extend(&letters);
            stream.extend(letters.iter().filter(|_| Bug::LettersTwice.is_here()));
        }
        for (stream, mut blocks) in streams {
            if Bug::OutputsInDisorder.is_here() {
                blocks.reverse();
            }
            if let Some(block) = joined(&blocks) {
                let turn = self.checkpoint.next.ordinal();
                append(&mut commit, existing(catalog, stream)?, block, turn);
            }
        }
        let (trigger, shard) = (lane.trigger.id, lane.shard.number);
        if let Some(discards) = &self.discards {
            let settings = &lane.trigger.settings;
            let function = catalog.function(settings.function.as_str());
            let stream = catalog.stream(settings.stream.as_str());
            let entries = entry::puts(
                discards,
                lane,
                function.map(|function| &**function),
                stream.map(|stream| &**stream),
            );
            commit.puts.extend(entries);
        }
        commit.puts.reserve(self.writes.len() + more.len());
        let writes = self.writes.iter().filter(|_| !Bug::StateLost.is_here());
        commit.puts.extend(writes.map(|(name, value)| Put {
            key: key::state(trigger, shard, name),
            value: value.clone(),
        }));
        commit.puts.extend(more);
        let operations = commit.appends.len() + commit.puts.len();
        if operations > limit::COMMIT_OPERATIONS {
            return Err(Unsettled::Refused(format!(
                "the batch's outputs and state writes are {operations} operations; \
                 at most {} are committed at once",
                limit::COMMIT_OPERATIONS
            )));
        }
        Ok(commit)
    }
}

fn existing<'a>(catalog: &'a Catalog, stream: &StreamName) -> Result<&'a Stream, Unsettled> {
    let missing = || Unsettled::Refused(format!("stream `{stream}` does not exist"));
    catalog
        .living(stream.as_str())
        .map(|stream| &**stream)
        .ok_or_else(missing)
}

fn append(commit: &mut Commit, stream: &Stream, block: Block, turn: u64) {
    let routed = route(stream, block, turn).into_iter();
    commit
        .appends
        .extend(routed.map(|(shard, block)| Append { shard, block }));
}

/// All records, in order. One block is not copied.
fn joined(blocks: &[&Block]) -> Option<Block> {
    if let [only] = blocks {
        return Some((*only).clone());
    }
    let mut builder = BlockBuilder::default();
    for block in blocks {
        builder.push_block(block, 0..block.len());
    }
    builder.finish()
}
