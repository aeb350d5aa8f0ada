//! UpdateEventSourceMapping. What is not given stays as it is.

use axum::http::StatusCode;
use millstream_core::catalog::Request;
use serde::Deserialize;

use super::{
    UUID, found,
    settings::{self, Settings},
    view,
};
use crate::{
    lambda::{
        call::{Answer, Call},
        fault::Fault,
        named::ANY_FUNCTION_NAME,
    },
    wire::schema::Member,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(rename = "UUID")]
    uuid: String,
    function_name: Option<String>,
    #[serde(flatten)]
    settings: Settings,
}

pub(in crate::lambda) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let mut members = vec![UUID, Member::new("FunctionName", ANY_FUNCTION_NAME)];
    members.extend(settings::members());
    let input: Input = call.input(&members)?;
    let _turn = call.lambda.mappings.lock().await;
    let trigger = found(call, &input.uuid)?;
    let mut settings = trigger.settings.clone();
    if let Some(text) = input.function_name {
        let named = settings::function(call, &text)?;
        settings.function = named.name;
        settings.qualifier = named.qualifier;
    }
    input.settings.apply(call, &mut settings)?;
    let checked = settings.check();
    checked.map_err(|error| Fault::parameter(error.to_string()))?;
    let state = match (trigger.settings.enabled, settings.enabled) {
        (false, true) => "Enabling",
        (true, false) => "Disabling",
        _ => "Updating",
    };
    let name = trigger.name.clone();
    let request = Request::PutTrigger {
        name: name.clone(),
        settings,
        starts: trigger.starts.clone(),
    };
    let change = call.apply(request).await?;
    let trigger = change.catalog.trigger(name.as_str());
    let trigger = trigger.ok_or_else(|| Fault::internal("the mapping is gone again"))?;
    Ok(Answer::of(
        StatusCode::ACCEPTED,
        &view::changing(call, trigger, state),
    ))
}
