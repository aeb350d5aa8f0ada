//! Ids that follow from what is stored already, in the form of UUIDs.

use md5::{Digest as _, Md5};

/// The id of the state of something, by its kind, its name and a number that no other state has.
#[must_use]
pub fn revision_id(kind: &str, name: &str, number: u64) -> String {
    uuid(&format!("{kind}/{name}/{number}"))
}

/// A UUID of version 8, the one for schemes of one's own, made from `seed`.
pub(crate) fn uuid(seed: &str) -> String {
    use std::fmt::Write as _;
    let mut bytes: [u8; 16] = Md5::digest(seed).into();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}

/// Whether `text` has the form of a UUID, in lower case.
pub(crate) fn is_uuid(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_uuids_and_follow_from_what_they_are_of() {
        let id = revision_id("function", "f", 1);
        assert!(is_uuid(&id), "{id}");
        assert_eq!(&id[14..15], "8");
        assert_eq!(id, revision_id("function", "f", 1));
        assert_ne!(id, revision_id("function", "f", 2));
        for bad in ["", "x", &id.to_uppercase(), &id[1..], &id.replace('-', "0")] {
            assert!(!is_uuid(bad), "{bad}");
        }
    }
}
