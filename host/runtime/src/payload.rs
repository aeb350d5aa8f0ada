//! What a command writes to its standard output, up to a limit that ends the call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

use crate::guest::Hit;

/// What a guest may write at once.
const WRITE_BYTES: usize = 64 << 10;

#[derive(Debug, Default)]
struct Written {
    bytes: Vec<u8>,
    /// How much there would be with the write that was refused.
    refused: Option<usize>,
}

/// An answer that grows, shared with the stream that the guest writes to.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    written: Arc<Mutex<Written>>,
    most: usize,
}

impl Payload {
    /// Of at most so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            written: Arc::default(),
            most,
        }
    }

    /// All that was written; what is written afterwards is nobody's.
    pub(crate) fn take(&self) -> Bytes {
        std::mem::take(&mut self.written().bytes).into()
    }

    /// The limit, where it ended the call.
    pub(crate) fn hit(&self) -> Option<Hit> {
        let most = self.most;
        let wanted = self.written().refused?;
        Some(Hit {
            limit: "output_bytes",
            message: format!("{wanted} bytes of an answer wanted, {most} are allowed"),
        })
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IsTerminal for Payload {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Payload {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        unreachable!("only WASI 0.3 asks for this stream, and it is not linked")
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Payload {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut written = self.written();
        let wanted = written.bytes.len() + bytes.len();
        if wanted > self.most {
            written.refused.get_or_insert(wanted);
            // A trap: a guest that were told so might go on as if nothing were wrong.
            return Err(StreamError::Trap(wasmtime::Error::msg("ended by the host")));
        }
        written.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[async_trait]
impl Pollable for Payload {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_up_to_its_limit() {
        let payload = Payload::new(5);
        let mut stream = payload.clone();
        for part in [&b"ab"[..], b"", b"cde"] {
            stream.write(Bytes::from_static(part)).unwrap();
        }
        assert_eq!(payload.hit(), None);
        assert!(matches!(
            stream.write(Bytes::from_static(b"fg")),
            Err(StreamError::Trap(_))
        ));
        let hit = payload.hit().unwrap();
        assert_eq!(hit.limit, "output_bytes");
        assert!(hit.message.starts_with("7 bytes"), "{}", hit.message);
        assert_eq!(&payload.take()[..], b"abcde");
    }
}
