//! What a call costs: a fresh instance with one record, and records that pass through.
//!
//! `cargo run --release -p millstream-runtime --example cost -- target/guests/wasm32-wasip2/guest/guest_hostile.wasm`
//! Prints the process's processor time, the mean over all calls, and the median on the clock.

use std::{env, fs, path::Path, process::ExitCode, sync::Arc, time::Instant};

use millstream_core::{
    batch::Columns,
    event::{Identity, Origin},
    journal::RequestId,
    name::{FunctionName, StreamName},
    port::{Call, Invoke, Later, Limits, Modules, ReadError, State},
    time::Millis,
};
use millstream_runtime::{Runtime, RuntimeOptions, compile_child};

type Failure = Box<dyn std::error::Error>;

const SHAPES: [(usize, usize, usize); 4] = [
    (1, 100, 20_000),
    (100, 100, 20_000),
    (1_000, 1_000, 2_000),
    (10_000, 100, 1_000),
];

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    match args.next() {
        // The example is its own compiler, as the host is.
        Some(first) if first == "__compile" => compile_child(args),
        Some(wasm) => match measure(Path::new(&wasm)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        None => {
            eprintln!("expected the path of the hostile guest's component");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn measure(wasm: &Path) -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let runtime = Runtime::new(RuntimeOptions::new(dir.path())?)?;
    println!("resident after start: {}", resident()?);
    let info = runtime
        .compile(fs::read(wasm)?.into(), Limits::default())
        .await?;
    let function = FunctionName::try_from("hostile")?;
    runtime.bind(function.clone(), 1, info.hash).await?;
    for (records, bytes, times) in SHAPES {
        let call = call(function.clone(), records, bytes)?;
        let mut clock = Vec::with_capacity(times);
        let before = cpu_ns()?;
        for _ in 0..times {
            let call = call.clone();
            let started = Instant::now();
            runtime.call(call).await?.result?;
            clock.push(started.elapsed());
        }
        let cpu = (cpu_ns()? - before) as f64 / times as f64;
        clock.sort_unstable();
        println!(
            "{records:>6} records of {bytes:>4} B: {:>7.1} us a call, {:>8.1} ns a record; median {:?}",
            cpu / 1e3,
            cpu / records as f64,
            clock[times / 2],
        );
    }
    println!("resident at the end: {}", resident()?);
    Ok(())
}

fn call(function: FunctionName, records: usize, bytes: usize) -> Result<Call, Failure> {
    let mut columns = Columns::default();
    for i in 0..records {
        let data = format!("{:<bytes$}", if i == 0 { "pass out" } else { "x" });
        // The command is the whole of the first record's data.
        let data = if i == 0 { data.trim_end() } else { &data };
        columns.positions.push(i as u64);
        columns.arrival_ms.push(0);
        columns
            .keys
            .extend_from_slice(format!("key-{i:0>11}").as_bytes());
        columns.key_ends.push(u32::try_from(columns.keys.len())?);
        columns.data.extend_from_slice(data.as_bytes());
        columns.data_ends.push(u32::try_from(columns.data.len())?);
    }
    let stream = StreamName::try_from("in")?;
    let origin = Origin::supposed(&Identity::default(), &stream, &function, Millis(0));
    Ok(Call {
        window: None,
        request: RequestId::following(&[]),
        function,
        version: 1,
        number: None,
        stream,
        shard_id: "shardId-000000000000".into(),
        attempt: 1,
        batch: Arc::new(columns),
        origin: Arc::new(origin),
        reports: false,
        state: Arc::new(Nothing),
        limits: Limits::default(),
        config: Arc::default(),
    })
}

/// Of all threads, as guests have threads of their own.
fn cpu_ns() -> Result<u64, Failure> {
    let mut total = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        total += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(total)
}

fn resident() -> Result<String, Failure> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with("VmRSS"));
    Ok(line
        .unwrap_or_default()
        .replace("VmRSS:", "")
        .trim()
        .to_owned())
}

#[derive(Debug)]
struct Nothing;

impl State for Nothing {
    fn get_many(
        &self,
        keys: Vec<String>,
    ) -> Later<'static, Result<Vec<Option<bytes::Bytes>>, ReadError>> {
        Box::pin(async move { Ok(vec![None; keys.len()]) })
    }
}
