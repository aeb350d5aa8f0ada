//! UpdateFunctionCode.

use axum::http::StatusCode;
use millstream_core::catalog::function::change;
use serde::Deserialize;

use super::{
    create::{CODE, Code},
    settings::Called,
    shown, view,
};
use crate::{
    lambda::{
        call::{Answer, Call, Found},
        fault::Fault,
        named::FUNCTION_NAME,
    },
    wire::schema::{DRY_RUN, Kind, Member, text},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    function_name: String,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    publish: bool,
    revision_id: Option<String>,
    #[serde(flatten)]
    code: Code,
}

pub(in crate::lambda) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let [zip_file, s3_bucket, ..] = CODE else {
        return Err(Fault::internal("the members of code are others"));
    };
    let members = [
        Member::new("FunctionName", FUNCTION_NAME).required(),
        Member {
            name: zip_file.name,
            kind: Kind::Blob {
                max: millstream_core::limit::MODULE_BYTES,
            },
            required: false,
        },
        Member::new(s3_bucket.name, text(3, 63)),
        Member::new("ImageUri", text(0, 10_000)),
        Member::new("Publish", Kind::Boolean),
        DRY_RUN,
        Member::new("RevisionId", text(0, 10_000)),
    ];
    let Input {
        function_name,
        dry_run,
        publish,
        revision_id,
        code,
    } = call.input(&members)?;
    let Found { function, .. } = call.function(&function_name, None)?;
    let expected = Call::expected(revision_id.as_deref(), &function)?;
    let called = Called {
        limits: function.limits,
        config: function.config.clone(),
        details: function.details.clone(),
    };
    let upload = call.upload(&function.name, code, called).await?;
    if dry_run {
        let mut seen = (*function).clone();
        seen.module = upload.module;
        seen.details = upload.details;
        let value = view::latest(call, &seen.into());
        return Ok(shown(StatusCode::OK, &value));
    }
    let change = change::Change::Code {
        upload: Box::new(upload),
        publish,
    };
    let function = call.change(&function.name, Some(expected), change).await?;
    let found = Found::published_now(&function, publish);
    Ok(shown(StatusCode::OK, &view::configuration(call, &found)))
}
