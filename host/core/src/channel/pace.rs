//! When an object is written, and how long to wait after one could not be.

use crate::{position::Position, time::Millis};

/// Bytes of an object, as it is stored, at which no more records are added to it.
pub const OBJECT_BYTES: usize = 16 << 20;
/// Bytes of records at which no more are added to an object, however well they compress.
pub const OBJECT_RECORD_BYTES: usize = 64 << 20;
/// Records that wait at which an object is written whatever its time.
pub const WAITING_RECORDS: u64 = 100_000;
/// The longest pause between two attempts, in milliseconds.
pub const PAUSE_MS_MAX: u64 = 60_000;
const PAUSE_MS: u64 = 250;
/// Attempts that fail one after another, whatever for, before a channel is shown as failed.
pub const ATTEMPTS_SHOWN: u32 = 5;

/// Milliseconds until the records that wait are delivered; 0 when it is time.
#[must_use]
pub fn due_in(oldest: Millis, now: Millis, freshness_ms: u64, waiting: u64) -> u64 {
    if waiting >= WAITING_RECORDS {
        return 0;
    }
    // A clock that went back must not make the records wait for longer than they may.
    oldest.plus(freshness_ms).since(now).min(freshness_ms)
}

/// The position that the end of a shard must pass so that enough records wait, of those from `next` on,
/// while it ends at `tail`.
///
/// It lies in the epoch of `tail`, not in that of `next`: any record of a newer epoch is beyond every
/// position of an older one. Where the epoch changes, this is to be asked again.
#[must_use]
pub fn enough(next: Position, tail: Position) -> Position {
    Position::new(tail.epoch(), next.ordinal() + WAITING_RECORDS - 1)
}

/// Milliseconds to wait after `failures` attempts failed one after another.
#[must_use]
pub fn pause_ms(failures: u32) -> u64 {
    let doubled = PAUSE_MS.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(PAUSE_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_wait_for_their_time_or_for_company() {
        let (oldest, minute) = (Millis(1_000_000), 60_000);
        assert_eq!(due_in(oldest, oldest.plus(1000), minute, 1), 59_000);
        assert_eq!(due_in(oldest, oldest.plus(minute), minute, 1), 0);
        assert_eq!(due_in(oldest, oldest.plus(2 * minute), minute, 1), 0);
        assert_eq!(due_in(oldest, oldest, minute, WAITING_RECORDS), 0);
        assert_eq!(due_in(oldest, Millis(0), minute, 1), minute);
    }

    #[test]
    fn enough_is_beyond_the_tail_exactly_while_more_records_are_wanted() {
        let begins = [
            (Position::START, 7),
            (Position::new(3, 10), 7),
            (Position::new(7, 10), 7),
        ];
        for (next, epoch) in begins {
            for waiting in [0, 1, WAITING_RECORDS - 1, WAITING_RECORDS] {
                let tail = Position::new(epoch, next.ordinal() + waiting);
                assert_eq!(next.until(tail), waiting);
                let passed = tail > enough(next, tail);
                assert_eq!(passed, waiting >= WAITING_RECORDS, "{next:?} {tail:?}");
            }
        }
    }

    #[test]
    fn pauses_grow_and_end_growing() {
        let pauses: Vec<u64> = (1..12).map(pause_ms).collect();
        assert_eq!(pauses[..3], [250, 500, 1000]);
        assert!(pauses.is_sorted());
        assert_eq!(pause_ms(u32::MAX), PAUSE_MS_MAX);
    }
}
