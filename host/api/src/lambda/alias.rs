//! Aliases: names for versions, and weights between two of them.

use std::{collections::BTreeMap, sync::Arc};

use axum::http::StatusCode;
use millstream_core::{
    catalog::{
        Function,
        function::{
            Alias, Qualifier, Shift, alias::MILLION, change, qualifier::LATEST, revision_id,
        },
    },
    name::AliasName,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    fault::Fault,
    named::FUNCTION_NAME,
    page,
};
use crate::wire::schema::{Kind, Member, Pattern, text, text_of};

/// Aliases of a page at most.
const PAGE: usize = 50;

fn is_alias(text: &str) -> bool {
    AliasName::try_from(text).is_ok()
}

fn is_version(text: &str) -> bool {
    text == LATEST || (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

const FUNCTION: Member = Member::new("FunctionName", FUNCTION_NAME).required();
const NAME: Member = Member::new(
    "Name",
    text_of(
        Pattern::Other("(?!^[0-9]+$)([a-zA-Z0-9-_]+)", is_alias),
        1,
        128,
    ),
)
.required();
const VERSION: Member = Member::new(
    "FunctionVersion",
    text_of(
        Pattern::Other(r"(\$LATEST(\.PUBLISHED)?|[0-9]+)", is_version),
        1,
        1024,
    ),
);
const DESCRIPTION: Member = Member::new("Description", text(0, 256));
const ROUTING: Member = Member::new("RoutingConfig", Kind::Document);
const REVISION: Member = Member::new("RevisionId", text(0, 10_000));

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    function_name: String,
    name: String,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<Routing>,
    revision_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Routing {
    additional_version_weights: Option<BTreeMap<String, f64>>,
}

pub(super) async fn create(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(&[FUNCTION, NAME, VERSION.required(), DESCRIPTION, ROUTING])?;
    let found = call.function(&input.function_name, None)?;
    let name = alias_name(&input.name)?;
    let settings = change::AliasSettings {
        number: number(input.function_version.as_deref().unwrap_or(LATEST))?,
        shift: shift(input.routing_config)?,
        description: input.description.unwrap_or_default(),
    };
    let change = change::Change::CreateAlias(name.clone(), settings);
    let function = call.change(&found.function.name, None, change).await?;
    shown(call, &function, &name, StatusCode::CREATED)
}

pub(super) async fn update(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(&[FUNCTION, NAME, VERSION, DESCRIPTION, ROUTING, REVISION])?;
    let found = call.function(&input.function_name, None)?;
    let name = alias_name(&input.name)?;
    let Some(before) = found.function.aliases.get(&name) else {
        let arn = call.arn(&found.function.name, Some(&Qualifier::Alias(name)));
        return Err(Fault::not_found(format!("Alias not found: {arn}")));
    };
    let current = revision(&found.function, &name, before);
    if input.revision_id.is_some_and(|given| given != current) {
        return Err(Fault::precondition(
            "The Revision Id provided does not match the latest Revision Id. \
             Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        ));
    }
    let settings = change::AliasSettings {
        number: match &input.function_version {
            Some(version) => number(version)?,
            None => before.number,
        },
        shift: match input.routing_config {
            Some(routing) => shift(Some(routing))?,
            None => before.shift,
        },
        description: input
            .description
            .unwrap_or_else(|| before.description.clone()),
    };
    let change = change::Change::UpdateAlias {
        name: name.clone(),
        expected: Some(before.revision),
        settings,
    };
    let function = call.change(&found.function.name, None, change).await?;
    shown(call, &function, &name, StatusCode::OK)
}

pub(super) fn get(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(&[FUNCTION, NAME])?;
    let found = call.function(&input.function_name, None)?;
    shown(
        call,
        &found.function,
        &alias_name(&input.name)?,
        StatusCode::OK,
    )
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(&[FUNCTION, NAME])?;
    let found = call.function(&input.function_name, None)?;
    let change = change::Change::DeleteAlias(alias_name(&input.name)?);
    call.change(&found.function.name, None, change).await?;
    Ok(Answer::empty())
}

pub(super) fn list(call: &Call<'_>) -> Result<Answer, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        function_name: String,
        function_version: Option<String>,
        #[serde(flatten)]
        asked: page::Asked,
    }
    let Input {
        function_name,
        function_version,
        asked,
    } = call.input(&[FUNCTION, VERSION, page::MARKER, page::MAX_ITEMS])?;
    let found = call.function(&function_name, None)?;
    let wanted = function_version.as_deref().map(number).transpose()?;
    let aliases = found.function.aliases.iter();
    let aliases = aliases.filter(|(_, alias)| wanted.is_none_or(|number| alias.number == number));
    let entries = aliases.map(|(name, alias)| {
        let value = view(call, &found.function, name, alias);
        (name.to_string(), value)
    });
    let (page, next) = asked.page(entries, PAGE)?;
    Ok(Answer::ok(&page::listed("Aliases", page, next)))
}

fn alias_name(text: &str) -> Result<AliasName, Fault> {
    AliasName::try_from(text).map_err(|error| Fault::validation(error.to_string()))
}

/// The number of a version; none is the function as it is now.
fn number(text: &str) -> Result<Option<u64>, Fault> {
    if text == LATEST {
        return Ok(None);
    }
    let parsed = text.parse().map(Some);
    parsed.map_err(|_| Fault::parameter(format!("{text} is no version of a function.")))
}

fn shift(routing: Option<Routing>) -> Result<Option<Shift>, Fault> {
    let weights = routing.and_then(|routing| routing.additional_version_weights);
    let weights = weights.unwrap_or_default();
    if weights.len() > 1 {
        let why = "AdditionalVersionWeights has more than one version.";
        return Err(Fault::parameter(why));
    }
    let Some((version, weight)) = weights.into_iter().next() else {
        return Ok(None);
    };
    let Some(number) = number(&version)? else {
        let why = "$LATEST is not supported for an alias with routing configuration.";
        return Err(Fault::parameter(why));
    };
    if !(0.0..=1.0).contains(&weight) {
        return Err(Fault::parameter(
            "A version's weight is between 0.0 and 1.0.",
        ));
    }
    Ok(Some(Shift {
        number,
        // In range, so the cast cannot saturate.
        millionths: (weight * f64::from(MILLION)).round() as u32,
    }))
}

fn shown(
    call: &Call<'_>,
    function: &Arc<Function>,
    name: &AliasName,
    status: StatusCode,
) -> Result<Answer, Fault> {
    let Some(alias) = function.aliases.get(name) else {
        let arn = call.arn(&function.name, Some(&Qualifier::Alias(name.clone())));
        return Err(Fault::not_found(format!("Cannot find alias arn: {arn}")));
    };
    Ok(Answer::of(status, &view(call, function, name, alias)))
}

fn revision(function: &Function, name: &AliasName, alias: &Alias) -> String {
    let name = format!("{}:{name}", function.name);
    revision_id("alias", &name, alias.revision)
}

fn view(call: &Call<'_>, function: &Function, name: &AliasName, alias: &Alias) -> Value {
    let arn = call.arn(&function.name, Some(&Qualifier::Alias(name.clone())));
    let version = alias.number.map_or(LATEST.to_owned(), |n| n.to_string());
    let mut shown = json!({
        "AliasArn": arn,
        "Name": name.as_str(),
        "FunctionVersion": version,
        "Description": alias.description,
        "RevisionId": revision(function, name, alias),
    });
    if let Some(Shift { number, millionths }) = alias.shift {
        let weight = f64::from(millionths) / f64::from(MILLION);
        shown["RoutingConfig"] = json!({"AdditionalVersionWeights": {number.to_string(): weight}});
    }
    shown
}
