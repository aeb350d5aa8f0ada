//! Makes signatures, for our own command line and for tests.

use axum::http::{HeaderName, HeaderValue, header};
use millstream_core::time::Millis;

use super::{
    Asked,
    canonical::{canonical_request, hex, string_to_sign},
    claim::ALGORITHM,
    credentials::AccessKey,
    moment::Moment,
    scope::{Scope, TERMINATOR},
};

/// The date and the authorization that a request has to carry, made with an access key's id and secret
/// for a region and a service. All headers of `asked` are signed, and `host`.
///
/// # Panics
/// When the id or the region cannot stand in a header.
#[must_use]
pub fn sign(
    asked: &Asked<'_>,
    body: &[u8],
    [id, secret]: [&str; 2],
    [region, service]: [&str; 2],
    now: Millis,
) -> [(HeaderName, HeaderValue); 2] {
    let value = |text: String| HeaderValue::try_from(text).expect("visible characters");
    let now = Moment::at(now);
    let date = HeaderName::from_static("x-amz-date");
    let mut headers = asked.headers.clone();
    headers.insert(&date, value(now.to_string()));
    let mut names: Vec<String> = headers.keys().map(ToString::to_string).collect();
    names.push("host".to_owned());
    names.sort_unstable();
    names.dedup();

    let day = now.day();
    let scope = Scope {
        access_key: id,
        day: &day,
        region,
        service,
        terminator: TERMINATOR,
    };
    let asked = Asked {
        headers: &headers,
        ..*asked
    };
    let text = string_to_sign(&canonical_request(&asked, body, &names, false), &scope, now);
    let signature = hex(&AccessKey::new(secret, None).sign(&scope, &text));
    let names = names.join(";");
    let authorization = format!(
        "{ALGORITHM} Credential={id}/{day}/{region}/{service}/{TERMINATOR}, \
         SignedHeaders={names}, Signature={signature}"
    );
    let authorization = (header::AUTHORIZATION, value(authorization));
    [(date, value(now.to_string())), authorization]
}
