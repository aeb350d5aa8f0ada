//! A bare connection, for what no HTTP client would send.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result};
use support::Api;

/// How long the host may keep a hopeless connection: its header deadline and some patience.
const PATIENCE: Duration = Duration::from_secs(90);

/// A connection to the host.
pub(crate) struct Wire(TcpStream);

impl Wire {
    /// Connects.
    pub(crate) fn open(api: &Api) -> Result<Self> {
        let stream = TcpStream::connect(api.address())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// Sends bytes; whether the host still takes them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Says that no more will come.
    pub(crate) fn finish(&mut self) {
        // The host may have closed the connection first, which is as good.
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// The status of the next answer; none where the host closed the connection without one.
    pub(crate) fn status(&mut self) -> Result<Option<u16>> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\n") {
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Ok(None);
                }
                Err(error) => return Err(error).context("the host neither answers nor closes"),
            }
        }
        let line = String::from_utf8_lossy(&head);
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.trim().parse().ok());
        Ok(Some(
            status.with_context(|| format!("not a status line: {line}"))?,
        ))
    }
}
