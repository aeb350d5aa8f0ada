//! Invoke: an event that a client gives, and the function's answer to it.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use millstream_core::{
    catalog::{Function, function::Qualifier},
    event,
    journal::{Ended, RequestId, call::Said, line::version_of},
    port::{EventCall, EventInvoked, Invoke, InvokeError},
    position::{Position, ShardNumber},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    call::{Answer, Call, Found},
    fault::Fault,
    function::QUALIFIER,
    named::ANY_FUNCTION_NAME,
};
use crate::wire::{answer::REQUEST_ID, schema::Member};

/// Bytes of an event that nobody waits for.
const LATER_BYTES: usize = 1 << 20;
/// Bytes of the end of the log that a client may ask for.
const TAIL_BYTES: usize = 4096;

const EXECUTED: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FAILED: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG: HeaderName = HeaderName::from_static("x-amz-log-result");

/// How a client wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Now,
    Later,
    DryRun,
}

pub(super) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let found = found(call)?;
    let kind = kind(call)?;
    let is_tail = call
        .headers
        .get("x-amz-log-type")
        .map(HeaderValue::as_bytes)
        == Some(b"Tail");
    let event = event_of(call.body)?;
    let (version, number) = version(&found);
    let request = RequestId::random(uuid::Uuid::new_v4().as_u128());
    let asked = EventCall {
        request,
        number,
        function: version.name.clone(),
        version: version.version,
        event,
        limits: call.app().modules.held(version.limits),
        config: Arc::new(version.config.clone()),
    };
    let id = request.to_string();
    match kind {
        Kind::DryRun => Ok(Answer::empty()),
        Kind::Later => {
            let mut answer = later(call, asked)?;
            answer.add(REQUEST_ID, &id);
            Ok(answer)
        }
        Kind::Now => {
            let (time_ms, memory_bytes) = (asked.limits.time_ms, asked.limits.memory_bytes);
            let invoked = call.app().invoke.event(asked).await.map_err(refused)?;
            let mut answer = told(&invoked, &id, time_ms);
            answer.add(REQUEST_ID, &id);
            answer.add(EXECUTED, &version_of(number));
            if is_tail {
                let error = invoked.result.as_ref().err();
                let ended = Ended {
                    request,
                    number,
                    memory_bytes,
                    usage: invoked.usage,
                    said: Said::of(&invoked.logs, invoked.logs_dropped, error, time_ms),
                };
                let log = ended.text(call.now());
                answer.add(LOG, &base64_simd::STANDARD.encode_to_string(tail(&log)));
            }
            Ok(answer)
        }
    }
}

fn found(call: &Call<'_>) -> Result<Found, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        function_name: String,
        qualifier: Option<String>,
    }
    // The body is the event, whatever it is.
    let named = Call {
        body: &[],
        region: call.region.clone(),
        labels: call.labels.clone(),
        query: call.query.clone(),
        ..*call
    };
    let Input {
        function_name,
        qualifier,
    } = named.input(&[
        Member::new("FunctionName", ANY_FUNCTION_NAME).required(),
        QUALIFIER,
    ])?;
    call.function(&function_name, qualifier.as_deref())
}

fn kind(call: &Call<'_>) -> Result<Kind, Fault> {
    match call
        .headers
        .get("x-amz-invocation-type")
        .map(HeaderValue::as_bytes)
    {
        None | Some(b"RequestResponse") => Ok(Kind::Now),
        Some(b"Event") => Ok(Kind::Later),
        Some(b"DryRun") => Ok(Kind::DryRun),
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            Err(Fault::validation(format!(
                "1 validation error detected: Value '{other}' at 'invocationType' failed to \
                 satisfy constraint: Member must satisfy enum value set: \
                 [Event, DryRun, RequestResponse]"
            )))
        }
    }
}

/// No event at all is an empty one.
fn event_of(body: &[u8]) -> Result<Bytes, Fault> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    let parsed: Result<&RawValue, _> = serde_json::from_slice(body);
    parsed.map_err(|error| {
        Fault::content(format!(
            "Could not parse request body into json: Could not parse payload into json: {error}"
        ))
    })?;
    Ok(Bytes::copy_from_slice(body))
}

/// The version that is called: where an alias has weights, by chance.
fn version(found: &Found) -> (&Arc<Function>, Option<u64>) {
    let named = (&found.version, found.number);
    let Some(Qualifier::Alias(alias)) = &found.qualifier else {
        return named;
    };
    let shift = found
        .function
        .aliases
        .get(alias)
        .and_then(|alias| alias.shift);
    let Some(shift) = shift else {
        return named;
    };
    let (chance, _) = uuid::Uuid::new_v4().as_u64_pair();
    match found.function.published.get(&shift.number) {
        Some(other) if shift.takes(ShardNumber(0), Position(chance)) => (other, Some(shift.number)),
        _ => named,
    }
}

/// Accepts an event. It is handed over once; what comes of it is told to nobody.
fn later(call: &Call<'_>, asked: EventCall) -> Result<Answer, Fault> {
    if asked.event.len() > LATER_BYTES {
        return Err(Fault::event_too_large(asked.event.len(), LATER_BYTES));
    }
    let permit = Arc::clone(&call.lambda.later).try_acquire_owned();
    let permit = permit.map_err(|_full| {
        Fault::throttled("Rate Exceeded. Too many events wait for their functions.")
    })?;
    let invoke: Arc<dyn Invoke> = Arc::clone(&call.app().invoke);
    tokio::spawn(async move {
        let _permit = permit;
        let name = asked.function.clone();
        match invoke.event(asked).await {
            Ok(EventInvoked { result: Ok(_), .. }) => {}
            Ok(EventInvoked {
                result: Err(error), ..
            }) => tracing::warn!(function = %name, %error, "an event failed"),
            Err(error) => tracing::warn!(function = %name, %error, "an event was not handed over"),
        }
    });
    Ok(Answer {
        status: StatusCode::ACCEPTED,
        headers: Vec::new(),
        body: Vec::new(),
    })
}

fn refused(error: InvokeError) -> Fault {
    match error {
        InvokeError::NoEvents(..) => Fault::parameter(format!(
            "{error}. Invoke is for programs that read Lambda's event JSON; others are called with \
             the records of a stream."
        )),
        InvokeError::Throttled => Fault::throttled("Rate Exceeded."),
        InvokeError::NotReady(..) => Fault::not_ready(error.to_string()),
        InvokeError::Host(_) => Fault::internal(error.to_string()),
    }
}

/// The function's answer, or why it has none: either is a success of the call.
fn told(invoked: &EventInvoked, id: &str, time_ms: u64) -> Answer {
    let (body, failed) = match &invoked.result {
        Ok(answer) if answer.is_empty() => (b"null".to_vec(), false),
        Ok(answer) => (answer.to_vec(), false),
        Err(error) => {
            let fault = event::Fault::of(error, id, time_ms);
            let json = serde_json::to_vec(&fault);
            (json.unwrap_or_else(|_| b"null".to_vec()), true)
        }
    };
    let mut answer = Answer {
        status: StatusCode::OK,
        headers: Vec::new(),
        body,
    };
    if failed {
        answer.add(FAILED, "Unhandled");
    }
    answer
}

fn tail(log: &str) -> &str {
    let from = log.len().saturating_sub(TAIL_BYTES);
    &log[log.ceil_char_boundary(from)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_begins_with_a_whole_character() {
        assert_eq!(tail("short"), "short");
        let long = "\u{20ac}".repeat(2000);
        assert_eq!(tail(&long).len(), 4095);
    }
}
