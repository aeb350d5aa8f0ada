//! Partition keys: given, found in the record, or drawn.

use std::{borrow::Cow, num::NonZeroUsize};

use millstream_core::limit::PARTITION_KEY_CHARS;

use crate::native::error::NativeError;

/// Where partition keys come from.
#[derive(Debug)]
pub(super) enum Keys {
    /// One of its own for each record.
    Random,
    /// This for all.
    Same(String),
    /// The line's field of this number, from 1.
    Field(NonZeroUsize),
    /// What this path leads to in the line's JSON.
    Pointer(Vec<String>),
}

/// Keys that no two records share: a random beginning, then its successors, well mixed.
#[derive(Debug)]
pub(super) struct RandomKeys {
    state: u64,
    text: [u8; 16],
}

impl RandomKeys {
    pub(super) fn new() -> Result<Self, NativeError> {
        let state = getrandom::u64().map_err(|error| {
            NativeError::Internal(format!("the system gives no random numbers: {error}"))
        })?;
        Ok(Self::from_seed(state))
    }

    pub(super) fn from_seed(state: u64) -> Self {
        Self {
            state,
            text: [0; 16],
        }
    }

    /// The next key: 16 hexadecimal digits.
    pub(super) fn draw(&mut self) -> &str {
        // SplitMix64: a bijection of its counter, so that keys do not repeat.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        for (i, digit) in self.text.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(z >> (60 - 4 * i)) as usize & 15];
        }
        std::str::from_utf8(&self.text).expect("hexadecimal digits are ASCII")
    }
}

/// Checks a key as Kinesis does; the error is for people.
pub(in crate::native) fn check(key: &str) -> Result<(), String> {
    // A character has at least one byte, so short keys need no counting.
    let characters = match key.len() {
        0 => return Err("the partition key is empty".to_owned()),
        1..=PARTITION_KEY_CHARS => return Ok(()),
        _ => key.chars().count(),
    };
    if characters > PARTITION_KEY_CHARS {
        return Err(format!(
            "the partition key has {characters} characters, at most {PARTITION_KEY_CHARS} are allowed"
        ));
    }
    Ok(())
}

/// The field of that number, where blanks separate fields.
pub(super) fn field(line: &[u8], number: NonZeroUsize) -> Option<Cow<'_, str>> {
    line.split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
        .nth(number.get() - 1)
        .map(String::from_utf8_lossy)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn fields_are_separated_by_any_blanks() {
        let at = |n| field(b"  10.0.0.1 -\t\tx\xff", NonZeroUsize::new(n).unwrap());
        assert_eq!(at(1).as_deref(), Some("10.0.0.1"));
        assert_eq!(at(2).as_deref(), Some("-"));
        assert_eq!(at(3).as_deref(), Some("x\u{fffd}"));
        assert_eq!(at(4), None);
    }

    #[test]
    fn a_key_counts_characters_not_bytes() {
        assert!(check(&"\u{e9}".repeat(256)).is_ok());
        assert!(check(&"\u{e9}".repeat(257)).is_err());
        assert!(check("").is_err());
    }

    #[test]
    fn drawn_keys_differ() {
        let mut random = RandomKeys::from_seed(0);
        let keys: BTreeSet<_> = (0..10_000).map(|_| random.draw().to_owned()).collect();
        assert_eq!(keys.len(), 10_000);
        assert!(
            keys.contains("e220a8397b1dcdaf"),
            "SplitMix64's first of seed 0"
        );
    }
}
