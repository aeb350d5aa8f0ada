//! UpdateAccountSettings: the commitment that allows streams more. Nothing is billed.

use millstream_core::catalog::Request;
use serde::Deserialize;

use super::account::AccountView;
use crate::{
    error::Fault,
    kinesis::call::Call,
    wire::{
        answer::Answer,
        schema::{self, Kind, Member},
    },
};

const INPUT: &[Member] = &[Member::new(
    "MinimumThroughputBillingCommitment",
    Kind::Structure(&[Member::new("Status", schema::one_of(&["ENABLED", "DISABLED"])).required()]),
)
.required()];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    minimum_throughput_billing_commitment: Commitment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Commitment {
    status: Status,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Enabled,
    Disabled,
}

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(INPUT)?;
    let committed = input.minimum_throughput_billing_commitment.status == Status::Enabled;
    let change = call.apply(Request::Commit { committed }).await?;
    Ok(call.output(&AccountView::of(change.catalog.account())))
}
