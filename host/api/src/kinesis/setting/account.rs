//! The account's settings as answers show them.

use millstream_core::catalog::{Account, trigger::Seconds};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccountView {
    minimum_throughput_billing_commitment: Commitment,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Commitment {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Seconds>,
}

impl AccountView {
    pub(super) fn of(account: &Account) -> Self {
        let committed = account.committed_since.is_some();
        Self {
            minimum_throughput_billing_commitment: Commitment {
                status: if committed { "ENABLED" } else { "DISABLED" },
                started_at: account.committed_since.map(Seconds),
                ended_at: account.commitment_ended.map(Seconds),
            },
        }
    }
}
