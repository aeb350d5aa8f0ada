//! SubscribeToShard.

use super::call::Call;
use crate::{error::Fault, wire::answer::Answer};

pub(super) async fn answer(_call: &Call<'_>) -> Result<Answer, Fault> {
    Err(Fault::UnknownOperation)
}
