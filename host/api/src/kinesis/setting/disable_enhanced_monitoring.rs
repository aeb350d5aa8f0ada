//! DisableEnhancedMonitoring.

use millstream_core::catalog::stream::Setting;

use super::monitoring;
use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    monitoring(call, Setting::Unmonitor).await
}
