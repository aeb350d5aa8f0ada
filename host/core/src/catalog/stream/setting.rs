//! A stream's settings, and what they may be changed to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Stream;
use crate::{limit, time::Millis};

/// Who decides how many shards a stream has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StreamMode {
    /// Its owner, by splitting, merging and resizing.
    #[default]
    Provisioned,
    /// The host, by what is put.
    OnDemand,
}

/// What decides about a record's shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Distribution {
    /// Its partition key.
    #[default]
    UserPartitionKey,
    /// The host, evenly.
    Auto,
}

/// A figure of a shard that is shown where its stream asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ShardMetric {
    /// Bytes that were put.
    IncomingBytes,
    /// Records that were put.
    IncomingRecords,
    /// Bytes that were read.
    OutgoingBytes,
    /// Records that were read.
    OutgoingRecords,
    /// Puts that were refused because of the shard's limits.
    WriteProvisionedThroughputExceeded,
    /// Reads that were refused because of the shard's limits.
    ReadProvisionedThroughputExceeded,
    /// The age of the last record that was read.
    IteratorAgeMilliseconds,
}

impl ShardMetric {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::IncomingBytes,
        Self::IncomingRecords,
        Self::OutgoingBytes,
        Self::OutgoingRecords,
        Self::WriteProvisionedThroughputExceeded,
        Self::ReadProvisionedThroughputExceeded,
        Self::IteratorAgeMilliseconds,
    ];
}

/// A change of one setting.
#[derive(Debug, Clone)]
pub enum Setting {
    /// A longer retention, in hours.
    RaiseRetention(u32),
    /// A shorter retention, in hours.
    LowerRetention(u32),
    /// KiB of a record's data and key at most.
    RecordKib(u32),
    /// Who decides how many shards there are, and what an on-demand stream shall always take.
    Mode(StreamMode, Option<u32>),
    /// MiB a second that an on-demand stream shall always take.
    Warm(u32),
    /// The key under which the stream is said to be encrypted.
    Encrypt(String),
    /// That it is not encrypted; the key must be the one that it has.
    Decrypt(String),
    /// Figures to show.
    Monitor(BTreeSet<ShardMetric>),
    /// Figures not to show any more.
    Unmonitor(BTreeSet<ShardMetric>),
    /// What decides about a record's shard.
    Distribution(Distribution),
}

/// Why a setting is not changed. The first four texts are Amazon's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingRefused {
    /// Below the least.
    #[error(
        "Minimum allowed retention period is {least} hours. \
         Requested retention period ({0} hours) is too short.",
        least = limit::RETENTION_HOURS.start()
    )]
    RetentionTooShort(u32),
    /// Above the most.
    #[error(
        "Maximum allowed retention period is {most} hours. \
         Requested retention period ({0} hours) is too long.",
        most = limit::RETENTION_HOURS.end()
    )]
    RetentionTooLong(u32),
    /// Not a raise.
    #[error(
        "Requested retention period ({asked} hours) for stream {stream} can not be shorter than \
         existing retention period ({held} hours). Use DecreaseRetentionPeriod API."
    )]
    NotRaised {
        /// The stream's name.
        stream: String,
        /// What was asked for.
        asked: u32,
        /// What is.
        held: u32,
    },
    /// Not a cut.
    #[error(
        "Requested retention period ({asked} hours) for stream {stream} can not be longer than \
         existing retention period ({held} hours). Use IncreaseRetentionPeriod API."
    )]
    NotLowered {
        /// The stream's name.
        stream: String,
        /// What was asked for.
        asked: u32,
        /// What is.
        held: u32,
    },
    /// Only of on-demand streams.
    #[error("WarmThroughputMiBps is a setting of on-demand streams only.")]
    WarmOnDemandOnly,
    /// Only of on-demand streams.
    #[error("RecordDistributionStrategy AUTO is a setting of on-demand streams only.")]
    AutoOnDemandOnly,
    /// Only of accounts that have committed to a throughput.
    #[error("The account has not enabled MinimumThroughputBillingCommitment.")]
    NotCommitted,
    /// An on-demand stream with queues, or with records that are spread, must stay one.
    #[error("Stream {stream} cannot be provisioned while it has {what}.")]
    MustStayOnDemand {
        /// The stream's name.
        stream: String,
        /// What it has.
        what: &'static str,
    },
    /// It is encrypted under another key, or not at all.
    #[error("Stream {stream} is not encrypted under the key {key}.")]
    OtherKey {
        /// The stream's name.
        stream: String,
        /// The key that was given.
        key: String,
    },
}

/// What a setting depends on beside its stream.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    /// When it is changed.
    pub now: Millis,
    /// Whether the account has committed to a throughput.
    pub committed: bool,
    /// Whether the stream has queues.
    pub has_queues: bool,
}

impl Setting {
    /// Whether the change shows as one: the stream is UPDATING for a while.
    #[must_use]
    pub fn shows(&self) -> bool {
        !matches!(
            self,
            Self::Monitor(_) | Self::Unmonitor(_) | Self::Distribution(_)
        )
    }

    /// Makes the change, or leaves the stream as it is.
    ///
    /// # Errors
    /// Why the change is not made.
    pub fn apply(self, stream: &mut Stream, around: Around) -> Result<(), SettingRefused> {
        match self {
            Self::RaiseRetention(hours) => return raise(stream, hours),
            Self::LowerRetention(hours) => return lower(stream, hours),
            Self::RecordKib(kib) => stream.record_kib = kib,
            Self::Mode(mode, warm) => return switch(stream, mode, warm, around),
            Self::Warm(mibps) => {
                check_warm(stream.mode, around)?;
                stream.warm_mibps = Some(mibps);
            }
            Self::Encrypt(key) => {
                if stream.encryption_key.replace(key).is_none() {
                    stream.encryption.start(around.now);
                }
            }
            Self::Decrypt(key) => {
                if stream.encryption_key.as_ref() != Some(&key) {
                    let stream = stream.name.name().to_owned();
                    return Err(SettingRefused::OtherKey { stream, key });
                }
                stream.encryption_key = None;
                let horizon = stream.horizon(around.now);
                stream.encryption.stop(around.now, horizon);
            }
            Self::Monitor(metrics) => stream.monitored.extend(metrics),
            Self::Unmonitor(metrics) => stream.monitored.retain(|held| !metrics.contains(held)),
            Self::Distribution(distribution) => {
                check_distribution(stream.mode, distribution)?;
                stream.distribution = distribution;
            }
        }
        Ok(())
    }
}

/// Whether a stream of that mode may have its records spread like this.
///
/// # Errors
/// When it may not.
pub fn check_distribution(
    mode: StreamMode,
    distribution: Distribution,
) -> Result<(), SettingRefused> {
    match (mode, distribution) {
        (StreamMode::Provisioned, Distribution::Auto) => Err(SettingRefused::AutoOnDemandOnly),
        _ => Ok(()),
    }
}

/// Whether a stream of that mode may be given a throughput that it always takes.
///
/// # Errors
/// When it may not.
pub fn check_warm(mode: StreamMode, around: Around) -> Result<(), SettingRefused> {
    if mode == StreamMode::Provisioned {
        return Err(SettingRefused::WarmOnDemandOnly);
    }
    if !around.committed {
        return Err(SettingRefused::NotCommitted);
    }
    Ok(())
}

fn check_retention(hours: u32) -> Result<(), SettingRefused> {
    if hours < *limit::RETENTION_HOURS.start() {
        return Err(SettingRefused::RetentionTooShort(hours));
    }
    if hours > *limit::RETENTION_HOURS.end() {
        return Err(SettingRefused::RetentionTooLong(hours));
    }
    Ok(())
}

fn raise(stream: &mut Stream, asked: u32) -> Result<(), SettingRefused> {
    check_retention(asked)?;
    let held = stream.retention_hours;
    if asked < held {
        let stream = stream.name.name().to_owned();
        return Err(SettingRefused::NotRaised {
            stream,
            asked,
            held,
        });
    }
    stream.retention_hours = asked;
    Ok(())
}

fn lower(stream: &mut Stream, asked: u32) -> Result<(), SettingRefused> {
    check_retention(asked)?;
    let held = stream.retention_hours;
    if asked > held {
        let stream = stream.name.name().to_owned();
        return Err(SettingRefused::NotLowered {
            stream,
            asked,
            held,
        });
    }
    stream.retention_hours = asked;
    Ok(())
}

fn switch(
    stream: &mut Stream,
    mode: StreamMode,
    warm: Option<u32>,
    around: Around,
) -> Result<(), SettingRefused> {
    if warm.is_some() {
        check_warm(mode, around)?;
    }
    if mode == StreamMode::Provisioned {
        let stays = |what| SettingRefused::MustStayOnDemand {
            stream: stream.name.name().to_owned(),
            what,
        };
        if around.has_queues {
            return Err(stays("queues"));
        }
        if stream.distribution == Distribution::Auto {
            return Err(stays("RecordDistributionStrategy AUTO"));
        }
        stream.warm_mibps = None;
    }
    stream.mode = mode;
    stream.warm_mibps = warm.or(stream.warm_mibps);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::ShardNumber;

    const AROUND: Around = Around {
        now: Millis(7),
        committed: true,
        has_queues: false,
    };

    fn stream() -> Stream {
        Stream::new("s".try_into().unwrap(), 1, ShardNumber(0), Millis(0))
    }

    fn apply(stream: &mut Stream, setting: Setting) -> Result<(), String> {
        let before = stream.clone();
        let applied = setting.apply(stream, AROUND).map_err(|e| e.to_string());
        assert!(
            applied.is_ok() || *stream == before,
            "a refusal changes nothing"
        );
        applied
    }

    #[test]
    fn retention_goes_up_and_down_within_its_bounds() {
        let mut stream = stream();
        for (setting, text) in [
            (Setting::RaiseRetention(23), "Minimum allowed"),
            (Setting::LowerRetention(23), "Minimum allowed"),
            (Setting::RaiseRetention(8_761), "Maximum allowed"),
            (Setting::LowerRetention(25), "can not be longer"),
        ] {
            let why = apply(&mut stream, setting).unwrap_err();
            assert!(why.contains(text), "{why}");
        }
        apply(&mut stream, Setting::RaiseRetention(8_760)).unwrap();
        assert!(apply(&mut stream, Setting::RaiseRetention(8_759)).is_err());
        apply(&mut stream, Setting::LowerRetention(24)).unwrap();
        assert_eq!(stream.retention_hours, 24);
    }

    #[test]
    fn what_is_for_on_demand_streams_is_refused_to_others() {
        let mut stream = stream();
        let auto = Setting::Distribution(Distribution::Auto);
        let why = auto.apply(&mut stream, AROUND);
        assert_eq!(why, Err(SettingRefused::AutoOnDemandOnly));
        let why = Setting::Warm(4).apply(&mut stream, AROUND);
        assert_eq!(why, Err(SettingRefused::WarmOnDemandOnly));
        let (fixed, elastic) = (StreamMode::Provisioned, StreamMode::OnDemand);
        assert!(apply(&mut stream, Setting::Mode(fixed, Some(4))).is_err());
        apply(&mut stream, Setting::Mode(elastic, Some(4))).unwrap();
        apply(&mut stream, Setting::Distribution(Distribution::Auto)).unwrap();
        assert!(apply(&mut stream, Setting::Mode(fixed, None)).is_err());
        let by_key = Distribution::UserPartitionKey;
        apply(&mut stream, Setting::Distribution(by_key)).unwrap();
        let queued = Around {
            has_queues: true,
            ..AROUND
        };
        let away = Setting::Mode(fixed, None);
        assert!(away.clone().apply(&mut stream, queued).is_err());
        apply(&mut stream, away).unwrap();
        assert_eq!(stream.warm_mibps, None);
    }

    #[test]
    fn encryption_ends_with_the_key_that_it_has() {
        let mut stream = stream();
        apply(&mut stream, Setting::Encrypt("alias/a".into())).unwrap();
        assert!(apply(&mut stream, Setting::Decrypt("alias/b".into())).is_err());
        apply(&mut stream, Setting::Decrypt("alias/a".into())).unwrap();
        assert_eq!(stream.encryption_key, None);
    }

    #[test]
    fn records_stay_as_they_were_put_whatever_key_comes_next() {
        let mut stream = stream();
        let mut at = |now, setting: Setting| {
            let now = Millis(now);
            setting
                .apply(&mut stream, Around { now, ..AROUND })
                .unwrap();
            [5, 15, 25, 35].map(|arrival| stream.was_encrypted(Millis(arrival)))
        };
        let first = at(10, Setting::Encrypt("a".into()));
        assert_eq!(first, [false, true, true, true]);
        let other = at(20, Setting::Encrypt("b".into()));
        assert_eq!(other, [false, true, true, true]);
        let ended = at(30, Setting::Decrypt("b".into()));
        assert_eq!(ended, [false, true, true, false]);
    }
}
