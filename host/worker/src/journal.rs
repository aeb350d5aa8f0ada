//! What guests log, handed to the host's own log under the target `function`.

use millstream_core::port::Invoked;
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
