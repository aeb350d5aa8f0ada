//! Since when, as people write it.

use std::str::FromStr;

use jiff::Timestamp;

use super::Millis;

/// A moment, or how long ago it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Then.
    At(Millis),
    /// So many milliseconds ago.
    Ago(u64),
}

impl Since {
    /// The moment, where it is `now`.
    #[must_use]
    pub fn moment(self, now: Millis) -> Millis {
        match self {
            Self::At(at) => at,
            Self::Ago(ms) => Millis(now.0.saturating_sub(ms)),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text.find(|c: char| !c.is_ascii_digit());
        let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
        let factor = match unit {
            "" => None,
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            "d" => Some(86_400_000),
            "w" => Some(604_800_000),
            _ => return moment(text),
        };
        let number: Option<u64> = digits.parse().ok();
        let since = match factor {
            None => number.map(|ms| Self::At(Millis(ms))),
            Some(factor) => number.and_then(|n| n.checked_mul(factor)).map(Self::Ago),
        };
        since.ok_or_else(refused)
    }
}

fn moment(text: &str) -> Result<Since, String> {
    let moment: Timestamp = text.parse().map_err(|_| refused())?;
    let ms = u64::try_from(moment.as_millisecond()).map_err(|_| refused())?;
    Ok(Since::At(Millis(ms)))
}

fn refused() -> String {
    "a time such as 90s, 10m, 2h or 1d, a moment such as 2015-05-17T10:05:03Z, or milliseconds \
     since 1970"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_how_long_ago_or_a_moment() {
        let at = |ms| Since::At(Millis(ms));
        for (text, since) in [
            ("500ms", Since::Ago(500)),
            ("90s", Since::Ago(90_000)),
            ("10m", Since::Ago(600_000)),
            ("2h", Since::Ago(7_200_000)),
            ("1d", Since::Ago(86_400_000)),
            ("1w", Since::Ago(604_800_000)),
            ("1431857103000", at(1_431_857_103_000)),
            ("2015-05-17T10:05:03Z", at(1_431_857_103_000)),
            ("2015-05-17T12:05:03.500+02:00", at(1_431_857_103_500)),
        ] {
            assert_eq!(text.parse(), Ok(since), "{text}");
        }
        for bad in [
            "",
            "m",
            "-1",
            "10x",
            "1.5h",
            "yesterday",
            "1969-01-01T00:00:00Z",
        ] {
            assert!(bad.parse::<Since>().is_err(), "{bad}");
        }
        let huge = format!("{}w", u64::MAX);
        assert!(huge.parse::<Since>().is_err());
    }

    #[test]
    fn what_is_long_ago_begins_with_the_epoch() {
        assert_eq!(Since::Ago(7).moment(Millis(10)), Millis(3));
        assert_eq!(Since::Ago(70).moment(Millis(10)), Millis(0));
        assert_eq!(Since::At(Millis(5)).moment(Millis(10)), Millis(5));
    }
}
