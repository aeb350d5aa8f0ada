//! What guests log, handed to the host's own log under the target `function`; and what a lane gives up
//! that no dead letter holds.

use millstream_core::{limit, port::Invoked, trigger::window::OpenWindow};
use tracing::{debug, error, info, trace, warn};

use crate::order::Spec;

/// The runtime has bounded the lines; here they only get their level and their origin.
pub(crate) fn write(spec: &Spec, invoked: &Invoked) {
    let (trigger, function) = (
        &spec.lane.trigger.name,
        &spec.lane.trigger.settings.function,
    );
    macro_rules! line {
        ($level:ident, $message:expr) => {
            $level!(target: "function", %trigger, %function, "{}", $message)
        };
    }
    for line in &invoked.logs {
        match line.level {
            0 => line!(trace, line.message),
            1 => line!(debug, line.message),
            2 => line!(info, line.message),
            3 => line!(warn, line.message),
            _ => line!(error, line.message),
        }
    }
    if invoked.logs_dropped > 0 {
        let dropped = invoked.logs_dropped;
        line!(warn, format_args!("{dropped} log lines were cut"));
    }
}

/// A window that was given up has no record that could go to the dead letters: the log keeps it.
pub(crate) fn lost_window(spec: &Spec, window: &OpenWindow) {
    let trigger = &spec.lane.trigger.name;
    let state = &window.state[..window.state.floor_char_boundary(limit::ERROR_BYTES)];
    error!(
        %trigger,
        shard = %spec.shard_id,
        start_ms = window.start.0,
        end_ms = window.end.0,
        state_bytes = window.state.len(),
        state,
        error = window.error.as_deref().unwrap_or("the function takes no windows"),
        "a tumbling window was given up: its last call failed as often as it may be tried",
    );
}
