//! Refusals that all actions share.

use serde_json::json;

use super::client::call;
use crate::model::Model;

const BY_NAME: [&str; 6] = [
    "DeleteStream",
    "DescribeStream",
    "DescribeStreamSummary",
    "ListShards",
    "GetShardIterator",
    "PutRecord",
];

/// What the actions need besides a name.
fn body(name: &str) -> serde_json::Value {
    json!({
        "StreamName": name,
        "ShardId": "shardId-000000000000",
        "ShardIteratorType": "LATEST",
        "PartitionKey": "k",
        "Data": "",
    })
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_not_found() {
    let model = Model::new();
    for action in BY_NAME {
        call(&model, action, body("nope")).await.is(
            "ResourceNotFoundException",
            "Stream nope under account 123456789012 not found.",
        );
    }
}

#[tokio::test]
async fn a_name_must_be_one() {
    let model = Model::new();
    for action in BY_NAME.into_iter().chain(["CreateStream"]) {
        for bad in [
            "a/b",
            "a\0b",
            "a b",
            "\u{e9}",
            "../../etc/passwd",
            "a;drop table",
        ] {
            let message = format!(
                "1 validation error detected: Value '{bad}' at 'streamName' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
            );
            call(&model, action, body(bad))
                .await
                .is("ValidationException", &message);
        }
        let long = "x".repeat(129);
        let message = format!(
            "1 validation error detected: Value '{long}' at 'streamName' failed to satisfy \
             constraint: Member must have length less than or equal to 128"
        );
        call(&model, action, body(&long))
            .await
            .is("ValidationException", &message);
    }
}

#[tokio::test]
async fn a_name_of_128_characters_is_one() {
    let model = Model::new();
    let name = "x".repeat(128);
    call(&model, "CreateStream", json!({"StreamName": name}))
        .await
        .ok();
    let made = call(&model, "GetShardIterator", body(&name)).await.ok();
    assert!(made["ShardIterator"].as_str().unwrap().len() <= 512);
}

#[tokio::test]
async fn a_name_of_the_wrong_type_is_refused_by_type() {
    let model = Model::new();
    for action in BY_NAME {
        let mut body = body("s");
        body["StreamName"] = json!(true);
        call(&model, action, body).await.is(
            "SerializationException",
            "class java.lang.Boolean can not be converted to an String",
        );
    }
}
