//! CreateChannel. It delivers what is put from now on.

use millstream_core::{
    catalog::{
        Request,
        channel::{self, Bucket, NewChannel, StorageClass},
        stream::Tags,
    },
    channel::{Compression, RecordFormat},
    name::ChannelName,
};
use serde::Deserialize;
use serde_json::Value;

use super::{members, update_channel::Logging};
use crate::{
    error::Fault,
    kinesis::call::{Call, Names},
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[
    members::NAME.required(),
    members::ROLE.required(),
    members::STREAMS.required(),
    members::S3,
    members::TABLES,
    members::ENCRYPTION,
    schema::TAGS,
    members::LOGGING,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    channel_name: String,
    #[serde(rename = "ServiceExecutionRoleARN")]
    role: String,
    stream_configuration_list: Vec<StreamConfiguration>,
    #[serde(rename = "S3DestinationConfiguration")]
    s3: Option<Destination>,
    #[serde(rename = "S3TablesDestinationConfiguration")]
    tables: Option<Value>,
    encryption_configuration: Option<Encryption>,
    #[serde(default)]
    tags: Tags,
    logging_configuration: Option<Logging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamConfiguration {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    record_configuration: RecordConfiguration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecordConfiguration {
    record_format_type: String,
    #[serde(rename = "GSRSchemaARN")]
    schema: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    data_freshness_in_seconds: Option<i64>,
    #[serde(rename = "DeadLetterQueueS3Configuration")]
    dead_letters: Option<DeadLetters>,
    storage_configuration: Storage,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetters {
    #[serde(flatten)]
    bucket: Owned,
    error_output_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Storage {
    #[serde(flatten)]
    bucket: Owned,
    output_key_template: Option<String>,
    #[serde(default)]
    storage_class: StorageClass,
    compression_type: Compression,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Owned {
    #[serde(rename = "BucketARN")]
    arn: String,
    expected_bucket_owner: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encryption {
    key_id: String,
}

impl From<Owned> for Bucket {
    fn from(owned: Owned) -> Self {
        Self {
            arn: owned.arn,
            owner: owned.expected_bucket_owner,
        }
    }
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let name = ChannelName::within(call.region(), &input.channel_name)
        .expect("the constraints are those of a name");
    let new = Box::new(wanted(call, input)?);
    let request = channel::Request::Create {
        name: name.clone(),
        new,
    };
    let change = call.apply(Request::Channel(request)).await?;
    let channel = change.catalog.channel(name.as_str());
    let channel = channel.expect("the change put it there");
    Ok(call.output(&call.described(channel)))
}

fn wanted(call: &Call<'_>, input: Input) -> Result<NewChannel, Fault> {
    let argument = |text: &str| Err(Fault::Argument(text.to_owned()));
    let destination = match (input.s3, input.tables) {
        (Some(s3), None) => s3,
        (None, Some(_)) => {
            return argument(
                "S3TablesDestinationConfiguration is not supported by this host: it writes no \
                 streaming tables. Specify S3DestinationConfiguration.",
            );
        }
        _ => {
            return argument(
                "Exactly one of S3DestinationConfiguration and S3TablesDestinationConfiguration \
                 must be specified.",
            );
        }
    };
    let Ok([source]) = <[_; 1]>::try_from(input.stream_configuration_list) else {
        return argument("StreamConfigurationList must contain exactly one stream.");
    };
    let record = source.record_configuration;
    let format = match record.record_format_type.as_str() {
        "JSON" => RecordFormat::Json,
        "STRING" => RecordFormat::String,
        "BYTE_ARRAY" => RecordFormat::ByteArray,
        _ => {
            return argument(
                "RecordFormatType GSR_JSON is supported for streaming table destinations only.",
            );
        }
    };
    let encryption_key = input.encryption_configuration.map(|given| given.key_id);
    if encryption_key.as_deref().is_some_and(is_service_key) {
        return argument("The key aws/kinesis cannot be used for a channel.");
    }
    let stream = call.stream_of(Names {
        arn: Some(&source.stream_arn),
        ..Names::default()
    })?;
    let log = &call.kinesis.app.log;
    let start = |number| (number, log.span(number).next);
    let shards = stream.shards.iter().map(|shard| shard.number);
    let (dead_letters, error_prefix) = match destination.dead_letters {
        Some(given) => (Some(given.bucket.into()), given.error_output_prefix),
        None => (None, None),
    };
    let storage = destination.storage_configuration;
    Ok(NewChannel {
        stream: stream.name.clone(),
        format,
        schema: record.schema,
        role: input.role,
        bucket: storage.bucket.into(),
        template: storage.output_key_template,
        storage_class: storage.storage_class,
        compression: storage.compression_type,
        freshness_seconds: destination.data_freshness_in_seconds,
        dead_letters,
        error_prefix,
        encryption_key,
        logging: input
            .logging_configuration
            .map(Into::into)
            .unwrap_or_default(),
        tags: input.tags,
        starts: shards.map(start).collect(),
    })
}

/// Amazon's own key, which nobody may use for anything else.
fn is_service_key(key: &str) -> bool {
    key.ends_with("alias/aws/kinesis")
}
