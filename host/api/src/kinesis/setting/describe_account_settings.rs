//! DescribeAccountSettings.

use serde::Deserialize;

use super::account::AccountView;
use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

#[derive(Deserialize)]
struct Input {}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let Input {} = call.input(&[])?;
    Ok(call.output(&AccountView::of(call.catalog().account())))
}
