//! CreateEventSourceMapping.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use millstream_core::{
    catalog::{
        Request, StartingPosition, Trigger, TriggerSettings, stream::tags, trigger::Seconds,
    },
    name::{StreamName, TriggerName},
    time::Millis,
};
use serde::Deserialize;

use super::{
    settings::{self, Settings},
    source, view,
};
use crate::{
    lambda::{
        call::{Answer, Call},
        fault::Fault,
        named::{ANY_FUNCTION_NAME, Named},
    },
    native::triggers::starts,
    wire::schema::{Kind, Member, TAGS, one_of, text},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    event_source_arn: Option<String>,
    function_name: String,
    starting_position: Option<StartingPosition>,
    starting_position_timestamp: Option<f64>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(flatten)]
    settings: Settings,
}

pub(in crate::lambda) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let mut members = vec![
        Member::new("FunctionName", ANY_FUNCTION_NAME).required(),
        Member::new("EventSourceArn", text(0, 10_000)),
        Member::new(
            "StartingPosition",
            one_of(&["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"]),
        ),
        Member::new("StartingPositionTimestamp", Kind::Timestamp),
        TAGS,
    ];
    members.extend(settings::members());
    let input: Input = call.input(&members)?;
    let _turn = call.lambda.mappings.lock().await;
    let (stream, consumer) = source::read(call, input.event_source_arn.as_deref())?;
    let position = start(&input, call.now())?;
    let named = settings::function(call, &input.function_name)?;
    let mut settings = defaults(stream, named, position)?;
    settings.consumer = consumer;
    is_new(call, &settings)?;
    input.settings.apply(call, &mut settings)?;
    let checked = settings.check();
    checked.map_err(|error| Fault::parameter(error.to_string()))?;
    let starts = starts(call.app(), &settings).await?;
    let name = TriggerName::try_from(uuid::Uuid::new_v4().to_string());
    let name = name.map_err(|error| Fault::internal(error.to_string()))?;
    // Tags that cannot be are told before there is a mapping.
    let mut tags = tags::Tags::new();
    let tag = tags::Change::Add(input.tags);
    tag.clone()
        .apply(&mut tags)
        .map_err(|error| call.refused(error.into()))?;
    let request = Request::PutTrigger {
        name: name.clone(),
        settings,
        starts,
    };
    let mut change = call.apply(request).await?;
    if !tags.is_empty() {
        let name = name.clone();
        change = call
            .apply(Request::TagTrigger { name, change: tag })
            .await?;
    }
    let trigger = change.catalog.trigger(name.as_str());
    let trigger = trigger.ok_or_else(|| Fault::internal("the mapping is gone again"))?;
    Ok(Answer::of(
        StatusCode::ACCEPTED,
        &view::changing(call, trigger, "Creating"),
    ))
}

fn start(input: &Input, now: Millis) -> Result<(StartingPosition, Option<Seconds>), Fault> {
    let Some(position) = input.starting_position else {
        return Err(Fault::parameter(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy \
             constraint: Member must not be null.",
        ));
    };
    let given = input.starting_position_timestamp;
    if position != StartingPosition::AtTimestamp {
        return match given {
            None => Ok((position, None)),
            Some(_) => Err(Fault::parameter(
                "StartingPositionTimestamp goes with the starting position AT_TIMESTAMP only.",
            )),
        };
    }
    let Some(at) = given else {
        let why = "StartingPositionTimestamp is needed for the starting position AT_TIMESTAMP.";
        return Err(Fault::parameter(why));
    };
    // What is out of its range saturates, and is in the future then, or in 1970.
    let at = Millis((at * 1000.0).round() as u64);
    if at > now {
        let why = "StartingPositionTimestamp is in the future.";
        return Err(Fault::parameter(why));
    }
    Ok((position, Some(Seconds(at))))
}

/// Refuses a second mapping of the same source to the same function.
fn is_new(call: &Call<'_>, new: &TriggerSettings) -> Result<(), Fault> {
    let catalog = call.catalog();
    let is_same = |trigger: &&std::sync::Arc<Trigger>| {
        let settings = &trigger.settings;
        settings.stream == new.stream
            && settings.consumer == new.consumer
            && settings.function == new.function
            && settings.qualifier == new.qualifier
    };
    let Some(other) = catalog.triggers().find(is_same) else {
        return Ok(());
    };
    let (arn, name, uuid) = (source::of(call, new), &new.function, other.uuid());
    Err(Fault::conflict(format!(
        "The event source arn (\" {arn} \") and function (\" {name} \") provided mapping already \
         exists. Please update or delete the existing mapping with UUID {uuid}"
    )))
}

/// Lambda's defaults.
fn defaults(
    stream: StreamName,
    named: Named,
    (position, at): (StartingPosition, Option<Seconds>),
) -> Result<TriggerSettings, Fault> {
    let position = serde_json::json!({
        "stream": stream,
        "function": named.name,
        "qualifier": named.qualifier,
        "starting_position": position,
        "starting_position_timestamp": at,
    });
    serde_json::from_value(position).map_err(|error| Fault::internal(error.to_string()))
}
