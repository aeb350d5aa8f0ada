//! Opaque texts that are given out and must come back unchanged: JSON behind a keyed checksum.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

/// Bytes of the checksum; a forger needs 2^127 tries.
const TAG: usize = 16;

/// Where the log keeps the key, so that what was given out before a restart is good after it.
pub const STORED_AT: &[u8] = b"k/tokens";

/// The secret that tokens are sealed with.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenKey(pub [u8; 32]);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

impl TokenKey {
    /// The text for `value`. One made for a purpose does not open for another.
    #[must_use]
    pub fn seal(&self, purpose: &str, value: &impl Serialize) -> String {
        let mut bytes = vec![0; TAG];
        serde_json::to_writer(&mut bytes, value)
            .expect("tokens have text keys and no failing parts");
        let tag = self.mac(purpose, &bytes[TAG..]).finalize().into_bytes();
        bytes[..TAG].copy_from_slice(&tag[..TAG]);
        base64_simd::STANDARD.encode_to_string(&bytes)
    }

    /// The value that `text` was made for; none where it was not made here for `purpose`.
    #[must_use]
    pub fn open<T: DeserializeOwned>(&self, purpose: &str, text: &str) -> Option<T> {
        let bytes = base64_simd::STANDARD.decode_to_vec(text).ok()?;
        let (tag, json) = bytes.split_at_checked(TAG)?;
        self.mac(purpose, json).verify_truncated_left(tag).ok()?;
        serde_json::from_slice(json).ok()
    }

    fn mac(&self, purpose: &str, json: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.0).expect("a key of any length will do");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(json);
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: TokenKey = TokenKey([7; 32]);

    #[test]
    fn opens_only_with_its_key_and_for_its_purpose() {
        let text = KEY.seal("a", &42);
        assert_eq!(KEY.open("a", &text), Some(42));
        assert_eq!(KEY.open::<u32>("b", &text), None);
        assert_eq!(TokenKey([8; 32]).open::<u32>("a", &text), None);
    }

    #[test]
    fn does_not_show_the_key() {
        assert_eq!(format!("{KEY:?}"), "TokenKey(..)");
    }

    proptest! {
        #[test]
        fn any_changed_character_is_noticed(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9+/=]") {
            let text = KEY.seal("a", &"some value");
            let mut changed = text.clone();
            let at = at.index(text.len());
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(KEY.open::<String>("a", &changed).is_some(), changed == text);
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in ".{0,200}") {
            prop_assert_eq!(KEY.open::<u32>("a", &text), None);
        }
    }
}
