//! A signature as a request carries it, in its `Authorization` header or in its query.

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};

use super::{
    Asked,
    canonical::{parameters, percent_decoded},
    fault::AuthFault,
    moment::Moment,
    scope::Scope,
};
use millstream_core::time::Millis;

/// The only algorithm there is.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Seconds by which clocks may differ.
const SKEW: i64 = 15 * 60;
/// Seconds that a presigned request may hold: a week.
const LONGEST: i64 = 7 * 24 * 60 * 60;

/// A signature and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) algorithm: String,
    pub(super) credential: String,
    /// Names, in lower case and in order, each once.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
    pub(super) token: Option<String>,
    date: String,
    place: Place,
}

/// Where a signature was found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Header,
    Query { expires: Option<String> },
}

impl Claim {
    /// The signature of a request, which need not be a right one.
    pub(super) fn read(asked: &Asked<'_>) -> Result<Self, AuthFault> {
        let query = asked.uri.query().unwrap_or_default();
        let is_presigned = parameters(query).any(|(name, _)| name == "X-Amz-Algorithm");
        match (
            text(asked.headers, header::AUTHORIZATION.as_str()),
            is_presigned,
        ) {
            (Some(_), true) => Err(AuthFault::Both),
            (None, false) => Err(AuthFault::Missing),
            (Some(authorization), false) => Self::of_header(&authorization, asked.headers),
            (None, true) => Self::of_query(query),
        }
    }

    fn of_header(authorization: &str, headers: &HeaderMap) -> Result<Self, AuthFault> {
        let hashed = || base64_simd::STANDARD.encode_to_string(Sha256::digest(authorization));
        let mut words = authorization
            .split([',', ' '])
            .filter(|word| !word.is_empty());
        let algorithm = words.next().unwrap_or_default().to_owned();
        let [mut credential, mut signature, mut signed_headers] = [None, None, None];
        for word in words {
            let pair = word.trim().split_once('=');
            let (name, value) = pair.ok_or_else(|| AuthFault::NotAPair(hashed()))?;
            let kept = match name {
                "Credential" => &mut credential,
                "Signature" => &mut signature,
                "SignedHeaders" => &mut signed_headers,
                _ => continue,
            };
            *kept = Some(value.to_owned());
        }
        let date = text(headers, "x-amz-date").or_else(|| text(headers, header::DATE.as_str()));
        let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
            (&credential, &signature, &signed_headers, &date)
        else {
            let needs = |name| format!("Authorization header requires '{name}' parameter. ");
            let mut missing = String::new();
            for (name, part) in [
                ("Credential", &credential),
                ("Signature", &signature),
                ("SignedHeaders", &signed_headers),
            ] {
                missing += &part.as_ref().map_or_else(|| needs(name), |_| String::new());
            }
            if date.is_none() {
                missing += "Authorization header requires existence of either a 'X-Amz-Date' \
                            or a 'Date' header. ";
            }
            missing += "(Hashed with SHA-256 and encoded with Base64) Authorization=";
            return Err(AuthFault::Incomplete(missing + &hashed()));
        };
        Ok(Self {
            algorithm,
            credential: credential.clone(),
            signed_headers: names(signed_headers),
            signature: signature.clone(),
            token: text(headers, "x-amz-security-token"),
            date: date.clone(),
            place: Place::Header,
        })
    }

    fn of_query(query: &str) -> Result<Self, AuthFault> {
        let find = |wanted: &str| {
            let (_, value) = parameters(query).find(|(name, _)| *name == wanted)?;
            let value = percent_decoded(value);
            (!value.is_empty()).then(|| String::from_utf8_lossy(&value).into_owned())
        };
        let mut missing = String::new();
        let mut need = |name: &str| {
            let value = find(name);
            if value.is_none() {
                missing += &format!("AWS query-string parameters must include '{name}'. ");
            }
            value.unwrap_or_default()
        };
        let algorithm = need("X-Amz-Algorithm");
        let credential = need("X-Amz-Credential");
        let signature = need("X-Amz-Signature");
        let signed_headers = names(&need("X-Amz-SignedHeaders"));
        let date = need("X-Amz-Date");
        if !missing.is_empty() {
            missing += "Re-examine the query-string parameters.";
            return Err(AuthFault::Incomplete(missing));
        }
        Ok(Self {
            algorithm,
            credential,
            signed_headers,
            signature,
            token: find("X-Amz-Security-Token"),
            date,
            place: Place::Query {
                expires: find("X-Amz-Expires"),
            },
        })
    }

    /// When it was made. Checks the form of how long it holds as well.
    pub(super) fn moment(&self) -> Result<Moment, AuthFault> {
        let moment = Moment::parse(&self.date).ok_or_else(|| AuthFault::Date(self.date.clone()))?;
        self.holds()?;
        Ok(moment)
    }

    /// Checks that it was made neither too long ago nor in the future.
    pub(super) fn is_current(&self, signed: Moment, now: Millis) -> Result<(), AuthFault> {
        let now = Moment::at(now);
        let holds = self.holds()?;
        let (earliest, latest) = (now.plus(-holds), now.plus(SKEW));
        if signed < earliest {
            return Err(AuthFault::Expired {
                signed: signed.to_string(),
                earliest: earliest.to_string(),
                now: now.to_string(),
                span: span(holds),
            });
        }
        if signed > latest {
            return Err(AuthFault::NotYet {
                signed: signed.to_string(),
                latest: latest.to_string(),
                now: now.to_string(),
                span: span(SKEW),
            });
        }
        Ok(())
    }

    /// Checks that what decides over the request is signed with it.
    pub(super) fn covers(&self, asked: &Asked<'_>) -> Result<(), AuthFault> {
        let is_signed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        if !is_signed("host") && !is_signed(":authority") {
            return Err(AuthFault::Unsigned("'Host' or ':authority'"));
        }
        // Otherwise a signature for one action could be sent with another.
        if asked.headers.contains_key("x-amz-target") && !is_signed("x-amz-target") {
            return Err(AuthFault::Unsigned("'X-Amz-Target'"));
        }
        Ok(())
    }

    pub(super) fn is_of_our_algorithm(&self) -> Result<(), AuthFault> {
        if self.algorithm == ALGORITHM {
            return Ok(());
        }
        Err(AuthFault::Algorithm(self.algorithm.clone()))
    }

    pub(super) fn scope(&self) -> Result<Scope<'_>, AuthFault> {
        Scope::parse(&self.credential)
    }

    pub(super) fn is_presigned(&self) -> bool {
        matches!(self.place, Place::Query { .. })
    }

    /// Seconds after its making.
    fn holds(&self) -> Result<i64, AuthFault> {
        let Place::Query {
            expires: Some(expires),
        } = &self.place
        else {
            return Ok(SKEW);
        };
        let seconds = expires.parse().ok();
        let seconds = seconds.filter(|seconds| (1..=LONGEST).contains(seconds));
        seconds.ok_or_else(|| AuthFault::Expires(expires.clone()))
    }
}

/// The first header of that name, as far as it is text; none where it is empty.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.as_bytes().trim_ascii();
    (!value.is_empty()).then(|| String::from_utf8_lossy(value).into_owned())
}

fn names(list: &str) -> Vec<String> {
    let names = list.split(';').filter(|name| !name.is_empty());
    let mut names: Vec<String> = names.map(str::to_ascii_lowercase).collect();
    names.sort_unstable();
    // A header that is named a thousand times is not to be hashed a thousand times.
    names.dedup();
    names
}

fn span(seconds: i64) -> String {
    match seconds % 60 {
        0 => format!("{} min.", seconds / 60),
        _ => format!("{seconds} sec."),
    }
}
