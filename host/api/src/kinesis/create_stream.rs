//! CreateStream. The stream is active when the answer goes out.

use millstream_core::{catalog::Request, limit};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Kinesis;
use crate::{
    error::Fault,
    wire::{
        decode::decode,
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[
    Member::new(
        "ShardCount",
        Kind::Integer {
            min: 1,
            max: i64::MAX,
        },
    ),
    schema::STREAM_NAME.required(),
    Member::new(
        "StreamModeDetails",
        Kind::Structure(&[Member::new(
            "StreamMode",
            schema::one_of(&["PROVISIONED", "ON_DEMAND"]),
        )
        .required()]),
    ),
    Member::new("Tags", Kind::Map),
    Member::new(
        "MaxRecordSizeInKiB",
        Kind::Integer {
            min: 1024,
            max: 10_240,
        },
    ),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    stream_name: String,
    shard_count: Option<u32>,
    #[serde(default)]
    tags: Map<String, Value>,
    #[serde(rename = "MaxRecordSizeInKiB")]
    max_record_size_in_kib: Option<usize>,
}

pub(super) async fn answer(kinesis: &Kinesis, body: &[u8]) -> Result<Vec<u8>, Fault> {
    let Input {
        stream_name,
        shard_count,
        tags,
        max_record_size_in_kib,
    } = decode(body, INPUT)?;
    // To forget them silently would be worse than to refuse them.
    if !tags.is_empty() {
        return Err(Fault::NotSupported("Tags"));
    }
    if max_record_size_in_kib.is_some_and(|size| size * 1024 != limit::RECORD_BYTES) {
        return Err(Fault::NotSupported("MaxRecordSizeInKiB"));
    }
    let request = Request::CreateStream {
        name: stream_name
            .try_into()
            .expect("the constraints are those of a name"),
        shards: shard_count.unwrap_or(limit::SHARDS_DEFAULT),
    };
    let applied = kinesis.app.control.apply(request).await;
    applied.map_err(|error| kinesis.control_fault(error))?;
    Ok(Vec::new())
}
