//! TLS: which certificate is shown, and the handshake. Reads and writes no file.

use std::{fmt, io, sync::Arc};

use rcgen::{
    CertificateParams, CertifiedKey, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName,
        pem::{self, PemObject as _},
    },
    server::ParsedCertificate,
};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// What is spoken over TLS, as clients and servers agree on it beforehand.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate with its key, ready to be shown. Clones share it.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// A certificate that signs itself, and its key, as PEM.
#[derive(Clone)]
pub struct SelfSigned {
    /// What clients may be told to trust.
    pub certificate: String,
    /// What nobody may see.
    pub key: String,
}

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The text of the certificate is not PEM.
    #[error("the certificate is not PEM: {0}")]
    CertificatePem(pem::Error),
    /// There is no certificate in it.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// The text of the key is not PEM, or holds none.
    #[error("the key is not PEM: {0}")]
    KeyPem(pem::Error),
    /// They cannot be used, or not together.
    #[error("the certificate and the key cannot be used: {0}")]
    Unusable(rustls::Error),
    /// No certificate could be made.
    #[error("no certificate could be made: {0}")]
    NotMade(#[from] rcgen::Error),
}

impl Tls {
    /// From a certificate, with those that it depends on after it, and its key.
    ///
    /// # Errors
    /// When they cannot be read, or are not of each other.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificate);
        let chain: Vec<_> = chain
            .collect::<Result<_, _>>()
            .map_err(TlsError::CertificatePem)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::KeyPem)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key);
        let mut config = config.map_err(TlsError::Unusable)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// The connection once both sides have agreed.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.0.accept(stream).await
    }
}

impl SelfSigned {
    /// A new one for `names` and addresses, valid from the beginning of `year` for ten years.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn new(names: Vec<String>, year: i32) -> Result<Self, TlsError> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "Millstream, self-signed");
        params.not_before = date_time_ymd(year, 1, 1);
        params.not_after = date_time_ymd(year + 10, 1, 1);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let signing_key = KeyPair::generate()?;
        let cert = params.self_signed(&signing_key)?;
        let CertifiedKey { cert, signing_key } = CertifiedKey { cert, signing_key };
        Ok(Self {
            certificate: cert.pem(),
            key: signing_key.serialize_pem(),
        })
    }

    /// Whether the certificate is for all of `names`.
    #[must_use]
    pub fn is_for(&self, names: &[String]) -> bool {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        let Ok(certificate) = certificate else {
            return false;
        };
        let Ok(certificate) = ParsedCertificate::try_from(&certificate) else {
            return false;
        };
        names.iter().all(|name| {
            let name = ServerName::try_from(name.as_str());
            name.is_ok_and(|name| rustls::client::verify_server_name(&certificate, &name).is_ok())
        })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SelfSigned");
        shown
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["localhost", "127.0.0.1", "::1"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn what_signs_itself_can_be_shown_and_knows_its_names() {
        let made = SelfSigned::new(names(), 2026).unwrap();
        Tls::from_pem(made.certificate.as_bytes(), made.key.as_bytes()).unwrap();
        assert!(made.is_for(&names()) && made.is_for(&[]));
        assert!(!made.is_for(&["10.0.0.1".to_owned()]));
        assert!(!made.is_for(&["example.com".to_owned()]));
        let broken = SelfSigned {
            certificate: "x".into(),
            ..made.clone()
        };
        assert!(!broken.is_for(&[]));
        let shown = format!("{made:?}");
        assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    }

    #[test]
    fn what_is_broken_is_refused_with_what_is_wrong() {
        let [one, other] = [2026, 2027].map(|year| SelfSigned::new(names(), year).unwrap());
        let cut = one.certificate.replace("-----END CERTIFICATE-----", "");
        for (certificate, key, what) in [
            ("", one.key.as_str(), "there is no certificate in it"),
            (&cut, &one.key, "the certificate is not PEM"),
            (&one.certificate, "", "the key is not PEM"),
            (&one.certificate, &one.certificate, "the key is not PEM"),
            (&one.certificate, &other.key, "cannot be used"),
        ] {
            let refused = Tls::from_pem(certificate.as_bytes(), key.as_bytes());
            let text = refused.unwrap_err().to_string();
            assert!(text.contains(what), "{text}");
        }
    }
}
