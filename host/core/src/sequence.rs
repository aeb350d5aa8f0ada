//! Sequence numbers as the world sees them: Amazon's 56 decimal digits, version 2.
//!
//! As a number of 47 hexadecimal digits: `2`, the shard's creation in seconds (9), the lowest digit of
//! its index (1), the position (16), `00`, the arrival in seconds (9), the index (8), the version `2`.

use std::fmt;

use thiserror::Error;

use crate::{catalog::Shard, position::Position, time::Millis};

/// Digits of a sequence number.
pub const DIGITS: usize = 56;
/// The position in the number that ends a closed shard.
pub const LAST_POSITION: Position = Position(i64::MAX as u64);

/// Digits of one of the four parts that a number is rendered from.
const LIMB_DIGITS: usize = 14;
const LIMB: u64 = 10u64.pow(LIMB_DIGITS as u32);
/// 2^80, by which the numbers of neighbouring records differ, as two limbs.
const STEP: [u64; 2] = {
    let step = 1u128 << 80;
    [(step % LIMB as u128) as u64, (step / LIMB as u128) as u64]
};
const SECONDS_MAX: u64 = (1 << 36) - 1;

/// What a sequence number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceNumber {
    /// When the shard was created, in seconds since 1970.
    pub created: u64,
    /// The shard's index in its stream.
    pub shard: u32,
    /// The record's place in the shard.
    pub position: Position,
    /// When the record arrived, in seconds since 1970.
    pub arrival: u64,
}

/// Text that is not a sequence number of the kind that is given out here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a sequence number")]
pub struct InvalidSequenceNumberError(pub String);

impl SequenceNumber {
    /// The number of the record at `position` of `shard`.
    #[must_use]
    pub fn of(shard: &Shard, position: Position, arrival: Millis) -> Self {
        Self {
            created: shard.created.seconds(),
            shard: shard.index,
            position,
            arrival: arrival.seconds(),
        }
    }

    /// The number that a shard starts with, which no record has.
    #[must_use]
    pub fn first(shard: &Shard) -> Self {
        Self::of(shard, Position::START, shard.created)
    }

    /// The number that a closed shard ends with, which no record has.
    #[must_use]
    pub fn last(shard: &Shard) -> Self {
        Self::of(shard, LAST_POSITION, shard.closed.unwrap_or(shard.created))
    }

    /// Reads a number back.
    ///
    /// # Errors
    /// When the text is not of the version that is given out here.
    pub fn parse(text: &str) -> Result<Self, InvalidSequenceNumberError> {
        Self::try_parse(text).ok_or_else(|| InvalidSequenceNumberError(text.to_owned()))
    }

    fn try_parse(text: &str) -> Option<Self> {
        if text.len() != DIGITS || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // Three words of 64 bits, the lowest first.
        let mut words = [0u64; 3];
        for limb in text.as_bytes().chunks_exact(LIMB_DIGITS) {
            let mut carry = u128::from(limb.iter().fold(0, |n, b| n * 10 + u64::from(b - b'0')));
            for word in &mut words {
                let sum = u128::from(*word) * u128::from(LIMB) + carry;
                *word = sum as u64;
                carry = sum >> 64;
            }
            if carry != 0 {
                return None;
            }
        }
        let low = u128::from(words[1]) << 64 | u128::from(words[0]);
        let high = u128::from(words[2]) << 48 | low >> 80;
        let shard = (low >> 4) as u32;
        let marks = (high >> 104, (low >> 72) as u8, low as u8 & 15);
        let nibble = (high >> 64) as u32 & 15;
        if marks != (2, 0, 2) || nibble != shard & 15 {
            return None;
        }
        Some(Self {
            created: (high >> 68) as u64 & SECONDS_MAX,
            shard,
            position: Position(high as u64),
            arrival: (low >> 36) as u64 & SECONDS_MAX,
        })
    }

    /// Its digits, from which those of the following records of a block are made.
    #[must_use]
    pub fn digits(self) -> Digits {
        let high = 2u128 << 104
            | u128::from(self.created & SECONDS_MAX) << 68
            | u128::from(self.shard & 15) << 64
            | u128::from(self.position.0);
        let low = u128::from(self.arrival & SECONDS_MAX) << 36 | u128::from(self.shard) << 4 | 2;
        Digits::new(high, low)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.digits().as_str())
    }
}

/// A rendered number that can be moved on to the next record at the cost of a few divisions.
#[derive(Debug, Clone)]
pub struct Digits {
    limbs: [u64; 4],
    text: [u8; DIGITS],
}

impl Digits {
    /// Of `high * 2^80 + low`.
    fn new(high: u128, low: u128) -> Self {
        let base = u128::from(LIMB);
        let split = |n: u128| [n % base, n / base % base, n / base / base];
        let (high, low) = (split(high), split(low));
        let step = STEP.map(u128::from);
        // Schoolbook multiplication; every column stays far below 2^128.
        let columns = [
            high[0] * step[0] + low[0],
            high[1] * step[0] + high[0] * step[1] + low[1],
            high[2] * step[0] + high[1] * step[1] + low[2],
            high[2] * step[1],
        ];
        let mut carry = 0;
        let limbs = columns.map(|column| {
            let sum = column + carry;
            carry = sum / base;
            (sum % base) as u64
        });
        assert!(carry == 0, "186 bits have 56 digits");
        let mut digits = Self {
            limbs,
            text: [b'0'; DIGITS],
        };
        for limb in 0..4 {
            digits.write(limb);
        }
        digits
    }

    /// The digits as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).expect("digits are ASCII")
    }

    /// The digits as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; DIGITS] {
        &self.text
    }

    /// Moves on to the record that follows in the same block.
    pub fn advance(&mut self) {
        let mut carry = 0;
        for (limb, step) in [STEP[0], STEP[1], 0, 0].into_iter().enumerate() {
            if limb >= 2 && carry == 0 {
                break;
            }
            let sum = self.limbs[limb] + step + carry;
            carry = u64::from(sum >= LIMB);
            self.limbs[limb] = if carry == 1 { sum - LIMB } else { sum };
            self.write(limb);
        }
    }

    fn write(&mut self, limb: usize) {
        let end = DIGITS - limb * LIMB_DIGITS;
        let (high, low) = (self.limbs[limb] / 10_000_000, self.limbs[limb] % 10_000_000);
        write_seven(&mut self.text[end - 14..end - 7], high as u32);
        write_seven(&mut self.text[end - 7..end], low as u32);
    }
}

fn write_seven(text: &mut [u8], n: u32) {
    let pairs = [n / 100_000, n / 1000 % 100, n / 10 % 100];
    for (to, pair) in text.chunks_exact_mut(2).zip(pairs) {
        to.copy_from_slice(&[b'0' + (pair / 10) as u8, b'0' + (pair % 10) as u8]);
    }
    text[6] = b'0' + (n % 10) as u8;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_and_writes_numbers_that_amazon_gave_out() {
        // From the guides of Lambda and Kinesis.
        let genuine = [
            (
                "49590338271490256608559692538361571095921575989136588898",
                (1_542_776_258, 6, 0x6764_8a17, 1_545_084_650),
            ),
            (
                "49543463076548007577105092703039560359975228518395019266",
                (1_411_403_981, 0, 0x157d, 1_411_431_220),
            ),
            (
                "49544985256907370027570885864065577703022652638596431874",
                (1_415_670_039, 0, 0x3_2003_d1f4, 1_431_623_575),
            ),
        ];
        for (text, (created, shard, position, arrival)) in genuine {
            let number = SequenceNumber {
                created,
                shard,
                position: Position(position),
                arrival,
            };
            assert_eq!(SequenceNumber::parse(text), Ok(number));
            assert_eq!(number.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_not_of_this_version() {
        let genuine = "49590338271490256608559692538361571095921575989136588898";
        let other_version = "49545115243490985018280067714973144582180062593244200961";
        let wrong_nibble = Digits::new(2 << 104 | 1 << 64, 2);
        let wrong_byte = Digits::new(2 << 104, 1 << 72 | 2);
        let long = format!("{genuine}0");
        let letter = genuine.replace('8', "x");
        let big = "9".repeat(DIGITS);
        let marked = [wrong_nibble.as_str(), wrong_byte.as_str()];
        for text in marked
            .into_iter()
            .chain(["", "0", other_version, &long, &letter, &big])
        {
            assert!(SequenceNumber::parse(text).is_err(), "{text}");
        }
        let minus = format!("-{}", &genuine[1..]);
        assert!(SequenceNumber::parse(&minus).is_err());
    }

    fn any_number() -> impl Strategy<Value = SequenceNumber> {
        (0..=SECONDS_MAX, any::<u32>(), any::<u64>(), 0..=SECONDS_MAX).prop_map(
            |(created, shard, position, arrival)| SequenceNumber {
                created,
                shard,
                position: Position(position),
                arrival,
            },
        )
    }

    proptest! {
        #[test]
        fn numbers_round_trip(number in any_number()) {
            let text = number.to_string();
            prop_assert_eq!(text.len(), DIGITS);
            prop_assert_eq!(SequenceNumber::parse(&text), Ok(number));
        }

        #[test]
        fn advancing_gives_the_next_records_number(number in any_number(), steps in 1..200u64) {
            prop_assume!(number.position.0 < u64::MAX - 200);
            let mut digits = number.digits();
            for _ in 0..steps {
                digits.advance();
            }
            let position = number.position.plus(steps);
            let expected = SequenceNumber { position, ..number }.to_string();
            prop_assert_eq!(digits.as_str(), expected.as_str());
        }

        #[test]
        fn text_orders_as_positions_do(number in any_number(), other in any::<u64>()) {
            let other = SequenceNumber { position: Position(other), ..number };
            prop_assert_eq!(
                number.to_string().cmp(&other.to_string()),
                number.position.cmp(&other.position)
            );
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9]{50,60}|.{0,60}") {
            if let Ok(number) = SequenceNumber::parse(&text) {
                prop_assert_eq!(number.to_string(), text);
            }
        }
    }
}
