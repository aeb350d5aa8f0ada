//! Reads that tools make of every function, of settings that do not exist here, and the answer to
//! all operations that are not served.

use serde_json::json;

use super::{
    call::{Answer, Call},
    fault::Fault,
    function::{WHICH, Which},
};

pub(super) fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    match call.operation {
        "GetAccountSettings" => Ok(Answer::ok(&account(call))),
        "GetFunctionCodeSigningConfig"
        | "GetFunctionEventInvokeConfig"
        | "GetFunctionRecursionConfig"
        | "GetFunctionScalingConfig"
        | "GetFunctionUrlConfig"
        | "GetProvisionedConcurrencyConfig"
        | "GetRuntimeManagementConfig"
        | "ListFunctionEventInvokeConfigs"
        | "ListFunctionUrlConfigs"
        | "ListProvisionedConcurrencyConfigs" => of_function(call),
        "ListLayers" => Ok(Answer::ok(&json!({"Layers": []}))),
        "ListCodeSigningConfigs" => Ok(Answer::ok(&json!({"CodeSigningConfigs": []}))),
        other => Err(Fault::unsupported(other)),
    }
}

fn of_function(call: &Call<'_>) -> Result<Answer, Fault> {
    let Which {
        function_name,
        qualifier,
    } = call.input(WHICH)?;
    let found = call.function(&function_name, qualifier.as_deref())?;
    let name = &found.function.name;
    let latest = millstream_core::catalog::function::Qualifier::Latest;
    let arn = call.arn(name, Some(found.qualifier.as_ref().unwrap_or(&latest)));
    let none = "The resource you requested does not exist.";
    Ok(Answer::ok(&match call.operation {
        "GetFunctionCodeSigningConfig" => json!({"FunctionName": name.as_str()}),
        "GetFunctionRecursionConfig" => json!({"RecursiveLoop": "Allow"}),
        "GetRuntimeManagementConfig" => json!({"UpdateRuntimeOn": "Auto", "FunctionArn": arn}),
        "GetFunctionEventInvokeConfig" => {
            let why = format!("The function {arn} doesn't have an EventInvokeConfig");
            return Err(Fault::not_found(why));
        }
        "ListFunctionEventInvokeConfigs" => json!({"FunctionEventInvokeConfigs": []}),
        "ListFunctionUrlConfigs" => json!({"FunctionUrlConfigs": []}),
        "ListProvisionedConcurrencyConfigs" => json!({"ProvisionedConcurrencyConfigs": []}),
        _ => return Err(Fault::not_found(none)),
    }))
}

fn account(call: &Call<'_>) -> serde_json::Value {
    let catalog = call.catalog();
    let modules = catalog.functions().flat_map(|function| function.uploads());
    let bytes: u64 = modules.map(|(_, module)| module.size).sum();
    let functions = catalog.functions().count();
    json!({
        // There is no limit of code and of calls beside what the machine has.
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800_u64,
            "CodeSizeUnzipped": millstream_core::limit::MODULE_BYTES,
            "CodeSizeZipped": millstream_core::limit::MODULE_BYTES,
            "ConcurrentExecutions": 1000,
            "UnreservedConcurrentExecutions": 1000,
        },
        "AccountUsage": {"TotalCodeSize": bytes, "FunctionCount": functions},
    })
}
