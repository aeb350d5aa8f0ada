//! Functions: created, looked at, changed, deleted.

pub(super) mod code;
pub(super) mod configure;
pub(super) mod create;
mod package;
mod settings;
pub(super) mod view;

use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use millstream_core::{
    catalog::{
        Function, Request,
        function::{Qualifier, change},
    },
    name::FunctionName,
    port::{Limits, ModuleError, ModuleInfo},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    fault::Fault,
    named::{ANY_FUNCTION_NAME, FUNCTION_NAME},
    page, version,
};
use crate::{
    native::error::NativeError,
    wire::schema::{Member, one_of, text},
};

/// Functions of a page at most.
const PAGE: usize = 50;

/// `Qualifier` beside a name.
pub(super) const QUALIFIER: Member = Member::new("Qualifier", text(1, 128));

/// What names a function and one of its versions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Which {
    pub(super) function_name: String,
    pub(super) qualifier: Option<String>,
}

/// The members of [`Which`].
pub(super) const WHICH: &[Member] = &[
    Member::new("FunctionName", ANY_FUNCTION_NAME).required(),
    QUALIFIER,
];

pub(super) fn get(call: &Call<'_>) -> Result<Answer, Fault> {
    let Which {
        function_name,
        qualifier,
    } = call.input(WHICH)?;
    let found = call.function(&function_name, qualifier.as_deref())?;
    let hash = &found.version.module.hash;
    let mut answer = json!({
        "Configuration": view::configuration(call, &found),
        // Nothing is fetched there; the module is what was uploaded.
        "Code": {"RepositoryType": "S3", "Location": format!("millstream:module/{hash}")},
    });
    if !found.function.tags.is_empty() {
        answer["Tags"] = json!(found.function.tags);
    }
    if let Some(reserved) = found.function.concurrency {
        answer["Concurrency"] = json!({"ReservedConcurrentExecutions": reserved});
    }
    Ok(Answer::ok(&answer))
}

pub(super) fn get_configuration(call: &Call<'_>) -> Result<Answer, Fault> {
    let Which {
        function_name,
        qualifier,
    } = call.input(WHICH)?;
    let found = call.function(&function_name, qualifier.as_deref())?;
    Ok(Answer::ok(&view::configuration(call, &found)))
}

pub(super) fn list(call: &Call<'_>) -> Result<Answer, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Input {
        function_version: Option<String>,
        #[serde(flatten)]
        asked: page::Asked,
    }
    let Input {
        function_version,
        asked,
    } = call.input(&[
        Member::new("FunctionVersion", one_of(&["ALL"])),
        page::MARKER,
        page::MAX_ITEMS,
    ])?;
    let catalog = call.catalog();
    let functions = catalog.functions();
    let (page, next) = if function_version.is_some() {
        let all = functions.flat_map(|function| version::all(call, function));
        asked.page(all, PAGE)?
    } else {
        let listed =
            |function: &Arc<Function>| (function.name.to_string(), view::listed(call, function));
        asked.page(functions.map(listed), PAGE)?
    };
    Ok(Answer::ok(&page::listed("Functions", page, next)))
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Answer, Fault> {
    let Which {
        function_name,
        qualifier,
    } = call.input(&[
        Member::new("FunctionName", FUNCTION_NAME).required(),
        QUALIFIER,
    ])?;
    let named = call.named(&function_name)?;
    let name = named.name;
    match call.qualifier(named.qualifier, qualifier.as_deref())? {
        None => {
            // What failed to be uploaded natively is gone as well.
            call.app().uploads.forget_failed(&name);
            call.apply(Request::DeleteFunction { name }).await?;
        }
        Some(Qualifier::Latest) => {
            let why = "$LATEST version cannot be deleted without deleting the function.";
            return Err(Fault::parameter(why));
        }
        Some(Qualifier::Number(number)) => {
            let change = change::Change::Unpublish(number);
            call.change(&name, None, change).await?;
        }
        Some(Qualifier::Alias(alias)) => {
            let why = format!("Alias {alias} is no version; use DeleteAlias.");
            return Err(Fault::parameter(why));
        }
    }
    Ok(Answer::empty())
}

impl Call<'_> {
    /// Compiles a module, and tries whether it starts under `limits`.
    pub(super) async fn compile(
        &self,
        name: &FunctionName,
        wasm: Bytes,
        limits: Limits,
    ) -> Result<ModuleInfo, Fault> {
        let slot = self.app().uploads.slot(name);
        let _slot = slot.map_err(|error| match error {
            NativeError::UploadUnderWay(name) => {
                let arn = self.arn(&name, None);
                Fault::conflict(format!(
                    "The operation cannot be performed at this time. An update is in progress for \
                     resource: {arn}"
                ))
            }
            other => Fault::throttled(other.to_string()),
        })?;
        let compiled = self.app().modules.compile(wasm, limits).await;
        compiled.map_err(|error| match error {
            ModuleError::Host { .. } => Fault::internal(error.to_string()),
            ModuleError::NotAModule { .. }
            | ModuleError::NoWorld { .. }
            | ModuleError::Limit { .. } => {
                Fault::parameter(format!("The module cannot be used: {error}"))
            }
        })
    }

    /// The revision that a client names, which must be that of `current`.
    pub(super) fn expected(given: Option<&str>, current: &Function) -> Result<u64, Fault> {
        match given {
            Some(given) if given != view::revision(current) => Err(Fault::precondition(
                "The Revision Id provided does not match the latest Revision Id. \
                 Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
            )),
            _ => Ok(current.revision),
        }
    }
}

/// An answer that shows a function after a change.
fn shown(status: StatusCode, value: &Value) -> Answer {
    Answer::of(status, value)
}
