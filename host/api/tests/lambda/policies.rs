//! Policies, concurrency and tags.

use serde_json::{Value, json};

use super::client::{
    FUNCTIONS, MAPPINGS, delete, function_arn, get, post, put, stream_arn, with_function,
};

const POLICY: &str = "/2015-03-31/functions/f/policy";

#[tokio::test]
async fn statements_are_kept_as_they_were_given() {
    let world = with_function("f").await;
    let missing = "The resource you requested does not exist.";
    get(&world, POLICY)
        .await
        .is(404, "ResourceNotFoundException", missing);
    let asked = json!({
        "StatementId": "s1", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
        "SourceArn": "arn:aws:s3:::bucket", "SourceAccount": "123456789012",
    });
    let made = post(&world, POLICY, asked.clone()).await.ok(201);
    let statement: Value = serde_json::from_str(made["Statement"].as_str().unwrap()).unwrap();
    let expected = json!({
        "Sid": "s1", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Resource": function_arn("f"),
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
        },
    });
    assert_eq!(statement, expected);
    let policy = get(&world, POLICY).await.ok(200);
    let policy: Value = serde_json::from_str(policy["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["Statement"], json!([expected]));
    post(&world, POLICY, asked).await.is(
        409,
        "ResourceConflictException",
        "The statement id (s1) provided already exists. Please provide a new statement id, \
         or remove the existing statement.",
    );
    delete(&world, &format!("{POLICY}/other")).await.is(
        404,
        "ResourceNotFoundException",
        "Statement other is not found in resource policy.",
    );
    delete(&world, &format!("{POLICY}/s1")).await.ok(204);
    let none = "No policy is associated with the given resource.";
    delete(&world, &format!("{POLICY}/s1"))
        .await
        .is(404, "ResourceNotFoundException", none);
}

#[tokio::test]
async fn reserved_concurrency_is_kept() {
    let world = with_function("f").await;
    let kept = "/2019-09-30/functions/f/concurrency";
    let set = "/2017-10-31/functions/f/concurrency";
    assert_eq!(get(&world, kept).await.ok(200), json!({}));
    let five = json!({"ReservedConcurrentExecutions": 5});
    assert_eq!(put(&world, set, five.clone()).await.ok(200), five);
    assert_eq!(get(&world, kept).await.ok(200), five);
    let shown = get(&world, &format!("{FUNCTIONS}/f")).await.ok(200);
    assert_eq!(shown["Concurrency"], five);
    delete(&world, set).await.ok(204);
    assert_eq!(get(&world, kept).await.ok(200), json!({}));
}

#[tokio::test]
async fn functions_and_mappings_have_tags() {
    let world = with_function("f").await;
    world.model.create_stream("s", 1).await;
    let mapping = json!({
        "FunctionName": "f", "EventSourceArn": stream_arn("s"), "StartingPosition": "LATEST",
        "Tags": {"x": "1"},
    });
    let mapping = post(&world, MAPPINGS, mapping).await.ok(202);
    let mapping = mapping["EventSourceMappingArn"]
        .as_str()
        .unwrap()
        .to_owned();
    for (arn, before) in [(function_arn("f"), json!({})), (mapping, json!({"x": "1"}))] {
        let path = format!("/2017-03-31/tags/{}", arn.replace(':', "%3A"));
        assert_eq!(get(&world, &path).await.ok(200)["Tags"], before);
        post(&world, &path, json!({"Tags": {"a": "1", "b": "2"}}))
            .await
            .ok(204);
        delete(&world, &format!("{path}?tagKeys=a&tagKeys=x"))
            .await
            .ok(204);
        assert_eq!(get(&world, &path).await.ok(200)["Tags"], json!({"b": "2"}));
        let many: serde_json::Map<_, _> = (0..50).map(|i| (i.to_string(), json!(""))).collect();
        post(&world, &path, json!({"Tags": many})).await.is(
            400,
            "InvalidParameterValueException",
            "Number of tags exceeds resource tag limit.",
        );
    }
    let absent = "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:none";
    get(&world, &format!("/2017-03-31/tags/{absent}")).await.is(
        404,
        "ResourceNotFoundException",
        &format!("Event source mapping not found: {absent}"),
    );
}
