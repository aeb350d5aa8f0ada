//! A kept-alive HTTP/1.1 connection, as light as can be: what the client uses, the server lacks.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The content type of the AWS SDKs.
pub(crate) const JSON: &str = "application/x-amz-json-1.1";
/// The content type of those for Java.
pub(crate) const CBOR: &str = "application/x-amz-cbor-1.1";

/// A connection that looks at the status and at how long the body is, and at nothing else.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(1 << 16, stream),
            body: Vec::new(),
        })
    }

    /// Sends a whole request and reads the whole answer, which must be a 200.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.get_mut().write_all(request)?;
        let (status, length) = self.head()?;
        let length = length.unwrap_or(0);
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        let body = String::from_utf8_lossy(&self.body[..length.min(300)]);
        ensure!(status.contains(" 200 "), "{status}: {body}");
        Ok(&self.body)
    }

    /// A Kinesis action with JSON on both sides; nothing where there is no answer but the status.
    pub(crate) fn ask(&mut self, action: &str, input: &Value) -> Result<Value> {
        let request = kinesis(action, input.to_string().as_bytes());
        let answer = self.send(&request).with_context(|| action.to_owned())?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(answer)?)
    }

    /// Sends a request whose answer does not end, and gives the reader of that answer's body.
    pub(crate) fn subscribe(mut self, request: &[u8]) -> Result<Chunks> {
        self.stream.get_mut().write_all(request)?;
        let (status, length) = self.head()?;
        if let Some(length) = length {
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body)?;
            let body = String::from_utf8_lossy(&body);
            anyhow::bail!("an answer that ends: {status}: {body}");
        }
        ensure!(status.contains(" 200 "), "{status}");
        Ok(Chunks {
            stream: self.stream,
            left: 0,
        })
    }

    /// The status line, and how long the body is where that is said.
    fn head(&mut self) -> Result<(String, Option<usize>)> {
        let (mut line, mut length, mut status) = (String::new(), None, String::new());
        loop {
            line.clear();
            ensure!(
                self.stream.read_line(&mut line)? > 0,
                "the host closed the connection"
            );
            if status.is_empty() {
                line.trim_end().clone_into(&mut status);
            }
            if line == "\r\n" {
                return Ok((status, length));
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse().context("content-length")?);
            }
        }
    }
}

/// A body that comes in chunks.
#[derive(Debug)]
pub(crate) struct Chunks {
    stream: BufReader<TcpStream>,
    /// Bytes of the chunk that are still to be read.
    left: usize,
}

impl Chunks {
    /// Fills `buffer`, from as many chunks as it takes.
    pub(crate) fn read_exact(&mut self, mut buffer: &mut [u8]) -> Result<()> {
        while !buffer.is_empty() {
            if self.left == 0 {
                self.left = self.begin()?;
            }
            let some = buffer.len().min(self.left);
            let (now, later) = buffer.split_at_mut(some);
            self.stream.read_exact(now)?;
            buffer = later;
            self.left -= some;
            if self.left == 0 {
                // The chunk's end, which came with its last bytes.
                self.stream.read_exact(&mut [0; 2])?;
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<usize> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16)
            .with_context(|| format!("no chunk: {line:?}"))?;
        ensure!(length > 0, "the host ended the stream");
        Ok(length)
    }
}

/// A Kinesis request as the AWS SDKs send it, with a signature that is only well formed.
pub(crate) fn kinesis(action: &str, body: &[u8]) -> Vec<u8> {
    kinesis_as(JSON, action, body)
}

/// The same with a body of that type.
pub(crate) fn kinesis_as(content_type: &str, action: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: Kinesis_20131202.{action}\r\n\
         content-type: {content_type}\r\nx-amz-date: 20260101T000000Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/kinesis/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}\r\ncontent-length: {}\r\n\r\n",
        "0".repeat(64),
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}
