//! Numbers as filters compare them: by value, however they are written.
//!
//! Whole numbers of 64 bits are exact, as identifiers need it; all others are rounded to the nearest
//! 64-bit float. A number beyond the floats' range makes its JSON unreadable.

use std::cmp::Ordering;

/// A number of a pattern or a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    /// Whole, of 64 bits with or without a sign.
    Whole(i128),
    /// Any other; finite.
    Real(f64),
}

impl Number {
    pub(super) fn of(number: &serde_json::Number) -> Self {
        let whole = number.as_i64().map(i128::from);
        whole
            .or_else(|| number.as_u64().map(i128::from))
            .map_or_else(
                || Self::Real(number.as_f64().unwrap_or(f64::MAX)),
                Self::Whole,
            )
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(mine), Self::Whole(theirs)) => mine.cmp(&theirs),
            (Self::Real(mine), Self::Real(theirs)) => floats(mine, theirs),
            (Self::Whole(mine), Self::Real(theirs)) => whole_and_real(mine, theirs),
            (Self::Real(mine), Self::Whole(theirs)) => whole_and_real(theirs, mine).reverse(),
        }
    }
}

fn floats(mine: f64, theirs: f64) -> Ordering {
    // JSON has no other floats than finite ones.
    mine.partial_cmp(&theirs).unwrap_or(Ordering::Equal)
}

/// Rounding does not turn an order round, so only equals need a second look; they are whole then, and
/// near enough to 64 bits to be converted exactly.
fn whole_and_real(whole: i128, real: f64) -> Ordering {
    floats(whole as f64, real).then_with(|| whole.cmp(&(real as i128)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::of(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn the_way_a_number_is_written_does_not_matter() {
        for (one, other) in [
            ("300", "3.0e2"),
            ("0", "-0.0"),
            ("-1", "-1.000"),
            ("1e2", "100.0"),
            ("18446744073709551616", "1.8446744073709551616e19"),
        ] {
            assert_eq!(number(one).compare(number(other)), Ordering::Equal, "{one}");
        }
    }

    #[test]
    fn whole_numbers_of_64_bits_are_exact() {
        let rising = [
            "-9223372036854775808",
            "-9223372036854775807",
            "0",
            "0.5",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551614",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
        ];
        for (at, lower) in rising.iter().enumerate() {
            for higher in &rising[at + 1..] {
                let order = number(lower).compare(number(higher));
                assert_eq!(order, Ordering::Less, "{lower} {higher}");
                let order = number(higher).compare(number(lower));
                assert_eq!(order, Ordering::Greater, "{lower} {higher}");
            }
        }
    }

    proptest! {
        #[test]
        fn wholes_and_reals_have_one_order(mut values in prop::collection::vec(
            prop_oneof![
                any::<i64>().prop_map(|n| Number::Whole(n.into())),
                any::<u64>().prop_map(|n| Number::Whole(n.into())),
                any::<i64>().prop_map(|n| Number::Real(n as f64)),
                (-1e30..1e30f64).prop_map(Number::Real),
            ], 1..20,
        )) {
            values.sort_by(|a, b| a.compare(*b));
            for pair in values.windows(2) {
                prop_assert_ne!(pair[0].compare(pair[1]), Ordering::Greater);
                prop_assert_eq!(pair[0].compare(pair[1]), pair[1].compare(pair[0]).reverse());
            }
        }
    }
}
