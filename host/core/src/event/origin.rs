//! Where records come from, in the words of an event: all that its records have in common.

use crate::{
    catalog::{Qualifier, Shard, Stream},
    name::{FunctionName, StreamName},
    position::{Position, ShardNumber},
    sequence::SequenceNumber,
    time::Millis,
};

/// Who and where a host says it is, for ARNs and messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// As in `us-east-1`.
    pub region: String,
}

impl Default for Identity {
    /// What a host is that is told nothing else.
    fn default() -> Self {
        Self {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }
}

/// Where the records of a batch come from. The parts that each record repeats are rendered once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    account: String,
    region: String,
    shard_id: String,
    /// The shard's creation, in seconds since 1970.
    created: u64,
    index: u32,
    stream_arn: String,
    /// What stands between a record's arrival and the second place of its sequence number.
    pub(super) middle: String,
    /// What stands after that.
    pub(super) tail: String,
}

impl Origin {
    /// On `shard` of `stream`, for `function`.
    #[must_use]
    pub fn new(
        identity: &Identity,
        stream: &StreamName,
        function: &FunctionName,
        shard: &Shard,
    ) -> Self {
        let Identity { account, region } = identity;
        let region = stream.region().unwrap_or(region);
        let stream_arn = format!(
            "arn:aws:kinesis:{region}:{account}:stream/{}",
            stream.name()
        );
        // Functions have no roles here; the ARN is one that a handler can read.
        let role_arn = format!("arn:aws:iam::{account}:role/{function}");
        let shard_id = shard.id();
        Self {
            account: account.clone(),
            region: region.to_owned(),
            middle: format!(
                "}},\"eventSource\":\"aws:kinesis\",\"eventVersion\":\"1.0\",\"eventID\":\"{shard_id}:"
            ),
            tail: format!(
                "\",\"eventName\":\"aws:kinesis:record\",\"invokeIdentityArn\":{},\"awsRegion\":{},\
                 \"eventSourceARN\":{}}}",
                quoted(&role_arn),
                quoted(region),
                quoted(&stream_arn),
            ),
            created: shard.created.seconds(),
            index: shard.index,
            shard_id,
            stream_arn,
        }
    }

    /// On the first shard of a stream that need not exist, for who tries a function out.
    #[must_use]
    pub fn supposed(
        identity: &Identity,
        stream: &StreamName,
        function: &FunctionName,
        now: Millis,
    ) -> Self {
        let stream = Stream::new(stream.clone(), 1, ShardNumber(0), now);
        Self::new(identity, &stream.name, function, &stream.shards[0])
    }

    /// As in Kinesis: `shardId-000000000000`.
    #[must_use]
    pub fn shard_id(&self) -> &str {
        &self.shard_id
    }

    /// The stream's ARN.
    #[must_use]
    pub fn stream_arn(&self) -> &str {
        &self.stream_arn
    }

    /// A function's ARN, with the version or alias that is meant.
    #[must_use]
    pub fn function_arn(&self, function: &FunctionName, qualifier: Option<&Qualifier>) -> String {
        let Self {
            account, region, ..
        } = self;
        let arn = format!("arn:aws:lambda:{region}:{account}:function:{function}");
        match qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }

    /// The sequence number of the record at `position`.
    #[must_use]
    pub fn number(&self, position: Position, arrival: Millis) -> SequenceNumber {
        SequenceNumber {
            created: self.created,
            shard: self.index,
            position,
            arrival: arrival.seconds(),
        }
    }
}

/// As a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    super::build::write_text(&mut out, text);
    String::from_utf8(out).expect("a JSON string of text is text")
}
