//! The Rust SDK's signer as an oracle: what it signs is right, and nothing else is.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Identity;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use proptest::{collection::vec, prelude::*};

use super::*;

const TIME: u64 = 1_772_366_400;

/// Signed by the SDK, in a header or in the query.
fn signed(mut sent: Sent, presigned: bool) -> Sent {
    let identity = Identity::new(ID, SECRET, None, None, "test").into();
    let mut settings = SigningSettings::default();
    if presigned {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(300));
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name("kinesis")
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(TIME))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let url = format!("http://127.0.0.1:4567{}", sent.uri);
    let headers = sent.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let body = SignableBody::Bytes(&sent.body);
    let request = SignableRequest::new(sent.method.as_str(), url, headers.into_iter(), body);
    let (instructions, _) = sign(request.unwrap(), &params).unwrap().into_parts();
    for (name, value) in instructions.headers() {
        let name = HeaderName::try_from(name).unwrap();
        sent.headers
            .insert(name, HeaderValue::from_str(value).unwrap());
    }
    let mut uri = sent.uri.to_string();
    for (name, value) in instructions.params() {
        let value: String = value.bytes().map(escaped).collect();
        uri += if uri.contains('?') { "&" } else { "?" };
        uri += &format!("{name}={value}");
    }
    sent.uri = uri.parse().unwrap();
    sent
}

fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        char::from(byte).into()
    } else {
        format!("%{byte:02X}")
    }
}

fn requests() -> impl Strategy<Value = Sent> {
    let encoded = || "([a-zA-Z0-9_.~-]|%20|%2F|%E1%88%B4){0,6}";
    let path = vec(encoded(), 0..4).prop_map(|segments| format!("/{}", segments.join("/")));
    let query = vec((encoded(), encoded()), 0..4).prop_map(|pairs| {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| format!("k{k}={v}")).collect();
        pairs.join("&")
    });
    let header = ("x-amz-[a-c]{1,2}", "[!-~]{1,4}( {1,3}[!-~]{1,4}){0,2}");
    let body = vec(any::<u8>(), 0..40);
    let method = prop_oneof![Just("POST"), Just("GET"), Just("PUT")];
    (method, path, query, vec(header, 0..4), body).prop_map(
        |(method, path, query, headers, body)| {
            let uri = if query.is_empty() {
                path
            } else {
                format!("{path}?{query}")
            };
            let mut sent = Sent::new(method, &uri, &[("host", "127.0.0.1:4567")], "");
            for (name, value) in headers {
                let name = HeaderName::try_from(name).unwrap();
                sent.headers
                    .insert(name, HeaderValue::from_str(&value).unwrap());
            }
            sent.body = body;
            sent
        },
    )
}

fn verified(sent: &Sent) -> Result<Signer, AuthFault> {
    let credentials = Credentials::of(ID, SECRET).unwrap();
    let now = Millis(TIME * 1000 + 1);
    verify(&sent.asked(), &sent.body, "kinesis", &credentials, now)
}

proptest! {
    #[test]
    fn what_the_sdk_signs_is_right_and_a_change_of_it_is_not(
        sent in requests(),
        presigned: bool,
        change in 0_usize..5,
    ) {
        let mut sent = signed(sent, presigned);
        let signer = verified(&sent);
        prop_assert!(signer.is_ok(), "{:?} {:?}", signer, sent);
        prop_assert_eq!(&signer, &claimed(&sent.asked()));
        match change {
            0 => sent.body.push(b' '),
            1 => sent.method = Method::PATCH,
            2 => sent.uri = format!("/x{}", sent.uri).parse().unwrap(),
            3 => drop(sent.headers.insert("host", HeaderValue::from_static("other:1"))),
            _ => {
                let joint = if sent.uri.query().is_some() { '&' } else { '?' };
                sent.uri = format!("{}{joint}added=1", sent.uri).parse().unwrap();
            }
        }
        prop_assert_eq!(verified(&sent), Err(AuthFault::Mismatch));
    }

    #[test]
    fn our_signatures_are_those_of_the_sdk(sent in requests()) {
        let [date, ours] = super::sign(
            &sent.asked(), &sent.body, [ID, SECRET], ["eu-west-1", "kinesis"], Millis(TIME * 1000),
        );
        let theirs = signed(sent, false);
        prop_assert_eq!(&theirs.headers[date.0], date.1);
        prop_assert_eq!(&theirs.headers[ours.0], ours.1);
    }

    #[test]
    fn nothing_makes_it_panic(
        authorization in "(AWS4-HMAC-SHA256 )?(Credential=|Signature=|SignedHeaders=|[ -~\u{80}-\u{ff}]){0,9}",
        query in "(X-Amz-(Algorithm|Credential|Signature|SignedHeaders|Date|Expires)=?|[!-~]){0,12}",
        date in "[0-9TZ]{0,17}|[ -~]{0,40}",
        other in vec(any::<u8>(), 0..20),
    ) {
        let uri: Uri = format!("/?{query}").parse().unwrap_or_default();
        let mut sent = Sent::new("POST", "/", &[], "x");
        sent.uri = uri;
        for (name, value) in [
            ("authorization", authorization.as_bytes()),
            ("x-amz-date", date.as_bytes()),
            ("host", &other),
        ] {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                sent.headers.insert(name, value);
            }
        }
        let refused = verified(&sent).unwrap_err();
        prop_assert!(!refused.name().is_empty());
        // Whoever is named can be part of a name.
        if let Ok(signer) = claimed(&sent.asked()) {
            prop_assert!(!signer.region.is_empty() && !signer.region.contains([':', '/']));
        }
    }
}
