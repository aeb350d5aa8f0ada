//! Where clients come in: the address, whose requests are answered there, and the certificate.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use millstream_api::{
    auth::{Access, Credentials, CredentialsError},
    server::{SelfSigned, Tls, TlsError},
};
use thiserror::Error;
use tokio::net::TcpListener;

use crate::{
    clock,
    settings::{DoorSettings, Settings},
};

/// The certificate that the host made for itself, in the data directory; clients may trust it.
pub(crate) const CERTIFICATE: &str = "tls-certificate.pem";
/// Its key, which only the host's own user may read.
const KEY: &str = "tls-key.pem";

/// Why nobody can come in.
#[derive(Debug, Error)]
pub(crate) enum DoorError {
    /// The address is taken, or is none.
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: io::Error },
    /// Other machines could do everything.
    #[error(
        "{0} can be reached from other machines, so requests must be signed: name the credentials \
         with --credentials FILE, or listen on a loopback address"
    )]
    Exposed(SocketAddr),
    /// A file cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A file holds no credentials.
    #[error("{}: {source}", path.display())]
    Credentials {
        path: PathBuf,
        source: CredentialsError,
    },
    /// Two files disagree.
    #[error("--credentials: {0}")]
    Disagreeing(CredentialsError),
    /// A certificate that cannot be used.
    #[error("{}: {source}", path.display())]
    Certificate { path: PathBuf, source: TlsError },
}

/// Whose requests are answered.
pub(crate) fn access(settings: &DoorSettings) -> Result<Access, DoorError> {
    let mut all: Option<Credentials> = None;
    for path in &settings.credentials {
        let text = fs::read_to_string(path).map_err(file(path))?;
        let these = Credentials::parse(&text).map_err(|source| DoorError::Credentials {
            path: path.clone(),
            source,
        })?;
        all = Some(match all {
            None => these,
            Some(others) => others.and(these).map_err(DoorError::Disagreeing)?,
        });
    }
    Ok(all.map_or(Access::Local, Access::known))
}

/// Listens, where `access` leaves nobody in whom the operator does not know.
pub(crate) async fn listen(address: &str, access: &Access) -> Result<TcpListener, DoorError> {
    let failed = |source| DoorError::Listen {
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let is_here = bound.ip().to_canonical().is_loopback();
    if !is_here && !matches!(access, Access::Known(_)) {
        return Err(DoorError::Exposed(bound));
    }
    Ok(listener)
}

/// What is spoken at `bound`; none is plain HTTP.
pub(crate) fn tls(settings: &Settings, bound: SocketAddr) -> Result<Option<Tls>, DoorError> {
    let door = &settings.door;
    if let (Some(certificate), Some(key)) = (&door.tls_cert, &door.tls_key) {
        let read = |path: &PathBuf| fs::read(path).map_err(file(path));
        let tls = Tls::from_pem(&read(certificate)?, &read(key)?);
        return tls.map(Some).map_err(unusable(certificate));
    }
    if !door.tls_self_signed {
        return Ok(None);
    }
    self_signed(&settings.data, &names(settings, bound)).map(Some)
}

/// Every name under which clients of this machine reach the host, and those that were given.
fn names(settings: &Settings, bound: SocketAddr) -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec();
    if !bound.ip().is_unspecified() {
        names.push(bound.ip().to_string());
    }
    names.extend(settings.door.tls_names.iter().cloned());
    names.sort_unstable();
    names.dedup();
    names
}

/// The one of an earlier start, which clients may trust already, as long as it is for all `names`.
fn self_signed(data: &Path, names: &[String]) -> Result<Tls, DoorError> {
    let (at, key_at) = (data.join(CERTIFICATE), data.join(KEY));
    let kept = fs::read_to_string(&at).and_then(|certificate| {
        let key = fs::read_to_string(&key_at)?;
        Ok(SelfSigned { certificate, key })
    });
    if let Ok(kept) = kept
        && kept.is_for(names)
        && let Ok(tls) = shown(&kept)
    {
        return Ok(tls);
    }
    let made = SelfSigned::new(names.to_vec(), year()).map_err(unusable(&at))?;
    fs::create_dir_all(data).map_err(file(data))?;
    // A temporary file is nobody else's to read, and comes to its name whole.
    let keep = || {
        let mut key = tempfile::NamedTempFile::new_in(data)?;
        io::Write::write_all(&mut key, made.key.as_bytes())?;
        key.persist(&key_at).map_err(|error| error.error)
    };
    keep().map_err(file(&key_at))?;
    fs::write(&at, &made.certificate).map_err(file(&at))?;
    shown(&made).map_err(unusable(&at))
}

fn shown(certificate: &SelfSigned) -> Result<Tls, TlsError> {
    let SelfSigned { certificate, key } = certificate;
    Tls::from_pem(certificate.as_bytes(), key.as_bytes())
}

fn year() -> i32 {
    let now = i64::try_from(clock::now().0).ok();
    let now = now.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let now = now.unwrap_or_default();
    let date = jiff::tz::TimeZone::UTC.to_datetime(now);
    date.year().into()
}

fn file(path: &Path) -> impl Fn(io::Error) -> DoorError {
    |source| DoorError::File {
        path: path.to_owned(),
        source,
    }
}

fn unusable(path: &Path) -> impl Fn(TlsError) -> DoorError {
    |source| DoorError::Certificate {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn other_machines_come_in_with_credentials_only() {
        let known = Access::known(Credentials::of("AKIA", "s").unwrap());
        for (address, access, is_open) in [
            ("127.0.0.1:0", &Access::Local, true),
            ("0.0.0.0:0", &Access::Local, false),
            ("0.0.0.0:0", &known, true),
        ] {
            let listener = listen(address, access).await;
            assert_eq!(listener.is_ok(), is_open, "{address}: {listener:?}");
        }
    }

    #[test]
    fn a_certificate_is_kept_until_another_name_is_wanted() {
        let data = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let at = data.path().join(CERTIFICATE);
        let shown = |names: &[String]| {
            self_signed(data.path(), names).unwrap();
            fs::read_to_string(&at).unwrap()
        };
        let first = shown(&names);
        assert_eq!(shown(&names), first);
        let other = shown(&["stream.example".to_owned()]);
        assert_ne!(other, first);
        fs::write(data.path().join(KEY), "broken").unwrap();
        assert_ne!(shown(&["stream.example".to_owned()]), other);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = tempfile::tempdir().unwrap();
        self_signed(data.path(), &["localhost".to_owned()]).unwrap();
        let key = fs::metadata(data.path().join(KEY)).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn files_of_credentials_add_up_and_must_agree() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (one, other) = (write("one", "A one\n"), write("other", "A two\nB b\n"));
        let of = |credentials: &[&PathBuf]| {
            access(&DoorSettings {
                credentials: credentials.iter().copied().cloned().collect(),
                ..DoorSettings::default()
            })
        };
        assert!(matches!(of(&[]), Ok(Access::Local)));
        assert!(matches!(of(&[&one, &one]), Ok(Access::Known(_))));
        let refused = of(&[&one, &other]).unwrap_err().to_string();
        assert_eq!(refused, "--credentials: access key `A` has two secrets");
        let missing = of(&[&home.path().join("none")]).unwrap_err();
        assert!(matches!(missing, DoorError::File { .. }), "{missing}");
    }
}
