//! Moments in JSON 1.1: seconds since 1970, with fractions.

use millstream_core::time::Millis;

/// The moment that is meant; 1970 where it lies before.
pub(crate) fn millis(seconds: f64) -> Millis {
    // A cast to an integer stays within its bounds.
    Millis((seconds * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_milliseconds_and_bounds() {
        assert_eq!(millis(1_700_000_000.123), Millis(1_700_000_000_123));
        assert_eq!(millis(-1.0), Millis(0));
        assert_eq!(millis(1e300), Millis(u64::MAX));
    }
}
