//! Who is asking: Signature Version 4 in a header or a presigned query, or a secret as a bearer token.
//!
//! Everything here is a function of the request, its body, the credentials and the time. It knows no
//! route and no action; [`Access`] holds what the operator has decided.

mod access;
mod canonical;
mod claim;
mod credentials;
mod fault;
mod moment;
mod scope;
mod sign;

use axum::http::{HeaderMap, Method, Uri, request};
use millstream_core::time::Millis;

pub use self::{
    access::{Access, Peer},
    credentials::{AccessKey, Credentials, CredentialsError},
    fault::AuthFault,
    sign::sign,
};
use self::{
    canonical::{canonical_request, string_to_sign},
    claim::Claim,
};

/// What a signature is made over, beside the body.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query; with HTTP/2 also the authority.
    pub uri: &'a Uri,
    /// All headers.
    pub headers: &'a HeaderMap,
}

impl<'a> From<&'a request::Parts> for Asked<'a> {
    fn from(parts: &'a request::Parts) -> Self {
        Self {
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
        }
    }
}

/// Who a request says, or has proven, that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The id of the access key.
    pub access_key: String,
    /// The region that the signature is for.
    pub region: String,
}

/// The signer of a request whose signature is right: made with one of `credentials`, for `service`,
/// and not long ago.
///
/// # Errors
/// What is wrong, in the order in which Amazon's services look for it.
pub fn verify(
    asked: &Asked<'_>,
    body: &[u8],
    service: &str,
    credentials: &Credentials,
    now: Millis,
) -> Result<Signer, AuthFault> {
    let claim = Claim::read(asked)?;
    let signed = claim.moment()?;
    claim.is_current(signed, now)?;
    claim.covers(asked)?;
    claim.is_of_our_algorithm()?;
    let scope = claim.scope()?;
    scope.is_for(service, signed)?;
    let key = credentials.find(scope.access_key);
    let key = key.ok_or(AuthFault::Unrecognized)?;
    let request = canonical_request(asked, body, &claim.signed_headers, claim.is_presigned());
    let text = string_to_sign(&request, &scope, signed);
    if !key.made(&claim.signature, &scope, &text) {
        return Err(AuthFault::Mismatch);
    }
    if !key.has_token(claim.token.as_deref()) {
        return Err(AuthFault::Token);
    }
    Ok(scope.signer())
}

/// The signer that a request names in a signature that could be one. Nothing is proven by it.
///
/// # Errors
/// What is missing or cannot be read.
pub fn claimed(asked: &Asked<'_>) -> Result<Signer, AuthFault> {
    let claim = Claim::read(asked)?;
    claim.moment()?;
    claim.is_of_our_algorithm()?;
    let scope = claim.scope()?;
    scope.names_a_region()?;
    Ok(scope.signer())
}

pub(crate) use self::{
    access::{Proof, proof, verify_native},
    canonical::percent_decoded,
};

/// Names and values of a query, decoded.
pub(crate) fn query(query: &str) -> Vec<(String, String)> {
    let decoded = |text| String::from_utf8_lossy(&percent_decoded(text)).into_owned();
    let pairs = canonical::parameters(query);
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

#[cfg(test)]
mod tests;
