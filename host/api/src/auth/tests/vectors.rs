//! Signatures that were made elsewhere, as they stand.

use super::*;

const NOW: &str = "2015-08-30T12:36:00Z";

/// One of Amazon's published requests: signed on 2015-08-30 for `service` in us-east-1.
fn published(request: (&str, &str), headers: &[(&str, &str)], body: &str, signature: &str) {
    let (method, uri) = request;
    let mut all = vec![
        ("Host", "example.amazonaws.com"),
        ("X-Amz-Date", "20150830T123600Z"),
    ];
    all.extend_from_slice(headers);
    let mut names: Vec<_> = all.iter().map(|(name, _)| name.to_lowercase()).collect();
    names.sort_unstable();
    names.dedup();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={ID}/20150830/us-east-1/service/aws4_request, \
         SignedHeaders={}, Signature={signature}",
        names.join(";")
    );
    all.push(("Authorization", &authorization));
    let signer = Sent::new(method, uri, &all, body).verify("service", NOW);
    let expected = Signer {
        access_key: ID.into(),
        region: "us-east-1".into(),
    };
    assert_eq!(signer, Ok(expected), "{method} {uri}");
}

#[test]
fn amazons_published_signatures_are_right() {
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    for path in ["/", "//", "/./", "/example/..", "/example1/example2/../.."] {
        published(("GET", path), &[], "", vanilla);
    }
    for (request, signature) in [
        (
            ("GET", "/?Param2=value2&Param1=value1"),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            ("GET", "/?Param1=value1"),
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        (
            (
                "GET",
                "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=\
                 -._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            ),
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        (
            ("POST", "/"),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
    ] {
        published(request, &[], "", signature);
    }
}

#[test]
fn amazons_published_signatures_over_headers_and_bodies_are_right() {
    published(
        ("GET", "/"),
        &[
            ("My-Header1", "value2"),
            ("My-Header1", "value2"),
            ("My-Header1", "value1"),
        ],
        "",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    );
    published(
        ("GET", "/"),
        &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
        "",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
    published(
        ("POST", "/"),
        &[("Content-Type", "application/x-www-form-urlencoded")],
        "Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    );
}

const WIRE: [(&str, &str); 5] = [
    ("host", "127.0.0.1:4567"),
    ("content-type", "application/x-amz-json-1.1"),
    ("x-amz-target", "Kinesis_20131202.ListStreams"),
    ("user-agent", "x"),
    ("content-length", "11"),
];

#[test]
fn botocores_signature_is_right() {
    let mut headers = WIRE.to_vec();
    headers.push(("x-amz-date", "20260301T120000Z"));
    headers.push((
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260301/eu-west-1/kinesis/aws4_request, \
         SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-target, \
         Signature=17df35d68e3a4bd90e6f992f3e357cc330a05e153cbdd7bc0190d6d2b3e74368",
    ));
    let sent = Sent::new("POST", "/", &headers, "{\"Limit\":3}");
    let signer = sent.verify("kinesis", "2026-03-01T12:10:00Z").unwrap();
    assert_eq!(signer.region, "eu-west-1");
    let other = Sent::new("POST", "/", &headers, "{\"Limit\":4}");
    let refused = other.verify("kinesis", "2026-03-01T12:10:00Z");
    assert_eq!(refused, Err(AuthFault::Mismatch));
}

#[test]
fn botocores_signature_with_a_session_token_is_right() {
    let temporary = "[t]\naws_access_key_id=AKIDEXAMPLE\naws_session_token=to+ken/==\n\
        aws_secret_access_key=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\n";
    let temporary = Credentials::parse(temporary).unwrap();
    let mut headers = WIRE.to_vec();
    headers.push(("x-amz-date", "20260301T120000Z"));
    headers.push(("x-amz-security-token", "to+ken/=="));
    headers.push((
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260301/eu-west-1/kinesis/aws4_request, \
         SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-security-token;\
         x-amz-target, \
         Signature=446e1311f7186519b97903e1341132a1f2bf8f87c0ef107446c234f6f6e5b75a",
    ));
    let sent = Sent::new("POST", "/", &headers, "{\"Limit\":3}");
    let now = "2026-03-01T12:00:00Z";
    let verify = |credentials| verify(&sent.asked(), &sent.body, "kinesis", credentials, at(now));
    assert!(verify(&temporary).is_ok());
    let lasting = Credentials::of(ID, SECRET).unwrap();
    assert_eq!(verify(&lasting), Err(AuthFault::Token));
}

#[test]
fn botocores_presigned_request_is_right_until_it_expires() {
    let uri = "/?Limit=3&X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIDEXAMPLE%2F20260301%2Feu-west-1%2Fkinesis%2Faws4_request\
        &X-Amz-Date=20260301T120000Z&X-Amz-Expires=60\
        &X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bx-amz-target\
        &X-Amz-Signature=2c4eb5defcf9f795e8cbb89c51535c3f6d8098334bd63119d590fcb0e9b62cea";
    let sent = Sent::new("POST", uri, &WIRE, "");
    assert!(sent.verify("kinesis", "2026-03-01T12:01:00Z").is_ok());
    let late = sent.verify("kinesis", "2026-03-01T12:01:01Z").unwrap_err();
    assert_eq!(
        late.to_string(),
        "Signature expired: 20260301T120000Z is now earlier than 20260301T120001Z \
         (20260301T120101Z - 1 min.)"
    );
}
