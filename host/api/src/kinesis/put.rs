//! What PutRecord and PutRecords share: records as they stand in a body, decoded once, into blocks.

use std::{sync::Arc, time::Instant};

use millstream_core::{
    catalog::{Stream, stream::Distribution},
    hash_key::HashKey,
    limit,
    port::{Appended, Commit, CommitError, Durable},
    put::plan::{Planned, PutRefused, Wanted, plan},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    call::{Call, Names, Which},
    records::NO_KEY,
};
use crate::{
    app::App,
    error::{Fault, Named},
    wire::{
        decode::{self, malformed},
        scan::{Blob, Scan, once},
        schema::{self, Member, Pattern},
    },
};

/// A record; its data is still as it stands in the body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry<'a> {
    #[serde(borrow)]
    data: Blob<'a>,
    /// Must be there where it decides about the record's shard.
    partition_key: Option<&'a str>,
    explicit_hash_key: Option<&'a str>,
}

/// The members of a record as they come.
#[derive(Default)]
pub(super) struct EntryScan<'a> {
    data: Option<Blob<'a>>,
    partition_key: Option<&'a str>,
    explicit_hash_key: Option<&'a str>,
}

impl<'a> EntryScan<'a> {
    pub(super) fn member<S: Scan<'a>>(&mut self, scan: &mut S, name: &[u8]) -> Option<()> {
        match name {
            b"Data" => once(&mut self.data, scan.blob()),
            b"PartitionKey" => once(&mut self.partition_key, scan.text()),
            b"ExplicitHashKey" => once(&mut self.explicit_hash_key, scan.text()),
            _ => None,
        }
    }

    pub(super) fn entry(self) -> Option<Entry<'a>> {
        Some(Entry {
            data: self.data?,
            partition_key: self.partition_key,
            explicit_hash_key: self.explicit_hash_key,
        })
    }
}

/// What is asked for beside the records.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Asked<'a> {
    stream_name: Option<&'a str>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<&'a str>,
    stream_id: Option<&'a str>,
    dry_run: Option<bool>,
}

impl<'a> Asked<'a> {
    pub(super) fn member<S: Scan<'a>>(&mut self, scan: &mut S, name: &[u8]) -> Option<()> {
        match name {
            b"StreamName" => once(&mut self.stream_name, scan.text()),
            b"StreamARN" => once(&mut self.stream_arn, scan.text()),
            b"StreamId" => once(&mut self.stream_id, scan.text()),
            b"DryRun" => once(&mut self.dry_run, scan.boolean()),
            _ => None,
        }
    }

    pub(super) fn names(&self) -> Names<'a> {
        Names {
            name: self.stream_name,
            arn: self.stream_arn,
            id: self.stream_id,
        }
    }

    /// Whether the members that a name makes superfluous are of their patterns, too.
    pub(super) fn is_plain(&self) -> bool {
        let is_arn =
            |text: &str| text.len() <= schema::ARN_CHARS && Pattern::StreamArn.matches(text);
        let is_id = |text: &str| Pattern::StreamId.matches(text);
        self.stream_arn.is_none_or(is_arn) && self.stream_id.is_none_or(is_id)
    }

    /// Ends what was asked for only to see whether it would succeed.
    pub(super) fn seriously(&self) -> Result<(), Fault> {
        match self.dry_run {
            Some(true) => Err(Fault::DryRun),
            _ => Ok(()),
        }
    }
}

impl Entry<'_> {
    fn wanted(&self, distribution: Distribution) -> Result<Wanted<'_>, Fault> {
        let key = match (self.partition_key, distribution) {
            (None, Distribution::UserPartitionKey) => {
                return Err(Fault::Validation("a partition key is missing".into()));
            }
            (None, Distribution::Auto) => NO_KEY,
            (Some(""), _) => return Err(Fault::Validation("a partition key is empty".into())),
            (Some(key), _) => key,
        };
        // Bytes first: they are at hand, and there are at least as many as characters.
        let limit = limit::PARTITION_KEY_CHARS;
        if key.len() > limit && key.chars().count() > limit {
            return Err(Fault::Validation("a partition key is too long".into()));
        }
        let explicit = self.explicit_hash_key.map(|text| {
            // Rust would also take `+1` and `01`.
            let plain = Pattern::HashKey.matches(text);
            let key = plain.then(|| text.parse().ok()).flatten();
            key.map(HashKey)
                .ok_or_else(|| Fault::InvalidHashKey(text.into()))
        });
        Ok(Wanted {
            key,
            explicit: explicit.transpose()?,
            bytes: self.data.bytes(),
        })
    }
}

/// Routes the records and decodes them into blocks. `path` names a record's data in messages.
pub(super) fn encode(
    app: &App,
    stream: &Stream,
    entries: &[Entry<'_>],
    path: impl Fn(usize) -> String,
) -> Result<Planned, Fault> {
    let wanted: Vec<_> = entries
        .iter()
        .map(|entry| entry.wanted(stream.distribution))
        .collect::<Result<_, _>>()?;
    let records = wanted.iter().copied();
    let plan = plan(stream, records.clone(), app.metrics.records_in());
    let mut plan = plan.map_err(|refused| match refused {
        PutRefused::RecordTooLarge { index, limit, .. } => Fault::Validation(format!(
            "1 validation error detected: Value at '{}' failed to satisfy \
             constraint: Member must have length less than or equal to {limit}",
            path(index)
        )),
        PutRefused::TooLarge { .. } => Fault::RecordsTooLarge,
    })?;
    if let Some(quotas) = &app.quotas {
        plan.admit(records, quotas.puts((app.now)()));
    }
    plan.encode(|index, block| {
        let entry = &entries[index];
        block.push_with(entry.partition_key.unwrap_or(NO_KEY), |to| {
            entry.data.append(to).map_err(Fault::Serialization)
        })
    })
}

/// What Amazon says of a body, where a stream that spreads its records wants no key of them.
pub(super) fn checked(
    call: &Call<'_>,
    members: &[Member],
    keyless: &[Member],
) -> Result<Value, Fault> {
    let check = |members| decode::checked(call.form, call.body, members);
    let fault = match check(members) {
        Ok(value) => return Ok(value),
        Err(fault) => fault,
    };
    let value = check(keyless).map_err(|_| fault.clone())?;
    let which = Which::deserialize(&value).map_err(malformed)?;
    match call.stream(&which) {
        Ok(stream) if stream.distribution == Distribution::Auto => Ok(value),
        _ => Err(fault),
    }
}

/// What is said of a shard that does not take or give more at the moment.
pub(super) fn exceeded(shard: &str, stream: &Named) -> String {
    format!("Rate exceeded for shard {shard} in stream {stream}.")
}

/// Records on their way to the log.
#[derive(Debug)]
pub(super) struct Ready {
    /// The stream, as messages name it.
    pub(super) stream: Named,
    pub(super) planned: Planned,
    /// Whether they are said to be encrypted.
    pub(super) encrypted: bool,
    /// The stream again, where figures of its shards are shown.
    pub(super) watched: Option<Arc<Stream>>,
}

/// How often records are routed anew because a shard was closed while they were on their way.
const ROUTES: usize = 8;

impl Call<'_> {
    /// Makes records durable. Where a shard of theirs was closed meanwhile they are prepared again,
    /// against what took its place.
    pub(super) async fn put(
        &self,
        started: Instant,
        prepare: impl Fn() -> Result<Ready, Fault>,
    ) -> Result<(Ready, Durable<Vec<Appended>>), Fault> {
        let mut routes = 1;
        loop {
            let mut ready = prepare()?;
            match self.commit(&mut ready.planned, started).await {
                Err(CommitError::Closed(_)) if routes < ROUTES => {
                    routes += 1;
                    self.kinesis.app.control.current().await;
                }
                Ok(durable) => {
                    if let Some(stream) = &ready.watched {
                        let refused = ready.planned.refused.iter().map(|&(_, shard)| shard);
                        let shards = self.kinesis.app.metrics.shards();
                        shards.refused_puts(stream, refused);
                    }
                    return Ok((ready, durable));
                }
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
        let records = planned.lane_of.len() - planned.refused.len();
        let (records, bytes) = (count(records), count(planned.bytes));
        app.metrics.put(records, bytes, started.elapsed());
        Ok(durable)
    }
}

#[cfg(test)]
impl Entry<'_> {
    /// Data, key and hash key; none where the data cannot be decoded.
    pub(super) fn told(&self) -> Option<(Vec<u8>, Option<&str>, Option<&str>)> {
        let mut data = Vec::new();
        self.data.append(&mut data).ok()?;
        Some((data, self.partition_key, self.explicit_hash_key))
    }
}
