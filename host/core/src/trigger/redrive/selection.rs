//! Which dead letters are meant.

use std::sync::Arc;

use super::letter::Letter;
use crate::{time::Millis, trigger::filter::Pattern};

/// Letters that fulfil all that is asked; nothing asked means all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// One of these reasons, in any case of letters.
    pub reasons: Vec<String>,
    /// Text within the error.
    pub error: Option<String>,
    /// The shard that the record was read from.
    pub shard_id: Option<String>,
    /// The record's key.
    pub partition_key: Option<String>,
    /// Letters that were written at this moment or later.
    pub since: Option<Millis>,
    /// Letters that were written before this moment.
    pub until: Option<Millis>,
    /// What the letter and the record's data are like.
    pub pattern: Option<Arc<Pattern>>,
}

impl Selection {
    /// Whether `letter` is meant, by what it says; when it was written is looked at by who reads it.
    #[must_use]
    pub fn takes(&self, letter: &Letter) -> bool {
        let Self {
            reasons,
            error,
            shard_id,
            partition_key,
            since: _,
            until: _,
            pattern,
        } = self;
        let is_reason = |reason: &String| reason.eq_ignore_ascii_case(&letter.reason);
        (reasons.is_empty() || reasons.iter().any(is_reason))
            && error
                .as_ref()
                .is_none_or(|part| letter.error.contains(part))
            && shard_id.as_ref().is_none_or(|id| *id == letter.shard_id)
            && partition_key
                .as_ref()
                .is_none_or(|key| *key == letter.partition_key)
            && pattern
                .as_ref()
                .is_none_or(|pattern| pattern.matches(&letter.event()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Position;

    fn letter() -> Letter {
        Letter {
            reason: "Rejected".to_owned(),
            error: "no field `user` in it".to_owned(),
            attempts: 1,
            trigger: "t".to_owned(),
            stream: "s".to_owned(),
            shard_id: "shardId-000000000001".to_owned(),
            shard_created: 5,
            sequence_number: String::new(),
            position: Position(7),
            arrival: Millis(1),
            failed: Millis(2),
            partition_key: "k".to_owned(),
            data: b"{\"status\":503}".to_vec(),
        }
    }

    fn pattern(text: &str) -> Option<Arc<Pattern>> {
        Some(Arc::new(Pattern::parse(text).unwrap()))
    }

    #[test]
    fn everything_that_is_asked_must_hold() {
        let text = |text: &str| Some(text.to_owned());
        let all = Selection::default();
        let taken = [
            all.clone(),
            Selection {
                reasons: vec!["x".into(), "rejected".into()],
                ..all.clone()
            },
            Selection {
                error: text("`user`"),
                ..all.clone()
            },
            Selection {
                shard_id: text("shardId-000000000001"),
                ..all.clone()
            },
            Selection {
                partition_key: text("k"),
                ..all.clone()
            },
            Selection {
                pattern: pattern(r#"{"data":{"status":[{"numeric":[">",500]}]}}"#),
                ..all.clone()
            },
            Selection {
                pattern: pattern(r#"{"attempts":[1],"reason":[{"prefix":"Rej"}]}"#),
                ..all.clone()
            },
        ];
        for selection in taken {
            assert!(selection.takes(&letter()), "{selection:?}");
        }
        let left = [
            Selection {
                reasons: vec!["RecordAgeExceeded".into()],
                ..all.clone()
            },
            Selection {
                error: text("timeout"),
                ..all.clone()
            },
            Selection {
                shard_id: text("shardId-000000000000"),
                ..all.clone()
            },
            Selection {
                partition_key: text("K"),
                ..all.clone()
            },
            Selection {
                pattern: pattern(r#"{"data":{"status":[200]}}"#),
                ..all.clone()
            },
            Selection {
                partition_key: text("k"),
                error: text("timeout"),
                ..all
            },
        ];
        for selection in left {
            assert!(!selection.takes(&letter()), "{selection:?}");
        }
    }
}
