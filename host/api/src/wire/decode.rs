//! From a body to an action's input: Amazon's first two layers of refusal, in their order.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    cbor, constraint::check_constraints, form::Form, huge, schema::Member, types::check_types,
};
use crate::error::Fault;

/// Values that a body may have, so that a small body does not become a large tree in memory.
/// 500 records have 2,000; commas within strings count as well.
const VALUES: usize = 200_000;

/// The body as the value that it is in JSON, whose types and constraints hold.
pub(crate) fn checked(form: Form, body: &[u8], members: &[Member]) -> Result<Value, Fault> {
    let mut value = match form {
        Form::Json => json(body)?,
        Form::Cbor => cbor::decode(body, members, VALUES).map_err(Fault::Serialization)?,
    };
    check_types(&mut value, members).map_err(Fault::Serialization)?;
    let fields = value.as_object().expect("its type was checked");
    check_constraints(fields, members).map_err(Fault::Validation)?;
    Ok(value)
}

/// The body as JSON of bounded size.
pub(crate) fn json(body: &[u8]) -> Result<Value, Fault> {
    if memchr::memchr_iter(b',', body).nth(VALUES).is_some() {
        let what = format!("the body has more than {VALUES} values");
        return Err(Fault::Serialization(what));
    }
    let value = serde_json::from_slice(body);
    value.or_else(|error| {
        let again = huge::tamed(body).ok_or_else(|| malformed(error))?;
        serde_json::from_slice(&again).map_err(malformed)
    })
}

/// The body as an input whose fields are those of `members`.
pub(crate) fn decode<T: DeserializeOwned>(
    form: Form,
    body: &[u8],
    members: &[Member],
) -> Result<T, Fault> {
    serde_json::from_value(checked(form, body, members)?).map_err(malformed)
}

#[expect(clippy::needless_pass_by_value, reason = "it is a mapping of errors")]
pub(crate) fn malformed(error: serde_json::Error) -> Fault {
    Fault::Serialization(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::schema;

    const MEMBERS: &[Member] = &[schema::STREAM_NAME.required()];

    #[test]
    fn types_come_before_constraints() {
        let cases: [(&str, &str); 5] = [
            ("{", "SerializationException"),
            ("", "SerializationException"),
            ("[]", "SerializationException"),
            (r#"{"StreamName":1}"#, "SerializationException"),
            (r#"{"StreamName":""}"#, "ValidationException"),
        ];
        for (body, name) in cases {
            let fault = checked(Form::Json, body.as_bytes(), MEMBERS).err().unwrap();
            assert_eq!(fault.shape().1, name, "{body}");
        }
        let body = br#"{"StreamName":"a","Other":[{}],"StreamARN":1}"#;
        assert!(checked(Form::Json, body, MEMBERS).is_ok());
    }

    #[test]
    fn a_body_of_countless_values_is_not_even_parsed() {
        let body = format!("[{}0]", "0,".repeat(VALUES + 1));
        let fault = checked(Form::Json, body.as_bytes(), MEMBERS).err().unwrap();
        assert_eq!(fault.to_string(), "the body has more than 200000 values");
    }
}
