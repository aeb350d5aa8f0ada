//! One run of a command: an event on its standard input, its answer on its standard output.
//!
//! What the event and the answer mean is decided in core.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use millstream_core::{
    event::{Event, answer},
    limit,
    port::{Call, EventCall, EventInvoked, GuestError, InvokeError, Invoked, Limits, Usage},
};
use wasmtime_wasi::I32Exit;

use crate::{
    call::{self, Traces},
    failure::{self, classify},
    function::Function,
    guest::{Console, Guest},
    no_state::NoState,
    payload::Payload,
    ticker::Ticker,
};

/// Runs one batch as an event.
pub(crate) async fn batch(
    function: &Function,
    call: &Call,
    ticker: &Ticker,
) -> Result<Invoked, InvokeError> {
    let event = Event {
        origin: &call.origin,
        columns: &call.batch,
        window: call.window.as_ref(),
    };
    let asked = EventCall {
        request: call.request,
        function: call.function.clone(),
        version: call.version,
        number: call.number,
        event: event.write().into(),
        limits: call.limits,
        config: Arc::clone(&call.config),
    };
    let EventInvoked {
        result,
        logs,
        logs_dropped,
        usage,
    } = event_of(function, asked, ticker).await?;
    let answer = result.as_ref().ok().cloned();
    let verdict = |answer: Bytes| {
        let is_windowed = call.window.is_some();
        let said = answer::verdict(
            &answer,
            call.reports,
            is_windowed,
            &call.origin,
            &call.batch,
        );
        said.map_err(GuestError::from)
    };
    Ok(Invoked {
        result: result.and_then(verdict),
        answer,
        logs,
        logs_dropped,
        usage,
    })
}

/// Hands over an event. The store, and with it the instance, ends here whatever happened.
pub(crate) async fn event_of(
    function: &Function,
    call: EventCall,
    ticker: &Ticker,
) -> Result<EventInvoked, InvokeError> {
    if let Some(error) = too_large(&call.event) {
        return Ok(EventInvoked {
            result: Err(error),
            logs: Vec::new(),
            logs_dropped: 0,
            usage: Usage::default(),
        });
    }
    let (started, time_ms) = (Instant::now(), call.limits.time_ms);
    let output = Payload::new(most(&call.limits));
    let guest = guest(function, call, output.clone());
    let mut store = call::store(function, guest, started);
    let ended = {
        let _ticking = ticker.run();
        call::limited(&mut store, started, time_ms, async |store| {
            function.run(store).await
        })
        .await
    };
    let (guest, traces) = call::traces(store, started);
    let result = match status(ended) {
        Ok(0) => Ok(output.take()),
        Ok(status) => Err(failure::exited(status, &traces.logs)),
        Err(error) => Err(match output.hit() {
            Some(hit) => hit.into(),
            None => classify(&error, &guest, &traces.logs)?,
        }),
    };
    let Traces {
        logs,
        logs_dropped,
        usage,
    } = traces;
    Ok(EventInvoked {
        result,
        logs,
        logs_dropped,
        usage,
    })
}

fn guest(function: &Function, call: EventCall, output: Payload) -> Guest {
    let EventCall {
        function: name,
        event,
        limits,
        config,
        ..
    } = call;
    let console = Console {
        name: name.to_string(),
        input: event,
        output,
    };
    let state = Arc::new(NoState);
    Guest::new(limits, function.stack_bytes(), state, config, Some(console))
}

/// A batch is cut so that its event fits; who brings an event of his own may bring a larger one.
fn too_large(event: &[u8]) -> Option<GuestError> {
    let (wanted, most) = (event.len(), limit::EVENT_BYTES);
    (wanted > most).then(|| GuestError::Limit {
        limit: "event_bytes",
        message: format!("the event has {wanted} bytes, {most} are allowed"),
    })
}

/// Bytes of an answer: the function's own limit, within Lambda's.
fn most(limits: &Limits) -> usize {
    let own = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
    own.min(limit::EVENT_ANSWER_BYTES)
}

/// What a command exited with, be it that it returned or that it called exit.
fn status(ended: wasmtime::Result<Result<(), ()>>) -> wasmtime::Result<i32> {
    match ended {
        Ok(Ok(())) => Ok(0),
        Ok(Err(())) => Ok(1),
        Err(error) => match error.downcast_ref() {
            Some(&I32Exit(status)) => Ok(status),
            None => Err(error),
        },
    }
}
