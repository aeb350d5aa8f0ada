//! UpdateFunctionConfiguration.

use axum::http::StatusCode;
use millstream_core::catalog::{function::change, key};
use serde::Deserialize;

use super::{
    settings::{self, Called, Settings},
    shown, view,
};
use crate::{
    lambda::{
        call::{Answer, Call, Found},
        fault::Fault,
        named::FUNCTION_NAME,
    },
    wire::schema::{Member, text},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    function_name: String,
    revision_id: Option<String>,
    #[serde(flatten)]
    settings: Settings,
}

pub(in crate::lambda) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let mut members = vec![
        Member::new("FunctionName", FUNCTION_NAME).required(),
        Member::new("RevisionId", text(0, 10_000)),
    ];
    members.extend(settings::members());
    let Input {
        function_name,
        revision_id,
        settings,
    } = call.input(&members)?;
    let Found { function, .. } = call.function(&function_name, None)?;
    let expected = Call::expected(revision_id.as_deref(), &function)?;
    let Called {
        limits,
        config,
        details,
    } = settings.over(Called {
        limits: function.limits,
        config: function.config.clone(),
        details: function.details.clone(),
    })?;
    if limits != function.limits {
        // It must start under the new limits as well; nothing is compiled anew for that.
        let stored = vec![key::module(&function.module.hash)];
        let stored = call.app().log.get_many(stored).await?.pop().flatten();
        let lost = || Fault::internal("the module of the function is not in the log");
        let wasm = stored.ok_or_else(lost)?;
        call.compile(&function.name, wasm, limits).await?;
    }
    let change = change::Change::Configure {
        limits,
        config,
        details: Box::new(details),
    };
    let function = call.change(&function.name, Some(expected), change).await?;
    Ok(shown(StatusCode::OK, &view::latest(call, &function)))
}
