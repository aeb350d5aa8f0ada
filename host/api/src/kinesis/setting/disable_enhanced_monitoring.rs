//! DisableEnhancedMonitoring.

use crate::kinesis::call::Call;
use crate::{error::Fault, wire::answer::Answer};

pub(in crate::kinesis) async fn answer(_call: &Call<'_>) -> Result<Answer, Fault> {
    Err(Fault::UnknownOperation)
}
