//! The reads that tools make of every function, and what is not served.

use axum::http::Method;
use serde_json::{Value, json};

use super::client::{call, function_arn, get, with_function};

#[tokio::test]
async fn terraform_finds_what_it_asks_for() {
    let world = with_function("f").await;
    for (path, answer) in [
        (
            "/2020-06-30/functions/f/code-signing-config",
            json!({"FunctionName": "f"}),
        ),
        (
            "/2024-08-31/functions/f/recursion-config",
            json!({"RecursiveLoop": "Allow"}),
        ),
        (
            "/2021-07-20/functions/f/runtime-management-config",
            json!({"UpdateRuntimeOn": "Auto", "FunctionArn": function_arn("f:$LATEST")}),
        ),
    ] {
        assert_eq!(get(&world, path).await.ok(200), answer, "{path}");
    }
    get(&world, "/2019-09-25/functions/f/event-invoke-config")
        .await
        .is(
            404,
            "ResourceNotFoundException",
            &format!(
                "The function {} doesn't have an EventInvokeConfig",
                function_arn("f:$LATEST")
            ),
        );
    for path in [
        "/2021-10-31/functions/f/url",
        "/2025-11-30/functions/f/function-scaling-config",
    ] {
        let answer = get(&world, path).await;
        answer.is(
            404,
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
        );
    }
    let account = get(&world, "/2016-08-19/account-settings").await.ok(200);
    assert_eq!(account["AccountUsage"]["FunctionCount"], 1);
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let world = with_function("f").await;
    for (method, path, name) in [
        (
            Method::POST,
            "/2018-10-31/layers/l/versions",
            "PublishLayerVersion",
        ),
        (
            Method::POST,
            "/2021-10-31/functions/f/url",
            "CreateFunctionUrlConfig",
        ),
        (
            Method::GET,
            "/2025-12-01/durable-executions/x",
            "GetDurableExecution",
        ),
    ] {
        let answer = call(&world, method, path, Value::Null).await;
        let message = format!("{name} is not supported by Millstream.");
        answer.is(400, "InvalidParameterValueException", &message);
    }
}
