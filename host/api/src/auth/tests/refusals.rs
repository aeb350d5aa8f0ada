//! What is said of signatures that are not right, and in which order.

use super::*;

const NOW: &str = "2013-06-09T10:00:15Z";
const HASH: &str = "(Hashed with SHA-256 and encoded with Base64) Authorization=";

fn refused(headers: &[(&str, &str)]) -> AuthFault {
    Sent::new("POST", "/", headers, "")
        .verify("kinesis", NOW)
        .unwrap_err()
}

#[track_caller]
fn is(fault: &AuthFault, name: &str, text: &str) {
    assert_eq!((fault.name(), fault.to_string().as_str()), (name, text));
}

#[test]
fn none_and_two_signatures_are_refused() {
    is(
        &refused(&[]),
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
    let both = Sent::new("POST", "/?X-Amz-Algorithm", &[("authorization", "X")], "");
    is(
        &both.verify("kinesis", NOW).unwrap_err(),
        "InvalidSignatureException",
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    );
    let query = "/?X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=c&X-Amz-Date=d";
    let unnamed = Sent::new("POST", query, &[], "").verify("kinesis", NOW);
    assert_eq!(unnamed, Err(AuthFault::Missing));
}

#[test]
fn each_missing_part_is_named() {
    let needs = |parts: &[&str]| -> String {
        let needs = |part: &&str| format!("Authorization header requires '{part}' parameter. ");
        parts.iter().map(needs).collect()
    };
    let dated = "Authorization header requires existence of either a 'X-Amz-Date' \
        or a 'Date' header. ";
    let all = needs(&["Credential", "Signature", "SignedHeaders"]);
    is(
        &refused(&[("authorization", "X")]),
        "IncompleteSignatureException",
        &format!("{all}{dated}{HASH}S2irOEf+2n1sYsH7y+6/o16rc1HtXnj03a3qXfZLgBU="),
    );
    for (authorization, date, missing) in [
        (
            "AWS4- Signature=b Credential=a",
            true,
            needs(&["SignedHeaders"]),
        ),
        (
            "AWS4- Signature=b,Credential=a",
            true,
            needs(&["SignedHeaders"]),
        ),
        (
            "AWS4- Signature=b, SignedHeaders=",
            false,
            needs(&["Credential"]) + dated,
        ),
    ] {
        let mut headers = vec![("authorization", authorization)];
        headers.extend(date.then_some(("date", "a")));
        let text = refused(&headers).to_string();
        assert!(text.starts_with(&format!("{missing}{HASH}")), "{text}");
    }
    for (query, missing) in [
        (
            "X-Amz-Algorithm",
            &[
                "Algorithm",
                "Credential",
                "Signature",
                "SignedHeaders",
                "Date",
            ][..],
        ),
        (
            "X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Signature=c&X-Amz-Date=d",
            &["SignedHeaders"],
        ),
    ] {
        let sent = Sent::new("POST", &format!("/?{query}"), &[], "");
        let missing = missing.iter();
        let missing: String = missing
            .map(|part| format!("AWS query-string parameters must include 'X-Amz-{part}'. "))
            .collect();
        is(
            &sent.verify("kinesis", NOW).unwrap_err(),
            "IncompleteSignatureException",
            &format!("{missing}Re-examine the query-string parameters."),
        );
    }
}

#[test]
fn a_bearer_token_is_not_repeated() {
    let fault = refused(&[("authorization", "Bearer hush"), ("date", "x")]);
    let text = fault.to_string();
    assert_eq!(fault.name(), "IncompleteSignatureException");
    assert!(
        text.starts_with("Invalid key=value pair (missing equal-sign)"),
        "{text}"
    );
    assert!(!text.contains("hush"), "{text}");
}

fn with(credential: &str, names: &str, date: &str, algorithm: &str) -> AuthFault {
    let authorization = format!(
        "{algorithm} Credential={credential}, SignedHeaders={names}, Signature={}",
        "0".repeat(64)
    );
    refused(&[
        ("host", "h"),
        ("x-amz-target", "t"),
        ("x-amz-date", date),
        ("authorization", &authorization),
    ])
}

#[test]
fn faults_are_found_in_amazons_order() {
    let ours = "AWS4-HMAC-SHA256";
    is(
        &with("a/b/c/d", "", "201", "X"),
        "IncompleteSignatureException",
        "Date must be in ISO-8601 'basic format'. Got '201'. \
         See http://en.wikipedia.org/wiki/ISO_8601",
    );
    is(
        &with("a/b/c/d", "", "20130301T000000Z", "X"),
        "InvalidSignatureException",
        "Signature expired: 20130301T000000Z is now earlier than 20130609T094515Z \
         (20130609T100015Z - 15 min.)",
    );
    is(
        &with("a/b/c/d", "", "20130609T101516Z", "X"),
        "InvalidSignatureException",
        "Signature not yet current: 20130609T101516Z is still later than 20130609T101515Z \
         (20130609T100015Z + 15 min.)",
    );
    let date = "20130609T101515Z";
    is(
        &with("a/b/c/d", "x-amz-date", date, "X"),
        "InvalidSignatureException",
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
    is(
        &with("a/b/c/d", "HOST", date, "X"),
        "InvalidSignatureException",
        "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.",
    );
    let names = "host;x-amz-target";
    is(
        &with("a/b/c/d", names, date, "AWS4-HMAC-SHA25"),
        "IncompleteSignatureException",
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now). ",
    );
    is(
        &with("a/b/c/d", names, date, ours),
        "IncompleteSignatureException",
        "Credential must have exactly 5 slash-delimited elements, \
         e.g. keyid/date/region/service/term, got 'a/b/c/d'",
    );
    is(
        &with("a/20130609/x/dynamodb/aws4_request", names, date, ours),
        "InvalidSignatureException",
        "Credential should be scoped to correct service: 'kinesis'. ",
    );
    is(
        &with("a/20130609/x/kinesis/aws4_request", names, date, ours),
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    );
    let known = format!("{ID}/20130609/x/kinesis/aws4_request");
    assert_eq!(with(&known, names, date, ours), AuthFault::Mismatch);
}

#[test]
fn a_presigned_request_holds_for_a_week_at_most() {
    for (expires, fits) in [
        ("604801", false),
        ("0", false),
        ("-1", false),
        ("x", false),
        ("1", true),
    ] {
        let query = format!(
            "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/e&X-Amz-Signature=c\
             &X-Amz-SignedHeaders=host&X-Amz-Date=20130609T100015Z&X-Amz-Expires={expires}"
        );
        let sent = Sent::new("POST", &query, &[("host", "h")], "");
        assert_eq!(claimed(&sent.asked()).is_ok(), fits, "{expires}");
        let refused = sent.verify("kinesis", NOW).unwrap_err();
        assert_eq!(
            refused == AuthFault::Expires(expires.to_owned()),
            !fits,
            "{expires}"
        );
    }
}

#[test]
fn an_unhashed_body_is_taken_where_the_client_says_so() {
    let mut sent = Sent::new(
        "POST",
        "/",
        &[("host", "h"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")],
        "one",
    );
    let scope = ["eu-west-1", "kinesis"];
    for (name, value) in sign(&sent.asked(), b"another", [ID, SECRET], scope, at(NOW)) {
        sent.headers.insert(name, value);
    }
    assert!(sent.verify("kinesis", NOW).is_ok());
    sent.headers.remove("x-amz-content-sha256");
    assert_eq!(sent.verify("kinesis", NOW), Err(AuthFault::Mismatch));
}

#[test]
fn with_http_2_the_authority_is_the_host() {
    let mut sent = Sent::new("POST", "http://h:1/", &[("host", "h:1")], "{}");
    for (name, value) in sign(
        &sent.asked(),
        b"{}",
        [ID, SECRET],
        ["r", "kinesis"],
        at(NOW),
    ) {
        sent.headers.insert(name, value);
    }
    sent.headers.remove("host");
    assert!(sent.verify("kinesis", NOW).is_ok());
}

#[test]
fn a_header_that_is_named_often_is_hashed_once() {
    let names = "host;".repeat(1000);
    let fault = with("a/b/c/d", &names, NOW, "X");
    assert!(matches!(fault, AuthFault::Date(_)));
    let claim = format!("AWS4-HMAC-SHA256 Credential=a, Signature=b, SignedHeaders={names}");
    let sent = Sent::new("POST", "/", &[("authorization", &claim), ("date", "x")], "");
    let claim = Claim::read(&sent.asked()).unwrap();
    assert_eq!(claim.signed_headers, ["host"]);
}
