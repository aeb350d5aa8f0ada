//! Settings of triggers, tempers of functions, and what goes wrong all the time.

use serde_json::{Value, json};

use super::STREAMS;
use crate::{
    chance::Chance,
    fault::Faults,
    record::{Memory, Temper},
};

/// A trigger's settings; what `ends` has a limit to its retries, since its function never gets better.
pub(super) fn settings(
    chance: &mut Chance,
    stream: usize,
    number: usize,
    on_failure: Option<usize>,
    ends: bool,
) -> Value {
    let start = match chance.below(5) {
        0 => "LATEST",
        1 => "AT_TIMESTAMP",
        _ => "TRIM_HORIZON",
    };
    let mut all = json!({
        "stream": STREAMS[stream],
        "function": format!("f{number}"),
        "starting_position": start,
        "on_failure_stream": on_failure.map(|stream| STREAMS[stream]),
    });
    if start == "AT_TIMESTAMP" {
        let at = 1_700_000_000.0 + chance.below(60_000) as f64 / 1000.0;
        all["starting_position_timestamp"] = at.into();
    }
    vary(chance, &mut all, ends);
    all
}

/// What may be changed while the trigger runs.
pub(super) fn vary(chance: &mut Chance, settings: &mut Value, ends: bool) {
    settings["batch_size"] = chance.pick(&[1, 2, 3, 5, 8, 13, 100]).into();
    settings["maximum_batching_window_in_seconds"] = chance.pick(&[0, 0, 0, 1, 3]).into();
    let finite = [0, 0, 1, 1, 2, 3, 5];
    let retries = match ends {
        true => chance.pick(&finite),
        false => chance.pick(&[-1, -1, -1, 0, 1, 2, 4]),
    };
    settings["maximum_retry_attempts"] = retries.into();
    settings["bisect_batch_on_function_error"] = chance.odds(500).into();
    let age = if chance.odds(250) { 60 } else { -1 };
    settings["maximum_record_age_in_seconds"] = age.into();
    let factor = if chance.odds(350) {
        chance.from(2, 4)
    } else {
        1
    };
    settings["parallelization_factor"] = factor.into();
    settings["filter_criteria"] = Value::Null;
    if chance.odds(250) {
        let digits = (0..10).filter(|_| chance.odds(600));
        let suffixes: Vec<Value> = digits
            .map(|digit| json!({"suffix": digit.to_string()}))
            .collect();
        if !suffixes.is_empty() {
            let pattern = json!({"partitionKey": suffixes}).to_string();
            settings["filter_criteria"] = json!({"filters": [{"pattern": pattern}]});
        }
    }
}

pub(super) fn temper(chance: &mut Chance, outputs: &[usize]) -> Temper {
    let some = |chance: &mut Chance, most: u64| match chance.odds(500) {
        true => chance.from(1, most),
        false => 0,
    };
    let stream = |at: &usize| STREAMS[*at].try_into().ok();
    Temper {
        quiet: some(chance, 200),
        rejected: some(chance, 100),
        retried: some(chance, 120),
        poison: some(chance, 120),
        endless: some(chance, 1000),
        senseless: some(chance, 30),
        astray: some(chance, 30),
        memory: chance.pick(&[Memory::Nothing, Memory::Count, Memory::Keys, Memory::Both]),
        outputs: outputs.iter().filter_map(stream).collect(),
    }
}

pub(super) fn faults(chance: &mut Chance) -> Faults {
    let stormy = chance.odds(600);
    let mut some = |most: u64| match stormy && chance.odds(500) {
        true => chance.from(1, most),
        false => 0,
    };
    Faults {
        ambiguous: some(120),
        busy: some(60),
        unavailable: some(40),
        unreadable: some(60),
        short: some(500),
        uncallable: some(150),
        slow: some(150),
        sync_ms: chance.pick(&[0, 2, 10, 40]),
        read_ms: chance.pick(&[0, 0, 1, 5]),
        call_ms: chance.pick(&[0, 3, 20, 200]),
        ..Faults::default()
    }
}
