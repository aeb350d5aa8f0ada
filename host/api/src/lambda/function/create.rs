//! CreateFunction.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use millstream_core::{
    catalog::{
        Request,
        function::{Details, change},
    },
    limit::MODULE_BYTES,
    port::Limits,
};
use serde::Deserialize;

use super::{
    package::{self, Unpacked},
    settings::{self, Called, Settings},
    shown, view,
};
use crate::{
    lambda::{
        call::{Answer, Call, Found},
        fault::Fault,
        named::FUNCTION_NAME,
    },
    wire::schema::{Kind, Member, TAGS, one_of, text},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    function_name: String,
    code: Code,
    #[serde(default)]
    publish: bool,
    package_type: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(flatten)]
    settings: Settings,
}

/// Where the module is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Code {
    zip_file: Option<String>,
    s3_bucket: Option<String>,
    image_uri: Option<String>,
}

/// The members of [`Code`].
pub(super) const CODE: &[Member] = &[
    Member::new("ZipFile", Kind::Blob { max: MODULE_BYTES }),
    Member::new("S3Bucket", text(3, 63)),
    Member::new("S3Key", text(1, 1024)),
    Member::new("S3ObjectVersion", text(1, 1024)),
    Member::new("ImageUri", text(0, 10_000)),
];

pub(in crate::lambda) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let mut members = vec![
        Member::new("FunctionName", FUNCTION_NAME).required(),
        Member::new("Code", Kind::Structure(CODE)).required(),
        Member::new("Role", text(0, 10_000)).required(),
        Member::new("Publish", Kind::Boolean),
        Member::new("PackageType", one_of(&["Zip", "Image"])),
        TAGS,
    ];
    members.extend(settings::members());
    let Input {
        function_name,
        code,
        publish,
        package_type,
        tags,
        settings,
    } = call.input(&members)?;
    if package_type.as_deref() == Some("Image") {
        let why = "PackageType Image is not supported by Millstream; upload an archive.";
        return Err(Fault::parameter(why));
    }
    if settings.runtime.is_none() || settings.handler.is_none() {
        let why = "Runtime and Handler are mandatory parameters for functions created with \
                   deployment packages.";
        return Err(Fault::parameter(why));
    }
    let named = call.named(&function_name)?;
    if named.qualifier.is_some() {
        let why = "FunctionName has a qualifier; a new function has no versions yet.";
        return Err(Fault::parameter(why));
    }
    if call.catalog().function(named.name.as_str()).is_some() {
        let why = format!("Function already exist: {}", named.name);
        return Err(Fault::conflict(why));
    }
    let called = settings.over(Called {
        limits: Limits::default(),
        config: BTreeMap::new(),
        details: Details::default(),
    })?;
    let upload = call.upload(&named.name, code, called).await?;
    let request = change::Request {
        name: named.name.clone(),
        expected: None,
        change: change::Change::Create {
            upload: Box::new(upload),
            tags,
            publish,
        },
    };
    let change = call.apply(Request::Function(request)).await?;
    // What failed to be uploaded natively before says nothing any more.
    call.app().uploads.forget_failed(&named.name);
    let function = change.catalog.function(named.name.as_str());
    let function = function.ok_or_else(|| Fault::internal("the function is gone again"))?;
    Ok(shown(
        StatusCode::CREATED,
        &view::configuration(call, &Found::published_now(function, publish)),
    ))
}

impl Call<'_> {
    /// Takes the module out of what was uploaded, and compiles it.
    pub(super) async fn upload(
        &self,
        name: &millstream_core::name::FunctionName,
        code: Code,
        called: Called,
    ) -> Result<change::Upload, Fault> {
        let Unpacked { wasm, package } = self.unpacked(code).await?;
        let Called {
            limits,
            config,
            mut details,
        } = called;
        details.package = package;
        let module = self.compile(name, wasm.clone(), limits).await?;
        Ok(change::Upload {
            module,
            wasm,
            limits,
            config,
            details,
        })
    }

    pub(super) async fn unpacked(&self, code: Code) -> Result<Unpacked, Fault> {
        let Code {
            zip_file,
            s3_bucket,
            image_uri,
        } = code;
        if s3_bucket.is_some() || image_uri.is_some() {
            let why = "Code is taken from ZipFile only: an archive with one .wasm file in it, \
                       or the module itself.";
            return Err(Fault::parameter(why));
        }
        let Some(zip_file) = zip_file else {
            return Err(Fault::parameter(
                "Please provide a source for function code.",
            ));
        };
        let permit = self.lambda.unpacking.acquire().await;
        let _permit =
            permit.map_err(|_closed| Fault::internal("no module is unpacked any more"))?;
        let unpacked = tokio::task::spawn_blocking(move || {
            let uploaded = base64_simd::STANDARD.decode_to_vec(zip_file);
            package::unpack(uploaded.map_err(|error| Fault::validation(error.to_string()))?)
        });
        unpacked
            .await
            .unwrap_or_else(|error| Err(Fault::internal(error.to_string())))
    }
}
