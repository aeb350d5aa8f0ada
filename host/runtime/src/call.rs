//! One call: a fresh store, the batch in, the verdict out, everything gone afterwards.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use millstream_core::port::{Call, InvokeError, Invoked, Limits, LogLine, Usage};
use tokio::time;
use wasmtime::{Store, UpdateDeadline};

use crate::{
    answer, command,
    engine::TABLE_ELEMENTS,
    failure::classify,
    function::{Answer, Function},
    guest::{End, Guest, Hit},
    ticker::Ticker,
};

/// The longest that a call may be given; Lambda's 15 minutes.
const TIME_MS_MAX: u64 = 15 * 60 * 1000;

/// Runs one batch, as columns or as an event. The store, and with it the instance, ends here whatever happened.
pub(crate) async fn run(
    function: &Function,
    call: &Call,
    ticker: &Ticker,
) -> Result<Invoked, InvokeError> {
    if function.is_command() {
        return command::batch(function, call, ticker).await;
    }
    let started = Instant::now();
    let mut store = store(function, guest(function, call), started);
    let answer = {
        let _ticking = ticker.run();
        limited(&mut store, started, call.limits.time_ms, async |store| {
            function.invoke(store, call).await
        })
        .await
    };
    conclude(store, answer, call, started)
}

/// Instantiates and drops: whether the component starts at all.
pub(crate) async fn smoke(
    function: &Function,
    call: &Call,
    ticker: &Ticker,
) -> Result<Invoked, InvokeError> {
    let started = Instant::now();
    let mut store = store(function, guest(function, call), started);
    let _ticking = ticker.run();
    let nothing = millstream_bindings::types::Response {
        outputs: Vec::new(),
        failures: Vec::new(),
    };
    let answer = limited(&mut store, started, call.limits.time_ms, async |store| {
        function.instantiate(store).await
    })
    .await
    .map(|()| Ok(nothing));
    conclude(store, answer, call, started)
}

fn guest(function: &Function, call: &Call) -> Guest {
    Guest::new(
        call.limits,
        function.stack_bytes(),
        Arc::clone(&call.state),
        Arc::clone(&call.config),
        None,
    )
}

/// A store under the limits of its guest.
pub(crate) fn store(function: &Function, guest: Guest, started: Instant) -> Store<Guest> {
    let limits = guest.limits;
    let mut store = Store::new(function.engine(), guest);
    store.limiter(|guest| &mut guest.growth);
    store.set_hostcall_fuel(usize::try_from(limits.call_bytes).unwrap_or(usize::MAX));
    store.set_epoch_deadline(1);
    // The clock is read here and not left to the timer alone: while every thread computes, nobody
    // serves timers.
    store.epoch_deadline_callback(move |mut store| {
        if started.elapsed() >= Duration::from_millis(limits.time_ms) {
            let end = time_is_up(started, limits.time_ms);
            return Err(store.data_mut().end(end));
        }
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    store
}

/// Cuts what takes too long, also where the guest waits in a host call and sees no epoch.
pub(crate) async fn limited<T>(
    store: &mut Store<Guest>,
    started: Instant,
    time_ms: u64,
    run: impl AsyncFnOnce(&mut Store<Guest>) -> wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    let deadline = started + Duration::from_millis(time_ms);
    match time::timeout_at(deadline.into(), run(store)).await {
        Ok(result) => result,
        Err(_) => Err(store.data_mut().end(time_is_up(started, time_ms))),
    }
}

fn time_is_up(started: Instant, time_ms: u64) -> End {
    let taken = started.elapsed().as_millis();
    End::Limit(Hit {
        limit: "time_ms",
        message: format!("stopped after {taken} ms, {time_ms} are allowed"),
    })
}

/// What a call leaves behind whatever came of it.
#[derive(Debug)]
pub(crate) struct Traces {
    pub(crate) logs: Vec<LogLine>,
    pub(crate) logs_dropped: u64,
    pub(crate) usage: Usage,
}

/// Ends the instance.
pub(crate) fn traces(store: Store<Guest>, started: Instant) -> (Guest, Traces) {
    let guest = store.into_data();
    let (logs, logs_dropped) = guest.logbook.close();
    let usage = Usage {
        time_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        memory_bytes: guest.growth.peak_memory(),
    };
    let traces = Traces {
        logs,
        logs_dropped,
        usage,
    };
    (guest, traces)
}

fn conclude(
    store: Store<Guest>,
    answer: wasmtime::Result<Answer>,
    call: &Call,
    started: Instant,
) -> Result<Invoked, InvokeError> {
    let (guest, traces) = traces(store, started);
    let Traces {
        logs,
        logs_dropped,
        usage,
    } = traces;
    let result = match answer {
        Ok(answer) => answer::verdict(answer, guest.effects, call.batch.len(), &call.limits),
        Err(error) => Err(classify(&error, &guest, &logs)?),
    };
    Ok(Invoked {
        result,
        answer: None,
        logs,
        logs_dropped,
        usage,
    })
}

/// The limits as this host can hold them.
pub(crate) fn clamp(limits: Limits, memory_bytes_max: usize) -> Limits {
    Limits {
        memory_bytes: limits.memory_bytes.min(memory_bytes_max as u64),
        time_ms: limits.time_ms.min(TIME_MS_MAX),
        table_elements: limits.table_elements.min(TABLE_ELEMENTS as u64),
        ..limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_above_what_a_slot_has() {
        let asked = Limits {
            memory_bytes: u64::MAX,
            time_ms: u64::MAX,
            table_elements: u64::MAX,
            ..Limits::default()
        };
        let held = clamp(asked, 5);
        assert_eq!((held.memory_bytes, held.time_ms), (5, 900_000));
        // Else the pool would refuse what the limit allows, and nobody would name a limit.
        assert_eq!(held.table_elements, 100_000);
        assert_eq!(held.call_bytes, asked.call_bytes);
    }
}
