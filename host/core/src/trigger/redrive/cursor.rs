//! How far a redrive has come, as it is handed to whoever goes on with it.

use std::fmt;

use thiserror::Error;

use crate::position::Position;

/// The letters that are still to be looked at. Those that come after the redrive has begun are not
/// among them: some of those are of records that it sent back and that failed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The next letter of the first of `ends`.
    pub next: Position,
    /// Shards of the stream of letters, by their indexes, and the position after the last letter of
    /// each. Never empty.
    pub ends: Vec<(u32, Position)>,
}

/// Text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the cursor {0:?} was not given by a redrive")]
pub struct InvalidCursorError(pub String);

impl Cursor {
    /// Reads a cursor back.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, InvalidCursorError> {
        // As it was written, in no other way.
        let cursor = Self::try_parse(text).filter(|cursor| cursor.to_string() == text);
        cursor.ok_or_else(|| InvalidCursorError(text.chars().take(100).collect()))
    }

    fn try_parse(text: &str) -> Option<Self> {
        let (next, ends) = text.split_once('-')?;
        let end = |end: &str| {
            let (shard, end) = end.split_once('.')?;
            Some((shard.parse().ok()?, Position(end.parse().ok()?)))
        };
        Some(Self {
            next: Position(next.parse().ok()?),
            ends: ends.split('-').map(end).collect::<Option<_>>()?,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { next, ends } = self;
        write!(f, "{}", next.0)?;
        for (shard, end) in ends {
            write!(f, "-{shard}.{}", end.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_nothing_else_does() {
        let cursor = Cursor {
            next: Position::new(3, 12),
            ends: vec![(0, Position::new(3, 14)), (7, Position(9))],
        };
        assert_eq!(Cursor::parse(&cursor.to_string()), Ok(cursor));
        for bad in [
            "",
            "1",
            "1-",
            "1-2",
            "1-2.3-",
            "01-2.3",
            "a-2.3",
            "1-4294967296.3",
            "1-+2.3",
        ] {
            assert!(Cursor::parse(bad).is_err(), "{bad}");
        }
    }
}
