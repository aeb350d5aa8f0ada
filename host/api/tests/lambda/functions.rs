//! Functions: created, looked at, changed, deleted.

use axum::http::Method;
use millstream_core::port::CommitError;
use serde_json::{Value, json};

use super::client::{
    FUNCTIONS, ROLE, call, delete, function, function_arn, get, module, post, put, with_function,
};
use crate::{model::set_clock, native::world::World};

#[tokio::test]
async fn a_function_shows_as_it_was_created() {
    let world = World::new();
    let mut asked = function("f");
    asked["Description"] = json!("what it is for");
    asked["Timeout"] = json!(7);
    asked["MemorySize"] = json!(256);
    asked["Environment"] = json!({"Variables": {"k": "v"}});
    asked["Tags"] = json!({"a": "b"});
    asked["TracingConfig"] = json!({"Mode": "Active"});
    let made = post(&world, FUNCTIONS, asked).await.ok(201);
    let expected = json!({
        "Architectures": ["x86_64"], "CodeSha256": "hash of \0asm one", "CodeSize": 8,
        "Description": "what it is for", "Environment": {"Variables": {"k": "v"}},
        "EphemeralStorage": {"Size": 512}, "FunctionArn": function_arn("f"), "FunctionName": "f",
        "Handler": "bootstrap", "LastModified": "2023-11-14T22:13:20.000+0000",
        "LastUpdateStatus": "Successful",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}, "MemorySize": 256,
        "PackageType": "Zip", "RevisionId": made["RevisionId"], "Role": ROLE,
        "Runtime": "provided.al2023",
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "State": "Active",
        "Timeout": 7, "TracingConfig": {"Mode": "Active"}, "Version": "$LATEST",
    });
    assert_eq!(made, expected);
    let got = get(&world, &format!("{FUNCTIONS}/f")).await.ok(200);
    assert_eq!(got["Configuration"], expected);
    assert_eq!(got["Tags"], json!({"a": "b"}));
    assert_eq!(got["Code"]["RepositoryType"], "S3");
    let catalog = world.app.control.catalog();
    let stored = catalog.function("f").unwrap();
    assert_eq!(stored.limits.time_ms, 7_000);
    assert_eq!(stored.limits.memory_bytes, 256 << 20);
    assert_eq!(stored.config["k"], "v");
}

#[tokio::test]
async fn functions_of_both_interfaces_are_the_same() {
    let world = World::with_function("native").await;
    let shown = get(&world, &format!("{FUNCTIONS}/native")).await.ok(200);
    let shown = &shown["Configuration"];
    assert_eq!(
        (&shown["Timeout"], &shown["MemorySize"]),
        (&json!(3), &json!(128))
    );
    assert_eq!(
        (&shown["Runtime"], &shown["State"]),
        (&json!("provided.al2023"), &json!("Active"))
    );
    assert!(shown.get("Environment").is_none());
    post(&world, FUNCTIONS, function("f")).await.ok(201);
    let native = get(&world, "/v1/functions/f").await;
    assert_eq!(native.status, 200, "{}", native.text);
    // An upload from there keeps what was said here, but for the archive.
    let path = "/v1/functions/f?time_ms=1500";
    let upload = axum::http::Request::put(path).body("good".into()).unwrap();
    super::client::send(&world, upload).await;
    let shown = get(&world, &format!("{FUNCTIONS}/f/configuration"))
        .await
        .ok(200);
    assert_eq!(
        (&shown["Role"], &shown["Timeout"]),
        (&json!(ROLE), &json!(2))
    );
    assert_eq!(shown["CodeSha256"], "hash of good");
}

#[tokio::test]
async fn what_cannot_be_a_function_is_refused() {
    let world = World::new();
    let parameter = "InvalidParameterValueException";
    let with = |name: &str, value: Value| {
        let mut asked = function("f");
        asked[name] = value;
        asked
    };
    for (asked, message) in [
        (
            with("Runtime", json!("python3.12")),
            "The runtime python3.12 is not supported: functions are WebAssembly modules. \
             Accepted, and all the same, are provided.al2023, provided.al2, provided.",
        ),
        (
            with("Code", json!({})),
            "Please provide a source for function code.",
        ),
        (
            with("Code", json!({"S3Bucket": "bucket", "S3Key": "k"})),
            "Code is taken from ZipFile only: an archive with one .wasm file in it, \
             or the module itself.",
        ),
        (
            with("Code", json!({"ZipFile": "eA=="})),
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        (
            with("Code", json!({"ZipFile": module("text")})),
            "The module cannot be used: not a usable module: \0asm text was uploaded",
        ),
        (
            with("PackageType", json!("Image")),
            "PackageType Image is not supported by Millstream; upload an archive.",
        ),
        (
            with("Layers", json!(["arn:aws:lambda:us-east-1:1:layer:l:1"])),
            "Layers is not supported by Millstream.",
        ),
        (
            with("Handler", Value::Null),
            "Runtime and Handler are mandatory parameters for functions created with \
             deployment packages.",
        ),
    ] {
        post(&world, FUNCTIONS, asked)
            .await
            .is(400, parameter, message);
    }
    assert!(world.app.control.catalog().function("f").is_none());
}

#[tokio::test]
async fn a_name_is_given_once() {
    let world = with_function("f").await;
    post(&world, FUNCTIONS, function("f")).await.is(
        409,
        "ResourceConflictException",
        "Function already exist: f",
    );
}

#[tokio::test]
async fn another_module_takes_its_place() {
    let world = with_function("f").await;
    let path = format!("{FUNCTIONS}/f/code");
    let before = get(&world, &format!("{FUNCTIONS}/f/configuration"))
        .await
        .ok(200);
    let code = json!({"ZipFile": module("two"), "DryRun": true});
    let tried = put(&world, &path, code).await.ok(200);
    assert_eq!(tried["CodeSha256"], "hash of \0asm two");
    let after = get(&world, &format!("{FUNCTIONS}/f/configuration"))
        .await
        .ok(200);
    assert_eq!(after, before);
    let code = json!({"ZipFile": module("two"), "RevisionId": before["RevisionId"]});
    let changed = put(&world, &path, code.clone()).await.ok(200);
    assert_eq!(changed["CodeSha256"], "hash of \0asm two");
    assert_eq!(changed["LastUpdateStatus"], "Successful");
    assert_ne!(changed["RevisionId"], before["RevisionId"]);
    put(&world, &path, code).await.is(
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. \
         Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    );
    let bad = json!({"ZipFile": module("text")});
    assert_eq!(put(&world, &path, bad).await.status, 400);
    let absent = format!("{FUNCTIONS}/absent/code");
    put(&world, &absent, json!({"ZipFile": module("two")}))
        .await
        .is(
            404,
            "ResourceNotFoundException",
            &format!("Function not found: {}", function_arn("absent")),
        );
}

#[tokio::test]
async fn what_is_not_named_stays_as_it_is() {
    let world = with_function("f").await;
    set_clock(5_000);
    let path = format!("{FUNCTIONS}/f/configuration");
    let given = json!({"Timeout": 9, "Environment": {"Variables": {"a": "1"}}});
    let changed = put(&world, &path, given).await.ok(200);
    assert_eq!(changed["Timeout"], 9);
    assert_eq!(changed["MemorySize"], 128);
    assert_eq!(changed["Environment"]["Variables"]["a"], "1");
    assert_eq!(changed["LastModified"], "2023-11-14T22:13:25.000+0000");
    let changed = put(&world, &path, json!({"Description": "d"}))
        .await
        .ok(200);
    assert_eq!(
        (&changed["Timeout"], &changed["Description"]),
        (&json!(9), &json!("d"))
    );
    let changed = put(&world, &path, json!({"Environment": {"Variables": {}}}))
        .await
        .ok(200);
    assert_eq!(changed["Environment"], json!({"Variables": {}}));
}

#[tokio::test]
async fn a_deleted_function_is_gone() {
    let world = with_function("f").await;
    let path = format!("{FUNCTIONS}/f");
    delete(&world, &format!("{path}?Qualifier=%24LATEST"))
        .await
        .is(
            400,
            "InvalidParameterValueException",
            "$LATEST version cannot be deleted without deleting the function.",
        );
    delete(&world, &path).await.ok(204);
    let missing = format!("Function not found: {}", function_arn("f"));
    for method in [Method::GET, Method::DELETE] {
        let answer = call(&world, method, &path, Value::Null).await;
        answer.is(404, "ResourceNotFoundException", &missing);
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let world = World::new();
    for name in ["c", "a", "b"] {
        post(&world, FUNCTIONS, function(name)).await.ok(201);
    }
    let (mut names, mut marker) = (Vec::new(), String::new());
    loop {
        let path = format!("{FUNCTIONS}?MaxItems=2&Marker={marker}");
        let page = get(&world, &path).await.ok(200);
        for function in page["Functions"].as_array().unwrap() {
            assert!(function.get("State").is_none());
            names.push(function["FunctionName"].as_str().unwrap().to_owned());
        }
        match page["NextMarker"].as_str() {
            Some(next) => next.clone_into(&mut marker),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "c"]);
    let answer = get(&world, &format!("{FUNCTIONS}?MaxItems=0")).await;
    assert_eq!(answer.headers["x-amzn-errortype"], "ValidationException");
}

#[tokio::test]
async fn a_function_that_cannot_be_called_shows_as_failed() {
    let world = with_function("faulty").await;
    let shown = get(&world, &format!("{FUNCTIONS}/faulty")).await.ok(200);
    let shown = &shown["Configuration"];
    assert_eq!(
        (&shown["State"], &shown["LastUpdateStatus"]),
        (&json!("Failed"), &json!("Failed"))
    );
    assert_eq!(shown["StateReason"], "it is too large");
}

#[tokio::test]
async fn a_full_disk_is_a_failure_that_can_be_tried_again() {
    let world = World::new();
    world.model.fail_commits(CommitError::Full);
    let answer = post(&world, FUNCTIONS, function("f")).await;
    answer.is(
        503,
        "ServiceException",
        "no space left in the data directory",
    );
    assert!(answer.headers.contains_key("retry-after"));
}
