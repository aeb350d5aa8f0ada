//! UpdateChannel: how long records may wait, and the logging. Nothing else can be changed.

use millstream_core::catalog::{
    Request,
    channel::{self, LoggingUpdate, Update},
};
use serde::Deserialize;

use super::members;
use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::{answer::Answer, schema::Member},
};

const INPUT: &[Member] = &[
    members::CHANNEL_ARN.required(),
    members::S3_UPDATE,
    members::TABLES_UPDATE,
    members::LOGGING,
];

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "ChannelARN")]
    channel_arn: String,
    #[serde(rename = "S3DestinationConfiguration")]
    s3: Option<Freshness>,
    #[serde(rename = "S3TablesDestinationConfiguration")]
    tables: Option<Freshness>,
    #[serde(rename = "LoggingConfiguration")]
    logging: Option<Logging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Freshness {
    data_freshness_in_seconds: i64,
}

/// Where a channel is said to log.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Logging {
    cloud_watch_logs: CloudWatchLogs,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CloudWatchLogs {
    enabled: bool,
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
}

impl From<Logging> for LoggingUpdate {
    fn from(logging: Logging) -> Self {
        let CloudWatchLogs {
            enabled,
            log_group_name,
            log_stream_name,
        } = logging.cloud_watch_logs;
        Self {
            enabled: Some(enabled),
            group: log_group_name,
            stream: log_stream_name,
        }
    }
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let channel = call.channel(&input.channel_arn)?;
    if input.tables.is_some() {
        return Err(Fault::Argument(
            "The channel does not deliver to a streaming table; \
             specify S3DestinationConfiguration."
                .to_owned(),
        ));
    }
    if input.s3.is_none() && input.logging.is_none() {
        return Err(Fault::Argument(
            "S3DestinationConfiguration or LoggingConfiguration must be specified.".to_owned(),
        ));
    }
    let name = channel.name.clone();
    let update = Update {
        freshness_seconds: input.s3.map(|s3| s3.data_freshness_in_seconds),
        logging: input.logging.map(Into::into).unwrap_or_default(),
    };
    let request = channel::Request::Update { name, update };
    let change = call.apply(Request::Channel(request)).await?;
    let updated = change.catalog.channel(channel.name.as_str());
    let updated = updated.expect("the change put it there");
    Ok(call.output(&call.described(updated)))
}
