//! GetShardIterator, all five types, and what becomes of iterators.

use serde_json::{Value, json};

use super::client::{Reply, call, put};
use crate::model::{Model, set_clock};

async fn iterator(model: &Model, members: Value) -> Reply {
    let mut body = json!({"StreamName": "s", "ShardId": "shardId-000000000000"});
    body.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    call(model, "GetShardIterator", body).await
}

async fn read(model: &Model, iterator: &Value) -> Reply {
    call(model, "GetRecords", json!({"ShardIterator": iterator})).await
}

/// The data that is read from where the iterator stands.
async fn seen(model: &Model, members: Value) -> Vec<String> {
    let made = iterator(model, members).await.ok();
    let page = read(model, &made["ShardIterator"]).await.ok();
    let records = page["Records"].as_array().unwrap().iter();
    let data = |record: &Value| {
        let data = record["Data"].as_str().unwrap();
        String::from_utf8(base64_simd::STANDARD.decode_to_vec(data).unwrap()).unwrap()
    };
    records.map(data).collect()
}

/// Three records, a second apart, and their numbers.
async fn three() -> (Model, Vec<String>) {
    let model = Model::with_stream("s", 1).await;
    let mut numbers = Vec::new();
    for (i, data) in ["a", "b", "c"].into_iter().enumerate() {
        set_clock(1_000 * i as u64);
        numbers.push(put(&model, "s", "k", data).await);
    }
    (model, numbers)
}

#[tokio::test]
async fn each_type_begins_where_it_should() {
    let (model, numbers) = three().await;
    let first = call(&model, "ListShards", json!({"StreamName": "s"}))
        .await
        .ok();
    let first = &first["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"];
    let at = |kind: &str, number: &str| json!({"ShardIteratorType": kind, "StartingSequenceNumber": number});
    let time = |time: f64| json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time});
    let cases = [
        (json!({"ShardIteratorType": "TRIM_HORIZON"}), "abc"),
        (json!({"ShardIteratorType": "LATEST"}), ""),
        (at("AT_SEQUENCE_NUMBER", &numbers[1]), "bc"),
        (at("AFTER_SEQUENCE_NUMBER", &numbers[1]), "c"),
        (at("AFTER_SEQUENCE_NUMBER", &numbers[2]), ""),
        (at("AT_SEQUENCE_NUMBER", first.as_str().unwrap()), "abc"),
        (at("AFTER_SEQUENCE_NUMBER", first.as_str().unwrap()), "abc"),
        (time(1_700_000_001.0), "bc"),
        (time(1_700_000_001.001), "c"),
        (time(1_700_000_002.0), "c"),
        (time(0.0), "abc"),
    ];
    for (members, expected) in cases {
        assert_eq!(
            seen(&model, members.clone()).await.concat(),
            expected,
            "{members}"
        );
    }
}

#[tokio::test]
async fn numbers_from_the_future_are_refused() {
    let (model, numbers) = three().await;
    let later: Vec<String> = numbers.iter().map(|n| later_by(n, 100_000)).collect();
    for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
        for number in &later {
            let members = json!({"ShardIteratorType": kind, "StartingSequenceNumber": number});
            let (name, message) = iterator(&model, members).await.refused();
            assert_eq!(name, "InvalidArgumentException");
            assert!(message.ends_with("is invalid."), "{message}");
        }
    }
}

/// The number of a record that arrived so many seconds after the one of that number.
fn later_by(number: &str, seconds: u64) -> String {
    use millstream_core::sequence::SequenceNumber;
    let number = SequenceNumber::parse(number).unwrap();
    let arrival = number.arrival + seconds;
    SequenceNumber { arrival, ..number }.to_string()
}

#[tokio::test]
async fn latest_gives_what_comes_later() {
    let (model, _) = three().await;
    let made = iterator(&model, json!({"ShardIteratorType": "LATEST"}))
        .await
        .ok();
    model.reopen();
    put(&model, "s", "k", "d").await;
    let page = read(&model, &made["ShardIterator"]).await.ok();
    assert_eq!(page["Records"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn shards_may_be_named_shortly_and_must_be_there() {
    let model = Model::with_stream("s", 2).await;
    for (id, known) in [
        ("shardId-000000000001", true),
        ("shardId-1", true),
        ("1", true),
        ("shardId-000000000002", false),
        ("2147483647", false),
    ] {
        let members = json!({"ShardId": id, "ShardIteratorType": "LATEST"});
        let reply = iterator(&model, members).await;
        if known {
            reply.ok();
        } else {
            let index: u32 = id.trim_start_matches("shardId-").parse().unwrap();
            let message = format!(
                "Shard shardId-{index:012} in stream s under account 123456789012 does not exist"
            );
            reply.is("ResourceNotFoundException", &message);
        }
    }
    for id in [
        "x",
        "shardId-",
        "2147483648",
        "shardId-99999999999999999999",
    ] {
        let members = json!({"ShardId": id, "ShardIteratorType": "LATEST"});
        let message = format!("Could not find shard {id} in stream s under account 123456789012.");
        iterator(&model, members)
            .await
            .is("ResourceNotFoundException", &message);
    }
}

#[tokio::test]
async fn types_and_numbers_must_go_together() {
    let (model, numbers) = three().await;
    let text = |request: &str| {
        format!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
             StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. \
             Request specified {request} StartingSequenceNumber."
        )
    };
    for kind in ["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] {
        let members = json!({"ShardIteratorType": kind, "StartingSequenceNumber": numbers[0]});
        let message = text(&format!("{kind} and also a"));
        iterator(&model, members)
            .await
            .is("InvalidArgumentException", &message);
    }
    for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
        let message = text(&format!("{kind} and no"));
        let reply = iterator(&model, json!({"ShardIteratorType": kind})).await;
        reply.is("InvalidArgumentException", &message);
    }
    iterator(&model, json!({"ShardIteratorType": "NEXT"})).await.is(
        "ValidationException",
        "1 validation error detected: Value 'NEXT' at 'shardIteratorType' failed to satisfy constraint: \
         Member must satisfy enum value set: \
         [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
    );
}

#[tokio::test]
async fn timestamps_must_be_there_and_not_in_the_future() {
    let model = Model::with_stream("s", 1).await;
    iterator(&model, json!({"ShardIteratorType": "AT_TIMESTAMP"}))
        .await
        .is(
            "InvalidArgumentException",
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. \
         Current request has no timestamp parameter.",
        );
    let at = |time: f64| json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time});
    iterator(&model, at(1_700_000_000.0)).await.ok();
    iterator(&model, at(1_700_000_000.001)).await.is(
        "InvalidArgumentException",
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
         timestampInMillis: 1700000000001, currentTimestampInMillis: 1700000000000",
    );
}

#[tokio::test]
async fn numbers_of_elsewhere_are_refused() {
    let (model, numbers) = three().await;
    let from = |model: &Model, shard: &str, number: &str| {
        let (model, members) = (
            model.clone(),
            json!({
                "ShardId": shard,
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": number,
            }),
        );
        async move { iterator(&model, members).await }
    };
    let shard = "shardId-000000000000";
    let used = |number: &str, why: &str| {
        format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} \
             in stream s under account 123456789012 is invalid{why}."
        )
    };
    from(&model, shard, "1")
        .await
        .is("InvalidArgumentException", &used("1", ""));

    set_clock(0);
    let other = Model::with_stream("s", 2).await;
    from(&other, "shardId-000000000001", &numbers[0]).await.is(
        "InvalidArgumentException",
        "Invalid StartingSequenceNumber. It encodes shardId-000000000000, \
         while it was used in a call to a shard with shardId-000000000001",
    );
    from(&other, shard, &numbers[0])
        .await
        .is("InvalidArgumentException", &used(&numbers[0], ""));

    set_clock(10_000);
    let younger = Model::with_stream("s", 1).await;
    let why = " because it did not come from this stream";
    from(&younger, shard, &numbers[0])
        .await
        .is("InvalidArgumentException", &used(&numbers[0], why));
}

#[tokio::test]
async fn the_number_that_ends_a_closed_shard_is_no_place_to_begin() {
    let model = Model::with_stream("s", 1).await;
    model.edit_stream("s", |stream| {
        stream.shards[0].closed = Some(crate::model::START);
    });
    let listed = call(&model, "ListShards", json!({"StreamName": "s"}))
        .await
        .ok();
    let end = &listed["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"];
    let members = json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": end});
    let (name, message) = iterator(&model, members).await.refused();
    assert_eq!(name, "InvalidArgumentException");
    assert!(
        message.contains("SequenceNumber has reached max possible value for the shard."),
        "{message}"
    );
}

#[tokio::test]
async fn an_iterator_lives_for_five_minutes() {
    let (model, _) = three().await;
    set_clock(0);
    let made = iterator(&model, json!({"ShardIteratorType": "TRIM_HORIZON"}))
        .await
        .ok();
    set_clock(300_000);
    read(&model, &made["ShardIterator"]).await.ok();
    set_clock(300_001);
    read(&model, &made["ShardIterator"]).await.is(
        "ExpiredIteratorException",
        "Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 \
         while right now it is Tue Nov 14 22:18:20 UTC 2023 \
         which is further in the future than the tolerated delay of 300000 milliseconds.",
    );
}

#[tokio::test]
async fn an_iterator_can_neither_be_made_nor_changed() {
    let (model, _) = three().await;
    let made = iterator(&model, json!({"ShardIteratorType": "TRIM_HORIZON"}))
        .await
        .ok();
    let text = made["ShardIterator"].as_str().unwrap();
    assert!(text.len() <= 512);
    let middle = text.len() / 2;
    let flipped = if &text[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    let changed = format!("{}{flipped}{}", &text[..middle], &text[middle + 1..]);
    for bad in [&changed, "AAAA", "a", "x y", &"A".repeat(512)] {
        let reply = read(&model, &json!(bad)).await;
        reply.is("InvalidArgumentException", "Invalid ShardIterator.");
    }
    let other = Model::with_stream("s", 1).await;
    let foreign = read(&other, &made["ShardIterator"]).await;
    foreign.is("InvalidArgumentException", "Invalid ShardIterator.");
    let long = read(&model, &json!("A".repeat(513))).await;
    assert_eq!(long.refused().0, "ValidationException");
}

#[tokio::test]
async fn an_iterator_in_quotes_is_taken() {
    let (model, _) = three().await;
    let made = iterator(&model, json!({"ShardIteratorType": "TRIM_HORIZON"}))
        .await
        .ok();
    let quoted = format!("\"{}\"", made["ShardIterator"].as_str().unwrap());
    read(&model, &json!(quoted)).await.ok();
}

#[tokio::test]
async fn an_iterator_outlives_a_restart_but_not_its_stream() {
    let (model, _) = three().await;
    // Each call has a router of its own, which knows nothing but what the log kept.
    let made = iterator(&model, json!({"ShardIteratorType": "TRIM_HORIZON"}))
        .await
        .ok();
    model.reopen();
    let page = read(&model, &made["ShardIterator"]).await.ok();
    assert_eq!(page["Records"].as_array().unwrap().len(), 3);

    call(&model, "DeleteStream", json!({"StreamName": "s"}))
        .await
        .ok();
    let message = "Stream s under account 123456789012 not found.";
    read(&model, &made["ShardIterator"])
        .await
        .is("ResourceNotFoundException", message);
    model.create_stream("s", 1).await;
    read(&model, &made["ShardIterator"])
        .await
        .is("ResourceNotFoundException", message);
}

#[tokio::test]
async fn iterators_are_given_out_while_the_disk_is_full() {
    let (model, _) = three().await;
    model.fail_commits(millstream_core::port::CommitError::Full);
    iterator(&model, json!({"ShardIteratorType": "LATEST"}))
        .await
        .ok();
}

#[tokio::test]
async fn a_dry_run_gives_no_iterator() {
    let (model, _) = three().await;
    let members = json!({"ShardIteratorType": "LATEST", "DryRun": true});
    let reply = iterator(&model, members).await;
    assert_eq!(reply.refused().0, "DryRunOperationException");
}
