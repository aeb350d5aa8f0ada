//! Into how many parts a shard is divided for a trigger, and the change from one number to another.
//!
//! An undivided shard stores its lane's checkpoint and nothing else. A divided one stores the number
//! of its parts in that place, and each part's checkpoint beside it.
//! Where the number changes, the parts stand at different records. They first run up to the furthest
//! one that any of them has reached, and not beyond: then all before it is done, nothing after it is,
//! and the new parts begin there, in one commit.
//! The furthest is found again after a crash, since no part goes beyond it.

use std::iter;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    checkpoint::{Checkpoint, LoadError},
    share::Share,
};
use crate::{
    limit,
    planted::Bug,
    port::{Commit, Put},
    position::{Position, ShardNumber},
};

/// What stands in the place of the one checkpoint where there are several.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Divided {
    parts: u8,
}

/// What is stored in the place of a lane's checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// The shard is undivided, and its lane stands here.
    Whole(Checkpoint),
    /// It is divided into so many parts, whose checkpoints stand elsewhere.
    Divided(u8),
}

/// The lanes of a trigger on one shard and where they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// One a part, in their order; never empty.
    lanes: Vec<Checkpoint>,
}

/// What is to be done with a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Run its lanes.
    Run,
    /// Run its lanes up to this position, then replace it.
    Drain(Position),
    /// Replace it: all its lanes stand here.
    Replace(Position),
}

impl Head {
    /// From what was stored; a trigger that is new to the shard begins at `start`.
    ///
    /// # Errors
    /// When it is not what this program writes.
    pub fn decode(stored: Option<&Bytes>, start: Position) -> Result<Self, LoadError> {
        let Some(stored) = stored else {
            return Ok(Self::Whole(Checkpoint::at(start)));
        };
        let parts = match serde_json::from_slice(stored) {
            Ok(Divided { parts }) => parts,
            Err(_) => return Checkpoint::decode(stored).map(Self::Whole),
        };
        if !(2..=limit::PARALLELIZATION_MAX).contains(&u32::from(parts)) {
            let text = format!("a shard in {parts} parts");
            return Err(LoadError::Unreadable(text));
        }
        Ok(Self::Divided(parts))
    }
}

impl Layout {
    /// An undivided shard's.
    #[must_use]
    pub fn whole(checkpoint: Checkpoint) -> Self {
        Self {
            lanes: vec![checkpoint],
        }
    }

    /// A divided shard's, of what its parts stored.
    ///
    /// # Errors
    /// When a part's checkpoint is missing or not readable: to begin anew could repeat records.
    pub fn divided(stored: &[Option<Bytes>]) -> Result<Self, LoadError> {
        let missing = || LoadError::Unreadable("a part of the shard has none".to_owned());
        let decode = |part: &Option<Bytes>| {
            let stored = part.as_ref().ok_or_else(missing)?;
            Checkpoint::decode(stored)
        };
        let lanes: Vec<_> = stored.iter().map(decode).collect::<Result<_, _>>()?;
        if lanes.is_empty() {
            return Err(missing());
        }
        Ok(Self { lanes })
    }

    /// The parts and where their lanes stand.
    pub fn lanes(&self) -> impl ExactSizeIterator<Item = (Share, &Checkpoint)> {
        Share::all(self.parts()).zip(&self.lanes)
    }

    fn parts(&self) -> u8 {
        // There are ten at most.
        self.lanes.len() as u8
    }

    /// What is to be done where the trigger wants the shard in `parts`.
    #[must_use]
    pub fn step(&self, parts: u8) -> Step {
        let reached = self.lanes.iter().map(Checkpoint::reached).max();
        let reached = reached.unwrap_or_default();
        if self.parts() == parts {
            Step::Run
        } else if Bug::DividedTooEarly.is_here()
            || (self.lanes.iter()).all(|lane| lane.next >= reached && lane.window.is_none())
        {
            Step::Replace(reached)
        } else {
            Step::Drain(reached)
        }
    }

    /// Divides the shard into `parts` that begin at `at`; all lanes have done all before it.
    #[must_use]
    pub fn replace(
        &self,
        trigger: u64,
        shard: ShardNumber,
        parts: u8,
        at: Position,
    ) -> (Self, Commit) {
        let after = Self {
            lanes: vec![Checkpoint::at(at); parts.max(1).into()],
        };
        let put = |(share, checkpoint): (Share, Option<&Checkpoint>)| Put {
            key: share.key(trigger, shard),
            value: checkpoint.map(Checkpoint::encode),
        };
        let former = self.lanes().map(|(share, _)| (share, None));
        let former = former.filter(|(share, _)| !share.is_whole());
        let next = after.lanes().map(|(share, lane)| (share, Some(lane)));
        let head = (after.lanes.len() > 1).then(|| Put {
            key: Share::WHOLE.key(trigger, shard),
            value: Some(divided(after.parts())),
        });
        // Of two puts of a key the later one counts: a part that stays is not removed.
        let puts = former.chain(next).map(put).chain(head);
        let mut commit = Commit::default();
        for put in puts {
            commit.puts.retain(|before: &Put| before.key != put.key);
            commit.puts.push(put);
        }
        (after, commit)
    }
}

fn divided(parts: u8) -> Bytes {
    serde_json::to_vec(&Divided { parts })
        .expect("numbers always encode")
        .into()
}

impl Checkpoint {
    /// The position before which all records lie that the lane may have begun with.
    #[must_use]
    pub fn reached(&self) -> Position {
        let pending = self.pending.as_ref().map(|pending| pending.end);
        let ends = pending.into_iter().chain(self.splits.iter().copied());
        ends.chain(iter::once(self.next)).max().unwrap_or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        time::Millis,
        trigger::{checkpoint::Pending, window::OpenWindow},
    };

    const START: Position = Position(4);

    #[test]
    fn what_was_stored_before_is_an_undivided_shard() {
        let stored = Bytes::from_static(br#"{"next":7}"#);
        let head = Head::decode(Some(&stored), START);
        assert_eq!(head, Ok(Head::Whole(Checkpoint::at(Position(7)))));
        let head = Head::decode(None, START);
        assert_eq!(head, Ok(Head::Whole(Checkpoint::at(START))));
        assert_eq!(Head::decode(Some(&divided(3)), START), Ok(Head::Divided(3)));
        for wrong in [
            r#"{"parts":1}"#,
            r#"{"parts":11}"#,
            r#"{"parts":2,"x":1}"#,
            "{}",
        ] {
            let stored = Bytes::from(wrong);
            let head = Head::decode(Some(&stored), START);
            assert!(matches!(head, Err(LoadError::Unreadable(_))), "{wrong}");
        }
        // A program that knows of no parts refuses a divided shard.
        assert!(Checkpoint::decode(&divided(3)).is_err());
    }

    #[test]
    fn a_part_without_a_checkpoint_is_refused() {
        let one = Checkpoint::at(START).encode();
        assert!(Layout::divided(&[Some(one), None]).is_err());
        assert!(Layout::divided(&[]).is_err());
    }

    #[test]
    fn a_layout_is_run_down_to_the_furthest_record_that_was_begun_with() {
        let failing = Checkpoint {
            next: Position(3),
            pending: Some(Pending::new(Position(5))),
            splits: vec![Position(9), Position(7)],
            window: None,
        };
        let layout = Layout {
            lanes: vec![Checkpoint::at(Position(6)), failing.clone()],
        };
        assert_eq!(layout.step(2), Step::Run);
        assert_eq!(layout.step(1), Step::Drain(Position(9)));
        assert_eq!(layout.step(5), Step::Drain(Position(9)));
        assert_eq!(Layout::whole(failing).step(2), Step::Drain(Position(9)));
        let whole = Layout::whole(Checkpoint::at(Position(6)));
        assert_eq!(
            (whole.step(1), whole.step(2)),
            (Step::Run, Step::Replace(Position(6)))
        );
        // A window is closed before its lane ends.
        let windowed = Layout::whole(Checkpoint {
            window: Some(OpenWindow::of(Millis(5), 1_000)),
            ..Checkpoint::at(Position(6))
        });
        assert_eq!(windowed.step(2), Step::Drain(Position(6)));
    }

    #[test]
    fn what_replaces_a_layout_leaves_nothing_of_it() {
        let shard = ShardNumber(1);
        for (from, to) in [(1u8, 3u8), (3, 1), (3, 2), (2, 10), (1, 1)] {
            let (old, commit) = Layout::whole(Checkpoint::at(START)).replace(7, shard, from, START);
            let mut stored = std::collections::BTreeMap::new();
            let mut apply = |commit: Commit| {
                for put in commit.puts {
                    match put.value {
                        Some(value) => stored.insert(put.key, value),
                        None => stored.remove(&put.key),
                    };
                }
                stored.clone()
            };
            apply(commit);
            let (new, commit) = old.replace(7, shard, to, Position(8));
            let stored = apply(commit);
            assert_eq!(
                stored.len(),
                usize::from(to) + usize::from(to > 1),
                "{from} {to}"
            );
            let head = Head::decode(stored.get(&Share::WHOLE.key(7, shard)), START).unwrap();
            let loaded = match head {
                Head::Whole(checkpoint) => Layout::whole(checkpoint),
                Head::Divided(parts) => {
                    let parts = Share::all(parts).map(|share| share.key(7, shard));
                    let parts: Vec<_> = parts.map(|key| stored.get(&key).cloned()).collect();
                    Layout::divided(&parts).unwrap()
                }
            };
            assert_eq!(loaded, new);
            assert_eq!(
                (loaded.step(to), loaded.lanes().len()),
                (Step::Run, to.into())
            );
        }
    }
}
