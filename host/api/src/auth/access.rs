//! What the operator has decided: whose requests are answered.

use std::{net::IpAddr, sync::Arc};

use axum::http::{HeaderMap, header};
use millstream_core::time::Millis;

use super::{Asked, AuthFault, Credentials, Signer, claim::Claim, claimed, verify};

/// The service in signatures of requests to Kinesis.
const KINESIS: &str = "kinesis";
/// The service in signatures of requests to Lambda.
const LAMBDA: &str = "lambda";
/// The service in signatures of requests to CloudWatch Logs.
const LOGS: &str = "logs";
/// The service in signatures of requests to our own interface.
const MILLSTREAM: &str = "millstream";

/// Whose requests are answered. Clones share the credentials.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everyone's, signed or not: for tests within a process.
    Anyone,
    /// Everyone's who reaches this machine itself. Kinesis's clients sign, with whatever they have.
    Local,
    /// Those made with one of these.
    Known(Arc<Credentials>),
}

/// The address of whoever sent a request; the server tells each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl Access {
    /// The holder of any of `credentials`.
    #[must_use]
    pub fn known(credentials: Credentials) -> Self {
        Self::Known(Arc::new(credentials))
    }

    /// Who sent a request to Kinesis; nobody where it does not matter.
    ///
    /// # Errors
    /// When the request is not signed as it should be.
    pub fn to_kinesis(
        &self,
        asked: &Asked<'_>,
        body: &[u8],
        now: Millis,
    ) -> Result<Option<Signer>, AuthFault> {
        self.to(KINESIS, asked, body, now)
    }

    /// As [`Access::to_kinesis`], of a request to Lambda.
    pub(crate) fn to_lambda(
        &self,
        asked: &Asked<'_>,
        body: &[u8],
        now: Millis,
    ) -> Result<Option<Signer>, AuthFault> {
        self.to(LAMBDA, asked, body, now)
    }

    /// As [`Access::to_kinesis`], of a request to CloudWatch Logs.
    pub(crate) fn to_logs(
        &self,
        asked: &Asked<'_>,
        body: &[u8],
        now: Millis,
    ) -> Result<Option<Signer>, AuthFault> {
        self.to(LOGS, asked, body, now)
    }

    fn to(
        &self,
        service: &str,
        asked: &Asked<'_>,
        body: &[u8],
        now: Millis,
    ) -> Result<Option<Signer>, AuthFault> {
        match self {
            Self::Anyone => Ok(claimed(asked).ok()),
            Self::Local => claimed(asked).map(Some),
            Self::Known(credentials) => verify(asked, body, service, credentials, now).map(Some),
        }
    }

    /// The credentials that a request to our own interface has to be made with, where it has to.
    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::Anyone | Self::Local => None,
            Self::Known(credentials) => Some(credentials),
        }
    }
}

/// What proves that a request to our own interface may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The secret itself was sent.
    Given,
    /// A signature was, which is over the body.
    Signed,
}

/// What a request to our own interface comes with, unless it is nothing or a secret that is not ours.
pub(crate) fn proof(asked: &Asked<'_>, credentials: &Credentials) -> Result<Proof, AuthFault> {
    let Some(secret) = bearer(asked.headers) else {
        return Claim::read(asked).map(|_| Proof::Signed);
    };
    if credentials.has_secret(secret) {
        Ok(Proof::Given)
    } else {
        Err(AuthFault::Unrecognized)
    }
}

/// Checks the signature of a request to our own interface.
pub(crate) fn verify_native(
    asked: &Asked<'_>,
    body: &[u8],
    credentials: &Credentials,
    now: Millis,
) -> Result<(), AuthFault> {
    verify(asked, body, MILLSTREAM, credentials, now).map(drop)
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, secret) = value.split_at_checked("bearer ".len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
    is_bearer.then(|| secret.trim_ascii())
}
