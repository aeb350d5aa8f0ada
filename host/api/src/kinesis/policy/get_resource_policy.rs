//! GetResourcePolicy: the policy as it came; `{}` where there is none.

use serde::{Deserialize, Serialize};

use super::without_policy;
use crate::{
    error::Fault,
    kinesis::{call::Call, resource::Resource},
    wire::{
        answer::Answer,
        schema::{self, Member},
    },
};

const INPUT: &[Member] = &[schema::RESOURCE_ARN.required(), schema::STREAM_ID];

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "ResourceARN")]
    resource: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    policy: String,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let resource = call.resource_of(&input.resource)?;
    let catalog = call.catalog();
    let policy = match &resource {
        Resource::Stream(name) => {
            let stream = catalog.stream(name.as_str());
            stream.and_then(|stream| stream.policy.clone())
        }
        Resource::Consumer(name, consumer) => {
            let stream = catalog.stream(name.as_str());
            let consumer = stream.and_then(|stream| stream.consumers.get(consumer));
            consumer.and_then(|consumer| consumer.policy.clone())
        }
        Resource::Queue(name) => {
            let queue = catalog.queue(name.as_str());
            queue.and_then(|queue| queue.policy.clone())
        }
        Resource::Channel(_) => return Err(without_policy()),
    };
    Ok(call.output(&Output {
        policy: policy.unwrap_or_else(|| "{}".into()),
    }))
}
