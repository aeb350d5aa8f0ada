//! Resharding: splits and merges of open shards. A shard that is closed keeps its records.
//!
//! All of a change is one commit: the parents take no records from it on, and the children do.
//! Knows nothing of the records themselves.

pub mod demand;
mod expire;
mod lineage;
mod uniform;

use std::sync::Arc;

use thiserror::Error;

use self::lineage::Lineage;
use super::{Shard, Status, Stream, StreamMode, Transition};
use crate::{
    catalog::{
        Catalog,
        change::{Change, Refused, Rules, put},
        key::CatalogKey,
    },
    hash_key::HashKey,
    limit,
    position::ShardNumber,
    time::Millis,
};

/// How the shards of a stream shall change. Shards are named by their indexes.
#[derive(Debug, Clone)]
pub enum Reshard {
    /// One becomes two.
    Split {
        /// Which.
        shard: u32,
        /// The first hash key of the upper child.
        at: HashKey,
    },
    /// Two become one.
    Merge {
        /// The one with the lower hash keys.
        shard: u32,
        /// The one with the hash keys that follow.
        adjacent: u32,
    },
    /// The stream gets that many shards, all of the same width.
    Resize {
        /// How many.
        target: u32,
    },
    /// The host splits and merges shards of an on-demand stream by what is put.
    Adapt(Adaptation),
    /// Closed shards go whose records have all expired.
    Expire(Vec<u32>),
}

/// What the host does with the shards of an on-demand stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adaptation {
    /// Shards to halve.
    pub halve: Vec<u32>,
    /// Pairs of neighbours to merge, the lower one first.
    pub merge: Vec<(u32, u32)>,
}

/// Why shards do not change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReshardRefused {
    /// The stream has no shard of that index.
    #[error("there is no shard {0}")]
    NoShard(u32),
    /// The shard was split or merged before.
    #[error("shard {0} was split or merged before")]
    Closed(u32),
    /// The children would not both have hash keys.
    #[error("{at:?} is not within shard {}", .shard.index)]
    SplitKey {
        /// Where it should be split.
        at: HashKey,
        /// The shard.
        shard: Box<Shard>,
    },
    /// The second shard does not begin where the first one ends.
    #[error("shards {0} and {1} are not adjacent")]
    NotAdjacent(u32, u32),
    /// The host alone decides about an on-demand stream.
    #[error("the stream is on demand")]
    OnDemand,
    /// An owner decides about a provisioned stream.
    #[error("the stream is provisioned")]
    Provisioned,
    /// More than twice as many.
    #[error("{target} shards are more than double the {open}")]
    TooMany {
        /// How many there are.
        open: u32,
        /// How many were asked for.
        target: u32,
    },
    /// Less than half as many.
    #[error("{target} shards are less than half of the {open}")]
    TooFew {
        /// How many there are.
        open: u32,
        /// How many were asked for.
        target: u32,
    },
    /// It was resized too often in a day.
    #[error("it was resized {} times in 24 hours", limit::RESIZES_A_DAY)]
    TooOften,
}

const DAY_MS: u64 = 24 * 3_600_000;

impl Reshard {
    /// Changes the shards of `stream`; `numbers` gives new shards theirs. The shards that take no
    /// more records, which all took some until now.
    fn apply(
        self,
        stream: &mut Stream,
        numbers: &mut u32,
        now: Millis,
    ) -> Result<Vec<ShardNumber>, ReshardRefused> {
        self.check_mode(stream.mode)?;
        match &self {
            Self::Resize { target } => resize_allowed(stream, *target, now)?,
            Self::Expire(_) => return Ok(Vec::new()),
            Self::Split { .. } | Self::Merge { .. } | Self::Adapt(_) => {}
        }
        let mut lineage = Lineage::new(&mut stream.shards, numbers, now);
        match self {
            Self::Split { shard, at } => {
                lineage.split(shard, at)?;
            }
            Self::Merge { shard, adjacent } => {
                lineage.merge(shard, adjacent)?;
            }
            Self::Resize { target } => uniform::resize(&mut lineage, target)?,
            Self::Adapt(Adaptation { halve, merge }) => {
                for shard in halve {
                    lineage.halve(shard)?;
                }
                for (shard, adjacent) in merge {
                    lineage.merge(shard, adjacent)?;
                }
            }
            Self::Expire(_) => unreachable!("it closes and opens nothing"),
        }
        Ok(lineage.closes())
    }

    fn check_mode(&self, mode: StreamMode) -> Result<(), ReshardRefused> {
        match (self, mode) {
            (Self::Expire(_), _)
            | (Self::Adapt(_), StreamMode::OnDemand)
            | (_, StreamMode::Provisioned) => Ok(()),
            (_, StreamMode::OnDemand) => Err(ReshardRefused::OnDemand),
        }
    }

    /// How many open shards more `stream` will have.
    fn more(&self, stream: &Stream) -> u32 {
        let count = |n: usize| u32::try_from(n).expect("a stream has fewer than 2^20 shards");
        match self {
            Self::Split { .. } => 1,
            Self::Resize { target } => target.saturating_sub(count(stream.open_shards().count())),
            Self::Adapt(Adaptation { halve, merge }) => {
                count(halve.len().saturating_sub(merge.len()))
            }
            Self::Merge { .. } | Self::Expire(_) => 0,
        }
    }
}

fn resize_allowed(stream: &mut Stream, target: u32, now: Millis) -> Result<(), ReshardRefused> {
    let open = u32::try_from(stream.open_shards().count()).unwrap_or(u32::MAX);
    if target > open.saturating_mul(2) {
        return Err(ReshardRefused::TooMany { open, target });
    }
    if target.saturating_mul(2) < open {
        return Err(ReshardRefused::TooFew { open, target });
    }
    stream.resized.retain(|at| now.since(*at) < DAY_MS);
    if stream.resized.len() >= limit::RESIZES_A_DAY {
        return Err(ReshardRefused::TooOften);
    }
    stream.resized.push(now);
    Ok(())
}

impl Catalog {
    pub(super) fn reshard(
        &self,
        mut stream: Stream,
        reshard: Reshard,
        now: Millis,
        rules: &Rules,
    ) -> Result<Change, Refused> {
        if let Reshard::Expire(shards) = reshard {
            return Ok(self.expire_shards(stream, &shards, now));
        }
        let name = stream.name.clone();
        let status = stream.status(now);
        let more = reshard.more(&stream);
        let mut next = self.clone();
        let applied = reshard.apply(&mut stream, &mut next.counters.next_shard, now);
        // In Kinesis's order: what could never be is told first.
        let never = matches!(
            applied,
            Err(ReshardRefused::NoShard(_)
                | ReshardRefused::NotAdjacent(..)
                | ReshardRefused::SplitKey { .. })
        );
        if status != Status::Active && !never {
            let stream = name;
            return Err(Refused::NotActive { stream, status });
        }
        let refused = |why| Refused::Reshard {
            stream: name.clone(),
            why,
        };
        let closes = applied.map_err(refused)?;
        if more > 0 {
            let open = u32::try_from(stream.open_shards().count()).unwrap_or(u32::MAX);
            self.room_for(open, more, name.region(), rules)?;
        }
        if next.counters.next_shard > limit::SHARDS_EVER {
            return Err(Refused::Shards {
                asked: next.counters.next_shard - self.counters.next_shard,
                allowed: limit::SHARDS_EVER - self.counters.next_shard,
            });
        }
        stream.transition = Transition::new(Status::Updating, now, rules.change_ms);
        let puts = vec![
            put(CatalogKey::Stream(name.clone()), &stream),
            put(CatalogKey::Counters, &next.counters),
        ];
        next.streams.insert(name, Arc::new(stream));
        let mut change = Change::of(next, puts, false);
        change.commit.closes = closes;
        Ok(change)
    }
}

#[cfg(test)]
mod tests;
