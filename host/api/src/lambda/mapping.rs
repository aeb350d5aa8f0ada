//! Event source mappings: triggers as Lambda's clients know them. Each trigger is one, whoever made
//! it, and has a UUID.

pub(super) mod create;
mod settings;
mod source;
pub(super) mod update;
mod view;

use std::sync::Arc;

use axum::http::StatusCode;
use millstream_core::catalog::{Catalog, Request, Trigger};
use serde::Deserialize;

use super::{
    call::{Answer, Call},
    fault::Fault,
    named::ANY_FUNCTION_NAME,
    page,
};
use crate::wire::schema::{Member, text};

/// Mappings of a page at most.
const PAGE: usize = 100;

const UUID: Member = Member::new("UUID", text(0, 10_000)).required();

#[derive(Debug, Deserialize)]
struct Which {
    #[serde(rename = "UUID")]
    uuid: String,
}

/// The mapping of that UUID in the region of this call, which is that of its stream.
pub(super) fn of_uuid(call: &Call<'_>, catalog: &Catalog, uuid: &str) -> Option<Arc<Trigger>> {
    let mut triggers = catalog.triggers().filter(|trigger| is_here(call, trigger));
    triggers.find(|trigger| trigger.uuid() == uuid).cloned()
}

fn is_here(call: &Call<'_>, trigger: &Trigger) -> bool {
    let region = trigger.settings.stream.region();
    region.unwrap_or(&call.app().identity.region) == call.region
}

fn found(call: &Call<'_>, uuid: &str) -> Result<Arc<Trigger>, Fault> {
    let found = of_uuid(call, &call.catalog(), uuid);
    found.ok_or_else(|| Fault::not_found("The resource you requested does not exist."))
}

pub(super) fn get(call: &Call<'_>) -> Result<Answer, Fault> {
    let Which { uuid } = call.input(&[UUID])?;
    let trigger = found(call, &uuid)?;
    Ok(Answer::ok(&view::mapping(call, &trigger)))
}

pub(super) fn list(call: &Call<'_>) -> Result<Answer, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        event_source_arn: Option<String>,
        function_name: Option<String>,
        #[serde(flatten)]
        asked: page::Asked,
    }
    let Input {
        event_source_arn,
        function_name,
        asked,
    } = call.input(&[
        Member::new("EventSourceArn", text(0, 10_000)),
        Member::new("FunctionName", ANY_FUNCTION_NAME),
        page::MARKER,
        page::MAX_ITEMS,
    ])?;
    let function = function_name.map(|text| call.named(&text)).transpose()?;
    let catalog = call.catalog();
    let wanted = |trigger: &&Arc<Trigger>| {
        let settings = &trigger.settings;
        let of_function = function.as_ref().is_none_or(|named| {
            named.name == settings.function && named.qualifier == settings.qualifier
        });
        let arn = event_source_arn.as_ref();
        of_function
            && is_here(call, trigger)
            && arn.is_none_or(|arn| *arn == source::of(call, settings))
    };
    let triggers = catalog.triggers().filter(wanted);
    let entries = triggers.map(|trigger| (trigger.name.to_string(), trigger));
    let (page, next) = asked.page(entries, PAGE)?;
    let page = page.into_iter().map(|trigger| view::mapping(call, trigger));
    let page = page.collect();
    Ok(Answer::ok(&page::listed("EventSourceMappings", page, next)))
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Answer, Fault> {
    let Which { uuid } = call.input(&[UUID])?;
    let _turn = call.lambda.mappings.lock().await;
    let trigger = found(call, &uuid)?;
    let shown = view::changing(call, &trigger, "Deleting");
    let name = trigger.name.clone();
    call.apply(Request::DeleteTrigger { name }).await?;
    Ok(Answer::of(StatusCode::ACCEPTED, &shown))
}
