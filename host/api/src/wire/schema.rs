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
    Integer { min: i64, max: i64 },
    Boolean,
    Timestamp,
    Blob { max: usize },
    List { of: &'static Kind, max: usize },
    Structure(&'static [Member]),
    Map,
}

/// Constraints of a text, checked in this order.
#[derive(Debug)]
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
    StreamId,
    HashKey,
    SequenceNumber,
}

impl Pattern {
    /// As it stands in messages.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Name => "[a-zA-Z0-9_.-]+",
            Self::StreamArn => r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+",
            Self::StreamId => r"[a-z0-9]{20}-[a-z0-9]{3}",
            Self::HashKey => r"0|([1-9]\d{0,38})",
            Self::SequenceNumber => r"0|([1-9]\d{0,128})",
        }
    }

    /// Whether the whole of `text` is of this pattern.
    pub(crate) fn matches(self, text: &str) -> bool {
        match self {
            Self::Name => {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
                !text.is_empty() && text.bytes().all(allowed)
            }
            Self::StreamArn => is_stream_arn(text),
            Self::StreamId => is_stream_id(text),
            Self::HashKey => is_number(text, 39),
            Self::SequenceNumber => is_number(text, 129),
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

fn is_stream_arn(text: &str) -> bool {
    // The account is the last thing before `:stream/`, and the name has no blank.
    let Some((front, name)) = text.rsplit_once(":stream/") else {
        return false;
    };
    let Some((front, account)) = front.rsplit_once(':') else {
        return false;
    };
    let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let service = front.starts_with("arn:aws") && front.contains(":kinesis:");
    digits && service && !name.is_empty() && !name.contains(char::is_whitespace)
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
        max: 2048,
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
}
