//! Reserved concurrency: how many calls of a function may run at once.

use millstream_core::catalog::function::change;
use serde::Deserialize;
use serde_json::json;

use super::{
    call::{Answer, Call},
    fault::Fault,
    named::FUNCTION_NAME,
};
use crate::wire::schema::{Kind, Member};

const FUNCTION: Member = Member::new("FunctionName", FUNCTION_NAME).required();

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    function_name: String,
    reserved_concurrent_executions: Option<u32>,
}

pub(super) async fn put(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(&[
        FUNCTION,
        Member::new(
            "ReservedConcurrentExecutions",
            Kind::Integer {
                min: 0,
                max: i32::MAX as i64,
            },
        )
        .required(),
    ])?;
    let found = call.function(&input.function_name, None)?;
    let reserved = input.reserved_concurrent_executions;
    let change = change::Change::Reserve(reserved);
    call.change(&found.function.name, None, change).await?;
    Ok(Answer::ok(
        &json!({"ReservedConcurrentExecutions": reserved}),
    ))
}

pub(super) fn get(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(&[FUNCTION])?;
    let found = call.function(&input.function_name, None)?;
    Ok(Answer::ok(&match found.function.concurrency {
        Some(reserved) => json!({"ReservedConcurrentExecutions": reserved}),
        None => json!({}),
    }))
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Answer, Fault> {
    let input: Input = call.input(&[FUNCTION])?;
    let found = call.function(&input.function_name, None)?;
    let change = change::Change::Reserve(None);
    call.change(&found.function.name, None, change).await?;
    Ok(Answer::empty())
}
