//! What PutRecord and PutRecords share: records as they stand in JSON, decoded once, into blocks.

use std::{borrow::Cow, time::Instant};

use millstream_core::{
    catalog::Stream,
    hash_key::HashKey,
    limit,
    port::{Appended, Commit, CommitError, Durable},
    put::plan::{Planned, PutRefused, Wanted, plan},
};
use serde::Deserialize;

use super::call::Call;
use crate::{
    error::Fault,
    wire::{decode::quickly, form::Form, schema::Pattern},
};

/// A record; its data is still base64.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    #[serde(default)]
    explicit_hash_key: Option<String>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(
        data: Cow<'a, str>,
        partition_key: Cow<'a, str>,
        explicit_hash_key: Option<String>,
    ) -> Self {
        Self {
            data,
            partition_key,
            explicit_hash_key,
        }
    }

    fn wanted(&self) -> Result<Wanted<'_>, Fault> {
        let key = self.partition_key.as_ref();
        // Bytes first: they are at hand, and there are at least as many as characters.
        let limit = limit::PARTITION_KEY_CHARS;
        if key.is_empty() || (key.len() > limit && key.chars().count() > limit) {
            return Err(Fault::Validation(
                "a partition key is empty or too long".into(),
            ));
        }
        let explicit = self.explicit_hash_key.as_deref().map(|text| {
            // Rust would also take `+1` and `01`.
            let plain = Pattern::HashKey.matches(text);
            let key = plain.then(|| text.parse().ok()).flatten();
            key.map(HashKey)
                .ok_or_else(|| Fault::InvalidHashKey(text.into()))
        });
        Ok(Wanted {
            key,
            explicit: explicit.transpose()?,
            bytes: decoded_bytes(&self.data),
        })
    }
}

/// What well-formed base64 decodes to, without decoding it.
fn decoded_bytes(base64: &str) -> usize {
    let padding = base64.bytes().rev().take_while(|&b| b == b'=').take(2);
    base64.len() / 4 * 3 - padding.count().min(base64.len() / 4 * 3)
}

/// Routes the records and decodes them into blocks. `path` names a record's data in messages.
pub(super) fn encode(
    stream: &Stream,
    entries: &[Entry<'_>],
    path: impl Fn(usize) -> String,
) -> Result<Planned, Fault> {
    let wanted: Vec<_> = entries
        .iter()
        .map(Entry::wanted)
        .collect::<Result<_, _>>()?;
    let plan = plan(stream, wanted.into_iter()).map_err(|refused| match refused {
        PutRefused::RecordTooLarge { index, limit, .. } => Fault::Validation(format!(
            "1 validation error detected: Value at '{}' failed to satisfy \
             constraint: Member must have length less than or equal to {limit}",
            path(index)
        )),
        PutRefused::TooLarge { .. } => Fault::RecordsTooLarge,
    })?;
    plan.encode(|index, block| {
        let Entry {
            data,
            partition_key,
            ..
        } = &entries[index];
        block.push_with(partition_key, |to| {
            let decoded = base64_simd::STANDARD.decode_append(data.as_bytes(), to);
            decoded.map_err(|error| Fault::Serialization(error.to_string()))
        })
    })
}

/// How often records are routed anew because a shard was closed while they were on their way.
const ROUTES: usize = 8;

impl<'a> Call<'a> {
    /// What `prepare` makes of the body, where it is one as it should be.
    pub(super) fn quickly<T: Deserialize<'a>>(
        &self,
        prepare: impl FnOnce(T) -> Result<Planned, Fault>,
    ) -> Option<Planned> {
        let input = (self.form == Form::Json)
            .then(|| quickly(self.body))
            .flatten();
        input.and_then(|input| prepare(input).ok())
    }

    /// Makes records durable. Where a shard of theirs was closed meanwhile they are prepared again,
    /// against what took its place.
    pub(super) async fn put(
        &self,
        started: Instant,
        prepare: impl Fn() -> Result<Planned, Fault>,
    ) -> Result<(Planned, Durable<Vec<Appended>>), Fault> {
        let mut routes = 1;
        loop {
            let mut planned = prepare()?;
            match self.commit(&mut planned, started).await {
                Err(CommitError::Closed(_)) if routes < ROUTES => {
                    routes += 1;
                    self.kinesis.app.control.current().await;
                }
                Ok(durable) => return Ok((planned, durable)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn commit(
        &self,
        planned: &mut Planned,
        started: Instant,
    ) -> Result<Durable<Vec<Appended>>, CommitError> {
        let commit = Commit {
            appends: std::mem::take(&mut planned.appends),
            ..Commit::default()
        };
        let app = &self.kinesis.app;
        let durable = app.log.commit(commit).await?;
        let count = |n: usize| u64::try_from(n).expect("a usize fits");
        let (records, bytes) = (count(planned.lane_of.len()), count(planned.bytes));
        app.metrics.put(records, bytes, started.elapsed());
        Ok(durable)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lengths_are_known_before_decoding(data in prop::collection::vec(any::<u8>(), 0..50)) {
            let base64 = base64_simd::STANDARD.encode_to_string(&data);
            prop_assert_eq!(decoded_bytes(&base64), data.len());
        }

        #[test]
        fn any_text_has_some_length(text in "[A=]{0,9}|.{0,9}") {
            prop_assert!(decoded_bytes(&text) <= text.len());
        }
    }
}
