//! A queue as it is described, and its attributes as they are asked for.

use millstream_core::{
    catalog::{
        Queue, StartingPosition, Status,
        queue::{Attributes, Start},
        trigger::Seconds,
    },
    time::Millis,
};
use serde::{Deserialize, Serialize};

use crate::{error::Fault, kinesis::call::Call};

/// What several actions answer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Described<'a> {
    queue_description: Description<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Description<'a> {
    queue_name: &'a str,
    #[serde(rename = "QueueARN")]
    queue_arn: String,
    queue_status: Status,
    queue_creation_timestamp: Seconds,
    stream_configuration_list: [StreamConfiguration; 1],
    queue_attributes: QueueAttributes,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamConfiguration {
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    starting_position: ShownPosition,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownPosition {
    r#type: StartingPosition,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Seconds>,
}

/// As they come and go.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueAttributes {
    visibility_timeout_seconds: Option<u32>,
    dead_letter_configuration: Option<DeadLetterConfiguration>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterConfiguration {
    target_type: TargetType,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_receive_count: Option<u32>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum TargetType {
    BuiltIn,
    None,
}

impl QueueAttributes {
    pub(super) fn visibility_seconds(&self) -> Option<u32> {
        self.visibility_timeout_seconds
    }

    /// Deliveries after which a record is dead, or none; nothing where that is not said.
    pub(super) fn max_receives(&self) -> Result<Option<Option<u32>>, Fault> {
        let invalid = |text: &str| Err(Fault::Invalid(text.into()));
        let Some(configuration) = self.dead_letter_configuration else {
            return Ok(None);
        };
        match (configuration.target_type, configuration.max_receive_count) {
            (TargetType::BuiltIn, None) => {
                invalid("MaxReceiveCount is required when TargetType is BUILT_IN.")
            }
            (TargetType::None, Some(_)) => {
                invalid("MaxReceiveCount cannot be specified when TargetType is NONE.")
            }
            (_, max_receives) => Ok(Some(max_receives)),
        }
    }

    fn of(attributes: Attributes) -> Self {
        let Attributes {
            visibility_seconds,
            max_receives,
        } = attributes;
        Self {
            visibility_timeout_seconds: Some(visibility_seconds),
            dead_letter_configuration: Some(DeadLetterConfiguration {
                target_type: match max_receives {
                    Some(_) => TargetType::BuiltIn,
                    None => TargetType::None,
                },
                max_receive_count: max_receives,
            }),
        }
    }
}

impl ShownPosition {
    /// What was asked for while the queue is being created, then what came of it.
    fn of(start: Start, status: Status) -> Self {
        let timestamp = match status {
            Status::Creating => start.asked,
            _ => Some(start.effective),
        };
        Self {
            r#type: start.at,
            timestamp: timestamp.map(Seconds),
        }
    }
}

impl Call<'_> {
    pub(super) fn described_queue<'q>(&self, queue: &'q Queue) -> Described<'q> {
        let now: Millis = self.now();
        let status = queue.status(now);
        Described {
            queue_description: Description {
                queue_name: queue.name.name(),
                queue_arn: self.queue_arn(queue),
                queue_status: status,
                queue_creation_timestamp: Seconds(queue.created),
                stream_configuration_list: [StreamConfiguration {
                    stream_arn: self.arn_of("stream", queue.stream.name()),
                    starting_position: ShownPosition::of(queue.start, status),
                }],
                queue_attributes: QueueAttributes::of(queue.attributes),
            },
        }
    }
}
