//! Moments as signatures write them: `20150830T123600Z`, or the date of HTTP.

use std::fmt;

use jiff::{Timestamp, civil, fmt::rfc2822, tz::TimeZone};
use millstream_core::time::Millis;

/// A second. Shows itself in ISO 8601's basic format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Timestamp);

impl Moment {
    /// From either form; none where it is neither.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        basic(text)
            .or_else(|| Some(rfc2822::parse(text).ok()?.timestamp()))
            .map(Self)
    }

    /// Cut to the second.
    pub(super) fn at(time: Millis) -> Self {
        let seconds = i64::try_from(time.0 / 1000).unwrap_or(i64::MAX);
        Self(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
    }

    /// The day, as in `20150830`.
    pub(super) fn day(self) -> String {
        self.0.strftime("%Y%m%d").to_string()
    }

    /// So many seconds later, as far as time goes.
    pub(super) fn plus(self, seconds: i64) -> Self {
        let moved = self.0.as_second().saturating_add(seconds);
        let end = if seconds < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        Self(Timestamp::from_second(moved).unwrap_or(end))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y%m%dT%H%M%SZ"))
    }
}

fn basic(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = &bytes[from..to];
        let digit = |n: i16, b: &u8| b.is_ascii_digit().then(|| n * 10 + i16::from(b - b'0'));
        digits.iter().try_fold(0, digit)
    };
    let small = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let date = civil::DateTime::new(
        number(0, 4)?,
        small(4)?,
        small(6)?,
        small(9)?,
        small(11)?,
        small(13)?,
        0,
    );
    TimeZone::UTC.to_timestamp(date.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_are_the_same_moment() {
        let moment = Moment::parse("20150830T123600Z").unwrap();
        assert_eq!(Moment::parse("Sun, 30 Aug 2015 12:36:00 GMT"), Some(moment));
        assert_eq!(moment.to_string(), "20150830T123600Z");
        assert_eq!(moment.day(), "20150830");
        assert_eq!(Moment::at(Millis(1_440_938_160_999)), moment);
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            "",
            "201",
            "2015-08-30T12:36:00Z",
            "20150830T123600",
            "20150830t123600Z",
            "20151330T123600Z",
            "20150230T123600Z",
            "20150830T253600Z",
            "2015083 T123600Z",
            "+0150830T123600Z",
        ] {
            assert_eq!(Moment::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(seconds in 0_u64..253_370_764_800) {
            let moment = Moment::at(Millis(seconds * 1000));
            prop_assert_eq!(Moment::parse(&moment.to_string()), Some(moment));
            prop_assert!(moment.plus(-900) <= moment && moment <= moment.plus(604_800));
        }
    }
}
