//! Every operation of Lambda's model: its method, its path, its name.
//!
//! Paths as the model has them. Older clients end the paths of lists with a slash, newer ones do not.

use std::borrow::Cow;

use axum::http::Method;

/// An operation that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operation {
    method: &'static str,
    path: &'static str,
    pub(super) name: &'static str,
}

const fn of(method: &'static str, path: &'static str, name: &'static str) -> Operation {
    Operation { method, path, name }
}

/// All of them.
#[rustfmt::skip]
pub(super) const ALL: &[Operation] = &[
    of("POST", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy", "AddLayerVersionPermission"),
    of("POST", "/2015-03-31/functions/{FunctionName}/policy", "AddPermission"),
    of("POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint", "CheckpointDurableExecution"),
    of("POST", "/2015-03-31/functions/{FunctionName}/aliases", "CreateAlias"),
    of("POST", "/2025-11-30/capacity-providers", "CreateCapacityProvider"),
    of("POST", "/2020-04-22/code-signing-configs", "CreateCodeSigningConfig"),
    of("POST", "/2015-03-31/event-source-mappings", "CreateEventSourceMapping"),
    of("POST", "/2015-03-31/functions", "CreateFunction"),
    of("POST", "/2021-10-31/functions/{FunctionName}/url", "CreateFunctionUrlConfig"),
    of("DELETE", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "DeleteAlias"),
    of("DELETE", "/2025-11-30/capacity-providers/{CapacityProviderName}", "DeleteCapacityProvider"),
    of("DELETE", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}", "DeleteCodeSigningConfig"),
    of("DELETE", "/2025-12-01/durable-executions/{DurableExecutionArn}", "DeleteDurableExecution"),
    of("DELETE", "/2015-03-31/event-source-mappings/{UUID}", "DeleteEventSourceMapping"),
    of("DELETE", "/2015-03-31/functions/{FunctionName}", "DeleteFunction"),
    of("DELETE", "/2020-06-30/functions/{FunctionName}/code-signing-config", "DeleteFunctionCodeSigningConfig"),
    of("DELETE", "/2017-10-31/functions/{FunctionName}/concurrency", "DeleteFunctionConcurrency"),
    of("DELETE", "/2019-09-25/functions/{FunctionName}/event-invoke-config", "DeleteFunctionEventInvokeConfig"),
    of("DELETE", "/2021-10-31/functions/{FunctionName}/url", "DeleteFunctionUrlConfig"),
    of("DELETE", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}", "DeleteLayerVersion"),
    of("DELETE", "/2019-09-30/functions/{FunctionName}/provisioned-concurrency", "DeleteProvisionedConcurrencyConfig"),
    of("DELETE", "/2026-07-09/resource-policy/{ResourceArn}", "DeleteResourcePolicy"),
    of("GET", "/2016-08-19/account-settings", "GetAccountSettings"),
    of("GET", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "GetAlias"),
    of("GET", "/2025-11-30/capacity-providers/{CapacityProviderName}", "GetCapacityProvider"),
    of("GET", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}", "GetCodeSigningConfig"),
    of("GET", "/2025-12-01/durable-executions/{DurableExecutionArn}", "GetDurableExecution"),
    of("GET", "/2025-12-01/durable-executions/{DurableExecutionArn}/history", "GetDurableExecutionHistory"),
    of("GET", "/2025-12-01/durable-executions/{DurableExecutionArn}/state", "GetDurableExecutionState"),
    of("GET", "/2015-03-31/event-source-mappings/{UUID}", "GetEventSourceMapping"),
    of("GET", "/2015-03-31/functions/{FunctionName}", "GetFunction"),
    of("GET", "/2020-06-30/functions/{FunctionName}/code-signing-config", "GetFunctionCodeSigningConfig"),
    of("GET", "/2019-09-30/functions/{FunctionName}/concurrency", "GetFunctionConcurrency"),
    of("GET", "/2015-03-31/functions/{FunctionName}/configuration", "GetFunctionConfiguration"),
    of("GET", "/2019-09-25/functions/{FunctionName}/event-invoke-config", "GetFunctionEventInvokeConfig"),
    of("GET", "/2024-08-31/functions/{FunctionName}/recursion-config", "GetFunctionRecursionConfig"),
    of("GET", "/2025-11-30/functions/{FunctionName}/function-scaling-config", "GetFunctionScalingConfig"),
    of("GET", "/2021-10-31/functions/{FunctionName}/url", "GetFunctionUrlConfig"),
    of("GET", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}", "GetLayerVersion"),
    of("GET", "/2018-10-31/layers", "GetLayerVersionByArn"),
    of("GET", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy", "GetLayerVersionPolicy"),
    of("GET", "/2015-03-31/functions/{FunctionName}/policy", "GetPolicy"),
    of("GET", "/2019-09-30/functions/{FunctionName}/provisioned-concurrency", "GetProvisionedConcurrencyConfig"),
    of("GET", "/2026-07-09/resource-policy/{ResourceArn}", "GetResourcePolicy"),
    of("GET", "/2021-07-20/functions/{FunctionName}/runtime-management-config", "GetRuntimeManagementConfig"),
    of("POST", "/2015-03-31/functions/{FunctionName}/invocations", "Invoke"),
    of("POST", "/2014-11-13/functions/{FunctionName}/invoke-async", "InvokeAsync"),
    of("POST", "/2021-11-15/functions/{FunctionName}/response-streaming-invocations", "InvokeWithResponseStream"),
    of("GET", "/2015-03-31/functions/{FunctionName}/aliases", "ListAliases"),
    of("GET", "/2025-11-30/capacity-providers", "ListCapacityProviders"),
    of("GET", "/2020-04-22/code-signing-configs", "ListCodeSigningConfigs"),
    of("GET", "/2025-12-01/functions/{FunctionName}/durable-executions", "ListDurableExecutionsByFunction"),
    of("GET", "/2015-03-31/event-source-mappings", "ListEventSourceMappings"),
    of("GET", "/2019-09-25/functions/{FunctionName}/event-invoke-config/list", "ListFunctionEventInvokeConfigs"),
    of("GET", "/2021-10-31/functions/{FunctionName}/urls", "ListFunctionUrlConfigs"),
    of("GET", "/2025-11-30/capacity-providers/{CapacityProviderName}/function-versions", "ListFunctionVersionsByCapacityProvider"),
    of("GET", "/2015-03-31/functions", "ListFunctions"),
    of("GET", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}/functions", "ListFunctionsByCodeSigningConfig"),
    of("GET", "/2018-10-31/layers/{LayerName}/versions", "ListLayerVersions"),
    of("GET", "/2018-10-31/layers", "ListLayers"),
    of("GET", "/2019-09-30/functions/{FunctionName}/provisioned-concurrency", "ListProvisionedConcurrencyConfigs"),
    of("GET", "/2017-03-31/tags/{Resource}", "ListTags"),
    of("GET", "/2015-03-31/functions/{FunctionName}/versions", "ListVersionsByFunction"),
    of("POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/pause", "PauseDurableExecution"),
    of("POST", "/2018-10-31/layers/{LayerName}/versions", "PublishLayerVersion"),
    of("POST", "/2015-03-31/functions/{FunctionName}/versions", "PublishVersion"),
    of("PUT", "/2020-06-30/functions/{FunctionName}/code-signing-config", "PutFunctionCodeSigningConfig"),
    of("PUT", "/2017-10-31/functions/{FunctionName}/concurrency", "PutFunctionConcurrency"),
    of("PUT", "/2019-09-25/functions/{FunctionName}/event-invoke-config", "PutFunctionEventInvokeConfig"),
    of("PUT", "/2024-08-31/functions/{FunctionName}/recursion-config", "PutFunctionRecursionConfig"),
    of("PUT", "/2025-11-30/functions/{FunctionName}/function-scaling-config", "PutFunctionScalingConfig"),
    of("PUT", "/2019-09-30/functions/{FunctionName}/provisioned-concurrency", "PutProvisionedConcurrencyConfig"),
    of("PUT", "/2026-07-09/resource-policy/{ResourceArn}", "PutResourcePolicy"),
    of("PUT", "/2021-07-20/functions/{FunctionName}/runtime-management-config", "PutRuntimeManagementConfig"),
    of("DELETE", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy/{StatementId}", "RemoveLayerVersionPermission"),
    of("DELETE", "/2015-03-31/functions/{FunctionName}/policy/{StatementId}", "RemovePermission"),
    of("POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/resume", "ResumeDurableExecution"),
    of("POST", "/2025-12-01/durable-execution-callbacks/{CallbackId}/fail", "SendDurableExecutionCallbackFailure"),
    of("POST", "/2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat", "SendDurableExecutionCallbackHeartbeat"),
    of("POST", "/2025-12-01/durable-execution-callbacks/{CallbackId}/succeed", "SendDurableExecutionCallbackSuccess"),
    of("POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/stop", "StopDurableExecution"),
    of("POST", "/2017-03-31/tags/{Resource}", "TagResource"),
    of("DELETE", "/2017-03-31/tags/{Resource}", "UntagResource"),
    of("PUT", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "UpdateAlias"),
    of("PUT", "/2025-11-30/capacity-providers/{CapacityProviderName}", "UpdateCapacityProvider"),
    of("PUT", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}", "UpdateCodeSigningConfig"),
    of("PUT", "/2015-03-31/event-source-mappings/{UUID}", "UpdateEventSourceMapping"),
    of("PUT", "/2015-03-31/functions/{FunctionName}/code", "UpdateFunctionCode"),
    of("PUT", "/2015-03-31/functions/{FunctionName}/configuration", "UpdateFunctionConfiguration"),
    of("POST", "/2019-09-25/functions/{FunctionName}/event-invoke-config", "UpdateFunctionEventInvokeConfig"),
    of("PUT", "/2021-10-31/functions/{FunctionName}/url", "UpdateFunctionUrlConfig"),
];

/// The parts of a path that name something, by their names.
pub(super) type Labels = Vec<(&'static str, String)>;

/// What a request asks for, and the names in its path.
pub(super) fn find(method: &Method, path: &str) -> Option<(Operation, Labels)> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut found = ALL
        .iter()
        .filter(|operation| operation.method == method.as_str());
    found.find_map(|operation| Some((*operation, operation.labels(path)?)))
}

/// The first parts of all paths, each once.
pub(super) fn dates() -> Vec<&'static str> {
    let date = |operation: &Operation| operation.path.split('/').nth(1);
    let mut dates: Vec<_> = ALL.iter().filter_map(date).collect();
    dates.sort_unstable();
    dates.dedup();
    dates
}

impl Operation {
    fn labels(&self, path: &str) -> Option<Labels> {
        let mut labels = Vec::new();
        let (mut given, mut own) = (path.split('/'), self.path.split('/'));
        loop {
            match (given.next(), own.next()) {
                (None, None) => return Some(labels),
                (Some(given), Some(own)) => match label(own) {
                    Some(name) if !given.is_empty() => labels.push((name, decoded(given)?)),
                    None if given == own => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
    }
}

fn label(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// What a part of a path stands for; nothing where that is no text.
fn decoded(part: &str) -> Option<String> {
    let bytes = percent_encoding(part);
    String::from_utf8(bytes.into_owned()).ok()
}

/// Unlike in a query, a plus is a plus.
fn percent_encoding(part: &str) -> Cow<'_, [u8]> {
    if !part.contains('%') {
        return Cow::Borrowed(part.as_bytes());
    }
    Cow::Owned(crate::auth::percent_decoded(&part.replace('+', "%2B")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> Option<(&'static str, Vec<String>)> {
        let (operation, labels) = find(&method, path)?;
        Some((
            operation.name,
            labels.into_iter().map(|(_, value)| value).collect(),
        ))
    }

    #[test]
    fn lists_may_end_with_a_slash() {
        for path in ["/2015-03-31/functions", "/2015-03-31/functions/"] {
            assert_eq!(found(Method::GET, path), Some(("ListFunctions", vec![])));
            assert_eq!(found(Method::POST, path), Some(("CreateFunction", vec![])));
        }
        assert_eq!(found(Method::PUT, "/2015-03-31/functions"), None);
        assert_eq!(found(Method::GET, "/2015-03-31/functions//code"), None);
        assert_eq!(found(Method::GET, "/"), None);
    }

    #[test]
    fn names_are_decoded() {
        let path =
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/aliases/a+b";
        let names = vec![
            "arn:aws:lambda:us-east-1:1:function:f".to_owned(),
            "a+b".to_owned(),
        ];
        assert_eq!(found(Method::GET, path), Some(("GetAlias", names)));
        assert_eq!(found(Method::GET, "/2015-03-31/functions/%ff"), None);
    }

    #[test]
    fn every_operation_is_found_by_its_own_path() {
        for operation in ALL {
            let path = operation.path.replace(['{', '}'], "");
            let method = operation.method.parse().unwrap();
            let (found, _) = find(&method, &path).unwrap();
            // Two pairs of the model differ in the query alone; none of them is served.
            let twins = found.path == operation.path && found.method == operation.method;
            assert!(twins, "{} is found as {}", operation.name, found.name);
        }
    }
}
