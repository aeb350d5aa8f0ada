//! Why a trigger does what it does, as somebody asks who sees that nothing happens.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use support::Host;

use crate::cli::Cli;

/// Waits until the first shard of `picky` waits for that; what is explained then.
fn waits_for(host: &Host, what: &str) -> Result<Value> {
    support::until(&format!("the trigger to wait for {what}"), || {
        let explained = host.api.get("/v1/triggers/picky/explain")?.ok()?;
        let shard = explained["shards"][0].clone();
        Ok((shard["waits_for"] == what).then_some(shard))
    })
}

#[test]
fn a_trigger_explains_itself_from_its_first_record_to_its_pause() -> Result<()> {
    let host = Host::start()?;
    let cli = Cli::of(&host);
    host.api.stream("in", 1)?;
    host.api.stream("out", 1)?;
    host.api.deploy("picky", "fixture", "config.to=out")?;
    let settings = json!({
        "stream": "in", "function": "picky", "maximum_batching_window_in_seconds": 2,
        "maximum_retry_attempts": 1000,
    });
    host.api.trigger("picky", settings)?;
    waits_for(&host, "records")?;
    host.api
        .lines("in", "key=k", "{\"fail\": \"the moon is wrong\"}\n")?;
    let batching = waits_for(&host, "window")?;
    ensure!(batching["batch"]["records"] == 1, "{batching}");
    let failing = waits_for(&host, "retry")?;
    ensure!(failing["attempt"].as_u64() > Some(1), "{failing}");
    ensure!(failing["attempts_at_most"] == 1001, "{failing}");
    ensure!(failing["retry_in_ms"].is_u64(), "{failing}");
    ensure!(failing["lag_records"] == 1, "{failing}");
    let told = cli.run(&["explain", "picky"])?;
    ensure!(told.contains("The last error: the moon is wrong"), "{told}");
    cli.run(&["trigger", "pause", "picky"])?;
    let paused = waits_for(&host, "resume")?;
    ensure!(paused["retry_in_ms"] == Value::Null, "{paused}");
    let told = cli.run(&["explain", "picky", "--shard", "shardId-000000000000"])?;
    ensure!(told.contains("millstream trigger resume picky"), "{told}");
    let (code, said) = cli.fails(&["explain", "picky", "--shard", "shardId-7"])?;
    ensure!(code == Some(1) && said.contains("has no lane"), "{said}");
    Ok(())
}
