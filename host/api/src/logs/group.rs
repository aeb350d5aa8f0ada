//! DescribeLogGroups: a group for each function.

use std::collections::BTreeMap;

use millstream_core::name::FunctionName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{Call, GROUP_IDENTIFIERS, GROUP_NAME, LIMIT, NEXT_TOKEN, PREFIX},
    fault::Fault,
    page,
};
use crate::wire::schema::{Kind, Member, Pattern, one_of, text_of};

/// Groups in an answer.
const GROUPS: usize = 50;

const MEMBERS: &[Member] = &[
    Member::new("logGroupNamePrefix", GROUP_NAME),
    Member::new(
        "logGroupNamePattern",
        text_of(Pattern::Other(r"[\.\-_/#A-Za-z0-9]*", is_part), 0, 512),
    ),
    GROUP_IDENTIFIERS,
    Member::new(
        "logGroupClass",
        one_of(&["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"]),
    ),
    Member::new("includeLinkedAccounts", Kind::Boolean),
    NEXT_TOKEN,
    LIMIT,
];

fn is_part(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".-_/#".contains(&b);
    text.bytes().all(fits)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    log_group_class: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

pub(super) fn describe(call: &Call<'_>) -> Result<Value, Fault> {
    let input: Input = call.input(MEMBERS)?;
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        let why = "LogGroup name prefix and LogGroup name pattern are mutually exclusive \
                   parameters.";
        return Err(Fault::Parameter(why.to_owned()));
    }
    // All groups are of one class.
    let is_ours = input.log_group_class.as_deref().unwrap_or("STANDARD") == "STANDARD";
    let named = input.log_group_identifiers.as_ref().map(|identifiers| {
        let names = identifiers.iter();
        names
            .filter_map(|text| call.group_of(text))
            .collect::<Vec<_>>()
    });
    let prefix = input.log_group_name_prefix.as_deref().unwrap_or_default();
    let part = input.log_group_name_pattern.as_deref().unwrap_or_default();
    let groups = groups(call).into_iter().filter_map(|(function, bytes)| {
        let name = format!("{PREFIX}{function}");
        let is_named = named
            .as_ref()
            .is_none_or(|named| named.contains(&name.as_str()));
        let wanted = is_ours && is_named && name.starts_with(prefix) && name.contains(part);
        wanted.then(|| {
            let view = view(call, &function, &name, bytes);
            (name, view)
        })
    });
    let limit = input.limit.unwrap_or(GROUPS);
    let (page, next) = page::named(groups.collect(), input.next_token.as_deref(), limit)?;
    let mut answer = json!({"logGroups": page});
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

/// By name: the functions that there are, and those of which something is kept.
fn groups(call: &Call<'_>) -> BTreeMap<FunctionName, usize> {
    let catalog = call.app.control.catalog();
    let functions = catalog
        .functions()
        .map(|function| (function.name.clone(), 0));
    let mut groups: BTreeMap<_, _> = functions.collect();
    groups.extend(call.app.journals.functions());
    groups
}

fn view(call: &Call<'_>, function: &FunctionName, name: &str, bytes: usize) -> Value {
    let arn = call.arn(function);
    json!({
        "logGroupName": name,
        // Nothing is kept of what was before.
        "creationTime": call.app.started,
        "metricFilterCount": 0,
        "arn": format!("{arn}:*"),
        "storedBytes": bytes,
        "logGroupClass": "STANDARD",
        "logGroupArn": arn,
    })
}
