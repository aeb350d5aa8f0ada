//! What a credential says: whose key, for which day, region and service.

use super::{Signer, fault::AuthFault, moment::Moment};

/// What every scope ends with.
pub(super) const TERMINATOR: &str = "aws4_request";
/// A region becomes part of the names of streams.
const REGION_CHARS: usize = 32;

/// `keyid/date/region/service/terminator`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) access_key: &'a str,
    pub(super) day: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) terminator: &'a str,
}

impl<'a> Scope<'a> {
    pub(super) fn parse(credential: &'a str) -> Result<Self, AuthFault> {
        let mut parts = credential.trim_end_matches('/').split('/');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let scope = part().and_then(|access_key| {
            Some(Self {
                access_key,
                day: part()?,
                region: part()?,
                service: part()?,
                terminator: part()?,
            })
        });
        match scope {
            Some(scope) if parts.next().is_none() => Ok(scope),
            _ => Err(AuthFault::Credential(credential.to_owned())),
        }
    }

    /// Checks everything but the key.
    pub(super) fn is_for(&self, service: &str, signed: Moment) -> Result<(), AuthFault> {
        let mut wrong = self.foreign_region().unwrap_or_default();
        if self.service != service {
            wrong += &format!("Credential should be scoped to correct service: '{service}'. ");
        }
        if self.terminator != TERMINATOR {
            wrong += &format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'. ",
                self.terminator
            );
        }
        let day = signed.day();
        if self.day != day {
            wrong += &format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{}' != '{day}', from '{signed}'.",
                self.day
            );
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(AuthFault::Scope(wrong))
    }

    /// Checks that the region can be one.
    pub(super) fn names_a_region(&self) -> Result<(), AuthFault> {
        self.foreign_region()
            .map_or(Ok(()), |wrong| Err(AuthFault::Scope(wrong)))
    }

    pub(super) fn signer(&self) -> Signer {
        Signer {
            access_key: self.access_key.to_owned(),
            region: self.region.to_owned(),
        }
    }

    fn foreign_region(&self) -> Option<String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_one = self.region.len() <= REGION_CHARS && self.region.bytes().all(fits);
        (!is_one).then(|| AuthFault::region(self.region).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_has_five_parts() {
        for bad in [
            "",
            "a",
            "a/b/c/d",
            "a/b/c/d/e/f",
            "a//c/d/e",
            "/b/c/d/e",
            "////",
        ] {
            let refused = Scope::parse(bad).unwrap_err();
            assert_eq!(refused, AuthFault::Credential(bad.to_owned()));
        }
        let scope = Scope::parse("a/b/c/d/e///").unwrap();
        assert_eq!((scope.access_key, scope.terminator), ("a", "e"));
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let signed = Moment::parse("20130609T095204Z").unwrap();
        let refused = Scope::parse("a/b/c:c/d/e").unwrap();
        assert_eq!(
            refused.is_for("kinesis", signed).unwrap_err().to_string(),
            "Credential should be scoped to a valid region, not 'c:c'. \
             Credential should be scoped to correct service: 'kinesis'. \
             Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. \
             Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
             from HTTP: 'b' != '20130609', from '20130609T095204Z'."
        );
        let right = Scope::parse("a/20130609/eu-west-1/kinesis/aws4_request").unwrap();
        assert_eq!(right.is_for("kinesis", signed), Ok(()));
    }
}
