//! A channel as the actions show it.

use millstream_core::{
    catalog::{
        Channel, Status,
        channel::{Bucket, StorageClass},
        trigger::Seconds,
    },
    channel::{Compression, RecordFormat},
};
use serde::Serialize;

use crate::kinesis::call::Call;

/// What CreateChannel, DescribeChannel and UpdateChannel answer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Described<'a> {
    channel_description: Description<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Description<'a> {
    #[serde(flatten)]
    state: State<'a>,
    #[serde(rename = "ServiceExecutionRoleARN")]
    role: &'a str,
    stream_configuration_list: [StreamConfiguration<'a>; 1],
    #[serde(rename = "S3DestinationConfiguration")]
    destination: Destination<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_configuration: Option<Encryption<'a>>,
    logging_configuration: Logging<'a>,
}

/// What a summary has, too.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct State<'a> {
    channel_name: &'a str,
    #[serde(rename = "ChannelARN")]
    channel_arn: String,
    channel_id: String,
    channel_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_status_reason: Option<String>,
    channel_creation_timestamp: Seconds,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamConfiguration<'a> {
    #[serde(flatten)]
    stream: Identifier,
    record_configuration: RecordConfiguration<'a>,
}

/// A stream, and which of that name.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Identifier {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    stream_creation_timestamp: Seconds,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RecordConfiguration<'a> {
    record_format_type: RecordFormat,
    #[serde(rename = "GSRSchemaARN", skip_serializing_if = "Option::is_none")]
    schema: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Destination<'a> {
    data_freshness_in_seconds: u32,
    #[serde(rename = "DeadLetterQueueS3Configuration")]
    dead_letters: DeadLetters<'a>,
    storage_configuration: Storage<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetters<'a> {
    #[serde(flatten)]
    bucket: Owned<'a>,
    error_output_prefix: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Storage<'a> {
    #[serde(flatten)]
    bucket: Owned<'a>,
    output_key_template: &'a str,
    storage_class: StorageClass,
    compression_type: Compression,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Owned<'a> {
    #[serde(rename = "BucketARN")]
    arn: &'a str,
    expected_bucket_owner: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Encryption<'a> {
    encryption_type: &'static str,
    key_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Logging<'a> {
    cloud_watch_logs: CloudWatchLogs<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CloudWatchLogs<'a> {
    enabled: bool,
    log_group_name: &'a str,
    log_stream_name: &'a str,
}

impl<'a> From<&'a Bucket> for Owned<'a> {
    fn from(bucket: &'a Bucket) -> Self {
        Self {
            arn: &bucket.arn,
            expected_bucket_owner: &bucket.owner,
        }
    }
}

impl Call<'_> {
    pub(super) fn described<'a>(&self, channel: &'a Channel) -> Described<'a> {
        let (settings, destination) = (&channel.settings, &channel.settings.destination);
        let logging = &settings.logging;
        let encryption = |key_id| Encryption {
            encryption_type: "KMS",
            key_id,
        };
        let channel_description = Description {
            state: self.channel_state(channel),
            role: &settings.role,
            stream_configuration_list: [StreamConfiguration {
                stream: self.channel_stream(channel),
                record_configuration: RecordConfiguration {
                    record_format_type: settings.format,
                    schema: settings.schema.as_deref(),
                },
            }],
            destination: Destination {
                data_freshness_in_seconds: destination.freshness_seconds,
                dead_letters: DeadLetters {
                    bucket: (&destination.dead_letters.bucket).into(),
                    error_output_prefix: &destination.dead_letters.prefix,
                },
                storage_configuration: Storage {
                    bucket: (&destination.bucket).into(),
                    output_key_template: destination.template.as_str(),
                    storage_class: destination.storage_class,
                    compression_type: destination.compression,
                },
            },
            encryption_configuration: settings.encryption_key.as_deref().map(encryption),
            logging_configuration: Logging {
                cloud_watch_logs: CloudWatchLogs {
                    enabled: logging.enabled,
                    log_group_name: &logging.group,
                    log_stream_name: &logging.stream,
                },
            },
        };
        Described {
            channel_description,
        }
    }

    pub(super) fn channel_state<'a>(&self, channel: &'a Channel) -> State<'a> {
        let status = channel.status(self.now());
        // Until it is active, it has not been tried; after that, the host knows whether it works.
        let failure = match status {
            Status::Active | Status::Updating => self.kinesis.app.channels.failure(channel.id),
            Status::Creating | Status::Deleting => None,
        };
        State {
            channel_name: channel.name.name(),
            channel_arn: self.channel_arn(channel),
            channel_id: channel.public_id(),
            channel_status: failure.as_ref().map_or(status.name(), |_| "FAILED"),
            channel_status_reason: failure.map(|reason| excerpt(&reason)),
            channel_creation_timestamp: Seconds(channel.created),
        }
    }

    pub(super) fn channel_stream(&self, channel: &Channel) -> Identifier {
        Identifier {
            stream_arn: self.arn_of("stream", channel.stream.name()),
            stream_creation_timestamp: Seconds(channel.stream_created),
        }
    }
}

/// What fits into the model's 2,048 characters.
fn excerpt(reason: &str) -> String {
    reason.chars().take(2048).collect()
}
