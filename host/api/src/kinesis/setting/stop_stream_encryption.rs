//! StopStreamEncryption.

use millstream_core::catalog::stream::Setting;

use super::{change, key};
use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let (which, key) = key(call)?;
    change(call, &which, Setting::Decrypt(key)).await?;
    Ok(Answer::empty())
}
