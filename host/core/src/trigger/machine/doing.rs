//! What a machine is doing, for those who ask.

use super::{Batch, Machine, Phase};
use crate::{position::Position, time::Millis};

/// A batch, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Its first record.
    pub first: Position,
    /// The position after its last one.
    pub end: Position,
    /// How many records; of a batch that is to be read again, those that filters leave out count.
    pub records: u64,
}

/// What a machine is doing beside its state's name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Doing {
    /// The batch that it has, or that it tries again.
    pub batch: Option<Extent>,
    /// When the batch goes even if it is not full.
    pub due: Option<Millis>,
    /// How long it rests, where it does.
    pub rest_ms: Option<u64>,
}

impl Machine {
    /// What it is doing.
    #[must_use]
    pub fn doing(&self) -> Doing {
        match &self.phase {
            Phase::Gathering(gathering) if gathering.batch.is_empty() => Doing::default(),
            Phase::Gathering(gathering) => Doing {
                batch: Some(extent(&gathering.batch)),
                due: gathering.due,
                rest_ms: None,
            },
            Phase::Invoking(batch) => Doing {
                batch: Some(extent(batch)),
                ..Doing::default()
            },
            Phase::Committing(committing) => Doing {
                batch: match &committing.verdict_on {
                    Some(batch) => Some(extent(batch)),
                    None => self.pending(),
                },
                ..Doing::default()
            },
            Phase::Resting(_) => Doing {
                batch: self.pending(),
                due: None,
                rest_ms: Some(self.rest_ms),
            },
            Phase::Loading | Phase::Finished => Doing::default(),
        }
    }

    fn pending(&self) -> Option<Extent> {
        let pending = self.checkpoint.pending.as_ref()?;
        let first = self.checkpoint.next;
        Some(Extent {
            first,
            end: pending.end,
            records: first.until(pending.end),
        })
    }
}

fn extent(batch: &Batch) -> Extent {
    Extent {
        first: batch.position(0),
        end: batch.position(batch.len()),
        records: batch.len() as u64,
    }
}
