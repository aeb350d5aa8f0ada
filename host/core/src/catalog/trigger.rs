//! A trigger, which Lambda calls an event source mapping: its settings and where it starts.

mod moves;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    function::{Function, Qualifier, is_uuid, uuid},
    stream::{Stream, Tags},
};
use crate::{
    limit,
    name::{ConsumerName, FunctionName, StreamName, TriggerName},
    position::{Position, ShardNumber},
    time::Millis,
    trigger::{Destination, FilterCriteria},
};

/// Where a new trigger begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// At the oldest record that is kept.
    TrimHorizon,
    /// After the newest record.
    Latest,
    /// At the first record that arrived at or after `starting_position_timestamp`.
    AtTimestamp,
}

/// What the answer of a function to an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FunctionResponseType {
    /// Which records of the batch failed.
    ReportBatchItemFailures,
}

/// A registered consumer, as its ARN tells it from an older one of the same name: `NAME:SECONDS`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConsumerId {
    /// Its name.
    pub name: ConsumerName,
    /// The second in which it was registered.
    pub registered: u64,
}

/// Something that is no [`ConsumerId`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a consumer's name with the second of its registration, as in `NAME:SECONDS`")]
pub struct InvalidConsumerError(String);

impl TryFrom<String> for ConsumerId {
    type Error = InvalidConsumerError;

    fn try_from(text: String) -> Result<Self, InvalidConsumerError> {
        let parsed = text.rsplit_once(':').and_then(|(name, registered)| {
            let id = Self {
                name: name.try_into().ok()?,
                registered: registered.parse().ok()?,
            };
            // No sign and no leading zero: each consumer has one id.
            (id.to_string() == text).then_some(id)
        });
        parsed.ok_or(InvalidConsumerError(text))
    }
}

impl From<ConsumerId> for String {
    fn from(id: ConsumerId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for ConsumerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.registered)
    }
}

impl ConsumerId {
    /// Whether that consumer of `stream` is registered at `now`.
    #[must_use]
    pub fn is_of(&self, stream: &Stream, now: Millis) -> bool {
        let found = stream.consumers.get(&self.name);
        found.is_some_and(|consumer| {
            !consumer.is_gone(now) && consumer.created.seconds() == self.registered
        })
    }
}

/// Lambda's settings, by Lambda's names in snake case, with Lambda's defaults and ranges; one is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerSettings {
    /// The stream to read.
    pub stream: StreamName,
    /// The registered consumer of the stream that it was made for. It reads the stream as any other does,
    /// also when that consumer is deregistered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<ConsumerId>,
    /// The function to call.
    pub function: FunctionName,
    /// Which of its versions; none is the function as it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<Qualifier>,
    /// Where to begin. Cannot be changed later.
    pub starting_position: StartingPosition,
    /// With `AT_TIMESTAMP`: seconds since 1970, with fractions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_position_timestamp: Option<Seconds>,
    /// Records in a batch at most: 1 to 10,000.
    #[serde(default = "defaults::batch_size")]
    pub batch_size: u32,
    /// Seconds to wait for a full batch: 0 to 300.
    #[serde(default)]
    pub maximum_batching_window_in_seconds: u32,
    /// Batches of a shard that are worked at once, each with keys of its own: 1 to 10.
    #[serde(default = "defaults::parallelization_factor")]
    pub parallelization_factor: u32,
    /// Seconds of the windows that the function sums up, one after another: 1 to 900, or 0 for none.
    #[serde(default)]
    pub tumbling_window_in_seconds: u32,
    /// Retries of a batch after its first failure: -1 (until the records expire) to 10,000.
    #[serde(default = "defaults::endless")]
    pub maximum_retry_attempts: i32,
    /// Whether a batch that fails as a whole is halved, and its halves tried on their own.
    #[serde(default)]
    pub bisect_batch_on_function_error: bool,
    /// Seconds that a record may wait: -1 (for ever) or 60 to 604,800.
    #[serde(default = "defaults::endless")]
    pub maximum_record_age_in_seconds: i32,
    /// The stream that takes the records that were given up, with the reason.
    #[serde(default)]
    pub on_failure_stream: Option<StreamName>,
    /// The queue, topic or bucket of AWS that is told of such records in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure_destination: Option<Destination>,
    /// Whether the function gets the user records that Amazon's producer library packed into one
    /// record. Ours: Lambda leaves that to the function.
    #[serde(default)]
    pub unpack_aggregated_records: bool,
    /// Which records are delivered: those that match one of up to ten patterns, or all where there is
    /// none.
    #[serde(default, skip_serializing_if = "FilterCriteria::is_empty")]
    pub filter_criteria: FilterCriteria,
    /// What the answer of a function that takes events says: nothing, or which records failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub function_response_types: Vec<FunctionResponseType>,
    /// Whether it runs.
    #[serde(default = "defaults::enabled")]
    pub enabled: bool,
}

mod defaults {
    pub(super) fn batch_size() -> u32 {
        crate::limit::BATCH_RECORDS_DEFAULT
    }
    pub(super) fn parallelization_factor() -> u32 {
        1
    }
    pub(super) fn endless() -> i32 {
        -1
    }
    pub(super) fn enabled() -> bool {
        true
    }
}

/// Seconds since 1970 with milliseconds, as Kinesis writes moments in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Millis);

impl Serialize for Seconds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.0 as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if !(0.0..=253_402_300_799.0).contains(&seconds) {
            return Err(serde::de::Error::custom(
                "a moment between 1970 and 9999, in seconds",
            ));
        }
        // In range, so the cast cannot saturate.
        Ok(Self(Millis((seconds * 1000.0).round() as u64)))
    }
}

/// A setting that is out of its range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{setting} is {value}; {allowed}")]
pub struct SettingError {
    /// Which one.
    pub setting: &'static str,
    /// What it was given as.
    pub value: String,
    /// What it may be.
    pub allowed: &'static str,
}

impl SettingError {
    fn of(
        setting: &'static str,
        value: &dyn std::fmt::Display,
        allowed: &'static str,
    ) -> Result<(), Self> {
        Err(Self {
            setting,
            value: value.to_string(),
            allowed,
        })
    }
}

impl TriggerSettings {
    /// Whether records that are given up go anywhere.
    #[must_use]
    pub fn has_on_failure(&self) -> bool {
        self.on_failure_stream.is_some() || self.on_failure_destination.is_some()
    }

    /// Whether an answer to an event says which records failed.
    #[must_use]
    pub fn reports_failures(&self) -> bool {
        let reports = FunctionResponseType::ReportBatchItemFailures;
        self.function_response_types.contains(&reports)
    }

    /// Checks that the function can do what is asked of it.
    ///
    /// # Errors
    /// The setting that it cannot.
    pub fn check_callee(&self, function: &Function) -> Result<(), SettingError> {
        let seconds = self.tumbling_window_in_seconds;
        if seconds == 0 || function.takes_events() {
            return Ok(());
        }
        Err(SettingError {
            setting: "tumbling_window_in_seconds",
            value: seconds.to_string(),
            allowed: "it goes with functions that take events, which are WASI commands, only",
        })
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn check(&self) -> Result<(), SettingError> {
        self.check_batches()?;
        let error = SettingError::of;
        if !(-1..=limit::RETRY_ATTEMPTS_MAX).contains(&self.maximum_retry_attempts) {
            let attempts = self.maximum_retry_attempts;
            return error(
                "maximum_retry_attempts",
                &attempts,
                "allowed are -1 to 10000",
            );
        }
        let age = self.maximum_record_age_in_seconds;
        if age != -1 && !limit::RECORD_AGE_SECONDS.contains(&age) {
            return error(
                "maximum_record_age_in_seconds",
                &age,
                "allowed are -1 and 60 to 604800",
            );
        }
        let at = self.starting_position == StartingPosition::AtTimestamp;
        if at != self.starting_position_timestamp.is_some() {
            let given = if at { "missing" } else { "given" };
            let allowed = "it goes with starting_position AT_TIMESTAMP, and only with it";
            return error("starting_position_timestamp", &given, allowed);
        }
        let types = self.function_response_types.len();
        if types > 1 {
            let allowed = "allowed is one, ReportBatchItemFailures";
            return error(
                "function_response_types",
                &format!("{types} types"),
                allowed,
            );
        }
        if self.on_failure_stream.as_ref() == Some(&self.stream) {
            let allowed = "it must not be the stream that the trigger reads";
            return error("on_failure_stream", &self.stream, allowed);
        }
        if let (Some(stream), Some(_)) = (&self.on_failure_stream, &self.on_failure_destination) {
            let allowed = "it goes with no on_failure_destination";
            return error("on_failure_stream", stream, allowed);
        }
        Ok(())
    }

    /// Checks the ranges of what decides how batches are cut.
    fn check_batches(&self) -> Result<(), SettingError> {
        let error = SettingError::of;
        if !(1..=limit::BATCH_RECORDS_MAX).contains(&self.batch_size) {
            return error("batch_size", &self.batch_size, "allowed are 1 to 10000");
        }
        if self.maximum_batching_window_in_seconds > limit::BATCH_WINDOW_SECONDS_MAX {
            let window = self.maximum_batching_window_in_seconds;
            return error(
                "maximum_batching_window_in_seconds",
                &window,
                "allowed are 0 to 300",
            );
        }
        if !(1..=limit::PARALLELIZATION_MAX).contains(&self.parallelization_factor) {
            let factor = self.parallelization_factor;
            return error("parallelization_factor", &factor, "allowed are 1 to 10");
        }
        let tumbling = self.tumbling_window_in_seconds;
        if tumbling > limit::TUMBLING_WINDOW_SECONDS_MAX {
            let allowed = "allowed are 0 to 900";
            return error("tumbling_window_in_seconds", &tumbling, allowed);
        }
        if tumbling > 0 && self.parallelization_factor > 1 {
            let allowed = "it goes with a parallelization_factor of 1 only";
            return error("tumbling_window_in_seconds", &tumbling, allowed);
        }
        Ok(())
    }
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: TriggerName,
    /// Never given twice in a cell; names its lanes' and its state's keys.
    pub id: u64,
    /// When it was created.
    pub created: Millis,
    /// When it was last changed.
    pub updated: Millis,
    /// What was asked for.
    pub settings: TriggerSettings,
    /// Where each shard that existed at creation begins, so that LATEST misses nothing put after it.
    /// Shards that come later begin at their oldest record.
    pub starts: BTreeMap<ShardNumber, Position>,
    /// Its tags, which Lambda's clients give.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Tags,
}

impl Trigger {
    /// What Lambda's clients know it by: its name, where that is a UUID; else one that follows from
    /// its id and the moment of its creation, which never change and are never given twice.
    #[must_use]
    pub fn uuid(&self) -> String {
        if is_uuid(self.name.as_str()) {
            return self.name.to_string();
        }
        let Millis(created) = self.created;
        uuid(&format!("trigger/{}/{created}", self.id))
    }
}
