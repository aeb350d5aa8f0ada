//! Requests that a web page of another site makes: its browser says so, and they are refused.
//!
//! Nothing is asked of who calls, so any page could otherwise write to a host on its reader's machine.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Uri, header};

/// Whether the browser says that a page of elsewhere is behind the request, which came to `reached`.
pub(super) fn is_foreign(headers: &HeaderMap, reached: Option<IpAddr>) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    let mut origins = headers.get_all(header::ORIGIN).iter();
    sites.any(|site| site == "cross-site") || origins.any(|origin| !is_ours(origin, reached))
}

fn is_ours(origin: &HeaderValue, reached: Option<IpAddr>) -> bool {
    let Ok(origin) = Uri::try_from(origin.as_bytes()) else {
        return false;
    };
    let host = origin.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(address) => address.is_loopback() || Some(address) == reached,
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(name: &'static str, value: &'static str) -> bool {
        let headers = [(name.parse().unwrap(), HeaderValue::from_static(value))];
        is_foreign(&headers.into_iter().collect(), "10.1.2.3".parse().ok())
    }

    #[test]
    fn pages_of_other_sites_are_foreign() {
        for origin in [
            "https://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com:4566",
            "http://10.1.2.4",
            "null",
            "",
            "http://[::2]:1",
        ] {
            assert!(foreign("origin", origin), "{origin}");
        }
        assert!(foreign("sec-fetch-site", "cross-site"));
    }

    #[test]
    fn pages_of_this_machine_and_address_are_not() {
        for origin in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:80",
            "http://10.1.2.3:4566",
        ] {
            assert!(!foreign("origin", origin), "{origin}");
        }
        assert!(!foreign("sec-fetch-site", "same-origin"));
        assert!(!is_foreign(&HeaderMap::new(), None));
    }
}
