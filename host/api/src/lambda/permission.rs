//! Policies of functions. They are kept and shown; who may call is decided by credentials alone.

use axum::http::StatusCode;
use millstream_core::catalog::{
    Function,
    function::{Permission, Qualifier, change},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    call::{Answer, Call, Found},
    fault::Fault,
    function::{QUALIFIER, WHICH, Which, view},
    named::ANY_FUNCTION_NAME,
};
use crate::wire::schema::{Member, Pattern, text, text_of};

fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

fn is_action(text: &str) -> bool {
    let letters = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
    let name = text.strip_prefix("lambda:");
    text == "*" || name.is_some_and(|name| name == "*" || letters(name))
}

const FUNCTION: Member = Member::new("FunctionName", ANY_FUNCTION_NAME).required();
const SID: Member = Member::new(
    "StatementId",
    text_of(Pattern::Other("([a-zA-Z0-9-_]+)", is_id), 1, 100),
)
.required();
const REVISION: Member = Member::new("RevisionId", text(0, 10_000));

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    function_name: String,
    qualifier: Option<String>,
    statement_id: String,
    revision_id: Option<String>,
    action: Option<String>,
    principal: Option<String>,
    source_arn: Option<String>,
    source_account: Option<String>,
    event_source_token: Option<String>,
    #[serde(rename = "PrincipalOrgID")]
    principal_org_id: Option<String>,
}

pub(super) async fn add(call: &Call<'_>) -> Result<Answer, Fault> {
    let action = Pattern::Other(r"(lambda:[*]|lambda:[a-zA-Z]+|[*])", is_action);
    let input: Input = call.input(&[
        FUNCTION,
        QUALIFIER,
        SID,
        REVISION,
        Member::new("Action", text_of(action, 0, 10_000)).required(),
        Member::new("Principal", text(0, 2048)).required(),
        Member::new("SourceArn", text(0, 10_000)),
        Member::new("SourceAccount", text(0, 12)),
        Member::new("EventSourceToken", text(0, 256)),
        Member::new("PrincipalOrgID", text(12, 34)),
    ])?;
    let found = call.function(&input.function_name, input.qualifier.as_deref())?;
    let expected = revised(input.revision_id.as_deref(), &found.function)?;
    let permission = Permission {
        qualifier: found.qualifier.clone(),
        principal: principal(input.principal.as_deref().unwrap_or_default()),
        condition: condition(&input),
        action: input.action.unwrap_or_default(),
        sid: input.statement_id,
    };
    let shown = statement(call, &found.function, &permission);
    let change = change::Change::Permit(permission);
    call.change(&found.function.name, expected, change).await?;
    let answer = json!({"Statement": shown.to_string()});
    Ok(Answer::of(StatusCode::CREATED, &answer))
}

pub(super) fn get(call: &Call<'_>) -> Result<Answer, Fault> {
    let Which {
        function_name,
        qualifier,
    } = call.input(WHICH)?;
    let found = call.function(&function_name, qualifier.as_deref())?;
    let statements = of(call, &found);
    if statements.is_empty() {
        return Err(Fault::not_found(
            "The resource you requested does not exist.",
        ));
    }
    let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": statements});
    let revision = view::revision(&found.function);
    Ok(Answer::ok(
        &json!({"Policy": policy.to_string(), "RevisionId": revision}),
    ))
}

pub(super) async fn remove(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(&[FUNCTION, QUALIFIER, SID, REVISION])?;
    let found = call.function(&input.function_name, input.qualifier.as_deref())?;
    if of(call, &found).is_empty() {
        return Err(Fault::not_found(
            "No policy is associated with the given resource.",
        ));
    }
    let expected = revised(input.revision_id.as_deref(), &found.function)?;
    let change = change::Change::Forbid {
        qualifier: found.qualifier.clone(),
        sid: input.statement_id,
    };
    call.change(&found.function.name, expected, change).await?;
    Ok(Answer::empty())
}

/// A statement is added to whatever there is, unless a client says what it has seen.
fn revised(given: Option<&str>, function: &Function) -> Result<Option<u64>, Fault> {
    given
        .map(|given| Call::expected(Some(given), function))
        .transpose()
}

fn of(call: &Call<'_>, found: &Found) -> Vec<Value> {
    let permissions = found.function.permissions.iter();
    let its = permissions.filter(|permission| permission.qualifier == found.qualifier);
    its.map(|permission| statement(call, &found.function, permission))
        .collect()
}

fn statement(call: &Call<'_>, function: &Function, permission: &Permission) -> Value {
    let Permission {
        sid,
        qualifier,
        principal,
        action,
        condition,
    } = permission;
    let arn = call.arn(
        &function.name,
        qualifier.as_ref().filter(|q| **q != Qualifier::Latest),
    );
    let mut statement = json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": arn,
    });
    if !condition.is_null() {
        statement["Condition"] = condition.clone();
    }
    statement
}

fn principal(text: &str) -> Value {
    if text == "*" {
        return text.into();
    }
    if text.contains('.') && !text.contains(':') {
        return json!({"Service": text});
    }
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account {
        return json!({"AWS": format!("arn:aws:iam::{text}:root")});
    }
    json!({"AWS": text})
}

fn condition(input: &Input) -> Value {
    let mut equal = Map::new();
    let mut add = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            equal.insert(name.to_owned(), value.as_str().into());
        }
    };
    add("AWS:SourceAccount", &input.source_account);
    add("lambda:EventSourceToken", &input.event_source_token);
    add("aws:PrincipalOrgID", &input.principal_org_id);
    let mut condition = Map::new();
    if !equal.is_empty() {
        condition.insert("StringEquals".to_owned(), equal.into());
    }
    if let Some(arn) = &input.source_arn {
        condition.insert("ArnLike".to_owned(), json!({"AWS:SourceArn": arn}));
    }
    if condition.is_empty() {
        Value::Null
    } else {
        condition.into()
    }
}
