//! DescribeLogGroups and DescribeLogStreams.

use serde_json::{Value, json};

use super::client::{STREAM, call, logged, of_group, version_logged};
use crate::{
    model::START,
    native::{client::put, world::World},
};

async fn names(world: &World, body: Value) -> Vec<String> {
    let answer = call(world, "DescribeLogGroups", body).await.ok();
    of(&answer, "logGroups", "logGroupName")
}

fn of(answer: &Value, list: &str, name: &str) -> Vec<String> {
    let entries = answer[list].as_array().unwrap().iter();
    let names = entries.map(|entry| entry[name].as_str().unwrap().to_owned());
    names.collect()
}

#[tokio::test]
async fn every_function_has_a_group() {
    let world = World::with_function("f").await;
    logged(&world, "gone", 0, &["a"]).await;
    let answer = call(&world, "DescribeLogGroups", json!({})).await.ok();
    let groups = answer["logGroups"].as_array().unwrap();
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f";
    assert_eq!(
        groups[0],
        json!({
            "logGroupName": "/aws/lambda/f", "creationTime": START.0, "metricFilterCount": 0,
            "arn": format!("{arn}:*"), "logGroupArn": arn, "storedBytes": 0,
            "logGroupClass": "STANDARD",
        })
    );
    assert_eq!(groups[1]["logGroupName"], "/aws/lambda/gone");
    assert!(groups[1]["storedBytes"].as_u64().unwrap() > 0);
    assert_eq!(groups.len(), 2);
}

#[tokio::test]
async fn groups_are_chosen_by_parts_of_their_names() {
    let world = World::with_function("a-one").await;
    for name in ["a-two", "b-two"] {
        let path = format!("/v1/functions/{name}");
        put(&world.router, &path, "good").await.expect(201);
    }
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/a-two";
    let elsewhere = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/b-two";
    for (body, expected) in [
        (json!({}), "a-one a-two b-two"),
        (
            json!({"logGroupNamePrefix": "/aws/lambda/a"}),
            "a-one a-two",
        ),
        (json!({"logGroupNamePrefix": "/aws/events"}), ""),
        (json!({"logGroupNamePattern": "two"}), "a-two b-two"),
        (json!({"logGroupIdentifiers": [arn, elsewhere]}), "a-two"),
        (
            json!({"logGroupIdentifiers": ["/aws/lambda/b-two"]}),
            "b-two",
        ),
        (json!({"logGroupClass": "INFREQUENT_ACCESS"}), ""),
        (json!({"logGroupClass": "STANDARD", "limit": 1}), "a-one"),
    ] {
        let found = names(&world, body.clone()).await.join(" ");
        assert_eq!(found.replace("/aws/lambda/", ""), expected, "{body}");
    }
    let first = call(&world, "DescribeLogGroups", json!({"limit": 2}))
        .await
        .ok();
    let token = first["nextToken"].clone();
    let more = json!({"limit": 2, "nextToken": token});
    assert_eq!(names(&world, more).await, ["/aws/lambda/b-two"]);
    let both = json!({"logGroupNamePrefix": "a", "logGroupNamePattern": "b"});
    let refused = call(&world, "DescribeLogGroups", both).await.refused();
    assert_eq!(refused.0, "InvalidParameterException");
}

#[tokio::test]
async fn a_day_and_a_version_have_a_stream() {
    let world = World::with_function("f").await;
    logged(&world, "f", 3, &[]).await;
    logged(&world, "f", 7, &["a"]).await;
    version_logged(&world, "f", Some(2), 9, &[]).await;
    let answer = call(&world, "DescribeLogStreams", of_group(json!({})))
        .await
        .ok();
    let streams = answer["logStreams"].as_array().unwrap();
    assert_eq!(
        streams[0],
        json!({
            "logStreamName": STREAM, "creationTime": START.plus(3).0,
            "firstEventTimestamp": START.plus(3).0, "lastEventTimestamp": START.plus(7).0,
            "lastIngestionTime": START.plus(7).0, "storedBytes": 0,
            "uploadSequenceToken": format!("{:056}", START.plus(7).0),
            "arn": format!(
                "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f:log-stream:{STREAM}"
            ),
        })
    );
    assert_eq!(
        streams[1]["logStreamName"],
        "2023/11/14/[2]000000000000000000000000000000ab"
    );
    for (more, expected) in [
        (json!({"descending": true}), "2 $LATEST"),
        (json!({"orderBy": "LastEventTime"}), "$LATEST 2"),
        (
            json!({"orderBy": "LastEventTime", "descending": true}),
            "2 $LATEST",
        ),
        (json!({"logStreamNamePrefix": "2023/11/14/[$"}), "$LATEST"),
        (json!({"limit": 1}), "$LATEST"),
    ] {
        let answer = call(&world, "DescribeLogStreams", of_group(more.clone()))
            .await
            .ok();
        let names = of(&answer, "logStreams", "logStreamName");
        let versions = names.iter().map(|name| {
            let (_, rest) = name.split_once('[').unwrap();
            rest.split_once(']').unwrap().0
        });
        assert_eq!(versions.collect::<Vec<_>>().join(" "), expected, "{more}");
    }
    let both = json!({"orderBy": "LastEventTime", "logStreamNamePrefix": "2"});
    let refused = call(&world, "DescribeLogStreams", of_group(both)).await;
    let text = "Cannot order by LastEventTime with a logStreamNamePrefix.";
    refused.is("InvalidParameterException", text);
}
