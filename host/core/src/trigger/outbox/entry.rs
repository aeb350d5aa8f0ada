//! An entry of the outbox: a failure record with all that is needed to send it, so that it can be sent
//! also when the trigger is gone.
//!
//! Stored as JSON under [`crate::catalog::key::outbox`].

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use super::{
    destination::{Destination, Service},
    record::{self, Run},
};
use crate::{
    catalog::{Function, Stream, function::uuid, key},
    name::TriggerName,
    port::Put,
    time::Millis,
    trigger::{batch::Record, discard::Discards, effect::Lane},
};

/// Entries of one commit at most, so that they fit into it. Where a batch has more runs of records that
/// are given up, neighbouring ones share an entry.
pub const AT_ONCE: usize = 200;

/// A failure record that waits to be sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// The trigger's name.
    pub trigger: TriggerName,
    /// What Lambda's clients know the trigger by.
    pub mapping: String,
    /// Where it was to go when the records were given up.
    pub destination: Destination,
    /// The shard of the records.
    pub shard_id: String,
    /// The first record's sequence number.
    pub first: String,
    /// The last record's.
    pub last: String,
    /// How many there are.
    pub records: u64,
    /// When they were given up.
    pub failed: Millis,
    /// When the stream's retention has passed since, and nobody needs to be told any more.
    pub expires: Millis,
    /// The failure record.
    pub body: Box<RawValue>,
}

/// An entry that is not what this program writes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the failure record is not readable: {0}")]
pub struct UnreadableEntryError(String);

/// The keys that hand `discards` over; none where the trigger has nowhere for them to go.
#[must_use]
pub fn puts(
    discards: &Discards,
    lane: &Lane,
    function: Option<&Function>,
    stream: Option<&Stream>,
) -> Vec<Put> {
    let Some(destination) = &lane.trigger.settings.on_failure_destination else {
        return Vec::new();
    };
    let kept_ms = stream.map_or(0, |stream| u64::from(stream.retention_hours) * 3_600_000);
    let put = |run: Run<'_>| {
        let number = |record: &Record<'_>| {
            let number = lane.origin.number(record.position, record.arrival);
            number.to_string()
        };
        let with_payload = destination.service() == Service::S3;
        let body = record::render(discards, lane, function, &run, with_payload);
        let entry = Entry {
            trigger: lane.trigger.name.clone(),
            mapping: lane.trigger.uuid(),
            destination: destination.clone(),
            shard_id: lane.shard.id(),
            first: number(&run.first),
            last: number(&run.last),
            records: run.records.len() as u64,
            failed: discards.failed,
            expires: discards.failed.plus(kept_ms),
            body: RawValue::from_string(body).expect("it was made as JSON"),
        };
        let value = entry.encode();
        let (trigger, shard) = (lane.trigger.id, lane.shard.number);
        Put {
            key: key::outbox(trigger, shard, run.first.position, value.len()),
            value: Some(value),
        }
    };
    runs(discards).into_iter().map(put).collect()
}

/// The records that are given up, by maximal runs of neighbours.
fn runs(discards: &Discards) -> Vec<Run<'_>> {
    let all: Vec<Record<'_>> = discards.batch.iter().collect();
    let mut runs: Vec<Vec<Record<'_>>> = Vec::new();
    let mut before = None;
    for &(index, _) in &discards.records {
        let follows = before.is_some_and(|before| index == before + 1);
        match runs.last_mut().filter(|_| follows) {
            Some(run) => run.push(all[index]),
            None => runs.push(vec![all[index]]),
        }
        before = Some(index);
    }
    let together = runs.len().div_ceil(AT_ONCE).max(1);
    let joined = runs.chunks(together).map(<[_]>::concat);
    joined.filter_map(Run::of).collect()
}

impl Entry {
    /// As it is stored.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        serde_json::to_vec(self)
            .expect("numbers and text always encode")
            .into()
    }

    /// From what was stored.
    ///
    /// # Errors
    /// When it is not what this program writes.
    pub fn decode(stored: &[u8]) -> Result<Self, UnreadableEntryError> {
        serde_json::from_slice(stored).map_err(|error| UnreadableEntryError(error.to_string()))
    }

    /// What tells a message that is sent again from another one.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let Self {
            mapping,
            shard_id,
            first,
            last,
            ..
        } = self;
        format!("{mapping}/{shard_id}/{first}/{last}")
    }

    /// The same in the form of a UUID, for where that is too long.
    #[must_use]
    pub fn idempotency_id(&self) -> String {
        uuid(&self.idempotency_key())
    }

    /// Within which messages keep their order.
    #[must_use]
    pub fn group(&self) -> String {
        format!("{}/{}", self.mapping, self.shard_id)
    }

    /// What the object is called that holds it. The same each time, so that a second try replaces what
    /// the first one left.
    #[must_use]
    pub fn object_key(&self) -> String {
        let ms = i64::try_from(self.failed.0).unwrap_or(i64::MAX);
        let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        let when = moment.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S");
        let (mapping, shard, id) = (&self.mapping, &self.shard_id, self.idempotency_id());
        format!("aws/lambda/{mapping}/{shard}/{when}-{id}")
    }

    /// What is sent to `service`: the records themselves go into objects only.
    #[must_use]
    pub fn message(&self, service: Service) -> String {
        if service == Service::S3 || self.destination.service() != Service::S3 {
            return self.body.get().to_owned();
        }
        // The trigger sent to a bucket when they were given up, and sends elsewhere now.
        let body = serde_json::from_str(self.body.get());
        let mut body: serde_json::Map<_, _> = body.unwrap_or_default();
        body.remove("payload");
        serde_json::Value::Object(body).to_string()
    }
}

#[cfg(test)]
mod tests;
