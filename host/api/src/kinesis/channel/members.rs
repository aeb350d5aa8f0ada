//! What the model says of the structures that channels are made of.

use crate::wire::schema::{self, Kind, Member, Pattern, text_of};

/// Which channel.
pub(super) const CHANNEL_ARN: Member = Member::new(
    "ChannelARN",
    text_of(
        Pattern::Other(r"arn:aws.*:kinesis:.*:\d{12}:channel/\S+", |text| {
            schema::is_arn_of("channel", text)
        }),
        1,
        2048,
    ),
);

pub(super) const NAME: Member = Member::new("ChannelName", schema::NAME);

pub(super) const ROLE: Member = Member::new(
    "ServiceExecutionRoleARN",
    text_of(
        Pattern::Other(
            r"arn:aws[-a-z0-9]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+",
            is_role,
        ),
        1,
        512,
    ),
);

pub(super) const STREAMS: Member = Member::new(
    "StreamConfigurationList",
    Kind::List {
        of: &Kind::Structure(&[
            schema::STREAM_ARN.required(),
            Member::new(
                "RecordConfiguration",
                Kind::Structure(&[
                    Member::new(
                        "RecordFormatType",
                        schema::one_of(&["GSR_JSON", "JSON", "STRING", "BYTE_ARRAY"]),
                    )
                    .required(),
                    Member::new("GSRSchemaARN", text_of(SCHEMA, 1, 512)),
                ]),
            )
            .required(),
        ]),
        max: 10_000,
    },
);

pub(super) const S3: Member = Member::new(
    "S3DestinationConfiguration",
    Kind::Structure(&[
        FRESHNESS,
        DEAD_LETTERS,
        Member::new(
            "StorageConfiguration",
            Kind::Structure(&[
                BUCKET.required(),
                OWNER.required(),
                Member::new("OutputKeyTemplate", text_of(TEMPLATE, 1, 1024)),
                Member::new(
                    "StorageClass",
                    schema::one_of(&["STANDARD", "INTELLIGENT_TIERING", "GLACIER_IR"]),
                ),
                Member::new("CompressionType", schema::one_of(&["NONE", "GZIP", "ZSTD"]))
                    .required(),
            ]),
        )
        .required(),
    ]),
);

/// Checked as the model says, and then refused.
pub(super) const TABLES: Member = Member::new(
    "S3TablesDestinationConfiguration",
    Kind::Structure(&[
        FRESHNESS,
        DEAD_LETTERS.required(),
        Member::new(
            "S3TablesConfigurationList",
            Kind::List {
                of: &Kind::Structure(&[
                    Member::new("TableBucketARN", text_of(TABLE_BUCKET, 1, 2048)).required(),
                    Member::new("Namespace", text_of(TABLE_NAME, 1, 255)).required(),
                    Member::new("TableName", text_of(TABLE_NAME, 1, 255)).required(),
                    Member::new(
                        "CompressionType",
                        schema::one_of(&["NONE", "ZSTD", "SNAPPY"]),
                    )
                    .required(),
                    PARTITION,
                ]),
                max: 10_000,
            },
        )
        .required(),
    ]),
);

pub(super) const ENCRYPTION: Member = Member::new(
    "EncryptionConfiguration",
    Kind::Structure(&[
        Member::new("EncryptionType", schema::one_of(&["KMS"])).required(),
        Member::new("KeyId", schema::text(1, 2048)).required(),
    ]),
);

pub(super) const LOGGING: Member = Member::new(
    "LoggingConfiguration",
    Kind::Structure(&[Member::new(
        "CloudWatchLogs",
        Kind::Structure(&[
            Member::new("Enabled", Kind::Boolean).required(),
            Member::new("LogGroupName", text_of(LOG_GROUP, 1, 512)),
            Member::new("LogStreamName", text_of(LOG_STREAM, 1, 512)),
        ]),
    )
    .required()]),
);

pub(super) const S3_UPDATE: Member = Member::new(
    "S3DestinationConfiguration",
    Kind::Structure(&[FRESHNESS.required()]),
);

pub(super) const TABLES_UPDATE: Member = Member::new(
    "S3TablesDestinationConfiguration",
    Kind::Structure(&[FRESHNESS.required()]),
);

const FRESHNESS: Member = Member::new(
    "DataFreshnessInSeconds",
    Kind::Integer {
        min: i64::MIN,
        max: i64::MAX,
    },
);

const DEAD_LETTERS: Member = Member::new(
    "DeadLetterQueueS3Configuration",
    Kind::Structure(&[
        BUCKET.required(),
        OWNER.required(),
        Member::new("ErrorOutputPrefix", text_of(PREFIX, 1, 512)),
    ]),
);

const BUCKET: Member = Member::new(
    "BucketARN",
    text_of(
        Pattern::Other(r"arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}", is_bucket),
        1,
        2048,
    ),
);

const OWNER: Member = Member::new(
    "ExpectedBucketOwner",
    text_of(Pattern::Other(r"\d{12}", is_account), 12, 12),
);

const PARTITION: Member = Member::new(
    "PartitionSpec",
    Kind::Structure(&[Member::new(
        "PartitionFields",
        Kind::List {
            of: &Kind::Structure(&[
                Member::new("Transform", schema::one_of(&["TIME_HOUR"])).required(),
                Member::new("SourceName", text_of(COLUMN, 1, 255)).required(),
            ]),
            max: 10,
        },
    )
    .required()]),
);

const SCHEMA: Pattern = Pattern::Other(
    r"arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+",
    is_schema,
);
const TEMPLATE: Pattern = Pattern::Other(r"[0-9A-Za-z!\-_'.*()\/=:{}]+", |text| {
    all(text, b"!-_'.*()/=:{}")
});
const PREFIX: Pattern = Pattern::Other(r"[0-9A-Za-z!\-_'.*()\/]+", |text| all(text, b"!-_'.*()/"));
const LOG_GROUP: Pattern = Pattern::Other(r"[\.\-_/#A-Za-z0-9]+", |text| all(text, b".-_/#"));
const LOG_STREAM: Pattern = Pattern::Other("[^:*]*", |text| !text.contains([':', '*']));
const TABLE_NAME: Pattern = Pattern::Other("[0-9a-z_]+", |text| is_of(text, b"_", false));
const COLUMN: Pattern = Pattern::Other(r"[a-zA-Z0-9\.\_]+", |text| all(text, b"._"));
const TABLE_BUCKET: Pattern = Pattern::Other(
    r"arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\d{12}:bucket/[a-z0-9_-]{3,63}",
    is_table_bucket,
);

/// Whether `text` is not empty and only letters, digits and `others`.
fn all(text: &str, others: &[u8]) -> bool {
    is_of(text, others, true)
}

fn is_of(text: &str, others: &[u8], capitals: bool) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || (capitals && byte.is_ascii_uppercase())
            || others.contains(&byte)
    };
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What follows `arn:aws...:SERVICE:`.
fn of_service<'a>(text: &'a str, service: &str) -> Option<&'a str> {
    let (partition, rest) = text.strip_prefix("arn:aws")?.split_once(':')?;
    let plain = partition.is_empty() || is_of(partition, b"-", false);
    rest.strip_prefix(service)?
        .strip_prefix(':')
        .filter(|_| plain)
}

/// What follows `REGION:ACCOUNT:` in front of it.
fn in_region(text: &str) -> Option<&str> {
    let (region, rest) = text.split_once(':')?;
    let (account, rest) = rest.split_once(':')?;
    (is_of(region, b"-", false) && is_account(account)).then_some(rest)
}

fn is_role(text: &str) -> bool {
    let role = of_service(text, "iam").and_then(|rest| {
        let (account, role) = rest.strip_prefix(':')?.split_once(':')?;
        is_account(account).then_some(role)?.strip_prefix("role/")
    });
    role.is_some_and(|role| all(role, b"_+=,.@-/"))
}

fn is_bucket(text: &str) -> bool {
    let name = of_service(text, "s3").and_then(|rest| rest.strip_prefix("::"));
    name.is_some_and(|name| is_of(name, b"._-", false) && (3..=63).contains(&name.len()))
}

fn is_table_bucket(text: &str) -> bool {
    let rest = of_service(text, "s3tables").and_then(in_region);
    let name = rest.and_then(|rest| rest.strip_prefix("bucket/"));
    name.is_some_and(|name| is_of(name, b"_-", false) && (3..=63).contains(&name.len()))
}

fn is_schema(text: &str) -> bool {
    let rest = of_service(text, "glue").and_then(in_region);
    let names = rest.and_then(|rest| rest.strip_prefix("schema/")?.split_once('/'));
    names.is_some_and(|(registry, schema)| all(registry, b"-_$#.") && all(schema, b"-_$#."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_told_from_what_is_none() {
        type Case = (fn(&str) -> bool, &'static str, &'static [&'static str]);
        let cases: [Case; 4] = [
            (
                is_role,
                "arn:aws-cn:iam::123456789012:role/service/a+b",
                &[
                    "arn:aws:iam::12345:role/a",
                    "arn:aws:iam::123456789012:role/",
                    "arn:aws:iam:eu-west-1:123456789012:role/a",
                    "arn:aws:iam::123456789012:role/a b",
                ],
            ),
            (
                is_bucket,
                "arn:aws:s3:::my.bucket-1",
                &[
                    "arn:aws:s3:::ab",
                    "arn:aws:s3:::UPPER",
                    "arn:aws:s3:::a/b",
                    "s3://abc",
                ],
            ),
            (
                is_table_bucket,
                "arn:aws:s3tables:us-east-1:123456789012:bucket/my_bucket",
                &[
                    "arn:aws:s3tables::123456789012:bucket/my_bucket",
                    "arn:aws:s3:::abc",
                ],
            ),
            (
                is_schema,
                "arn:aws:glue:us-east-1:123456789012:schema/reg.istry/na$me",
                &["arn:aws:glue:us-east-1:123456789012:schema/registry", ""],
            ),
        ];
        for (matches, good, bad) in cases {
            assert!(matches(good), "{good}");
            for bad in bad {
                assert!(!matches(bad), "{bad}");
            }
        }
    }
}
