//! A trigger's settings as its machine uses them: no sentinels, one unit of time.

use std::sync::Arc;

use super::{filter::Sieve, share::Share};
use crate::{
    catalog::{Shard, TriggerSettings},
    event::Origin,
    limit,
    planted::Bug,
    position::Position,
};

/// Dead letters of one commit at most, so that they fit into it even where each goes to another shard.
const DISCARDS_AT_ONCE: usize = 500;

/// Which records are delivered, how batches are cut and when a record is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Records in a batch at most.
    pub batch_records: usize,
    /// Bytes of keys and data in a batch at most; a larger record is a batch of its own.
    pub batch_bytes: usize,
    /// How long to wait for a full batch.
    pub window_ms: u64,
    /// Retries after the first failure; none: for ever.
    pub retries: Option<u32>,
    /// Whether a batch that fails as a whole is halved.
    pub bisect: bool,
    /// How old a record may be when it is delivered; none: of any age.
    pub age_ms: Option<u64>,
    /// Records that are given up in one commit at most.
    pub discards_at_once: usize,
    /// Whether the function gets what aggregated records hold, in place of them.
    pub unpacks: bool,
    /// Which records are delivered; none: all.
    pub sieve: Option<Arc<Sieve>>,
    /// Where the records come from, where the function takes events: a batch is then one event.
    pub events: Option<Arc<Origin>>,
    /// Where the lane ends, though the shard goes on; none: nowhere.
    pub until: Option<Position>,
    /// How long tumbling windows are; none where records are not counted by windows.
    pub tumbling_ms: Option<u64>,
    /// Whether the shard was closed, so that what it holds is all that it will ever hold.
    pub is_closed: bool,
}

impl Policy {
    /// On that part of `shard`, of settings that were checked.
    #[must_use]
    pub fn of(settings: &TriggerSettings, shard: &Shard, share: Share) -> Self {
        let age = u64::try_from(settings.maximum_record_age_in_seconds).ok();
        let tumbling = u64::from(settings.tumbling_window_in_seconds);
        Self {
            batch_records: settings.batch_size as usize,
            batch_bytes: limit::BATCH_BYTES,
            window_ms: u64::from(settings.maximum_batching_window_in_seconds) * 1000,
            retries: u32::try_from(settings.maximum_retry_attempts).ok(),
            bisect: settings.bisect_batch_on_function_error,
            age_ms: age.map(|seconds| seconds * 1000),
            discards_at_once: match settings.on_failure_destination {
                // Its failure records tell of many at once.
                Some(_) => usize::MAX,
                None => DISCARDS_AT_ONCE,
            },
            unpacks: settings.unpack_aggregated_records,
            sieve: Sieve::new(&settings.filter_criteria, shard, share).map(Arc::new),
            events: None,
            until: None,
            tumbling_ms: (tumbling > 0).then_some(tumbling * 1000),
            is_closed: shard.closed.is_some(),
        }
    }

    /// Whether a batch that failed `attempts` times is not to be tried again.
    #[must_use]
    pub fn is_exhausted(&self, attempts: u32) -> bool {
        let many = u32::from(Bug::OneTryTooMany.is_here());
        let few = u32::from(Bug::OneTryTooFew.is_here());
        (self.retries).is_some_and(|retries| attempts.saturating_add(few) > retries + many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::Stream, position::ShardNumber, time::Millis};

    fn policy(json: &str) -> Policy {
        let stream = Stream::new("s".try_into().unwrap(), 1, ShardNumber(0), Millis(0));
        Policy::of(
            &serde_json::from_str(json).unwrap(),
            &stream.shards[0],
            Share::WHOLE,
        )
    }

    #[test]
    fn without_a_filter_nothing_is_looked_into() {
        let settings = r#"{"stream":"s","function":"f","starting_position":"LATEST"}"#;
        assert_eq!(policy(settings).sieve, None);
        let filtered =
            settings.replace('}', r#","filter_criteria":{"filters":[{"pattern":"{}"}]}}"#);
        assert!(policy(&filtered).sieve.is_some());
    }

    #[test]
    fn minus_one_is_no_limit() {
        let policy = policy(r#"{"stream":"s","function":"f","starting_position":"LATEST"}"#);
        assert_eq!(
            (policy.retries, policy.age_ms, policy.window_ms),
            (None, None, 0)
        );
        assert!(!policy.is_exhausted(u32::MAX));
    }

    #[test]
    fn n_retries_are_n_plus_one_attempts() {
        let policy = policy(
            r#"{"stream":"s","function":"f","starting_position":"LATEST",
            "maximum_retry_attempts":2,"maximum_record_age_in_seconds":60,
            "maximum_batching_window_in_seconds":3}"#,
        );
        assert_eq!((policy.age_ms, policy.window_ms), (Some(60_000), 3_000));
        assert!(!policy.is_exhausted(2));
        assert!(policy.is_exhausted(3));
    }
}
