//! SIGTERM: what was acknowledged is there, what runs is finished, and the end is soon.

use std::{
    sync::atomic::{AtomicBool, AtomicU64},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::json;
use support::{Host, Random, host, process::Signal};

use crate::load::{self, Ledger};

/// How long a host may take to end in good order.
const DRAIN: Duration = Duration::from_secs(10);

#[test]
fn a_host_that_is_told_to_end_keeps_every_acknowledged_record() -> Result<()> {
    let home = host::folder()?;
    let data = home.path().join("data");
    let mut host = Host::start_on(&data, &[])?;
    host.api.stream("in", 2)?;
    host.api.stream("out", 2)?;
    host.api.deploy("copy", "fixture", "config.to=out")?;
    host.api
        .trigger("copy", json!({ "stream": "in", "function": "copy" }))?;
    let (api, next, stop) = (host.api.clone(), AtomicU64::new(0), AtomicBool::new(false));
    let ledger = thread::scope(|scope| -> Result<Ledger> {
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let (api, next, stop) = (&api, &next, &stop);
                let mut random = Random::seeded(producer);
                scope.spawn(move || load::produce(api, producer, next, &mut random, stop))
            })
            .collect();
        support::until("outputs under load", || {
            let lanes = host.api.lanes("copy")?;
            Ok((lanes["shards"][0]["outputs"].as_u64() > Some(20)).then_some(()))
        })?;
        let begin = Instant::now();
        host.signal(Signal::TERM)?;
        let status = host.ended(DRAIN)?;
        println!("drained in {:?}", begin.elapsed());
        ensure!(status.success(), "ended with {status}: {}", host.stderr());
        let mut ledger = Ledger::default();
        for producer in producers {
            ledger.extend(
                producer
                    .join()
                    .map_err(|_| anyhow::anyhow!("a producer panicked"))??,
            );
        }
        Ok(ledger)
    })?;
    let host = Host::start_on(&data, &[])?;
    host.api.caught_up("copy")?;
    load::check(&ledger, &host.api.records("in")?)?;
    load::check(&ledger, &host.api.records("out")?)
}

#[test]
fn a_tail_and_an_idle_connection_do_not_hold_up_the_end() -> Result<()> {
    let mut host = Host::start()?;
    host.api.stream("quiet", 1)?;
    let mut tail = host.api.tail("quiet", "from=LATEST")?;
    let _idle = std::net::TcpStream::connect(host.api.address())?;
    host.signal(Signal::TERM)?;
    let status = host.ended(DRAIN)?;
    ensure!(status.success(), "ended with {status}: {}", host.stderr());
    ensure!(tail.record().is_err(), "the tail goes on without its host");
    Ok(())
}

#[test]
fn an_interrupt_from_the_terminal_is_an_orderly_end_too() -> Result<()> {
    let mut host = Host::start()?;
    host.signal(Signal::INT)?;
    let status = host.ended(DRAIN)?;
    ensure!(status.success(), "ended with {status}: {}", host.stderr());
    Ok(())
}
