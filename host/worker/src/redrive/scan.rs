//! Reading letters: shard after shard, page after page, with the marks of those that went before.

use std::sync::Arc;

use millstream_core::{
    block::Slice,
    catalog::{Shard, Stream, key},
    port::{Page, ReadError, ReadLimits, redrive},
    position::{Position, ShardNumber},
    time::Millis,
    trigger::redrive::{Cursor, Letter, Marks, Selection},
};

use super::{Placed, Step};
use crate::world::World;

/// What is read at once.
const PAGE: ReadLimits = ReadLimits {
    records: 500,
    bytes: 1 << 20,
};
/// Bytes of data that are picked at once; the first letter is, whatever its size.
const PICKED_BYTES: usize = 4 << 20;

/// A place in a stream of letters.
pub(super) struct Scan {
    /// What is left, the present shard last: which shard, its index, and where its letters end.
    left: Vec<(ShardNumber, u32, Position)>,
    next: Position,
    since: Option<Millis>,
    until: Option<Millis>,
}

/// Letters of one shard that are to be sent back.
pub(super) struct Picked {
    pub(super) letters: Vec<Placed>,
    pub(super) shard: ShardNumber,
    pub(super) marks: Marks,
    pub(super) read: u64,
    pub(super) before: u64,
}

impl Scan {
    /// Where the step before ended, or at the beginning.
    pub(super) async fn begin(
        world: &World,
        letters: &Stream,
        ask: &redrive::Redrive,
    ) -> Result<Self, ReadError> {
        let end = |shard: &Shard| {
            let index = shard.index;
            let end = match &ask.cursor {
                Some(cursor) => cursor.ends.iter().find(|(of, _)| *of == index)?.1,
                None => world.log.span(shard.number).next,
            };
            Some((shard.number, index, end))
        };
        // Shards that have expired meanwhile are left out.
        let mut left: Vec<_> = letters.shards.iter().filter_map(end).collect();
        left.sort_unstable_by_key(|&(_, index, _)| std::cmp::Reverse(index));
        let Selection { since, until, .. } = ask.selection;
        let mut scan = Self {
            left,
            next: Position::START,
            since,
            until,
        };
        scan.enter(world).await?;
        let place = ask.cursor.as_ref().map(|at| (at.next, at.ends[0].0));
        if let (Some((next, of)), Some(&(_, index, _))) = (place, scan.left.last())
            && of == index
        {
            scan.next = scan.next.max(next);
        }
        Ok(scan)
    }

    /// Where to go on; none at the end.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        let left = self.left.iter().rev();
        let ends: Vec<_> = left.map(|&(_, index, end)| (index, end)).collect();
        let next = self.next;
        (!ends.is_empty()).then_some(Cursor { next, ends })
    }

    /// Goes to the first letter that is left.
    async fn enter(&mut self, world: &World) -> Result<(), ReadError> {
        while let Some(&(shard, _, end)) = self.left.last() {
            self.next = match self.since {
                Some(since) => world.log.locate(shard, since).await?,
                None => world.log.span(shard).first,
            };
            if self.next < end {
                break;
            }
            self.left.pop();
        }
        Ok(())
    }

    /// At most `room` letters of the next page that has records; nothing at the end.
    pub(super) async fn pick(
        &mut self,
        step: &Step,
        room: usize,
    ) -> Result<Option<Picked>, redrive::RedriveError> {
        let world = &*step.world;
        while let Some(&(shard, _, end)) = self.left.last() {
            let page = world.log.read(shard, self.next, PAGE).await?;
            let page = self.cut(page, end);
            if page.slices.is_empty() {
                self.left.pop();
                self.enter(world).await?;
                continue;
            }
            let marks = marks(world, step.trigger.id, shard, &page).await?;
            let (picked, next) = step.pick(shard, &page, marks, room);
            self.next = next;
            if next >= end {
                self.left.pop();
                self.enter(world).await?;
            }
            return Ok(Some(picked));
        }
        Ok(None)
    }

    /// The letters of a page before `end` and before the moment that is asked for.
    fn cut(&self, page: Page, end: Position) -> Page {
        let is_older = |slice: &Slice| self.until.is_none_or(|until| slice.arrival < until);
        let cut = |mut slice: Slice| {
            let before = u32::try_from(end.0.saturating_sub(slice.base.0)).unwrap_or(u32::MAX);
            slice.range.end = slice.range.end.min(before);
            (!slice.range.is_empty()).then_some(slice)
        };
        let older = page.slices.into_iter().take_while(is_older);
        Page {
            slices: older.filter_map(cut).collect(),
        }
    }
}

/// What is marked of the page's records.
async fn marks(
    world: &World,
    trigger: u64,
    shard: ShardNumber,
    page: &Page,
) -> Result<Marks, redrive::RedriveError> {
    let slices = page.slices.iter();
    let mut chunks: Vec<u64> = slices
        .flat_map(|slice| Marks::chunks(slice.first(), slice.next()))
        .collect();
    chunks.dedup();
    let keys = chunks.iter();
    let keys = keys.map(|&chunk| key::redriven(trigger, shard, chunk));
    let stored = world.log.get_many(keys.collect()).await?;
    let mut marks = Marks::default();
    for (chunk, stored) in chunks.into_iter().zip(&stored) {
        marks.load(chunk, stored.as_ref())?;
    }
    Ok(marks)
}

impl Step {
    /// Picks at most `room` letters of a page, and says where the next one is looked for.
    fn pick(
        &self,
        shard: ShardNumber,
        page: &Page,
        marks: Marks,
        room: usize,
    ) -> (Picked, Position) {
        let mut picked = Picked {
            letters: Vec::new(),
            shard,
            marks,
            read: 0,
            before: 0,
        };
        let (mut bytes, mut next) = (0, Position::START);
        for slice in &page.slices {
            for i in slice.range.clone() {
                let place = slice.base.plus(i.into());
                if picked.letters.len() == room || bytes >= PICKED_BYTES {
                    return (picked, place);
                }
                picked.read += 1;
                next = place.plus(1);
                let Some(letter) = self.letter(slice.block.datum(i)) else {
                    continue;
                };
                if picked.marks.has(place) {
                    picked.before += 1;
                    if !self.ask.again {
                        continue;
                    }
                }
                bytes += letter.data.len();
                picked.letters.push((place, Arc::new(letter)));
            }
        }
        (picked, next)
    }

    /// The letter that a record is, where it is one of this trigger's that is asked for.
    fn letter(&self, record: &[u8]) -> Option<Letter> {
        let letter = Letter::parse(record)?;
        let is_its = letter.trigger == self.trigger.name.as_str()
            && letter.stream == self.trigger.settings.stream.as_str();
        (is_its && self.ask.selection.takes(&letter)).then_some(letter)
    }
}
