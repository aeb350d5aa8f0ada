//! ListShards.

use millstream_core::position::ShardNumber;
use serde_json::{Value, json};

use super::client::call;
use crate::model::{Model, START, set_clock};

async fn list(model: &Model, body: Value) -> Vec<u64> {
    let listed = call(model, "ListShards", body).await.ok();
    indexes(&listed)
}

fn indexes(listed: &Value) -> Vec<u64> {
    let shards = listed["Shards"].as_array().unwrap().iter();
    let index = |shard: &Value| {
        let id = shard["ShardId"].as_str().unwrap();
        id.strip_prefix("shardId-").unwrap().parse().unwrap()
    };
    shards.map(index).collect()
}

#[tokio::test]
async fn shards_are_listed_in_pages_by_token() {
    let model = Model::with_stream("s", 5).await;
    let first = call(
        &model,
        "ListShards",
        json!({"StreamName": "s", "MaxResults": 3}),
    )
    .await
    .ok();
    assert_eq!(indexes(&first), [0, 1, 2]);
    let token = first["NextToken"].clone();
    let second = call(
        &model,
        "ListShards",
        json!({"NextToken": token, "MaxResults": 2}),
    )
    .await
    .ok();
    assert_eq!(indexes(&second), [3, 4]);
    assert!(second.get("NextToken").is_none());
    let after = json!({"StreamName": "s", "ExclusiveStartShardId": "shardId-000000000003"});
    assert_eq!(list(&model, after).await, [4]);

    for (other, value) in [
        ("StreamName", json!("s")),
        ("ExclusiveStartShardId", json!("shardId-0")),
        ("StreamCreationTimestamp", json!(1)),
        ("ShardFilter", json!({"Type": "AT_LATEST"})),
    ] {
        let reply = call(
            &model,
            "ListShards",
            json!({"NextToken": token, other: value}),
        )
        .await;
        let message = format!("NextToken and {other} cannot be provided together.");
        reply.is("InvalidArgumentException", &message);
    }
    set_clock(300_001);
    let late = call(&model, "ListShards", json!({"NextToken": token})).await;
    late.is(
        "ExpiredNextTokenException",
        "The specified NextToken has expired.",
    );
}

#[tokio::test]
async fn the_largest_stream_is_one_page() {
    let model = Model::with_stream("s", 500).await;
    let body = json!({"StreamName": "s", "MaxResults": 10_000});
    let listed = call(&model, "ListShards", body).await.ok();
    assert_eq!(indexes(&listed).len(), 500);
    assert!(listed["NextToken"].is_null());
}

#[tokio::test]
async fn a_token_of_another_list_does_not_list_shards() {
    let model = Model::with_stream("a", 1).await;
    model.create_stream("b", 1).await;
    let streams = call(&model, "ListStreams", json!({"Limit": 1})).await.ok();
    let reply = call(
        &model,
        "ListShards",
        json!({"NextToken": streams["NextToken"]}),
    )
    .await;
    reply.is(
        "InvalidArgumentException",
        "The specified NextToken is not valid.",
    );
}

#[tokio::test]
async fn a_name_or_a_token_is_needed() {
    let model = Model::new();
    call(&model, "ListShards", json!({})).await.is(
        "InvalidArgumentException",
        "Either NextToken or StreamName should be provided.",
    );
    call(&model, "ListShards", json!({"StreamName": "s"}))
        .await
        .is(
            "ResourceNotFoundException",
            "Stream s under account 123456789012 not found.",
        );
}

#[tokio::test]
async fn a_stream_of_another_time_is_not_the_one() {
    let model = Model::with_stream("s", 1).await;
    let at = |seconds: f64| json!({"StreamName": "s", "StreamCreationTimestamp": seconds});
    assert_eq!(list(&model, at(1_700_000_000.0)).await, [0]);
    assert_eq!(list(&model, at(1_700_000_000.9)).await, [0]);
    let other = call(&model, "ListShards", at(1_699_999_999.0)).await;
    assert_eq!(other.refused().0, "ResourceNotFoundException");
}

#[tokio::test]
async fn filters_choose_among_open_and_closed_shards() {
    let model = Model::with_stream("s", 2).await;
    // As a split of the first shard, ten seconds later, will leave it.
    model.edit_stream("s", |stream| {
        stream.shards[0].closed = Some(START.plus(10_000));
        for index in 2..4 {
            let mut child = stream.shards[0].clone();
            (child.index, child.number, child.closed) = (index, ShardNumber(90 + index), None);
            child.parents = vec![0];
            child.created = START.plus(10_000);
            stream.shards.push(child);
        }
    });
    set_clock(20_000);
    let cases = [
        (json!({"Type": "AT_LATEST"}), vec![1, 2, 3]),
        (json!({"Type": "FROM_TRIM_HORIZON"}), vec![0, 1, 2, 3]),
        (json!({"Type": "AT_TRIM_HORIZON"}), vec![0, 1]),
        (
            json!({"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000001"}),
            vec![2, 3],
        ),
        (
            json!({"Type": "AT_TIMESTAMP", "Timestamp": 1_700_000_009.999}),
            vec![0, 1],
        ),
        (
            json!({"Type": "AT_TIMESTAMP", "Timestamp": 1_700_000_010.0}),
            vec![1, 2, 3],
        ),
        (json!({"Type": "AT_TIMESTAMP", "Timestamp": 1.0}), vec![]),
        (
            json!({"Type": "FROM_TIMESTAMP", "Timestamp": 1.0}),
            vec![0, 1, 2, 3],
        ),
        (
            json!({"Type": "FROM_TIMESTAMP", "Timestamp": 1_700_000_010.0}),
            vec![0, 1, 2, 3],
        ),
        (
            json!({"Type": "FROM_TIMESTAMP", "Timestamp": 1_700_000_010.001}),
            vec![1, 2, 3],
        ),
    ];
    for (filter, expected) in cases {
        let body = json!({"StreamName": "s", "ShardFilter": filter});
        assert_eq!(list(&model, body).await, expected, "{filter}");
    }
    let listed = call(&model, "ListShards", json!({"StreamName": "s"}))
        .await
        .ok();
    let ending = &listed["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"];
    assert_eq!(ending.as_str().unwrap().len(), 56);
    assert_eq!(listed["Shards"][2]["ParentShardId"], "shardId-000000000000");
    assert!(listed["Shards"][1].get("ParentShardId").is_none());
}

#[tokio::test]
async fn a_filter_holds_on_the_following_pages() {
    let model = Model::with_stream("s", 4).await;
    model.edit_stream("s", |stream| stream.shards[2].closed = Some(START));
    let body = json!({"StreamName": "s", "MaxResults": 2, "ShardFilter": {"Type": "AT_LATEST"}});
    let first = call(&model, "ListShards", body).await.ok();
    assert_eq!(indexes(&first), [0, 1]);
    let rest = json!({"NextToken": first["NextToken"]});
    assert_eq!(list(&model, rest).await, [3]);
}

#[tokio::test]
async fn filters_say_what_they_lack() {
    let model = Model::with_stream("s", 1).await;
    let filtered = |filter: Value| {
        let model = model.clone();
        async move {
            call(
                &model,
                "ListShards",
                json!({"StreamName": "s", "ShardFilter": filter}),
            )
            .await
        }
    };
    for (kind, member) in [
        ("AFTER_SHARD_ID", "a ShardId"),
        ("AT_TIMESTAMP", "a Timestamp"),
        ("FROM_TIMESTAMP", "a Timestamp"),
    ] {
        let message = format!("ShardFilter of type {kind} requires {member}.");
        filtered(json!({"Type": kind}))
            .await
            .is("InvalidArgumentException", &message);
    }
    let (name, message) = filtered(json!({"Type": "OTHER"})).await.refused();
    assert_eq!(name, "ValidationException");
    assert!(message.contains(
        "at 'shardFilter.type' failed to satisfy constraint: Member must satisfy enum value set: ["
    ));
    filtered(json!({})).await.is(
        "ValidationException",
        "1 validation error detected: Value null at 'shardFilter.type' failed to satisfy constraint: \
         Member must not be null",
    );
}
