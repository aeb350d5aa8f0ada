//! The control group: answers of a function that means no harm.

use std::{collections::BTreeMap, env, fs, net::TcpStream};

use crate::{
    datum, key,
    millstream::function::{
        runtime,
        types::{Batch, Disposition, Failure, Output, Response},
    },
};

type Answer = Result<Response, String>;

/// The answer that `name` asks for; none where it is no well-behaved one.
pub(crate) fn answer(name: &str, argument: &str, batch: &Batch) -> Option<Answer> {
    Some(match name {
        "pass" => Ok(pass(batch, argument)),
        "emit" => emit(batch, argument),
        "count" => count(batch),
        "forget" => forget(argument),
        "fail" => Ok(fail(batch)),
        "fail-beyond" => Ok(fail_at(batch.data_ends.len())),
        "error" => Err(argument.repeat(5_000)),
        "say" => Ok(say()),
        "config" => Ok(tell(
            &runtime::config(argument).unwrap_or("none".to_owned()),
        )),
        "about" => Ok(tell(&format!(
            "{} {} v{} #{} at {:?} {:?}",
            batch.stream,
            batch.shard_id,
            batch.function_version,
            batch.attempt,
            batch.sequence_numbers,
            batch.arrival_ms
        ))),
        "look" => Ok(tell(&look())),
        "cope" => Ok(cope()),
        "crooked" => Ok(crooked()),
        _ => return None,
    })
}

fn only(outputs: Vec<Output>) -> Response {
    Response {
        outputs,
        failures: Vec::new(),
    }
}

/// All records of the batch, as they came, for `stream`.
fn all(batch: &Batch, stream: &str) -> Output {
    Output {
        stream: stream.to_owned(),
        key_ends: batch.key_ends.clone(),
        keys: batch.keys.clone(),
        data_ends: batch.data_ends.clone(),
        data: batch.data.clone(),
    }
}

fn pass(batch: &Batch, stream: &str) -> Response {
    only(vec![all(batch, stream)])
}

/// The records twice: emitted to `first`, answered to `second`.
fn emit(batch: &Batch, argument: &str) -> Answer {
    let (first, second) = argument.split_once(' ').unwrap_or((argument, argument));
    runtime::emit(&all(batch, first))?;
    Ok(pass(batch, second))
}

/// Counts records by key, in the state; every key is written twice and read in between.
fn count(batch: &Batch) -> Answer {
    let mut more = BTreeMap::<String, u64>::new();
    for i in 0..batch.key_ends.len() {
        *more
            .entry(String::from_utf8_lossy(key(batch, i)).into_owned())
            .or_default() += 1;
    }
    for half in 0..2 {
        let keys: Vec<_> = more.keys().cloned().collect();
        let values = runtime::get_many(&keys)?;
        let entries: Vec<_> = keys
            .into_iter()
            .zip(values)
            .map(|(key, value)| {
                let before = value.map_or(0, |value| number(&value));
                let add = if half == 0 { 0 } else { more[&key] };
                (key, Some((before + add).to_string().into_bytes()))
            })
            .collect();
        runtime::set_many(&entries)?;
    }
    Ok(only(Vec::new()))
}

fn number(text: &[u8]) -> u64 {
    String::from_utf8_lossy(text).parse().unwrap_or(0)
}

/// Deletes a key and says what is read afterwards.
fn forget(key: &str) -> Answer {
    let keys = [key.to_owned(), "other".to_owned(), key.to_owned()];
    let before = runtime::get_many(&keys)?;
    runtime::set_many(&[(key.to_owned(), None)])?;
    let after = runtime::get_many(&keys)?;
    Ok(tell(&format!("{before:?} {after:?}")))
}

/// Each record that says `retry` or `reject` fails that way, in falling order of index.
fn fail(batch: &Batch) -> Response {
    let failures = (0..batch.data_ends.len()).rev().filter_map(|i| {
        let disposition = match datum(batch, i) {
            b"retry" => Disposition::Retry,
            b"reject" => Disposition::Reject,
            _ => return None,
        };
        Some(Failure {
            index: i as u32,
            disposition,
            reason: format!("record {i}"),
        })
    });
    Response {
        outputs: Vec::new(),
        failures: failures.collect(),
    }
}

fn fail_at(index: usize) -> Response {
    Response {
        outputs: Vec::new(),
        failures: vec![Failure {
            index: index as u32,
            disposition: Disposition::Retry,
            reason: String::new(),
        }],
    }
}

fn say() -> Response {
    for level in 0..=5 {
        runtime::log(level, "logged");
    }
    println!("printed");
    eprintln!("warned");
    only(Vec::new())
}

fn tell(text: &str) -> Response {
    only(vec![Output {
        stream: "told".to_owned(),
        key_ends: vec![1],
        keys: b"k".to_vec(),
        data_ends: vec![text.len() as u32],
        data: text.as_bytes().to_vec(),
    }])
}

/// What of the host's machine can be seen from here.
fn look() -> String {
    let file = fs::read("/etc/passwd").is_ok();
    let list = fs::read_dir("/").is_ok();
    let network = TcpStream::connect("127.0.0.1:1").map_err(|error| error.kind());
    format!(
        "variables {} arguments {} file {file} directory {list} network {network:?}",
        env::vars().count(),
        env::args().count()
    )
}

/// Is refused memory and goes on without it; tells a bad stream's name from a good one.
fn cope() -> Response {
    let mut huge = Vec::<u8>::new();
    let refused = huge.try_reserve_exact(1 << 30).is_err();
    let bad = runtime::emit(&Output {
        stream: "no/stream".to_owned(),
        key_ends: Vec::new(),
        keys: Vec::new(),
        data_ends: Vec::new(),
        data: Vec::new(),
    });
    tell(&format!("refused {refused}, emit {bad:?}"))
}

/// Columns that do not belong together.
fn crooked() -> Response {
    only(vec![Output {
        stream: "out".to_owned(),
        key_ends: vec![2, 1],
        keys: b"ab".to_vec(),
        data_ends: vec![0, 0],
        data: Vec::new(),
    }])
}
