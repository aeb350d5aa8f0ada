//! What a subscriber to a shard is told after each page: from which number it can go on.

use crate::{
    catalog::Shard,
    port::{Page, Span},
    position::Position,
    sequence::SequenceNumber,
};

/// The number after which a subscriber goes on that got `page` and stands at `next`. There always is
/// one: that of the last record before `next`, or the shard's first where there never was a record.
#[must_use]
pub fn continuation(shard: &Shard, page: &Page, next: Position, span: Span) -> SequenceNumber {
    if next.ordinal() == 0 {
        return SequenceNumber::first(shard);
    }
    let seen = page.slices.last().map(|slice| slice.arrival);
    let before = Position(next.0 - 1);
    SequenceNumber::of(shard, before, seen.unwrap_or(span.last_arrival))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        block::{BlockBuilder, Slice},
        catalog::Stream,
        position::ShardNumber,
        read::{iterator::place_of, page::goes_on},
        time::Millis,
    };

    fn shard() -> Shard {
        let created = Millis(1_700_000_000_000);
        let stream = Stream::new("s".try_into().unwrap(), 1, ShardNumber(4), created);
        stream.shards[0].clone()
    }

    fn span(next: Position) -> Span {
        Span {
            first: next,
            next,
            last_arrival: Millis(1_700_000_009_000),
        }
    }

    fn page(base: Position, records: u32) -> Page {
        let mut block = BlockBuilder::default();
        (0..records).for_each(|_| block.push("k", b"d"));
        let slice = Slice {
            block: block.finish().unwrap(),
            range: 0..records,
            base,
            arrival: Millis(1_700_000_005_000),
        };
        Page {
            slices: vec![slice],
        }
    }

    #[test]
    fn after_records_it_is_the_last_ones_number() {
        let (shard, page) = (shard(), page(Position::new(1, 7), 3));
        let next = page.next(Position::START);
        let number = continuation(&shard, &page, next, span(next));
        let last = SequenceNumber::of(&shard, Position::new(1, 9), Millis(1_700_000_005_000));
        assert_eq!(number, last);
    }

    #[test]
    fn without_records_it_is_a_number_that_reading_may_begin_after() {
        let shard = shard();
        for next in [
            Position::new(1, 0),
            Position::new(1, 5),
            Position::new(3, 5),
        ] {
            let span = span(next);
            let at = goes_on(&Page::default(), Position::START, span);
            let number = continuation(&shard, &Page::default(), at, span);
            // As GetShardIterator and SubscribeToShard read it.
            let place = place_of(number, &shard, span, Millis(0)).unwrap();
            assert!(place < next, "{place:?}");
            assert!(place.plus(1) <= next, "nothing that follows is skipped");
        }
    }
}
