//! What an action takes, as the service model says it: members, their types, their constraints.

use millstream_core::limit;

/// One member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    /// As in `StreamName`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

/// A type with its constraints.
#[derive(Debug)]
pub(crate) enum Kind {
    Text(Text),
    Integer {
        min: i64,
        max: i64,
    },
    Boolean,
    Timestamp,
    Blob {
        max: usize,
    },
    List {
        of: &'static Kind,
        max: usize,
    },
    Structure(&'static [Member]),
    /// Anything; whoever takes it looks for himself.
    Document,
    /// From texts to texts.
    Map {
        key: &'static Text,
        value: &'static Text,
        max: usize,
    },
}

/// Constraints of a text, checked in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    pub(crate) pattern: Option<Pattern>,
    pub(crate) values: &'static [&'static str],
    /// In characters.
    pub(crate) min: usize,
    pub(crate) max: usize,
}

/// The patterns that the model knows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pattern {
    Name,
    StreamArn,
    ConsumerArn,
    ResourceArn,
    StreamId,
    HashKey,
    SequenceNumber,
    /// One that a single group of actions knows: as it stands in messages, and what it matches.
    Other(&'static str, fn(&str) -> bool),
}

impl Pattern {
    /// As it stands in messages.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Name => "[a-zA-Z0-9_.-]+",
            Self::StreamArn => r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+",
            Self::ConsumerArn => {
                r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+"
            }
            Self::ResourceArn => r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+",
            Self::StreamId => r"[a-z0-9]{20}-[a-z0-9]{3}",
            Self::HashKey => r"0|([1-9]\d{0,38})",
            Self::SequenceNumber => r"0|([1-9]\d{0,128})",
            Self::Other(text, _) => text,
        }
    }

    /// Whether the whole of `text` is of this pattern.
    pub(crate) fn matches(self, text: &str) -> bool {
        match self {
            Self::Name => {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
                !text.is_empty() && text.bytes().all(allowed)
            }
            Self::StreamArn => is_arn(text, &[":stream/"]),
            Self::ConsumerArn => is_consumer_arn(text),
            Self::ResourceArn => is_arn(text, &[":stream/", ":channel/", ":queue/"]),
            Self::StreamId => is_stream_id(text),
            Self::HashKey => is_number(text, 39),
            Self::SequenceNumber => is_number(text, 129),
            Self::Other(_, matches) => matches(text),
        }
    }
}

fn is_number(text: &str, digits: usize) -> bool {
    let plain = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain && (text == "0" || !text.starts_with('0'))
}

fn is_stream_id(text: &str) -> bool {
    let plain = |part: &str, length| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        part.len() == length && part.bytes().all(allowed)
    };
    let parts = text.split_once('-');
    parts.is_some_and(|(front, back)| plain(front, 20) && plain(back, 3))
}

/// Whether `text` is `arn:aws.*:kinesis:.*:\d{12}:KIND/\S+`.
pub(crate) fn is_arn_of(kind: &str, text: &str) -> bool {
    is_arn(text, &[format!(":{kind}/").as_str()])
}

/// An ARN of one of `kinds`, such as `:stream/`.
fn is_arn(text: &str, kinds: &[&str]) -> bool {
    // The account is the last thing before the kind, and the name has no blank.
    let split = |kind: &&str| text.split_once(*kind);
    let Some((front, name)) = kinds.iter().find_map(split) else {
        return false;
    };
    let Some((front, account)) = front.rsplit_once(':') else {
        return false;
    };
    let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let service = front.starts_with("arn:aws") && front.contains(":kinesis:");
    digits && service && !name.is_empty() && !name.contains(char::is_whitespace)
}

fn is_consumer_arn(text: &str) -> bool {
    let Some((stream, consumer)) = text.rsplit_once("/consumer/") else {
        return false;
    };
    let Some((name, created)) = consumer.rsplit_once(':') else {
        return false;
    };
    let digits = !created.is_empty() && created.bytes().all(|b| b.is_ascii_digit());
    let bare = |name: &str| Pattern::Name.matches(name);
    let stream_name = stream.rsplit_once('/').map_or("", |(_, name)| name);
    is_arn(stream, &[":stream/"]) && bare(stream_name) && bare(name) && digits
}

const ANY_TEXT: Text = Text {
    pattern: None,
    values: &[],
    min: 0,
    max: usize::MAX,
};

impl Member {
    pub(crate) const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            required: false,
        }
    }

    pub(crate) const fn required(self) -> Self {
        Self {
            name: self.name,
            kind: self.kind,
            required: true,
        }
    }
}

/// Characters of an ARN at most.
pub(crate) const ARN_CHARS: usize = 2048;

/// A stream's or a shard's name.
pub(crate) const NAME: Kind = Kind::Text(Text {
    pattern: Some(Pattern::Name),
    min: 1,
    max: limit::STREAM_NAME_CHARS,
    ..ANY_TEXT
});

/// The number of a record.
pub(crate) const SEQUENCE_NUMBER: Kind = Kind::Text(Text {
    pattern: Some(Pattern::SequenceNumber),
    ..ANY_TEXT
});

/// A 128-bit number in decimal.
pub(crate) const HASH_KEY: Kind = Kind::Text(Text {
    pattern: Some(Pattern::HashKey),
    ..ANY_TEXT
});

/// What decides about a record's shard.
pub(crate) const PARTITION_KEY: Kind = text(1, limit::PARTITION_KEY_CHARS);

/// A record's data. The model's limit; a record with its key has a lower one.
pub(crate) const DATA: Kind = Kind::Blob {
    max: limit::PUT_RECORDS_BYTES,
};

/// Where a list goes on.
pub(crate) const NEXT_TOKEN: Kind = text(1, 1 << 20);

/// How many entries of a list are asked for.
pub(crate) const PAGE: Kind = Kind::Integer {
    min: 1,
    max: 10_000,
};

/// `StreamName`, which most actions take.
pub(crate) const STREAM_NAME: Member = Member::new("StreamName", NAME);

/// `StreamARN`, which all actions take that take a name.
pub(crate) const STREAM_ARN: Member = Member::new(
    "StreamARN",
    Kind::Text(Text {
        pattern: Some(Pattern::StreamArn),
        min: 1,
        max: ARN_CHARS,
        ..ANY_TEXT
    }),
);

/// `StreamId`, which newer clients may send in place of the name.
pub(crate) const STREAM_ID: Member = Member::new(
    "StreamId",
    Kind::Text(Text {
        pattern: Some(Pattern::StreamId),
        min: 1,
        max: 24,
        ..ANY_TEXT
    }),
);

/// `ConsumerARN`, which names a consumer and its stream.
pub(crate) const CONSUMER_ARN: Member = Member::new(
    "ConsumerARN",
    Kind::Text(Text {
        pattern: Some(Pattern::ConsumerArn),
        min: 1,
        max: ARN_CHARS,
        ..ANY_TEXT
    }),
);

/// `ResourceARN`: of a stream, a consumer, a channel or a queue.
pub(crate) const RESOURCE_ARN: Member = Member::new(
    "ResourceARN",
    Kind::Text(Text {
        pattern: Some(Pattern::ResourceArn),
        min: 1,
        max: ARN_CHARS,
        ..ANY_TEXT
    }),
);

/// `Tags`.
pub(crate) const TAGS: Member = Member::new(
    "Tags",
    Kind::Map {
        key: &TAG_KEY,
        value: &Text {
            max: 256,
            ..ANY_TEXT
        },
        max: 200,
    },
);
const TAG_KEY: Text = Text {
    min: 1,
    max: 128,
    ..ANY_TEXT
};

/// `TagKeys`, of tags that shall go.
pub(crate) const TAG_KEYS: Member = Member::new(
    "TagKeys",
    Kind::List {
        of: &Kind::Text(TAG_KEY),
        max: 50,
    },
);

/// `DryRun`, which asks whether a request would succeed.
pub(crate) const DRY_RUN: Member = Member::new("DryRun", Kind::Boolean);

/// Text of `min` to `max` characters.
pub(crate) const fn text(min: usize, max: usize) -> Kind {
    Kind::Text(Text {
        min,
        max,
        ..ANY_TEXT
    })
}

/// Text of `min` to `max` characters that match `pattern`.
pub(crate) const fn text_of(pattern: Pattern, min: usize, max: usize) -> Kind {
    Kind::Text(Text {
        pattern: Some(pattern),
        min,
        max,
        ..ANY_TEXT
    })
}

/// One of `values`.
pub(crate) const fn one_of(values: &'static [&'static str]) -> Kind {
    Kind::Text(Text { values, ..ANY_TEXT })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_leading_zero_and_not_too_many_digits() {
        for good in ["0", "1", "340282366920938463463374607431768211456"] {
            assert!(Pattern::HashKey.matches(good), "{good}");
        }
        let long = "1".repeat(40);
        for bad in [
            "", "00", "01", "-1", "+1", "1.0", "1e3", " 1", "\u{661}", &long,
        ] {
            assert!(!Pattern::HashKey.matches(bad), "{bad}");
        }
        assert!(Pattern::SequenceNumber.matches(&"1".repeat(129)));
        assert!(!Pattern::SequenceNumber.matches(&"1".repeat(130)));
    }

    #[test]
    fn arns_of_all_partitions_are_taken() {
        for good in [
            "arn:aws:kinesis:us-east-1:123456789012:stream/a",
            "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a.b-c_d",
            "arn:aws:kinesis::123456789012:stream/a",
        ] {
            assert!(Pattern::StreamArn.matches(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "arn:aws:kinesis:us-east-1:12345678901:stream/a",
            "arn:aws:kinesis:us-east-1:123456789012:stream/",
            "arn:aws:kinesis:us-east-1:123456789012:stream/a b",
            "arn:aws:lambda:us-east-1:123456789012:stream/a",
            "arn:gcp:kinesis:us-east-1:123456789012:stream/a",
        ] {
            assert!(!Pattern::StreamArn.matches(bad), "{bad}");
        }
    }

    #[test]
    fn a_consumers_arn_goes_on_from_its_streams() {
        let stream = "arn:aws:kinesis:us-east-1:123456789012:stream/a";
        assert!(Pattern::ConsumerArn.matches(&format!("{stream}/consumer/b:17")));
        for bad in [
            "",
            "/consumer/",
            "/consumer/b",
            "/consumer/b:",
            "/consumer/b:x",
            "/consumer/b c:1",
        ] {
            assert!(
                !Pattern::ConsumerArn.matches(&format!("{stream}{bad}")),
                "{bad}"
            );
        }
        for kind in ["stream", "channel", "queue"] {
            assert!(Pattern::ResourceArn.matches(&stream.replace("stream", kind)));
        }
        assert!(!Pattern::ResourceArn.matches(&stream.replace("stream", "table")));
    }
}
