//! The event of a trigger with tumbling windows and the answer to it, by the names of the crate
//! `aws_lambda_events`.

use serde::{Deserialize, Serialize};

use super::{KinesisBatchItemFailure, KinesisEventRecord};

/// Records of one window, with what the function answered to those before them.
///
/// `S` is the function's own state; its fields need serde's `default`, since a window begins with `{}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KinesisTimeWindowEvent<S> {
    /// The records; none where the window is only closed.
    #[serde(rename = "Records", default)]
    pub records: Vec<KinesisEventRecord>,
    /// The window.
    pub window: Window,
    /// What the function answered last.
    pub state: S,
    /// The shard.
    #[serde(rename = "shardId", default)]
    pub shard_id: Option<String>,
    /// The stream.
    #[serde(rename = "eventSourceARN", default)]
    pub event_source_arn: Option<String>,
    /// Whether this is the last call for the window.
    #[serde(rename = "isFinalInvokeForWindow", default)]
    pub is_final_invoke_for_window: bool,
    /// Whether that is though the window is not over.
    #[serde(rename = "isWindowTerminatedEarly", default)]
    pub is_window_terminated_early: bool,
}

/// When a window begins and ends, as in `2020-12-09T07:04:00Z`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its first moment.
    pub start: String,
    /// The first moment after it.
    pub end: String,
}

/// The answer to a [`KinesisTimeWindowEvent`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KinesisTimeWindowEventResponse<S> {
    /// What the next call of the window is given.
    pub state: S,
    /// Records that failed; the batch is tried again from the first of them on. Empty: all are done.
    #[serde(default)]
    pub batch_item_failures: Vec<KinesisBatchItemFailure>,
}

impl<S> KinesisTimeWindowEventResponse<S> {
    /// That all records are done, and what the next call of the window is given.
    pub fn of(state: S) -> Self {
        Self {
            state,
            batch_item_failures: Vec::new(),
        }
    }
}
