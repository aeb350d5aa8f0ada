//! Who may use the native interface: everyone, or whoever holds one of the host's credentials.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::Extensions,
    middleware::Next,
    response::Response,
};

use super::{Native, error::NativeError};
use crate::auth::{Asked, Credentials, Peer, Proof, proof, verify_native};

/// Bytes of a body whose signature is checked: that of the largest module.
const SIGNED_BYTES: usize = 32 << 20;

/// Lets a request pass that may.
pub(super) async fn check(
    State(native): State<Native>,
    request: Request,
    next: Next,
) -> Result<Response, NativeError> {
    match native.app.access.credentials() {
        Some(credentials) => {
            let request = native.admitted(credentials, request).await?;
            Ok(next.run(request).await)
        }
        None => Ok(next.run(request).await),
    }
}

/// As [`check`], but whoever watches the process from its own machine needs nothing.
pub(super) async fn check_strangers(
    native: State<Native>,
    request: Request,
    next: Next,
) -> Result<Response, NativeError> {
    if is_of_this_machine(request.extensions()) {
        return Ok(next.run(request).await);
    }
    check(native, request, next).await
}

fn is_of_this_machine(extensions: &Extensions) -> bool {
    let peer = extensions.get::<Peer>();
    peer.is_some_and(|Peer(address)| address.to_canonical().is_loopback())
}

impl Native {
    async fn admitted(
        &self,
        credentials: &Credentials,
        request: Request,
    ) -> Result<Request, NativeError> {
        let (mut parts, body) = request.into_parts();
        match proof(&Asked::from(&parts), credentials)? {
            Proof::Given => Ok(Request::from_parts(parts, body)),
            Proof::Signed => {
                let held = self.admission.read(body, SIGNED_BYTES).await?;
                let now = (self.app.now)();
                verify_native(&Asked::from(&parts), &held.bytes, credentials, now)?;
                let body = Body::from(held.bytes.clone());
                // Its memory is counted until the request has been answered.
                parts.extensions.insert(Arc::new(held));
                Ok(Request::from_parts(parts, body))
            }
        }
    }
}
