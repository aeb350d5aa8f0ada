//! ReceiveDeadLetterQueueRecords: up to ten dead letters.

use super::receive;
use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    receive::answer(call, true).await
}
