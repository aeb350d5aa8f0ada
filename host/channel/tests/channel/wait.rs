//! While records wait for their time, everything else goes on.

use std::{future::Future, sync::mpsc, time::Duration};

use anyhow::{Result, anyhow};
use millstream_core::channel::{Compression, RecordFormat};

use crate::world::World;

/// Longer than any of this takes.
const LONG: Duration = Duration::from_secs(600);

/// Runs a test whose tasks all share one thread, and watches it from another: a task that never lets
/// go of the thread would keep a timer there from firing as well.
fn watched<F: Future<Output = Result<()>>>(
    test: impl FnOnce() -> F + Send + 'static,
) -> Result<()> {
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let result = runtime.map_err(Into::into).and_then(|r| r.block_on(test()));
        let _ = ended.send(result);
    });
    let end = end.recv_timeout(Duration::from_secs(60));
    end.map_err(|_| anyhow!("a waiting channel kept the thread to itself"))?
}

/// Lets the lanes look at what there is, and everything else have its turn.
async fn turns() {
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn two_channels(world: &World) -> Result<()> {
    for name in ["archive", "second"] {
        world.create_as(name, RecordFormat::String, Compression::None)?;
    }
    Ok(())
}

/// The first record of a shard is in another epoch than the place before all records, where the
/// channels stand: every position counted on from there was passed already, and waiting for it never
/// waited.
#[test]
fn the_first_record_of_a_shard_waits_and_holds_nothing_up() -> Result<()> {
    watched(|| async {
        let mut world = World::new()?;
        two_channels(&world)?;
        world.start_after(LONG);
        turns().await;
        world.put(0, &["a"]).await?;
        turns().await;
        world.put(1, &["b"]).await?;
        turns().await;
        assert!(world.objects("x")?.is_empty(), "it was delivered too early");
        world.stop().await;
        Ok(())
    })
}

/// The same where the log was opened again: what comes then is in a newer epoch than the channels.
#[test]
fn records_after_a_restart_wait_and_hold_nothing_up() -> Result<()> {
    watched(|| async {
        let mut world = World::new()?;
        two_channels(&world)?;
        world.start();
        world.put(0, &["a", "b"]).await?;
        world.lines(4).await?;
        world.reopen().await?;
        world.start_after(LONG);
        world.put(0, &["c"]).await?;
        turns().await;
        world.reopen().await?;
        world.start_after(LONG);
        world.put(0, &["d"]).await?;
        turns().await;
        let waits = |lines: Vec<String>| lines.iter().all(|line| line != "c" && line != "d");
        assert!(waits(world.lines(0).await?), "it was delivered too early");
        world.stop().await;
        world.start();
        let mut last = Vec::new();
        while last.iter().filter(|line| *line == "d").count() < 2 {
            last = world.lines(last.len()).await?;
            turns().await;
        }
        assert_eq!(last.iter().filter(|line| *line == "c").count(), 2);
        world.stop().await;
        Ok(())
    })
}
