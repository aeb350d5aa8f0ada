//! DeleteStream. The stream is gone when the answer goes out; its records go in the background.

use millstream_core::catalog::Request;
use serde::Deserialize;

use super::Kinesis;
use crate::{
    error::Fault,
    wire::{
        decode::decode,
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[
    schema::STREAM_NAME,
    Member::new("EnforceConsumerDeletion", Kind::Boolean),
    schema::STREAM_ARN,
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
}

pub(super) async fn answer(kinesis: &Kinesis, body: &[u8]) -> Result<Vec<u8>, Fault> {
    let Input {
        stream_name,
        stream_arn,
    } = decode(body, INPUT)?;
    let stream = kinesis.stream(stream_name.as_deref(), stream_arn.as_deref())?;
    let request = Request::DeleteStream {
        name: stream.name.clone(),
    };
    let applied = kinesis.app.control.apply(request).await;
    applied.map_err(|error| kinesis.control_fault(error))?;
    Ok(Vec::new())
}
