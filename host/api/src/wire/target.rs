//! Which action a request asks for.

/// The version of the Kinesis API, in front of each action's name.
const SERVICE: &str = "Kinesis_20131202";

macro_rules! actions {
    ($($action:ident),* $(,)?) => {
        /// The actions that are there. The others of the model are answered as unknown ones are.
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
    CreateStream,
    DeleteStream,
    DescribeStream,
    DescribeStreamSummary,
    GetRecords,
    GetShardIterator,
    ListShards,
    ListStreams,
    PutRecord,
    PutRecords,
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
