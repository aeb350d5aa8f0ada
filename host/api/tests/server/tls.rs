//! The same over TLS: both versions of HTTP, by what the client offers.

use std::sync::Arc;

use millstream_api::server::SelfSigned;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{http2::list_streams, *};

fn certificate() -> SelfSigned {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    SelfSigned::new(names.to_vec(), 2026).unwrap()
}

fn shown(certificate: &SelfSigned) -> Tls {
    let SelfSigned { certificate, key } = certificate;
    Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()
}

/// Connects as a client that trusts `certificate` alone.
async fn connect(
    server: &Server,
    certificate: &SelfSigned,
    offers: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let trusted = CertificateDer::from_pem_slice(certificate.certificate.as_bytes());
    roots.add(trusted.unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = offers
        .iter()
        .map(|offer| offer.as_bytes().to_vec())
        .collect();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, server.connect().await).await
}

fn protocol(stream: &TlsStream<TcpStream>) -> Option<String> {
    let protocol = stream.get_ref().1.alpn_protocol()?;
    Some(String::from_utf8(protocol.to_vec()).unwrap())
}

#[tokio::test]
async fn clients_choose_the_version_of_http() {
    let certificate = certificate();
    let server = Server::start_with(&Model::new(), Some(shown(&certificate))).await;
    let stream = connect(&server, &certificate, &["h2", "http/1.1"])
        .await
        .unwrap();
    assert_eq!(protocol(&stream).as_deref(), Some("h2"));
    let body = list_streams(stream, "https", server.address).await;
    assert!(body.contains("StreamSummaries"), "{body}");

    for (offers, agreed) in [(&["http/1.1"][..], Some("http/1.1")), (&[], None)] {
        let mut stream = connect(&server, &certificate, offers).await.unwrap();
        assert_eq!(protocol(&stream).as_deref(), agreed);
        let request = head("ListStreams", "content-length: 2\r\nconnection: close") + "{}";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = timeout(SOON, stream.read_to_string(&mut answer)).await;
        read.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn another_certificate_is_not_trusted_and_plain_text_not_answered() {
    let server = Server::start_with(&Model::new(), Some(shown(&certificate()))).await;
    let refused = connect(&server, &certificate(), &["h2"]).await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    let mut stream = server.connect().await;
    let request = head("ListStreams", "content-length: 2") + "{}";
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "never").await;
    assert!(!answer.contains("HTTP/1.1"), "{answer}");
}

#[tokio::test]
async fn a_handshake_that_never_comes_does_not_hold_up_the_end() {
    let mut server = Server::start_with(&Model::new(), Some(shown(&certificate()))).await;
    let mut silent = server.connect().await;
    // The beginning of a greeting.
    silent.write_all(&[22, 3, 1]).await.unwrap();
    let begun = std::time::Instant::now();
    server.stop();
    server.closed().await;
    let cut = timeout(SOON, silent.read_u8()).await.unwrap();
    assert!(cut.is_err(), "{cut:?}");
    server.ended().await;
    assert!(
        begun.elapsed() < Duration::from_secs(7),
        "{:?}",
        begun.elapsed()
    );
}
