//! HTTP/2 without TLS, frame by frame: what a real client sends, and what a hostile one does.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
/// `:method POST`, `:scheme http`, `:path /`, by their numbers in HPACK's table.
const POST: &[u8] = &[0x83, 0x86, 0x84];

/// Sends `ListStreams` as SDKs do, over a connection on which HTTP/2 was agreed.
pub(super) async fn list_streams<S>(stream: S, scheme: &str, address: SocketAddr) -> String
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("{scheme}://{address}/"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "Kinesis_20131202.ListStreams")
        .body(Full::new(Bytes::from_static(b"{}")))
        .unwrap();
    let answer: Response<Incoming> = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    connection.abort();
    String::from_utf8(body.to_vec()).unwrap()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Reads frames to the end, and gives the reason of the server's farewell; none where it has none.
async fn farewell(mut stream: impl AsyncRead + Unpin) -> Option<u32> {
    let mut reason = None;
    let reading = async {
        let mut head = [0; 9];
        while stream.read_exact(&mut head).await.is_ok() {
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            let mut payload = vec![0; length];
            if stream.read_exact(&mut payload).await.is_err() {
                break;
            }
            if head[3] == GOAWAY {
                reason = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
            }
        }
    };
    timeout(SOON, reading).await.unwrap();
    reason
}

#[tokio::test]
async fn it_is_spoken_without_tls() {
    let server = Server::start(&Model::new()).await;
    let stream = server.connect().await;
    let body = list_streams(stream, "http", server.address).await;
    assert!(body.contains("StreamSummaries"), "{body}");
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let server = Server::start(&Model::new()).await;
    let stream = server.connect().await;
    let (reader, mut writer) = stream.into_split();
    let flood = tokio::spawn(async move {
        let mut stream = 1_u32;
        let mut bytes = PREFACE.to_vec();
        // For ever, or until the server has had enough.
        while writer.write_all(&bytes).await.is_ok() && stream < 1 << 20 {
            bytes.clear();
            for _ in 0..500 {
                bytes.extend(frame(HEADERS, END_HEADERS, stream, POST));
                bytes.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
                stream += 2;
            }
        }
        stream
    });
    let reason = farewell(reader).await;
    let streams = timeout(SOON, flood).await.unwrap().unwrap();
    assert!(streams < 1 << 20, "{streams} streams were taken");
    // It is torn down where the client goes on; where the word arrives, it says why.
    assert!(matches!(reason, None | Some(11)), "{reason:?}");
    list_streams(server.connect().await, "http", server.address).await;
}

#[tokio::test]
async fn headers_without_an_end_end_the_connection() {
    let server = Server::start(&Model::new()).await;
    let stream = server.connect().await;
    let (reader, mut writer) = stream.into_split();
    let flood = tokio::spawn(async move {
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(HEADERS, 0, 1, POST));
        let mut sent = 0_usize;
        // A literal header of 1000 bytes, again and again.
        let mut header = vec![0, 1, b'x', 0x7f, 0xe9, 0x06];
        header.extend_from_slice(&[b'x'; 1000]);
        while writer.write_all(&bytes).await.is_ok() && sent < 64 << 20 {
            sent += bytes.len();
            bytes = frame(CONTINUATION, 0, 1, &header);
        }
        sent
    });
    farewell(reader).await;
    let sent = timeout(SOON, flood).await.unwrap().unwrap();
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    list_streams(server.connect().await, "http", server.address).await;
}

#[tokio::test]
async fn headers_that_are_too_long_are_refused() {
    let server = Server::start(&Model::new()).await;
    let stream = TokioIo::new(server.connect().await);
    let handshake = http2::handshake(TokioExecutor::new(), stream).await;
    let (mut sender, connection) = handshake.unwrap();
    tokio::spawn(connection);
    let request = |bytes: usize| {
        Request::post(format!("http://{}/", server.address))
            .header("authorization", "x".repeat(bytes))
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let answer = sender.send_request(request(16 << 10)).await.unwrap();
    assert_eq!(answer.status(), 403, "{answer:?}");
    let refused = sender.send_request(request(40 << 10)).await;
    assert!(
        refused
            .as_ref()
            .map_or(true, |answer| answer.status() == 431),
        "{refused:?}"
    );
}
