//! How much of a client's text is repeated to it in a message.

/// More than any name or number that is valid.
const SHOWN_BYTES: usize = 1024;

/// The beginning of `text`, or all of it where it is short.
pub(crate) fn excerpt(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_long_text_between_characters() {
        assert_eq!(excerpt("short"), "short");
        assert_eq!(excerpt(&"\u{20ac}".repeat(1000)).len(), 1023);
    }
}
