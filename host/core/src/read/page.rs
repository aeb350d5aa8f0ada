//! What a page of records says to its reader: what has expired, and how far it is from the tail.

use crate::{
    block::Slice,
    port::{Page, Span},
    position::Position,
    time::Millis,
};

/// Whether the page begins with records that arrived before `horizon` and must not be shown.
#[must_use]
pub fn begins_expired(page: &Page, horizon: Millis) -> bool {
    page.slices
        .first()
        .is_some_and(|slice| slice.arrival < horizon)
}

/// Where a reader goes on that began at `from` and got `page`.
///
/// An empty page means that nothing was left up to the tail, which `before` tells of: the span from
/// before the read.
#[must_use]
pub fn goes_on(page: &Page, from: Position, before: Span) -> Position {
    if page.slices.is_empty() {
        return from.max(before.next);
    }
    page.next(from)
}

/// How far behind the tail a reader is that got `page` and goes on at `next`, in milliseconds.
///
/// 0 means that nothing is left to read, and only that.
#[must_use]
pub fn millis_behind(page: &Page, next: Position, span: Span, now: Millis) -> u64 {
    // Counted in records, since a tail that moved to a new epoch has a later position without any.
    if next.max(span.first).until(span.next) == 0 {
        return 0;
    }
    let seen = page.slices.last().map(arrival);
    now.since(seen.unwrap_or(span.last_arrival)).max(1)
}

fn arrival(slice: &Slice) -> Millis {
    slice.arrival
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::BlockBuilder;

    fn page(base: Position, records: u32, arrival: Millis) -> Page {
        let mut builder = BlockBuilder::default();
        for _ in 0..records {
            builder.push("k", b"d");
        }
        let slice = Slice {
            block: builder.finish().unwrap(),
            range: 0..records,
            base,
            arrival,
        };
        Page {
            slices: vec![slice],
        }
    }

    fn span(next: Position) -> Span {
        Span {
            first: Position::START,
            next,
            last_arrival: Millis(60),
        }
    }

    #[test]
    fn a_reader_that_has_everything_is_not_behind() {
        let page = page(Position::new(1, 0), 3, Millis(50));
        let tail = span(Position::new(1, 3));
        let next = page.next(Position::START);
        assert_eq!(millis_behind(&page, next, tail, Millis(99)), 0);
        let restarted = span(Position::new(2, 3));
        let behind = millis_behind(&page, next, restarted, Millis(99));
        assert_eq!(behind, 0);
        let empty = millis_behind(&Page::default(), Position::new(1, 3), restarted, Millis(99));
        assert_eq!(empty, 0);
    }

    #[test]
    fn a_reader_that_has_not_is_behind_even_within_a_millisecond() {
        let page = page(Position::new(1, 0), 3, Millis(50));
        let tail = span(Position::new(1, 4));
        let next = page.next(Position::START);
        assert_eq!(millis_behind(&page, next, tail, Millis(99)), 49);
        assert_eq!(millis_behind(&page, next, tail, Millis(50)), 1);
    }

    #[test]
    fn records_that_are_gone_keep_nobody_behind() {
        let tail = Position::new(1, 3);
        let empty = Span {
            first: tail,
            ..span(tail)
        };
        let behind = millis_behind(&Page::default(), Position::START, empty, Millis(99));
        assert_eq!(behind, 0);
        let next = goes_on(&Page::default(), Position::START, empty);
        assert_eq!(next, tail);
        assert_eq!(goes_on(&Page::default(), tail.plus(1), empty), tail.plus(1));
        let page = page(Position::new(1, 0), 2, Millis(50));
        assert_eq!(goes_on(&page, Position::START, empty), Position::new(1, 2));
    }

    #[test]
    fn expiry_is_seen_at_the_first_record() {
        let page = page(Position::new(1, 0), 1, Millis(50));
        assert!(!begins_expired(&page, Millis(50)));
        assert!(begins_expired(&page, Millis(51)));
        assert!(!begins_expired(&Page::default(), Millis(51)));
    }
}
