//! SubscribeToShard: the events of a subscription, how it lives and what ends it.

mod pages;

use std::time::Duration;

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use axum::{
    Router,
    body::{Body, BodyDataStream},
};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, StreamExt as _};
use millstream_api::native::health::Stage;
use millstream_core::{
    catalog::{Status, Transition},
    port::ReadError,
};
use minicbor::Decoder;
use serde_json::{Value, json};
use tokio::time::{Instant, advance};
use tower::ServiceExt as _;

use super::{
    cbor,
    client::{Reply, base64, call, put, request},
};
use crate::model::{Model, START, set_clock};

const SHARD: &str = "shardId-000000000000";
const STREAM: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
const HOUR: u64 = 3_600_000;

/// A stream `s` of one shard with a consumer, behind one router.
struct World {
    model: Model,
    router: Router,
    consumer: String,
}

impl World {
    async fn new() -> Self {
        let model = Model::with_stream("s", 1).await;
        let consumer = register(&model, "reader").await;
        let router = model.router();
        Self {
            model,
            router,
            consumer,
        }
    }

    fn wish(&self, position: Value) -> Value {
        json!({"ConsumerARN": self.consumer, "ShardId": SHARD, "StartingPosition": position})
    }

    async fn ask(&self, wish: &Value) -> axum::http::Response<Body> {
        let request = request("SubscribeToShard", wish.to_string());
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// A subscription from there on.
    async fn subscribe(&self, position: Value) -> Events {
        Events::of(self.ask(&self.wish(position)).await).await
    }

    async fn at_start(&self) -> Events {
        self.subscribe(json!({"Type": "TRIM_HORIZON"})).await
    }

    async fn refused(&self, wish: &Value) -> (String, String) {
        Reply::of(self.ask(wish).await).await.refused()
    }
}

async fn register(model: &Model, name: &str) -> String {
    let body = json!({"StreamARN": STREAM, "ConsumerName": name});
    let made = call(model, "RegisterStreamConsumer", body).await.ok();
    made["Consumer"]["ConsumerARN"].as_str().unwrap().to_owned()
}

/// A frame, taken apart.
#[derive(Debug)]
struct Message {
    /// `event` or `exception`.
    kind: String,
    name: String,
    content: String,
    payload: Bytes,
}

impl Message {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap()
    }
}

/// What a client of a subscription sees.
struct Events {
    body: BodyDataStream,
    buffer: BytesMut,
    decoder: MessageFrameDecoder,
}

impl Events {
    async fn of(response: axum::http::Response<Body>) -> Self {
        assert_eq!(response.status(), 200);
        let content = &response.headers()["content-type"];
        assert_eq!(content, "application/vnd.amazon.eventstream");
        let mut events = Self {
            body: response.into_body().into_data_stream(),
            buffer: BytesMut::new(),
            decoder: MessageFrameDecoder::new(),
        };
        let first = events.message().await.unwrap();
        assert_eq!((&*first.kind, &*first.name), ("event", "initial-response"));
        events
    }

    /// The next frame; nothing at the end.
    async fn message(&mut self) -> Option<Message> {
        loop {
            if let DecodedFrame::Complete(message) =
                self.decoder.decode_frame(&mut self.buffer).unwrap()
            {
                let header = |name: &str| {
                    let mut headers = message.headers().iter();
                    let found = headers.find(|header| header.name().as_str() == name);
                    let value = found.map(|header| header.value().as_string().unwrap());
                    value.map(|value| value.as_str().to_owned())
                };
                let kind = header(":message-type").unwrap();
                return Some(Message {
                    name: header(&format!(":{kind}-type")).unwrap(),
                    content: header(":content-type").unwrap(),
                    payload: message.payload().clone(),
                    kind,
                });
            }
            self.buffer
                .extend_from_slice(&self.body.next().await?.unwrap());
        }
    }

    /// The next event.
    async fn event(&mut self) -> Value {
        let message = self.message().await.expect("an event");
        assert_eq!(
            (&*message.name, &*message.content),
            ("SubscribeToShardEvent", "application/json"),
            "{message:?}"
        );
        message.json()
    }

    /// The data of the next event's records.
    async fn data(&mut self) -> Vec<String> {
        data(&self.event().await)
    }

    /// The exception that ends it.
    async fn exception(&mut self) -> (String, String) {
        let message = self.message().await.expect("an exception");
        assert_eq!(message.kind, "exception", "{message:?}");
        assert!(self.message().await.is_none(), "nothing follows");
        let text = message.json()["message"].as_str().unwrap().to_owned();
        (message.name, text)
    }
}

fn data(event: &Value) -> Vec<String> {
    let records = event["Records"].as_array().unwrap().iter();
    let text = |record: &Value| {
        let data = record["Data"].as_str().unwrap();
        let data = base64_simd::STANDARD.decode_to_vec(data).unwrap();
        String::from_utf8(data).unwrap()
    };
    records.map(text).collect()
}

#[tokio::test]
async fn records_come_at_once_with_a_number_to_go_on_from() {
    let world = World::new().await;
    let before = put(&world.model, "s", "k", "before").await;
    let mut events = world.at_start().await;
    let event = events.event().await;
    assert_eq!(
        event,
        json!({
            "Records": [{
                "SequenceNumber": before,
                "ApproximateArrivalTimestamp": START.0 as f64 / 1000.0,
                "Data": base64("before"),
                "PartitionKey": "k",
            }],
            "ContinuationSequenceNumber": before,
            "MillisBehindLatest": 0,
        })
    );
    assert!(events.message().now_or_never().is_none(), "nothing yet");
    for text in ["one", "two"] {
        let number = put(&world.model, "s", "k", text).await;
        let event = events.message().now_or_never().unwrap().unwrap().json();
        assert_eq!(data(&event), [text]);
        assert_eq!(event["ContinuationSequenceNumber"], number);
    }
}

#[tokio::test]
async fn a_java_sdk_gets_the_same_in_cbor() {
    let world = World::new().await;
    put(&world.model, "s", "k", "data").await;
    // A map of three members, as short as CBOR has them.
    let mut body = minicbor::Encoder::new(Vec::new());
    body.map(3).unwrap().str("ConsumerARN").unwrap();
    body.str(&world.consumer).unwrap().str("ShardId").unwrap();
    body.str(SHARD).unwrap().str("StartingPosition").unwrap();
    body.map(1).unwrap().str("Type").unwrap();
    body.str("TRIM_HORIZON").unwrap();
    let mut request = request("SubscribeToShard", body.into_writer());
    let content = "application/x-amz-cbor-1.1";
    let headers = request.headers_mut();
    headers.insert("content-type", content.parse().unwrap());
    let response = world.router.clone().oneshot(request).await.unwrap();
    let mut events = Events::of(response).await;
    let message = events.message().await.unwrap();
    assert_eq!(message.content, content);
    let event = cbor::decode(&mut Decoder::new(&message.payload));
    assert_eq!(data(&event), ["data"]);
    assert_eq!(event["MillisBehindLatest"], 0);
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_every_five_seconds_until_five_minutes_are_over() {
    let world = World::new().await;
    let began = Instant::now();
    let mut events = world.subscribe(json!({"Type": "LATEST"})).await;
    let first = events.event().await;
    assert_eq!(data(&first), [""; 0]);
    assert_eq!(began.elapsed(), Duration::ZERO);
    let number = put(&world.model, "s", "k", "data").await;
    assert_eq!(events.data().await, ["data"]);
    let mut beats = 0;
    while let Some(beat) = events.message().await {
        let beat = beat.json();
        assert_eq!(beat["Records"], json!([]));
        assert_eq!(beat["ContinuationSequenceNumber"], number);
        assert_eq!(beat["MillisBehindLatest"], 0);
        beats += 1;
    }
    let life = began.elapsed().as_secs();
    assert!((299..=301).contains(&life), "{life}");
    assert!((58..=60).contains(&beats), "{beats}");
}

#[tokio::test(start_paused = true)]
async fn any_number_that_was_given_is_a_place_to_go_on_from() {
    let world = World::new().await;
    let mut number = {
        let mut events = world.subscribe(json!({"Type": "LATEST"})).await;
        events.event().await["ContinuationSequenceNumber"].clone()
    };
    for text in ["one", "two", "three"] {
        // What came while nobody was subscribed is not lost, wherever the last event ended.
        put(&world.model, "s", "k", text).await;
        advance(Duration::from_secs(5)).await;
        let position = json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number});
        let mut events = world.subscribe(position).await;
        assert_eq!(events.data().await, [text]);
        world.model.reopen();
        number = events.event().await["ContinuationSequenceNumber"].clone();
        assert!(number.is_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_subscription_takes_over_after_five_seconds() {
    let world = World::new().await;
    let mut old = world.at_start().await;
    old.event().await;
    let wish = world.wish(json!({"Type": "LATEST"}));
    advance(Duration::from_millis(4_999)).await;
    let (name, _) = world.refused(&wish).await;
    assert_eq!(name, "ResourceInUseException");
    let mut dry = wish.clone();
    dry["DryRun"] = true.into();
    assert_eq!(world.refused(&dry).await.0, "ResourceInUseException");
    advance(Duration::from_millis(1)).await;
    assert_eq!(world.refused(&dry).await.0, "DryRunOperationException");
    let mut new = world.subscribe(json!({"Type": "LATEST"})).await;
    let (name, text) = loop {
        // A heartbeat may have been due.
        match old.message().await.unwrap() {
            message if message.kind == "event" => {}
            message => break (message.name.clone(), message.json()),
        }
    };
    assert_eq!(name, "ResourceInUseException", "{text}");
    assert!(old.message().await.is_none());
    put(&world.model, "s", "k", "for the new one").await;
    new.event().await;
    // Another consumer has a place of its own.
    let other = register(&world.model, "other").await;
    let mut wish = wish;
    wish["ConsumerARN"] = other.into();
    Events::of(world.ask(&wish).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_shard_ends_with_its_children() {
    let world = World::new().await;
    put(&world.model, "s", "k", "last").await;
    let mut following = world.at_start().await;
    assert_eq!(following.data().await, ["last"]);
    let middle = (1u128 << 127).to_string();
    let body = json!({"StreamName": "s", "ShardToSplit": SHARD, "NewStartingHashKey": middle});
    call(&world.model, "SplitShard", body).await.ok();
    advance(Duration::from_millis(30)).await;
    // One that followed, and one that comes later and finds records.
    let other = register(&world.model, "other").await;
    let mut wish = world.wish(json!({"Type": "TRIM_HORIZON"}));
    wish["ConsumerARN"] = other.into();
    let mut late = Events::of(world.ask(&wish).await).await;
    for (events, records) in [(&mut following, vec![]), (&mut late, vec!["last"])] {
        let event = events.event().await;
        assert_eq!(data(&event), records);
        let children = event["ChildShards"].as_array().unwrap();
        let ids: Vec<_> = children.iter().map(|child| &child["ShardId"]).collect();
        assert_eq!(ids, ["shardId-000000000001", "shardId-000000000002"]);
        assert_eq!(children[0]["ParentShards"], json!([SHARD]));
        assert_eq!(children[1]["HashKeyRange"]["StartingHashKey"], middle);
        assert!(event["ContinuationSequenceNumber"].is_string());
        assert!(events.message().await.is_none(), "the end");
    }
}

#[tokio::test]
async fn a_consumer_or_a_stream_that_goes_takes_the_subscription_along() {
    let deregister = |arn: &str| ("DeregisterStreamConsumer", json!({"ConsumerARN": arn}));
    let delete = |_: &str| {
        let body = json!({"StreamName": "s", "EnforceConsumerDeletion": true});
        ("DeleteStream", body)
    };
    for (change, what) in [
        (&deregister as &dyn Fn(&str) -> _, "Consumer"),
        (&delete, "Stream s under account 123456789012 not found."),
    ] {
        let world = World::new().await;
        let mut events = world.at_start().await;
        events.event().await;
        let (action, body) = change(&world.consumer);
        call(&world.model, action, body).await.ok();
        let (name, text) = events.exception().await;
        assert_eq!(name, "ResourceNotFoundException");
        assert!(text.starts_with(what), "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_ends_it_with_an_exception() {
    let world = World::new().await;
    let mut events = world.at_start().await;
    events.event().await;
    world
        .model
        .fail_reads(ReadError::Unavailable("it is closed".into()));
    put(&world.model, "s", "k", "data").await;
    let (name, text) = events.exception().await;
    assert_eq!(name, "InternalFailureException");
    assert!(text.contains("it is closed"), "{text}");
}

#[tokio::test]
async fn a_host_that_shuts_down_ends_it() {
    let mut world = World::new().await;
    let app = world.model.app();
    world.router = millstream_api::server::router(app.clone());
    let mut events = world.at_start().await;
    events.event().await;
    app.life.enter(Stage::Draining);
    assert!(events.message().await.is_none());
}

#[tokio::test]
async fn reading_begins_where_it_is_asked_for() {
    let world = World::new().await;
    let mut numbers = Vec::new();
    for (i, text) in ["zero", "one", "two"].into_iter().enumerate() {
        set_clock(1000 * i as u64);
        numbers.push(put(&world.model, "s", "k", text).await);
    }
    let number = |kind: &str| json!({"Type": kind, "SequenceNumber": numbers[1]});
    let at = json!({"Type": "AT_TIMESTAMP", "Timestamp": START.0 as f64 / 1000.0 + 0.5});
    for (i, (position, expected)) in [
        (json!({"Type": "TRIM_HORIZON"}), &["zero", "one", "two"][..]),
        (number("AT_SEQUENCE_NUMBER"), &["one", "two"]),
        (number("AFTER_SEQUENCE_NUMBER"), &["two"]),
        (at, &["one", "two"]),
        (json!({"Type": "LATEST"}), &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut wish = world.wish(position);
        wish["ConsumerARN"] = register(&world.model, &format!("c{i}")).await.into();
        let mut events = Events::of(world.ask(&wish).await).await;
        assert_eq!(events.data().await, expected, "{wish}");
    }
}

#[tokio::test]
async fn what_is_refused_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let start = json!({"Type": "TRIM_HORIZON"});
    let number = put(&world.model, "s", "k", "data").await;
    let with = |member: &str, value: Value| {
        let mut wish = world.wish(start.clone());
        wish[member] = value;
        wish
    };
    let future = START.0 as f64 / 1000.0 + 60.0;
    let (argument, missing) = ("InvalidArgumentException", "ResourceNotFoundException");
    let place = |value| with("StartingPosition", value);
    for (wish, name, part) in [
        (
            place(json!({"Type": "TRIM_HORIZON", "SequenceNumber": number})),
            argument,
            "also a",
        ),
        (
            place(json!({"Type": "AT_SEQUENCE_NUMBER"})),
            argument,
            "no StartingSequenceNumber",
        ),
        (
            place(json!({"Type": "AT_TIMESTAMP"})),
            argument,
            "no timestamp",
        ),
        (
            place(json!({"Type": "AT_TIMESTAMP", "Timestamp": future})),
            argument,
            "greater than",
        ),
        (
            place(json!({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "1"})),
            argument,
            "invalid",
        ),
        (
            place(json!({"Type": "SOMEWHERE"})),
            "ValidationException",
            "startingPosition.type",
        ),
        (
            place(json!({})),
            "ValidationException",
            "startingPosition.type",
        ),
        (
            with("ShardId", "shardId-000000000009".into()),
            missing,
            "does not exist",
        ),
        (
            with("ConsumerARN", format!("{STREAM}/consumer/none:1").into()),
            missing,
            "none",
        ),
        (with("DryRun", true.into()), "DryRunOperationException", ""),
    ] {
        let (found, text) = world.refused(&wish).await;
        assert_eq!(found, name, "{wish}: {text}");
        assert!(text.contains(part), "{wish}: {text}");
    }
    // None of them took the place.
    world.at_start().await;
}

#[tokio::test]
async fn a_consumer_that_is_being_created_has_to_wait() {
    let world = World::new().await;
    world.model.edit_stream("s", |stream| {
        for consumer in stream.consumers.values_mut() {
            consumer.transition = Transition::new(Status::Creating, START, 500);
        }
    });
    let wish = world.wish(json!({"Type": "LATEST"}));
    let (name, text) = world.refused(&wish).await;
    assert_eq!(name, "ResourceInUseException");
    assert!(
        text.ends_with("not ACTIVE, instead in state CREATING"),
        "{text}"
    );
    set_clock(500);
    Events::of(world.ask(&wish).await).await;
}
