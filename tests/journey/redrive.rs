//! Dead letters that are sent back when their function is better.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use support::{Host, Random, host};

use crate::cli::Cli;

/// `in` -> `picky` -> `out`, with dead letters in `dead`; `picky` rejects what is marked so.
fn wire(host: &Host, shards: u32) -> Result<()> {
    for (stream, shards) in [("in", shards), ("out", 1), ("dead", shards)] {
        host.api.stream(stream, shards)?;
    }
    host.api.deploy("picky", "fixture", "config.to=out")?;
    let settings = json!({
        "stream": "in", "function": "picky", "on_failure_stream": "dead", "batch_size": 20,
    });
    host.api.trigger("picky", settings)?;
    Ok(())
}

/// The function of that name passes everything on from now on.
fn mend(host: &Host) -> Result<()> {
    host.api
        .deploy("picky", "fixture", "config.mode=pass&config.to=out")?;
    Ok(())
}

fn lines(numbers: std::ops::Range<u64>, is_bad: impl Fn(u64) -> bool) -> String {
    let line = |n| match is_bad(n) {
        true => json!({"n": n, "key": format!("k{}", n % 7), "reject": "chosen"}).to_string(),
        false => json!({"n": n, "key": format!("k{}", n % 7)}).to_string(),
    };
    numbers.map(|n| line(n) + "\n").collect()
}

fn put(host: &Host, lines: &str) -> Result<()> {
    let path = "/v1/streams/in/records?format=ndjson&key_pointer=/key";
    host.api
        .send(path, "application/x-ndjson", lines.as_bytes())?
        .ok()?;
    Ok(())
}

/// How often each number came out.
fn out(host: &Host) -> Result<BTreeMap<u64, usize>> {
    let mut counts = BTreeMap::new();
    for event in host.api.events("out")? {
        *counts
            .entry(event["n"].as_u64().context("no n")?)
            .or_default() += 1;
    }
    Ok(counts)
}

fn each_once(host: &Host, numbers: u64) -> Result<()> {
    let expected: BTreeMap<u64, usize> = (0..numbers).map(|n| (n, 1)).collect();
    let found = out(host)?;
    ensure!(found == expected, "{found:?}");
    Ok(())
}

#[test]
fn dead_letters_go_back_to_the_stream_once() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    wire(&host, 2)?;
    put(&host, &lines(0..200, |n| n % 5 == 0))?;
    host.api.caught_up("picky")?;
    ensure!(out(&host)?.len() == 160, "{:?}", out(&host)?);
    let looked = cli.run(&["redrive", "picky", "--dry-run"])?;
    ensure!(looked.contains("40 letters would be sent back"), "{looked}");
    ensure!(looked.contains("and 20 more"), "{looked}");
    // While the function is as it was, the records come back as new letters.
    let one = json!({"data": {"n": [5]}}).to_string();
    let sent = cli.json(&["redrive", "picky", "--pattern", &one])?;
    ensure!(sent["redriven"] == 1 && sent["selected"] == 1, "{sent}");
    host.api.caught_up("picky")?;
    mend(&host)?;
    let sent = cli.json(&["redrive", "picky"])?;
    // 39 that were not sent back yet, and the one that failed again.
    ensure!(
        sent["redriven"] == 40 && sent["redriven_before"] == 1,
        "{sent}"
    );
    host.api.caught_up("picky")?;
    each_once(&host, 200)?;
    let again = cli.run(&["redrive", "picky"])?;
    ensure!(again.contains("no letter is left to send back"), "{again}");
    ensure!(again.contains("41 were sent back before"), "{again}");
    each_once(&host, 200)?;
    Ok(())
}

#[test]
fn dead_letters_go_through_the_function_once_and_the_rest_stays() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    wire(&host, 2)?;
    put(&host, &lines(0..100, |n| n % 5 == 0))?;
    host.api.caught_up("picky")?;
    let (code, said) = cli.fails(&["redrive", "picky", "--to", "function"])?;
    ensure!(
        code == Some(1) && said.contains("20 letters failed again"),
        "{said}"
    );
    mend(&host)?;
    let some = ["redrive", "picky", "--to", "function", "--key", "k0"];
    let sent = cli.json(&some)?;
    ensure!(sent["redriven"] == 3 && sent["failed"] == 0, "{sent}");
    let rest = cli.json(&[
        "redrive", "picky", "--to", "function", "--reason", "rejected",
    ])?;
    ensure!(
        rest["redriven"] == 17 && rest["redriven_before"] == 3,
        "{rest}"
    );
    each_once(&host, 100)?;
    ensure!(host.api.records("in")?.len() == 100, "nothing is put again");
    let left = cli.json(&["redrive", "picky"])?;
    ensure!(
        left["selected"] == 0 && left["redriven_before"] == 20,
        "{left}"
    );
    Ok(())
}

#[test]
fn letters_add_to_the_state_of_their_shard() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    wire(&host, 1)?;
    host.api.lines("in", "key=k", &lines(0..30, |n| n < 10))?;
    host.api.caught_up("picky")?;
    // From now on it numbers the records of the shard.
    host.api
        .deploy("picky", "fixture", "config.mode=count&config.to=out")?;
    let sent = cli.json(&["redrive", "picky", "--to", "function", "--batch-size", "3"])?;
    ensure!(sent["redriven"] == 10, "{sent}");
    host.api.lines("in", "key=k", &lines(30..35, |_| false))?;
    host.api.caught_up("picky")?;
    let counts: Vec<u64> = host
        .api
        .events("out")?
        .iter()
        .filter_map(|event| event["count"].as_u64())
        .collect();
    ensure!(counts == (1..=15).collect::<Vec<_>>(), "{counts:?}");
    Ok(())
}

#[test]
fn a_redrive_that_cannot_be_says_why() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    wire(&host, 1)?;
    let (code, said) = cli.fails(&["redrive", "nobody"])?;
    ensure!(
        code == Some(1) && said.contains("`nobody` does not exist"),
        "{said}"
    );
    let (_, said) = cli.fails(&["redrive", "picky", "--letters", "none"])?;
    ensure!(said.contains("`none` does not exist"), "{said}");
    let (_, said) = cli.fails(&["redrive", "picky", "--pattern", "{\"data\": 5}"])?;
    ensure!(said.contains("pattern: at `data`"), "{said}");
    cli.run(&["trigger", "pause", "picky"])?;
    let (_, said) = cli.fails(&["redrive", "picky", "--to", "function"])?;
    ensure!(said.contains("is paused"), "{said}");
    let nothing = cli.run(&["redrive", "picky"])?;
    ensure!(nothing.contains("no letter is left"), "{nothing}");
    let refused = host
        .api
        .post("/v1/triggers/picky/redrive", &json!({"cursor": "x"}))?;
    refused.refused(400, "invalid_setting")?;
    Ok(())
}

/// Kills the host at any moment of a redrive, again and again, until the redrive comes to its end.
fn killed(to: &str, letters: u64, kills: usize) -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let mut random = Random::announced("redrive kills");
    let mut host = Host::start_on(&data, &[])?;
    wire(&host, 2)?;
    put(&host, &lines(0..letters, |_| true))?;
    host.api.caught_up("picky")?;
    mend(&host)?;
    for _ in 0..kills {
        let child = Cli::of(&host)
            .command(&["redrive", "picky", "--to", to])?
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        let mut child = child?;
        // The moment is drawn by lot.
        let end = Instant::now() + Duration::from_millis(random.below(150));
        while Instant::now() < end && child.try_wait()?.is_none() {
            std::thread::yield_now();
        }
        host.kill()?;
        child.wait()?;
        host = Host::start_on(&data, &[])?;
    }
    Cli::of(&host).run(&["redrive", "picky", "--to", to])?;
    host.api.caught_up("picky")?;
    each_once(&host, letters)?;
    let left = Cli::of(&host).json(&["redrive", "picky", "--to", to])?;
    ensure!(
        left["selected"] == 0 && left["redriven_before"] == letters,
        "{left}"
    );
    ensure!(host.stop()?.success(), "the host did not end well");
    Ok(())
}

#[test]
fn kills_in_the_middle_send_each_letter_to_the_stream_once() -> Result<()> {
    killed("stream", 4_000, 6)
}

#[test]
fn kills_in_the_middle_send_each_letter_through_the_function_once() -> Result<()> {
    killed("function", 2_000, 6)
}

#[test]
fn two_redrives_at_once_send_each_letter_once() -> Result<()> {
    let host = Host::start()?;
    wire(&host, 2)?;
    put(&host, &lines(0..2_000, |_| true))?;
    host.api.caught_up("picky")?;
    mend(&host)?;
    let redriven = |to: &str| -> Result<u64> {
        let sent: Value = Cli::of(&host).json(&["redrive", "picky", "--to", to])?;
        sent["redriven"].as_u64().context("no count")
    };
    let total: Result<u64> = std::thread::scope(|scope| {
        let other = scope.spawn(|| redriven("function"));
        let one = redriven("stream")?;
        Ok(one + other.join().map_err(|_| anyhow::anyhow!("a panic"))??)
    });
    ensure!(total? == 2_000, "not each once");
    host.api.caught_up("picky")?;
    each_once(&host, 2_000)
}
