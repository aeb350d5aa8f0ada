//! Ctrl-C and SIGTERM for commands that have something to finish or to clean up.

use std::{io, thread};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code of a process that was interrupted, as shells have it.
pub(crate) const EXIT_CODE: i32 = 130;

/// SIGINT and SIGTERM.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes both over. Needs a running tokio.
    pub(crate) fn take_over() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Calls `stop` at the first signal; the second one ends the process at once.
pub(crate) fn on_first(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let mut signals = {
        let _guard = runtime.enter();
        Signals::take_over()?
    };
    let wait = move || {
        runtime.block_on(async {
            signals.next().await;
            stop();
            signals.next().await;
            std::process::exit(EXIT_CODE);
        });
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)
        .map(|_| ())
}
