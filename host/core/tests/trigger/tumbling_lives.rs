//! Random lives of a lane with tumbling windows: whatever happens to the host, each record is summed up
//! in one window, once, and each window is told of once.

use std::collections::BTreeMap;

use millstream_core::limit;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    tumbling::{numbers, sum},
    world::{Fate, World},
};

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Durable),
        1 => Just(Fate::Full),
        1 => Just(Fate::Ambiguous),
        1 => Just(Fate::Lost),
        1 => Just(Fate::CrashAfter),
        1 => Just(Fate::CrashBefore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_record_is_summed_up_once(
        puts in prop::collection::vec((0u64..200_000, 1usize..6), 1..12),
        fates in prop::collection::vec(any_fate(), 0..60),
        batch_size in 1usize..7,
        batching in 0u32..3,
        seconds in prop_oneof![Just(1u32), Just(60), Just(90), Just(900)],
        bisect: bool,
        failing in prop::collection::vec(any::<bool>(), 0..10),
        large in prop::option::of(0u64..30),
    ) {
        let mut world = World::of_events(json!({
            "tumbling_window_in_seconds": seconds, "batch_size": batch_size,
            "maximum_batching_window_in_seconds": batching,
            "bisect_batch_on_function_error": bisect,
        }));
        let mut at = world.now.0;
        let mut expected: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        let mut number = 0;
        for (after, records) in puts {
            at += after;
            world.coming.push((at, records));
            for _ in 0..records {
                let width = u64::from(seconds);
                let window = expected.entry(at / 1000 / width * width).or_default();
                *window = (window.0 + 1, window.1 + number);
                number += 1;
            }
        }
        world.fates = fates;
        let mut failing = failing.into_iter();
        world.run_events(|event: &Value| {
            if failing.next().unwrap_or(false) {
                return "{}".to_owned();
            }
            let mut answer = sum(event);
            if large.is_some_and(|large| numbers(event).contains(&large)) {
                answer["state"]["filler"] = "x".repeat(limit::WINDOW_STATE_BYTES).into();
            }
            answer.to_string()
        });
        let mut found: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for told in &world.told {
            let start: jiff::Timestamp = told["start"].as_str().unwrap().parse().unwrap();
            let count = |name: &str| told["state"][name].as_u64().unwrap();
            let window = found.entry(start.as_second() as u64).or_default();
            *window = (window.0 + count("n"), window.1 + count("sum"));
        }
        prop_assert_eq!(&found, &expected);
        // None is told of twice, but for one that ended early.
        let early = usize::from(large.is_some_and(|large| large < number));
        prop_assert!(world.told.len() <= expected.len() + early);
        prop_assert!(world.letters.is_empty());
        prop_assert_eq!(world.checkpoint().unwrap().window, None);
    }
}
