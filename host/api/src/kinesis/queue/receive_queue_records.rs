//! ReceiveQueueRecords: up to ten records, awaited for up to 20 seconds.

use super::receive;
use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    receive::answer(call, false).await
}
