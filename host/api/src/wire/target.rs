//! Which action a request asks for.

/// The version of the Kinesis API, in front of each action's name.
const SERVICE: &str = "Kinesis_20131202";

macro_rules! actions {
    ($($action:ident),* $(,)?) => {
        /// All actions of the model.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Action {
            $(
                #[doc = stringify!($action)]
                $action
            ),*
        }

        impl Action {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: &[Self] = &[$(Self::$action),*];

            /// As the API names it.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$action => stringify!($action)),*
                }
            }
        }
    };
}

actions! {
    AcknowledgeDeadLetterQueueRecords,
    AcknowledgeQueueRecords,
    AddTagsToStream,
    CreateChannel,
    CreateQueue,
    CreateStream,
    DecreaseStreamRetentionPeriod,
    DeleteChannel,
    DeleteQueue,
    DeleteResourcePolicy,
    DeleteStream,
    DeregisterStreamConsumer,
    DescribeAccountSettings,
    DescribeChannel,
    DescribeLimits,
    DescribeQueue,
    DescribeStream,
    DescribeStreamConsumer,
    DescribeStreamSummary,
    DisableEnhancedMonitoring,
    EnableEnhancedMonitoring,
    GetRecords,
    GetResourcePolicy,
    GetShardIterator,
    IncreaseStreamRetentionPeriod,
    ListChannels,
    ListQueues,
    ListShards,
    ListStreamConsumers,
    ListStreams,
    ListTagsForResource,
    ListTagsForStream,
    MergeShards,
    PutRecord,
    PutRecords,
    PutResourcePolicy,
    ReceiveDeadLetterQueueRecords,
    ReceiveQueueRecords,
    RegisterStreamConsumer,
    RemoveTagsFromStream,
    RestoreDeadLetterQueueRecords,
    SplitShard,
    StartStreamEncryption,
    StopStreamEncryption,
    SubscribeToShard,
    TagResource,
    UntagResource,
    UpdateAccountSettings,
    UpdateChannel,
    UpdateDeadLetterQueueRecordsVisibility,
    UpdateMaxRecordSize,
    UpdateQueue,
    UpdateQueueRecordsVisibility,
    UpdateShardCount,
    UpdateStreamMode,
    UpdateStreamRecordDistributionStrategy,
    UpdateStreamWarmThroughput,
}

impl Action {
    /// From the header `X-Amz-Target`.
    pub(crate) fn parse(target: &str) -> Option<Self> {
        let (service, name) = target.split_once('.')?;
        let action = Self::ALL.iter().find(|action| action.name() == name)?;
        (service == SERVICE).then_some(*action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_actions_by_their_exact_targets() {
        for action in Action::ALL {
            let target = format!("{SERVICE}.{}", action.name());
            assert_eq!(Action::parse(&target), Some(*action));
        }
        for bad in [
            "",
            "PutRecords",
            "Kinesis_20131202",
            "Kinesis_20131202.",
            "Kinesis_20131202.putRecords",
            "Kinesis_20131202.PutRecords.",
            "Kinesis_20111202.PutRecords",
            "DynamoDB_20120810.ListStreams",
        ] {
            assert_eq!(Action::parse(bad), None, "{bad}");
        }
    }
}
