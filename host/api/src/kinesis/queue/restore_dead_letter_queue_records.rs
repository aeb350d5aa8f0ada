//! RestoreDeadLetterQueueRecords: up to ten dead letters are delivered again.

use super::settle::{self, Verb};
use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    settle::answer(call, Verb::Restore).await
}
