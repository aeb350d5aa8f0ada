//! How long to wait after a failure, and how often to try. Deterministic: a lane waits alone, so
//! there is no herd that jitter would have to spread.

/// The wait after the first failure.
pub const FIRST_MS: u64 = 250;
/// The longest wait.
pub const CAP_MS: u64 = 60_000;

/// How long to wait after `failures` failures in a row, in milliseconds.
#[must_use]
pub fn delay_ms(failures: u32) -> u64 {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_MS << doublings).min(CAP_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_from_a_quarter_of_a_second_to_a_minute() {
        let delays: Vec<_> = (1..=10).map(delay_ms).collect();
        assert_eq!(
            delays,
            [
                250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000
            ]
        );
        assert_eq!((delay_ms(0), delay_ms(u32::MAX)), (250, 60_000));
    }
}
