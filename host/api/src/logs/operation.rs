//! Every operation of the model of CloudWatch Logs: those that are served, and with which of its
//! exceptions the model lets the others be refused.

/// The version of the API, in front of each operation's name.
const SERVICE: &str = "Logs_20140328";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    DescribeLogGroups,
    DescribeLogStreams,
    FilterLogEvents,
    GetLogEvents,
    /// One that is not served, and how it is refused.
    Other(&'static str, Refusal),
}

/// The exceptions that the model has for operations that are not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Parameter,
    Validation,
    NotFound,
}

impl Operation {
    /// Of the header that names it; nothing where it is none of this API.
    pub(super) fn parse(target: &str) -> Option<Self> {
        let name = target.strip_prefix(SERVICE)?.strip_prefix('.')?;
        let served = match name {
            "DescribeLogGroups" => Self::DescribeLogGroups,
            "DescribeLogStreams" => Self::DescribeLogStreams,
            "FilterLogEvents" => Self::FilterLogEvents,
            "GetLogEvents" => Self::GetLogEvents,
            _ => return other(name),
        };
        Some(served)
    }
}

/// Whether a request with that target is one for CloudWatch Logs.
pub(super) fn is_ours(target: &[u8]) -> bool {
    target.starts_with(SERVICE.as_bytes())
}

fn other(name: &str) -> Option<Operation> {
    let tables = [
        (PARAMETER, Refusal::Parameter),
        (VALIDATION, Refusal::Validation),
        (NOT_FOUND, Refusal::NotFound),
    ];
    tables.into_iter().find_map(|(names, refusal)| {
        let found = names.iter().find(|other| **other == name)?;
        Some(Operation::Other(found, refusal))
    })
}

/// With an InvalidParameterException.
#[rustfmt::skip]
const PARAMETER: &[&str] = &[
    "AssociateKmsKey", "CancelExportTask", "CancelImportTask", "CreateExportTask",
    "CreateImportTask", "CreateLogAnomalyDetector", "CreateLogGroup", "CreateLogStream",
    "CreateLookupTable", "DeleteAccountPolicy", "DeleteDataProtectionPolicy", "DeleteDestination",
    "DeleteIndexPolicy", "DeleteIntegration", "DeleteLogAnomalyDetector", "DeleteLogGroup",
    "DeleteLogStream", "DeleteLookupTable", "DeleteMetricFilter", "DeleteQueryDefinition",
    "DeleteResourcePolicy", "DeleteRetentionPolicy", "DeleteSubscriptionFilter",
    "DeleteSyslogConfiguration", "DeleteTransformer", "DescribeAccountPolicies",
    "DescribeDestinations", "DescribeExportTasks", "DescribeFieldIndexes",
    "DescribeImportTaskBatches", "DescribeImportTasks", "DescribeIndexPolicies",
    "DescribeLookupTables", "DescribeMetricFilters", "DescribeQueries",
    "DescribeQueryDefinitions", "DescribeResourcePolicies", "DescribeSubscriptionFilters",
    "DisassociateKmsKey", "GetDataProtectionPolicy", "GetIntegration", "GetLogAnomalyDetector",
    "GetLogFields", "GetLogGroupFields", "GetLogObject", "GetLogRecord", "GetLookupTable",
    "GetQueryResults", "GetStorageTierPolicy", "GetTransformer", "ListAggregateLogGroupSummaries",
    "ListAnomalies", "ListIntegrations", "ListLogAnomalyDetectors", "ListLogGroups",
    "ListLogGroupsForQuery", "ListSyslogConfigurations", "ListTagsForResource",
    "PutAccountPolicy", "PutBearerTokenAuthentication", "PutDataProtectionPolicy",
    "PutDestination", "PutDestinationPolicy", "PutIndexPolicy", "PutIntegration", "PutLogEvents",
    "PutLogGroupDeletionProtection", "PutMetricFilter", "PutQueryDefinition", "PutResourcePolicy",
    "PutRetentionPolicy", "PutStorageTierPolicy", "PutSubscriptionFilter",
    "PutSyslogConfiguration", "PutTransformer", "StartLiveTail", "StartQuery", "StopQuery",
    "TagLogGroup", "TagResource", "TestMetricFilter", "TestTransformer", "UntagResource",
    "UpdateAnomaly", "UpdateLogAnomalyDetector", "UpdateLookupTable",
];

/// With a ValidationException.
#[rustfmt::skip]
const VALIDATION: &[&str] = &[
    "AssociateSourceToS3TableIntegration", "CreateDelivery", "CreateScheduledQuery",
    "DeleteDelivery", "DeleteDeliveryDestination", "DeleteDeliveryDestinationPolicy",
    "DeleteDeliverySource", "DeleteScheduledQuery", "DescribeConfigurationTemplates",
    "DescribeDeliveries", "DescribeDeliveryDestinations", "DescribeDeliverySources",
    "DisassociateSourceFromS3TableIntegration", "GetDelivery", "GetDeliveryDestination",
    "GetDeliveryDestinationPolicy", "GetDeliverySource", "GetScheduledQuery",
    "GetScheduledQueryHistory", "ListScheduledQueries", "ListSourcesForS3TableIntegration",
    "PutDeliveryDestination", "PutDeliveryDestinationPolicy", "PutDeliverySource",
    "UpdateDeliveryConfiguration", "UpdateScheduledQuery",
];

/// With a ResourceNotFoundException; the model has nothing else that is the client's.
#[rustfmt::skip]
const NOT_FOUND: &[&str] = &[
    "ListTagsLogGroup", "UntagLogGroup",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_model_is_known() {
        let of = |name: &str| Operation::parse(&format!("Logs_20140328.{name}"));
        assert_eq!(of("GetLogEvents"), Some(Operation::GetLogEvents));
        for (name, refusal) in [
            ("PutLogEvents", Refusal::Parameter),
            ("GetDelivery", Refusal::Validation),
            ("UntagLogGroup", Refusal::NotFound),
        ] {
            assert_eq!(of(name), Some(Operation::Other(name, refusal)));
        }
        assert_eq!(of("Nothing"), None);
        assert_eq!(Operation::parse("Kinesis_20131202.GetRecords"), None);
        assert_eq!(
            4 + PARAMETER.len() + VALIDATION.len() + NOT_FOUND.len(),
            118
        );
    }
}
