//! What stopped a call, in the words of the port: the guest's fault, a limit, or the host's.

use millstream_core::{
    limit,
    port::{GuestError, InvokeError, Limits, LogLine},
};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace, component::ResourceTableError};
use wasmtime_wasi::I32Exit;

use crate::guest::{End, Guest, Hit};

/// Frames of a trap that are told.
const FRAMES: usize = 5;

/// Cuts what a guest says to what is kept of it.
pub(crate) fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(limit::ERROR_BYTES));
    text
}

impl From<Hit> for GuestError {
    fn from(Hit { limit, message }: Hit) -> Self {
        Self::Limit { limit, message }
    }
}

/// Says what an error of wasmtime means, with what the guest had come to.
pub(crate) fn classify(
    error: &wasmtime::Error,
    guest: &Guest,
    logs: &[LogLine],
) -> Result<GuestError, InvokeError> {
    match guest.end_reason() {
        Some(End::Limit(hit)) => return Ok(hit.clone().into()),
        Some(End::Host(message)) => return Err(InvokeError::Host(message.clone())),
        None => {}
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Err(InvokeError::Throttled);
    }
    // A guest that was refused memory aborts in ways of its own: the refusal is what matters.
    if let Some(hit) = guest.growth.refused() {
        return Ok(hit.into());
    }
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return Ok(exited(*status, logs));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Ok(trapped(*trap, error, guest.stack_bytes, logs));
    }
    let message = format!("{error:#}");
    if let Some(hit) = refused_by_wasmtime(error, &message, &guest.limits) {
        return Ok(hit.into());
    }
    if guest.has_entered() {
        let message = cut(message);
        return Ok(GuestError::Invalid { message });
    }
    Err(InvokeError::Host(message))
}

/// That it exited, with what it said last: programs say why they exit.
pub(crate) fn exited(status: i32, logs: &[LogLine]) -> GuestError {
    let mut message = format!("it exited with status {status}");
    let mut lines = logs.iter().rev().map(|line| line.message.trim());
    if let Some(last) = lines.find(|line| !line.is_empty()) {
        message.push_str(": ");
        message.push_str(last);
    }
    GuestError::Exited {
        status,
        message: cut(message),
    }
}

/// The limits that wasmtime holds for us. Two of them it reports in words only.
fn refused_by_wasmtime(error: &wasmtime::Error, message: &str, limits: &Limits) -> Option<Hit> {
    let (limit, message) = if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        let most = limits.handles;
        let message = format!("more resources held than the {most} that are allowed");
        ("handles", message)
    } else if message.contains("fuel allocated for hostcalls") {
        let most = limits.call_bytes;
        let message = format!("more data at once than the {most} bytes that are allowed");
        ("call_bytes", message)
    } else if message.contains("requested len") && message.contains("exceeds limit") {
        let most = limits.random_bytes;
        let message = format!("more random bytes at once than the {most} that are allowed");
        ("random_bytes", message)
    } else {
        return None;
    };
    Some(Hit { limit, message })
}

fn trapped(
    trap: Trap,
    error: &wasmtime::Error,
    stack_bytes: usize,
    logs: &[LogLine],
) -> GuestError {
    let overflow = trap == Trap::StackOverflow;
    let mut message = if overflow {
        format!("call stack exhausted: it calls deeper than {stack_bytes} bytes of stack allow")
    } else {
        let text = trap.to_string();
        text.trim_start_matches("wasm trap: ").to_owned()
    };
    if let Some(panic) = panic(logs) {
        message = format!("{panic} ({message})");
    }
    if let Some(frames) = error.downcast_ref::<WasmBacktrace>().map(frames) {
        message.push_str(&frames);
    }
    let message = cut(message);
    if overflow {
        let limit = "guest_stack_bytes";
        return GuestError::Limit { limit, message };
    }
    GuestError::Trapped { message }
}

/// What a Rust guest prints when it panics: a line that says where, and one that says what.
fn panic(logs: &[LogLine]) -> Option<String> {
    let at = logs
        .iter()
        .rposition(|line| line.message.contains("panicked at"))?;
    let place = logs[at].message.trim();
    Some(match logs.get(at + 1) {
        Some(what) => format!("{place} {}", what.message),
        None => place.to_owned(),
    })
}

fn frames(trace: &WasmBacktrace) -> String {
    let mut text = String::new();
    for frame in trace.frames().iter().take(FRAMES) {
        let separator = if text.is_empty() { ", in " } else { " < " };
        text.push_str(separator);
        match frame.func_name() {
            Some(name) => text.push_str(name),
            None => text.push_str(&format!("function {}", frame.func_index())),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_says_is_cut_between_characters() {
        let text = cut("\u{e9}".repeat(limit::ERROR_BYTES));
        assert_eq!(text.len(), limit::ERROR_BYTES);
        let text = cut(format!("x{}", "\u{e9}".repeat(limit::ERROR_BYTES)));
        assert_eq!(text.len(), limit::ERROR_BYTES - 1);
        assert_eq!(cut("short".into()), "short");
    }

    #[test]
    fn an_exit_is_told_with_the_last_line() {
        let line = |message: &str| LogLine {
            level: 2,
            message: message.into(),
        };
        let of = |logs: &[LogLine]| exited(3, logs).to_string();
        let logs = [line("first"), line("Error: no table "), line("")];
        let expected = "the function ended: it exited with status 3: Error: no table";
        assert_eq!(of(&logs), expected);
        assert_eq!(of(&[]), "the function ended: it exited with status 3");
    }

    #[test]
    fn a_panic_is_told_with_its_place() {
        let line = |message: &str| LogLine {
            level: 4,
            message: message.into(),
        };
        let logs = [
            line("x"),
            line("thread panicked at a.rs:1:2:"),
            line("boom"),
        ];
        assert_eq!(panic(&logs).unwrap(), "thread panicked at a.rs:1:2: boom");
        assert_eq!(panic(&logs[..1]), None);
    }
}
