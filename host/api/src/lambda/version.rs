//! Published versions: the function as it was, under a number.

use std::sync::Arc;

use axum::http::StatusCode;
use millstream_core::catalog::{
    Function,
    function::{Qualifier, change},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    call::{Answer, Call, Found},
    fault::Fault,
    function::view,
    named::{ANY_FUNCTION_NAME, FUNCTION_NAME},
    page,
};
use crate::wire::schema::{Member, text};

/// Versions of a page at most.
const PAGE: usize = 50;

pub(super) async fn publish(call: &Call<'_>) -> Result<Answer, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        function_name: String,
        #[serde(rename = "CodeSha256")]
        code_sha256: Option<String>,
        description: Option<String>,
        revision_id: Option<String>,
    }
    let Input {
        function_name,
        code_sha256,
        description,
        revision_id,
    } = call.input(&[
        Member::new("FunctionName", FUNCTION_NAME).required(),
        Member::new("CodeSha256", text(0, 10_000)),
        Member::new("Description", text(0, 256)),
        Member::new("RevisionId", text(0, 10_000)),
    ])?;
    let found = call.function(&function_name, None)?;
    let expected = Call::expected(revision_id.as_deref(), &found.function)?;
    let shown = view::latest(call, &found.function);
    let is_it = |given: &str| shown["CodeSha256"] == given;
    if let Some(given) = code_sha256.filter(|given| !given.is_empty() && !is_it(given)) {
        let current = &shown["CodeSha256"];
        return Err(Fault::parameter(format!(
            "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). \
             Please try again with the CodeSHA256 in $LATEST."
        )));
    }
    let change = change::Change::Publish { description };
    let function = call
        .change(&found.function.name, Some(expected), change)
        .await?;
    let mut published = Found::published_now(&function, true);
    published.qualifier = published.number.map(Qualifier::Number);
    let shown = view::configuration(call, &published);
    Ok(Answer::of(StatusCode::CREATED, &shown))
}

pub(super) fn list(call: &Call<'_>) -> Result<Answer, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        function_name: String,
        #[serde(flatten)]
        asked: page::Asked,
    }
    let Input {
        function_name,
        asked,
    } = call.input(&[
        Member::new("FunctionName", ANY_FUNCTION_NAME).required(),
        page::MARKER,
        page::MAX_ITEMS,
    ])?;
    let found = call.function(&function_name, None)?;
    let (page, next) = asked.page(all(call, &found.function).into_iter(), PAGE)?;
    Ok(Answer::ok(&page::listed("Versions", page, next)))
}

/// The function as it is now and all its versions, under keys that have the same order.
pub(super) fn all(call: &Call<'_>, function: &Arc<Function>) -> Vec<(String, Value)> {
    let key = |number: u64| format!("{}:{number:020}", function.name);
    let mut all = vec![(key(0), view::listed_version(call, function, None))];
    all.extend(function.published.iter().map(|(&number, version)| {
        (
            key(number),
            view::listed_version(call, version, Some(number)),
        )
    }));
    all
}
