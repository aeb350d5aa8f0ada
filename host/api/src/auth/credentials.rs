//! The access keys that a host knows, and what can be proven with them.

use std::{collections::BTreeMap, fmt};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;

use super::scope::Scope;

/// Access keys by their ids. There is at least one.
#[derive(Debug, Clone)]
pub struct Credentials {
    keys: BTreeMap<String, AccessKey>,
}

/// A secret, and the session token that goes with it where it is a temporary one.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    secret: String,
    token: Option<String>,
}

/// Why a text holds no credentials. Never says a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CredentialsError {
    /// There is none in it.
    #[error("there are no credentials in it")]
    None,
    /// A line that is not one.
    #[error("line {0} is not `ACCESS_KEY SECRET_KEY`")]
    Line(usize),
    /// An id that could not stand in a signature.
    #[error("line {0}: an access key consists of letters, digits, `-`, `_`, `.` and `+`")]
    Id(usize),
    /// A profile with one of the two.
    #[error("profile `{0}` needs both aws_access_key_id and aws_secret_access_key")]
    Half(String),
    /// Two secrets for one id.
    #[error("access key `{0}` has two secrets")]
    Twice(String),
}

impl Credentials {
    /// One key.
    ///
    /// # Errors
    /// When the id could not stand in a signature, or the secret is empty.
    pub fn of(id: &str, secret: &str) -> Result<Self, CredentialsError> {
        let mut credentials = Self {
            keys: BTreeMap::new(),
        };
        credentials.insert(id, AccessKey::new(secret, None), 1)?;
        Ok(credentials)
    }

    /// Lines of `ACCESS_KEY SECRET_KEY`, or an AWS credentials file with profiles. `#` begins a comment.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        let lines = text.lines().map(str::trim).enumerate();
        let lines: Vec<_> = lines
            .map(|(at, line)| (at + 1, line))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', ';']))
            .collect();
        let mut credentials = Self {
            keys: BTreeMap::new(),
        };
        if lines.first().is_some_and(|(_, line)| line.starts_with('[')) {
            credentials.read_profiles(&lines)?;
        } else {
            for (at, line) in lines {
                let mut words = line.split_whitespace();
                let (Some(id), Some(secret), None) = (words.next(), words.next(), words.next())
                else {
                    return Err(CredentialsError::Line(at));
                };
                credentials.insert(id, AccessKey::new(secret, None), at)?;
            }
        }
        if credentials.keys.is_empty() {
            return Err(CredentialsError::None);
        }
        Ok(credentials)
    }

    /// These and `others`.
    ///
    /// # Errors
    /// When both know an id, with different secrets.
    pub fn and(mut self, others: Self) -> Result<Self, CredentialsError> {
        for (id, key) in others.keys {
            self.insert(&id, key, 0)?;
        }
        Ok(self)
    }

    /// Whether `secret` is that of any key. Takes as long for each that it is not.
    pub(super) fn has_secret(&self, secret: &[u8]) -> bool {
        let keys = self.keys.values();
        keys.fold(false, |found, key| {
            found | is_same(key.secret.as_bytes(), secret)
        })
    }

    pub(super) fn find(&self, id: &str) -> Option<&AccessKey> {
        self.keys.get(id)
    }

    fn read_profiles(&mut self, lines: &[(usize, &str)]) -> Result<(), CredentialsError> {
        for profile in lines.chunk_by(|_, (_, next)| !next.starts_with('[')) {
            let (at, title) = profile[0];
            let name = title.trim_start_matches('[').split(']').next();
            let value = |wanted: &str| {
                let mut pairs = profile.iter().filter_map(|(_, line)| line.split_once('='));
                let (_, value) = pairs.find(|(name, _)| name.trim() == wanted)?;
                Some(value.trim()).filter(|value| !value.is_empty())
            };
            match (value("aws_access_key_id"), value("aws_secret_access_key")) {
                (Some(id), Some(secret)) => {
                    let token = value("aws_session_token");
                    self.insert(id, AccessKey::new(secret, token), at)?;
                }
                (None, None) => {}
                _ => return Err(CredentialsError::Half(name.unwrap_or_default().to_owned())),
            }
        }
        Ok(())
    }

    fn insert(&mut self, id: &str, key: AccessKey, line: usize) -> Result<(), CredentialsError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
        if id.is_empty() || !id.bytes().all(fits) {
            return Err(CredentialsError::Id(line));
        }
        if key.secret.is_empty() {
            return Err(CredentialsError::Line(line));
        }
        match self.keys.get(id) {
            Some(known) if *known != key => Err(CredentialsError::Twice(id.to_owned())),
            _ => {
                self.keys.insert(id.to_owned(), key);
                Ok(())
            }
        }
    }
}

impl AccessKey {
    pub(super) fn new(secret: &str, token: Option<&str>) -> Self {
        Self {
            secret: secret.to_owned(),
            token: token.map(str::to_owned),
        }
    }

    /// Whether `signature` was made of `text` with this key. Takes as long for each that was not.
    pub(super) fn made(&self, signature: &str, scope: &Scope<'_>, text: &str) -> bool {
        let Some(signature) = unhex(signature) else {
            return false;
        };
        self.code(scope, text).verify_slice(&signature).is_ok()
    }

    /// The signature of `text`.
    pub(super) fn sign(&self, scope: &Scope<'_>, text: &str) -> [u8; 32] {
        self.code(scope, text).finalize().into_bytes().into()
    }

    /// Whether a request that carries `token`, or none, comes with all that this key needs.
    pub(super) fn has_token(&self, token: Option<&str>) -> bool {
        match (&self.token, token) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => is_same(ours.as_bytes(), theirs.as_bytes()),
            _ => false,
        }
    }

    fn code(&self, scope: &Scope<'_>, text: &str) -> Hmac<Sha256> {
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [scope.day, scope.region, scope.service, scope.terminator] {
            let mut code = keyed(&key);
            code.update(part.as_bytes());
            key = code.finalize().into_bytes().to_vec();
        }
        let mut code = keyed(&key);
        code.update(text.as_bytes());
        code
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").finish_non_exhaustive()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key may have any length")
}

/// Compares codes of both, so that time tells neither where they differ nor how long they are.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let code = keyed(other).finalize().into_bytes();
    keyed(one).verify_slice(&code).is_ok()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Result<Vec<String>, CredentialsError> {
        Ok(Credentials::parse(text)?.keys.into_keys().collect())
    }

    #[test]
    fn lines_and_profiles_are_read() {
        let lines = "# two\n\nAKIA1 secret/with+all=\r\n  AKIA2\tother \n";
        assert_eq!(ids(lines).unwrap(), ["AKIA1", "AKIA2"]);
        let profiles = "; aws\n[default]\naws_access_key_id = AKIA1\n\
            aws_secret_access_key=a=b/c+d\nregion = eu-west-1\n\
            [profile role]\nrole_arn = x\n[temporary]\naws_access_key_id=ASIA1\n\
            aws_secret_access_key = s\naws_session_token = t==\n";
        assert_eq!(ids(profiles).unwrap(), ["AKIA1", "ASIA1"]);
        let credentials = Credentials::parse(profiles).unwrap();
        assert!(credentials.has_secret(b"a=b/c+d") && !credentials.has_secret(b"a"));
        let temporary = credentials.find("ASIA1").unwrap();
        assert!(temporary.has_token(Some("t==")));
        assert!(!temporary.has_token(None) && !temporary.has_token(Some("t=")));
        assert!(!credentials.find("AKIA1").unwrap().has_token(Some("")));
    }

    #[test]
    fn what_cannot_be_is_said_without_a_secret() {
        use CredentialsError::{Half, Id, Line, None, Twice};
        for (text, error) in [
            ("", None),
            ("# nothing\n", None),
            ("[default]\nregion = x\n", None),
            ("AKIA1\n", Line(1)),
            ("AKIA1 s\nAKIA2 s s\n", Line(2)),
            ("\nAK/IA s\n", Id(2)),
            ("[a b]\naws_access_key_id = x\n", Half("a b".into())),
            ("[a]\naws_secret_access_key = x\n", Half("a".into())),
            ("A one\nA two\n", Twice("A".into())),
        ] {
            assert_eq!(ids(text).unwrap_err(), error, "{text}");
        }
        assert_eq!(ids("A one\nA one").unwrap(), ["A"]);
        assert_eq!(Credentials::of("A", "").unwrap_err(), Line(1));
        let both = Credentials::of("A", "s").unwrap();
        let shown = format!("{:?}", both.and(Credentials::of("B", "hush").unwrap()));
        assert!(
            shown.contains("\"B\"") && !shown.contains("hush"),
            "{shown}"
        );
    }
}
