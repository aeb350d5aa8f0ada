//! Invoke: so far whether a function could be.

use serde::Deserialize;

use super::{
    call::{Answer, Call},
    fault::Fault,
    named::ANY_FUNCTION_NAME,
};

pub(super) fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        function_name: String,
        qualifier: Option<String>,
    }
    // The body is the event, whatever it is.
    let named = Call {
        body: &[],
        region: call.region.clone(),
        labels: call.labels.clone(),
        query: call.query.clone(),
        ..*call
    };
    let Input {
        function_name,
        qualifier,
    } = named.input(&[
        crate::wire::schema::Member::new("FunctionName", ANY_FUNCTION_NAME).required(),
        super::function::QUALIFIER,
    ])?;
    call.function(&function_name, qualifier.as_deref())?;
    let kind = call.headers.get("x-amz-invocation-type");
    match kind.map_or(&b"RequestResponse"[..], |kind| kind.as_bytes()) {
        b"DryRun" => Ok(Answer::empty()),
        b"RequestResponse" | b"Event" => Err(Fault::parameter(
            "Invoke is supported by Millstream as DryRun only: functions are called with the \
             records of a stream.",
        )),
        other => {
            let other = String::from_utf8_lossy(other);
            Err(Fault::validation(format!(
                "1 validation error detected: Value '{other}' at 'invocationType' failed to \
                 satisfy constraint: Member must satisfy enum value set: \
                 [Event, DryRun, RequestResponse]"
            )))
        }
    }
}
