//! Tags of functions and of event source mappings, which are named by their ARNs.

use std::collections::BTreeMap;

use millstream_core::catalog::{Request, function::change, stream::tags::Change};
use serde::Deserialize;
use serde_json::json;

use super::{
    call::{Answer, Call, Found},
    fault::Fault,
    mapping,
    named::Named,
};
use crate::wire::schema::{Kind, Member, TAGS, text};

const KEY: Kind = text(1, 128);
const RESOURCE: Member = Member::new("Resource", text(1, 256)).required();

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    resource: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default, rename = "tagKeys")]
    tag_keys: Vec<String>,
}

/// Something that has tags.
enum Tagged {
    Function(Found),
    Mapping(std::sync::Arc<millstream_core::catalog::Trigger>),
}

pub(super) fn list(call: &Call<'_>) -> Result<Answer, Fault> {
    let Input { resource, .. } = call.input(&[RESOURCE])?;
    let tags = match tagged(call, &resource)? {
        Tagged::Function(found) => found.function.tags.clone(),
        Tagged::Mapping(trigger) => trigger.tags.clone(),
    };
    Ok(Answer::ok(&json!({"Tags": tags})))
}

pub(super) async fn tag(call: &Call<'_>) -> Result<Answer, Fault> {
    let Input { resource, tags, .. } = call.input(&[RESOURCE, TAGS.required()])?;
    change(call, &resource, Change::Add(tags)).await
}

pub(super) async fn untag(call: &Call<'_>) -> Result<Answer, Fault> {
    let keys = Kind::List { of: &KEY, max: 50 };
    let Input {
        resource, tag_keys, ..
    } = call.input(&[RESOURCE, Member::new("tagKeys", keys).required()])?;
    change(call, &resource, Change::Remove(tag_keys)).await
}

async fn change(call: &Call<'_>, resource: &str, change: Change) -> Result<Answer, Fault> {
    match tagged(call, resource)? {
        Tagged::Function(found) => {
            let change = change::Change::Tags(change);
            call.change(&found.function.name, None, change).await?;
        }
        Tagged::Mapping(trigger) => {
            let name = trigger.name.clone();
            call.apply(Request::TagTrigger { name, change }).await?;
        }
    }
    Ok(Answer::empty())
}

fn tagged(call: &Call<'_>, resource: &str) -> Result<Tagged, Fault> {
    if let Some((_, uuid)) = resource.split_once(":event-source-mapping:") {
        let catalog = call.catalog();
        let trigger = mapping::of_uuid(call, &catalog, uuid);
        let missing = || Fault::not_found(format!("Event source mapping not found: {resource}"));
        return trigger.map(Tagged::Mapping).ok_or_else(missing);
    }
    if !resource.starts_with("arn:") || Named::parse(resource).is_none() {
        return Err(Fault::parameter(format!(
            "{resource} is no ARN of a function."
        )));
    }
    let found = call.function(resource, None)?;
    if found.qualifier.is_some() {
        let why = "Tags on function aliases and versions are not supported. \
                   Please specify a function ARN.";
        return Err(Fault::parameter(why));
    }
    Ok(Tagged::Function(found))
}
