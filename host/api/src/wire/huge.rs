//! JSON numbers that are larger than any number here: they become the largest, as they do at Amazon,
//! so that they are out of their member's range instead of no numbers at all.

/// The text with such numbers replaced; none where there are none.
pub(crate) fn tamed(body: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut left) = (Vec::new(), body);
    let mut found = false;
    while let Some(&byte) = left.first() {
        let length = match byte {
            b'"' => text(left),
            b'-' | b'0'..=b'9' => number(left),
            _ => 1,
        };
        let (token, rest) = left.split_at(length);
        left = rest;
        match is_huge(token) {
            Some(value) => {
                found = true;
                let largest = f64::MAX.copysign(value);
                out.extend_from_slice(format!("{largest:e}").as_bytes());
            }
            None => out.extend_from_slice(token),
        }
    }
    found.then_some(out)
}

/// How long the text is that `left` begins with.
fn text(left: &[u8]) -> usize {
    let mut escaped = false;
    let end = left[1..].iter().position(|&b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    });
    end.map_or(left.len(), |end| end + 2)
}

/// How long the number is that `left` begins with, or what stands in the place of one.
fn number(left: &[u8]) -> usize {
    let part = |&b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
    left.iter().position(|b| !part(b)).unwrap_or(left.len())
}

/// Infinity of its sign, where the token is a number of that size.
fn is_huge(token: &[u8]) -> Option<f64> {
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    if !digits.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let value: f64 = str::from_utf8(token).ok()?.parse().ok()?;
    value.is_infinite().then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &str) -> Option<Value> {
        tamed(body.as_bytes()).map(|body| serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn what_is_too_large_becomes_the_largest() {
        let largest = json!([f64::MAX, f64::MIN, 1, "1e400", "\\\"-1e400"]);
        let body = r#"[1e400, -1E+400, 1, "1e400", "\\\"-1e400"]"#;
        assert_eq!(read(body), Some(largest));
        let digits = format!("{{\"Limit\":{}}}", "9".repeat(400));
        assert_eq!(read(&digits), Some(json!({"Limit": f64::MAX})));
    }

    #[test]
    fn everything_else_stays() {
        for body in [
            r#"{"a":[1e300,-0.5,"1e400"]}"#,
            "1e",
            "--1e400",
            "inf",
            "\"1e400",
            "",
        ] {
            assert_eq!(tamed(body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = tamed(&body);
        }

        #[test]
        fn only_the_numbers_are_touched(before in ".{0,8}", after in ".{0,8}") {
            let body = json!([before, 1, after]).to_string().replacen(",1,", ",1e999,", 1);
            let huge = serde_json::from_str::<Value>(&body).is_err();
            if huge {
                prop_assert_eq!(read(&body), Some(json!([before, f64::MAX, after])));
            }
        }
    }
}
