//! Connections over a real socket: deadlines, limits, both versions of HTTP, the end.

mod http2;
mod tls;

use std::{net::SocketAddr, time::Duration};

use millstream_api::server::{Door, Tls};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::model::Model;

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(30);

struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(model: &Model) -> Self {
        Self::start_with(model, None).await
    }

    async fn start_with(model: &Model, tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = millstream_api::server::serve(Door { listener, tls }, model.app(), async {
            let _ = stopped.await;
        });
        Self {
            address,
            stop: Some(stop),
            task: tokio::spawn(serving),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until no connection is accepted any more.
    async fn closed(&self) {
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    async fn ended(self) {
        timeout(SOON, self.task).await.unwrap().unwrap().unwrap();
    }
}

fn head(action: &str, length: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: Kinesis_20131202.{action}\r\n{length}\r\n\r\n"
    )
}

/// Reads until `mark` has come, or to the end.
async fn read_until(stream: &mut TcpStream, mark: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&read).contains(mark) {
            if stream.read_buf(&mut read).await.unwrap() == 0 {
                break;
            }
        }
    };
    timeout(SOON, reading).await.unwrap();
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let server = Server::start(&Model::new()).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        let request = head("ListStreams", "content-length: 2") + "{}";
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "StreamSummaries\":[]}").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_big_is_refused_unread() {
    let server = Server::start(&Model::new()).await;
    let mut stream = server.connect().await;
    let request = head("PutRecords", "content-length: 16777217");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "}").await;
    assert!(
        answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("the body has more than 16777216 bytes"),
        "{answer}"
    );
    assert_eq!(
        read_until(&mut stream, "never").await,
        "",
        "the connection ends"
    );
}

#[tokio::test]
async fn a_chunked_body_is_taken_and_cut_at_the_limit() {
    let server = Server::start(&Model::new()).await;
    let mut stream = server.connect().await;
    let request =
        head("ListStreams", "transfer-encoding: chunked") + "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "StreamSummaries\":[]}").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    let (mut reader, mut writer) = stream.into_split();
    let writing = tokio::spawn(async move {
        let request = head("ListStreams", "transfer-encoding: chunked");
        writer.write_all(request.as_bytes()).await.unwrap();
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        // For ever, or until the server has had enough.
        while writer.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let mut answer = vec![0; 12];
    timeout(SOON, reader.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    drop(reader);
    timeout(SOON, writing).await.unwrap().unwrap();
}

#[tokio::test]
async fn clients_that_stall_in_a_body_keep_nobody_waiting() {
    let server = Server::start(&Model::new()).await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let mut stream = server.connect().await;
        let request = head("PutRecords", "transfer-encoding: chunked") + "1\r\n{";
        stream.write_all(request.as_bytes()).await.unwrap();
        stalled.push(stream);
    }
    for length in ["content-length: 2", "transfer-encoding: chunked"] {
        let mut stream = server.connect().await;
        let body = if length.contains("chunked") {
            "2\r\n{}\r\n0\r\n\r\n"
        } else {
            "{}"
        };
        let request = head("ListStreams", length) + body;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "StreamSummaries\":[]}").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_puts_nothing() {
    let model = Model::with_stream("s", 1).await;
    let server = Server::start(&model).await;
    let body = r#"{"StreamName":"s","PartitionKey":"k","Data":""}"#;
    let mut stream = server.connect().await;
    let request = head("PutRecord", &format!("content-length: {}", body.len() + 1)) + body;
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    read_until(&mut stream, "never").await;
    assert_eq!(model.records("s"), [[]]);
}

#[tokio::test]
async fn a_web_page_of_another_site_cannot_put() {
    let model = Model::with_stream("s", 1).await;
    let server = Server::start(&model).await;
    for (header, status) in [
        ("origin: https://example.com", 403),
        ("sec-fetch-site: cross-site", 403),
        ("origin: http://localhost:3000", 200),
    ] {
        let mut stream = server.connect().await;
        let request = format!(
            "POST /v1/streams/s/records HTTP/1.1\r\nhost: localhost\r\n{header}\r\n\
             content-type: text/plain\r\ncontent-length: 1\r\n\r\na"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "}").await;
        let line = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&line), "{header}: {answer}");
        assert_eq!(answer.contains("\"forbidden\""), status == 403, "{answer}");
    }
    assert_eq!(model.records("s")[0].len(), 1);
}

#[tokio::test]
async fn what_was_begun_is_finished_at_the_end() {
    let model = Model::with_stream("s", 1).await;
    let mut server = Server::start(&model).await;
    let mut idle = server.connect().await;
    let request = head("ListStreams", "content-length: 2") + "{}";
    idle.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut idle, "StreamSummaries").await;

    let body = r#"{"StreamName":"s","PartitionKey":"k","Data":""}"#;
    let mut busy = server.connect().await;
    let request = head(
        "PutRecord",
        &format!("expect: 100-continue\r\ncontent-length: {}", body.len()),
    );
    busy.write_all(request.as_bytes()).await.unwrap();
    // Once the server asks for the body, the request has begun.
    assert!(
        read_until(&mut busy, "\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 100 ")
    );
    server.stop();
    server.closed().await;
    busy.write_all(body.as_bytes()).await.unwrap();
    let answer = read_until(&mut busy, "SequenceNumber").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    server.ended().await;
    assert_eq!(model.records("s")[0].len(), 1);
}
