//! Where log lines go: to stderr, filtered by `--log` or `RUST_LOG`, coloured only for people.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, filter::ParseError};

/// Starts logging. `filter` is as in `RUST_LOG`, for example `info,millstream_worker=debug`.
///
/// # Errors
/// When the filter cannot be read.
pub(crate) fn start(filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours())
        .init();
    Ok(())
}

/// Whether stderr is a terminal that nobody asked to be plain.
pub(crate) fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}
