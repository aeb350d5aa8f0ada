//! Where a line stands in its function's log, and the log stream that it is in.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};

use super::line::version_of;
use crate::time::Millis;

/// Bits of a place that number a call's lines.
const LINE_BITS: u32 = 32;
/// Bits that number calls.
const CALL_BITS: u32 = 54;
/// Digits of a place, which are as many as CloudWatch's.
const DIGITS: usize = 56;

/// A line's place: the moment of its call's end, the call, the line. Later lines have higher ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place(u128);

impl Place {
    /// Before every line.
    pub const START: Self = Self(0);
    /// After every line.
    pub const END: Self = Self(u128::MAX);

    /// Of a line.
    #[must_use]
    pub fn new(at: Millis, call: u64, line: usize) -> Self {
        let call = u128::from(call) & ((1 << CALL_BITS) - 1);
        let line = line as u128 & ((1 << LINE_BITS) - 1);
        // 42 bits of milliseconds go to the year 2109.
        let at = u128::from(at.0.min((1 << 42) - 1));
        Self(at << (CALL_BITS + LINE_BITS) | call << LINE_BITS | line)
    }

    /// Before the lines of that moment, and after those of earlier ones.
    #[must_use]
    pub fn at(moment: Millis) -> Self {
        Self::new(moment, 0, 0)
    }

    /// The place of the first line of its call.
    pub(super) fn call(self) -> Self {
        Self(self.0 >> LINE_BITS << LINE_BITS)
    }

    /// The next place; lines have distinct ones, so that nothing stands between the two.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// What [`Place`]'s text says.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        if digits {
            text.parse().ok().map(Self)
        } else {
            None
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0DIGITS$}", self.0)
    }
}

/// What Lambda makes a log stream of: a day and a version, on one start of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogStream {
    /// Days since 1970.
    day: u64,
    number: Option<u64>,
}

impl LogStream {
    /// Of the lines of a call of that version that ended then.
    #[must_use]
    pub fn of(at: Millis, number: Option<u64>) -> Self {
        let day = at.seconds() / (24 * 3600);
        Self { day, number }
    }

    /// Its name; `host` is another number after each start.
    #[must_use]
    pub fn name(self, host: u128) -> String {
        let seconds = i64::try_from(self.day * 24 * 3600).ok();
        let moment = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let day = TimeZone::UTC.to_datetime(moment.unwrap_or_default());
        let version = version_of(self.number);
        let (year, month, day) = (day.year(), day.month(), day.day());
        format!("{year:04}/{month:02}/{day:02}/[{version}]{host:032x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_rise_by_moment_then_call_then_line() {
        let places = [
            Place::START,
            Place::at(Millis(5)),
            Place::new(Millis(5), 1, 0),
            Place::new(Millis(5), 1, 1),
            Place::new(Millis(5), 2, 0),
            Place::new(Millis(6), 0, 0),
            Place::END,
        ];
        assert!(places.is_sorted());
        assert_eq!(Place::new(Millis(5), 1, 7).call(), places[2]);
    }

    #[test]
    fn a_places_text_is_read_again() {
        for place in [
            Place::START,
            Place::new(Millis(1_431_857_103_000), 77, 3),
            Place::END,
        ] {
            let text = place.to_string();
            assert_eq!(text.len(), 56);
            assert_eq!(Place::parse(&text), Some(place));
        }
        for bad in ["", "7", &"9".repeat(56), &"+".repeat(56)] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn log_streams_are_named_as_lambdas() {
        let at = Millis(1_431_857_103_000);
        assert_eq!(
            LogStream::of(at, None).name(0xab),
            "2015/05/17/[$LATEST]000000000000000000000000000000ab"
        );
        let name = LogStream::of(at, Some(12)).name(u128::MAX);
        assert_eq!(name, "2015/05/17/[12]ffffffffffffffffffffffffffffffff");
        assert_ne!(
            LogStream::of(at, None),
            LogStream::of(at.plus(86_400_000), None)
        );
    }
}
