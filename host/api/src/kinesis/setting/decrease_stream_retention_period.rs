//! DecreaseStreamRetentionPeriod: older records go.

use millstream_core::catalog::stream::Setting;

use super::{change, retention};
use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let (which, hours) = retention(call)?;
    change(call, &which, Setting::LowerRetention(hours)).await?;
    Ok(Answer::empty())
}
