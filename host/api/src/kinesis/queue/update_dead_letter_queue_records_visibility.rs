//! UpdateDeadLetterQueueRecordsVisibility: the same for dead letters.

use super::settle::{self, Verb};
use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    settle::answer(call, Verb::ChangeVisibility { dead: true }).await
}
