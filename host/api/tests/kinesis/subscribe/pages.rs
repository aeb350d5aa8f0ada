//! What an event holds of what there is to read.

use super::*;

#[tokio::test]
async fn expired_records_are_not_shown() {
    let world = World::new().await;
    put(&world.model, "s", "k", "old").await;
    set_clock(HOUR);
    put(&world.model, "s", "k", "young").await;
    set_clock(24 * HOUR + 1);
    let mut events = world.at_start().await;
    assert_eq!(events.data().await, ["young"]);
}

#[tokio::test]
async fn a_backlog_comes_in_events_of_a_megabyte_as_the_client_reads() {
    let world = World::new().await;
    let text = "x".repeat(600 << 10);
    for ms in 0..4 {
        set_clock(1000 * ms);
        put(&world.model, "s", "k", &text).await;
    }
    let mut events = world.at_start().await;
    for behind in [3000, 2000, 1000, 0] {
        let event = events.event().await;
        assert_eq!(event["Records"].as_array().unwrap().len(), 1);
        assert_eq!(event["MillisBehindLatest"], behind);
        assert!(events.buffer.is_empty(), "a frame at a time");
    }
}

#[tokio::test(start_paused = true)]
async fn consumers_at_the_same_place_share_the_bytes_for_a_moment() {
    let world = World::new().await;
    let mut followers = Vec::new();
    for i in 0..3 {
        let mut wish = world.wish(json!({"Type": "LATEST"}));
        wish["ConsumerARN"] = register(&world.model, &format!("c{i}")).await.into();
        let mut events = Events::of(world.ask(&wish).await).await;
        events.event().await;
        followers.push(events);
    }
    put(&world.model, "s", "k", "data").await;
    let mut frames = Vec::new();
    for events in &mut followers[..2] {
        frames.push(events.body.next().await.unwrap().unwrap());
    }
    assert_eq!(frames[0].as_ptr(), frames[1].as_ptr());
    // A moment later there is more, and the last one is told of it.
    set_clock(30);
    advance(Duration::from_millis(30)).await;
    put(&world.model, "s", "k", "more").await;
    assert_eq!(followers[2].data().await, ["data", "more"]);
    assert_eq!(followers[0].data().await, ["more"]);
}
