//! Tags: small texts that users hang on streams, consumers, channels and queues.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::limit;

/// Values by keys.
pub type Tags = BTreeMap<String, String>;

/// What to do with the tags of something.
#[derive(Debug, Clone)]
pub enum Change {
    /// Adds tags; the ones that are there get the new values.
    Add(Tags),
    /// Removes those keys that are there.
    Remove(Vec<String>),
}

/// Why tags are not taken. The texts are Amazon's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TagsRefused {
    /// A key or a value has a character that is not for tags.
    #[error(
        "Some tags contain invalid characters. Valid characters: \
         Unicode letters, digits, white space, _ . / = + - % @."
    )]
    Character,
    /// Keys that begin like this are Amazon's own.
    #[error("Tag keys cannot begin with aws: (found {0}).")]
    Reserved(String),
    /// There would be too many.
    #[error("A resource cannot have more than {} tags.", limit::TAGS)]
    TooMany,
}

impl Change {
    /// Changes `tags`, or leaves them as they are.
    ///
    /// # Errors
    /// Why the change is not made.
    pub fn apply(self, tags: &mut Tags) -> Result<(), TagsRefused> {
        match self {
            Self::Add(added) => {
                check(&added)?;
                let new = added.keys().filter(|key| !tags.contains_key(*key)).count();
                if tags.len() + new > limit::TAGS {
                    return Err(TagsRefused::TooMany);
                }
                tags.extend(added);
            }
            Self::Remove(keys) => {
                for key in keys {
                    tags.remove(&key);
                }
            }
        }
        Ok(())
    }
}

fn check(tags: &Tags) -> Result<(), TagsRefused> {
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_./=+-%@:".contains(c);
    let mut texts = tags.iter().flat_map(|(key, value)| [key, value]);
    if !texts.all(|text| text.chars().all(allowed)) {
        return Err(TagsRefused::Character);
    }
    let reserved = |key: &&String| key.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("aws:"));
    match tags.keys().find(reserved) {
        Some(key) => Err(TagsRefused::Reserved(key.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(list: &[(&str, &str)]) -> Tags {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        list.iter().map(own).collect()
    }

    #[test]
    fn adding_replaces_and_removing_ignores_what_is_not_there() {
        let mut held = tags(&[("a", "1")]);
        Change::Add(tags(&[("a", "2"), ("\u{e9} b", "")]))
            .apply(&mut held)
            .unwrap();
        assert_eq!(held, tags(&[("a", "2"), ("\u{e9} b", "")]));
        Change::Remove(vec!["a".into(), "x".into()])
            .apply(&mut held)
            .unwrap();
        assert_eq!(held, tags(&[("\u{e9} b", "")]));
    }

    #[test]
    fn a_refused_change_leaves_all_as_it_was() {
        let full: Tags = (0..limit::TAGS)
            .map(|i| (i.to_string(), String::new()))
            .collect();
        for (bad, why) in [
            (tags(&[("x", "")]), TagsRefused::TooMany),
            (tags(&[("1", "a!b")]), TagsRefused::Character),
            (
                tags(&[("AWS:x", "")]),
                TagsRefused::Reserved("AWS:x".into()),
            ),
        ] {
            let mut held = full.clone();
            assert_eq!(Change::Add(bad).apply(&mut held), Err(why));
            assert_eq!(held, full);
        }
        let mut held = full;
        assert_eq!(Change::Add(tags(&[("1", "new")])).apply(&mut held), Ok(()));
    }
}
