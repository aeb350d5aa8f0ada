//! Lists that clients read page by page.

use serde_json::Value;

use super::fault::Fault;
use crate::wire::schema::{Kind, Member, text};

/// Where a list goes on.
pub(super) const MARKER: Member = Member::new("Marker", text(0, 4096));
/// How many entries are asked for.
pub(super) const MAX_ITEMS: Member = Member::new(
    "MaxItems",
    Kind::Integer {
        min: 1,
        max: 10_000,
    },
);

/// A part of a list.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Asked {
    marker: Option<String>,
    max_items: Option<usize>,
}

impl Asked {
    /// The page of `entries`, which are in the order of their keys, with the marker of the next one.
    pub(super) fn page<T>(
        &self,
        entries: impl Iterator<Item = (String, T)>,
        most: usize,
    ) -> Result<(Vec<T>, Option<String>), Fault> {
        let after = match self.marker.as_deref() {
            None | Some("") => None,
            Some(marker) => Some(opened(marker)?),
        };
        let most = self.max_items.unwrap_or(most).min(most);
        let is_left = |key: &String| after.as_ref().is_none_or(|after| key > after);
        let mut entries = entries.filter(|(key, _)| is_left(key)).peekable();
        let (mut page, mut last) = (Vec::new(), String::new());
        while page.len() < most {
            let Some((key, entry)) = entries.next() else {
                break;
            };
            page.push(entry);
            last = key;
        }
        let more = entries.peek().is_some() && !page.is_empty();
        let next = more.then(|| base64_simd::URL_SAFE.encode_to_string(&last));
        Ok((page, next))
    }
}

fn opened(marker: &str) -> Result<String, Fault> {
    let bytes = base64_simd::URL_SAFE.decode_to_vec(marker).ok();
    let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| Fault::parameter("Invalid Marker."))
}

/// A list's answer.
pub(super) fn listed(name: &str, page: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = serde_json::json!({ name: page });
    if let Some(next) = next {
        answer["NextMarker"] = next.into();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_on_where_the_last_one_ended() {
        let entries = || ["a", "b", "c"].map(|key| (key.to_owned(), key)).into_iter();
        let ask = |marker: Option<String>| {
            let max_items = Some(2);
            let asked = Asked { marker, max_items };
            asked.page(entries(), 50).unwrap()
        };
        let (first, next) = ask(None);
        assert_eq!(first, ["a", "b"]);
        let (second, none) = ask(next);
        assert_eq!((second, none), (vec!["c"], None));
        let bad = Asked {
            marker: Some("%".into()),
            max_items: None,
        };
        assert!(bad.page(entries(), 50).is_err());
    }
}
