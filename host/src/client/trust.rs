//! Which hosts are believed to be who they are: TLS of the client.

use std::{fs, io, path::Path, sync::Arc};

use rustls::crypto::ring;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::failure::Failure;

/// Trusts the certificates in `ca` alone; without it, those that the machine trusts.
pub(super) fn tls(ca: Option<&Path>) -> Result<TlsConfig, Failure> {
    let roots = match ca {
        None => RootCerts::PlatformVerifier,
        Some(path) => certificates(path)?,
    };
    let config = TlsConfig::builder()
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
    Ok(config.build())
}

/// Whether a connection came to nothing because the host's certificate is not trusted.
pub(super) fn is_distrust(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
}

fn certificates(path: &Path) -> Result<RootCerts, Failure> {
    let text = fs::read(path).map_err(|source| Failure::File {
        path: path.to_owned(),
        source,
    })?;
    let items: Result<Vec<_>, _> = parse_pem(&text).collect();
    let items = items.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    let certificates: Vec<_> = items
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        let none = format!("there is no certificate in {}", path.display());
        return Err(Failure::Usage(none));
    }
    Ok(RootCerts::from(certificates))
}
