//! Records over plain HTTP: every format comes in, and a tail shows it as it comes.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use support::Host;

#[test]
fn lines_end_as_unix_and_as_windows_end_them() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    let answer = host.api.send(
        "/v1/streams/s/records",
        "text/plain",
        b"a\r\n\r\n\nb\n c \nlast",
    )?;
    let answer = answer.ok()?;
    ensure!(answer["records"] == 4, "{answer}");
    let stored = host.api.records("s")?;
    let data: Vec<&str> = stored
        .iter()
        .map(|record| record.text())
        .collect::<Result<_>>()?;
    ensure!(data == ["a", "b", " c ", "last"], "{data:?}");
    let shard = &answer["shards"][0];
    ensure!(
        shard["first_sequence_number"] == stored[0].sequence,
        "{answer}"
    );
    ensure!(
        shard["last_sequence_number"] == stored[3].sequence,
        "{answer}"
    );
    Ok(())
}

#[test]
fn json_lines_take_their_key_from_a_pointer() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 4)?;
    let body = "{\"user\":{\"id\":\"ann\"},\"n\":1}\n{\"user\":{\"id\":\"bob\"}}\n{\"user\":{\"id\":\"ann\"},\"n\":2}\n{}\n";
    let path = "/v1/streams/s/records?key_pointer=/user/id";
    host.api
        .send(path, "application/x-ndjson", body.as_bytes())?
        .ok()?;
    let stored = host.api.records("s")?;
    let of = |key: &str| {
        stored
            .iter()
            .filter(|record| record.key == key)
            .collect::<Vec<_>>()
    };
    let ann = of("ann");
    ensure!(ann.len() == 2 && of("bob").len() == 1, "{stored:?}");
    ensure!(
        ann[0].json()?["n"] == 1 && ann[1].json()?["n"] == 2,
        "{ann:?}"
    );
    ensure!(
        stored
            .iter()
            .any(|record| record.data == b"{}" && !record.key.is_empty()),
        "{stored:?}"
    );
    Ok(())
}

#[test]
fn a_raw_body_is_one_record_whatever_it_holds() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    let bytes: Vec<u8> = (0..=255).collect();
    let kind = "application/octet-stream";
    host.api
        .send("/v1/streams/s/records?key=%C3%BC", kind, &bytes)?
        .ok()?;
    let stored = host.api.records("s")?;
    ensure!(
        stored.len() == 1 && stored[0].data == bytes && stored[0].key == "\u{fc}",
        "{stored:?}"
    );
    Ok(())
}

#[test]
fn a_tail_misses_nothing_that_is_put_after_it_began() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 3)?;
    host.api.lines("s", "", "before\n")?;
    let mut tail = host.api.tail("s", "from=LATEST")?;
    let mut seen = Vec::new();
    for n in 0..20 {
        host.api.lines("s", "", &format!("{n}\n"))?;
        let event = tail.record()?;
        ensure!(
            event["sequence_number"].as_str().map(str::len) == Some(56),
            "{event}"
        );
        seen.push(event["text"].as_str().context("no text")?.to_owned());
    }
    let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    ensure!(seen == expected, "{seen:?}");
    Ok(())
}

#[test]
fn a_tail_from_the_beginning_ends_after_as_many_as_were_asked_for() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    host.api.lines("s", "key=k", "a\nb\nc\n")?;
    host.api
        .send(
            "/v1/streams/s/records?key=k",
            "application/octet-stream",
            b"\xff",
        )?
        .ok()?;
    let mut tail = host.api.tail("s", "from=TRIM_HORIZON&max_records=4")?;
    for text in ["a", "b", "c"] {
        ensure!(tail.record()?["text"] == text, "not {text}");
    }
    let last = tail.record()?;
    ensure!(
        last["data"] == "/w==" && last["partition_key"] == "k",
        "{last}"
    );
    ensure!(tail.record().is_err(), "the tail goes on");
    Ok(())
}

#[test]
fn readers_of_a_busy_stream_see_one_order() -> Result<()> {
    let host = Host::start()?;
    host.api.stream("s", 1)?;
    let mut tails = [
        host.api.tail("s", "from=LATEST")?,
        host.api.tail("s", "from=LATEST")?,
    ];
    std::thread::scope(|scope| {
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let api = &host.api;
                scope.spawn(move || -> Result<()> {
                    for n in 0..25 {
                        api.lines("s", "", &format!("{producer}-{n}\n"))?;
                    }
                    Ok(())
                })
            })
            .collect();
        for producer in producers {
            producer
                .join()
                .map_err(|_| anyhow::anyhow!("a producer panicked"))??;
        }
        anyhow::Ok(())
    })?;
    let stored = host.api.records("s")?;
    ensure!(stored.len() == 100, "{} of 100 records", stored.len());
    for record in &stored {
        for tail in &mut tails {
            let event = tail.record()?;
            ensure!(
                event["text"] == json!(record.text()?),
                "{event} is not {record:?}"
            );
        }
    }
    Ok(())
}
