//! Resizing: shards of the same width, by splits and merges of neighbours.
//!
//! Where the new width does not divide the old one, shards come and go within the change, as in
//! Kinesis. They never take a record.

use super::{Lineage, ReshardRefused};
use crate::hash_key::{HashKey, HashRange};

/// Makes the stream have `target` shards of the same width.
pub(super) fn resize(lineage: &mut Lineage<'_>, target: u32) -> Result<(), ReshardRefused> {
    let wanted = HashRange::split_all(target);
    for (index, range) in lineage.opened() {
        let starts = wanted.iter().map(|range| range.start);
        let cuts: Vec<HashKey> = starts
            .filter(|start| range.start < *start && *start <= range.end)
            .collect();
        cut(lineage, index, &cuts)?;
    }
    let opened = lineage.opened();
    let mut left = opened.as_slice();
    for range in wanted {
        let within = left.partition_point(|(_, piece)| piece.end <= range.end);
        let (pieces, rest) = left.split_at(within);
        let pieces: Vec<u32> = pieces.iter().map(|(index, _)| *index).collect();
        join(lineage, &pieces)?;
        left = rest;
    }
    Ok(())
}

/// Splits a shard at all of `cuts`, in the middle first, so that no key goes through many shards.
fn cut(lineage: &mut Lineage<'_>, index: u32, cuts: &[HashKey]) -> Result<(), ReshardRefused> {
    let middle = cuts.len() / 2;
    let Some(at) = cuts.get(middle) else {
        return Ok(());
    };
    let [low, high] = lineage.cut(index, *at)?;
    cut(lineage, low, &cuts[..middle])?;
    cut(lineage, high, &cuts[middle + 1..])
}

/// Merges neighbours into one, in halves, for the same reason.
fn join(lineage: &mut Lineage<'_>, pieces: &[u32]) -> Result<u32, ReshardRefused> {
    match pieces {
        [] => unreachable!("shards were cut where the wanted ones begin"),
        [only] => Ok(*only),
        several => {
            let (low, high) = several.split_at(several.len() / 2);
            let (low, high) = (join(lineage, low)?, join(lineage, high)?);
            lineage.merge(low, high)
        }
    }
}
