//! A moment as people give it: `2026-08-01T12:00:00Z`, or how long ago, `90m`.

use std::str::FromStr;

use jiff::Timestamp;
use millstream_core::time::Millis;

/// A moment, or a time before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    At(Millis),
    Ago(u64),
}

impl Moment {
    /// Where it is now.
    pub(crate) fn before(self, now: Millis) -> Millis {
        match self {
            Self::At(at) => at,
            Self::Ago(ms) => Millis(now.0.saturating_sub(ms)),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "expected is a moment, as 2026-08-01T12:00:00Z, or how long ago, as 90s, 30m, 2h or 3d"
                .to_owned()
        };
        if let Ok(at) = text.parse::<Timestamp>() {
            return match u64::try_from(at.as_millisecond()) {
                Ok(ms) => Ok(Self::At(Millis(ms))),
                Err(_) => Err(wrong()),
            };
        }
        let unit = match text.as_bytes().last() {
            Some(b's') => 1_000,
            Some(b'm') => 60_000,
            Some(b'h') => 3_600_000,
            Some(b'd') => 86_400_000,
            _ => return Err(wrong()),
        };
        // The unit is one byte.
        let number = &text[..text.len() - 1];
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<u64> = number.parse().ok().filter(|_| is_number);
        let ms = number.and_then(|number| number.checked_mul(unit));
        ms.map(Self::Ago).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_times_ago_are_understood() {
        let now = Millis(1_000_000_000);
        let of = |text: &str| text.parse::<Moment>().unwrap().before(now);
        assert_eq!(of("1970-01-01T00:00:01.5Z"), Millis(1_500));
        assert_eq!(of("1970-01-01T02:00:00+02:00"), Millis(0));
        assert_eq!(of("90s"), Millis(999_910_000));
        assert_eq!(of("2h"), Millis(992_800_000));
        assert_eq!(of("3000d"), Millis(0));
        for bad in [
            "",
            "s",
            "-1s",
            "+1s",
            "2w",
            "yesterday",
            "1969-01-01T00:00:00Z",
            "1e3s",
        ] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }
}
