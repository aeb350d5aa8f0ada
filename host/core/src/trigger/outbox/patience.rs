//! How long an entry is tried, how many may wait, and which answers end it.

use crate::trigger::retry;

/// Entries of a trigger that wait at most; one more is given up at once.
pub const ENTRIES: usize = 10_000;
/// Their bytes together.
pub const BYTES: usize = 256 << 20;

/// Whether an entry of so many bytes finds no room beside those that wait.
#[must_use]
pub fn is_full(entries: usize, bytes: usize, more: usize) -> bool {
    // One that is larger than all the room waits alone.
    entries >= ENTRIES || (entries > 0 && bytes.saturating_add(more) > BYTES)
}

/// Milliseconds to wait after `failures` in a row. Several triggers may send to one place: `seed`,
/// which each has of its own, spreads them over the upper half of the wait.
#[must_use]
pub fn pause_ms(failures: u32, seed: u64) -> u64 {
    let whole = retry::delay_ms(failures);
    let half = whole / 2;
    half + stirred(seed ^ u64::from(failures)) % (whole - half + 1)
}

/// The finalizer of splitmix64: all bits of the answer depend on all bits of the seed.
fn stirred(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What codes of errors say that are no fault of what was sent, though their status says so.
const PASSING: [&str; 14] = [
    "Throttl",
    "TooManyRequests",
    "OverLimit",
    "RequestLimitExceeded",
    "SlowDown",
    "Expired",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "SignatureDoesNotMatch",
    "InvalidSignature",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "InvalidAccessKeyId",
];

/// Whether sending the same again is of no use, by an answer's status and the code of its error.
///
/// A missing queue, a denied access and a message that is not taken stay so; a throttle, an outage and
/// credentials that are wrong or expired may pass.
#[must_use]
pub fn is_final(status: u16, code: &str) -> bool {
    let is_passing = PASSING.iter().any(|part| code.contains(part));
    match status {
        403 => code.contains("AccessDenied") || code.contains("AuthorizationError"),
        408 | 429 => false,
        400..=499 => !is_passing,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_bounded_by_number_and_by_bytes() {
        assert!(!is_full(0, 0, usize::MAX));
        assert!(!is_full(ENTRIES - 1, 0, 1));
        assert!(is_full(ENTRIES, 0, 1));
        assert!(!is_full(1, BYTES - 1, 1));
        assert!(is_full(1, BYTES, 1));
    }

    #[test]
    fn pauses_grow_to_a_cap_and_differ_between_triggers() {
        for failures in 1..20 {
            let whole = retry::delay_ms(failures);
            for seed in 0..100 {
                let pause = pause_ms(failures, seed);
                assert!((whole / 2..=whole).contains(&pause), "{failures} {seed}");
            }
        }
        assert!((0..100).any(|seed| pause_ms(9, seed) != pause_ms(9, 0)));
        assert_eq!(pause_ms(9, 7), pause_ms(9, 7));
    }

    #[test]
    fn only_what_stays_so_ends_an_entry() {
        for (status, code) in [
            (400, "QueueDoesNotExist"),
            (400, "AWS.SimpleQueueService.NonExistentQueue"),
            (400, "InvalidParameterValue"),
            (404, "NotFound"),
            (403, "AccessDeniedException"),
            (403, "AuthorizationError"),
            (413, ""),
        ] {
            assert!(is_final(status, code), "{status} {code}");
        }
        for (status, code) in [
            (500, "InternalError"),
            (503, "ServiceUnavailable"),
            (429, "TooManyRequestsException"),
            (400, "ThrottlingException"),
            (400, "RequestThrottled"),
            (400, "ExpiredTokenException"),
            (403, "InvalidClientTokenId"),
            (403, "SignatureDoesNotMatch"),
            (403, ""),
            (301, "PermanentRedirect"),
        ] {
            assert!(!is_final(status, code), "{status} {code}");
        }
    }
}
