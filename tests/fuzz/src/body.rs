//! Bodies in JSON and in CBOR.

use millstream_api::fuzz;

use crate::target::Target;

pub(crate) struct Json;

impl Target for Json {
    const NAME: &'static str = "json";

    fn corpus(&self) -> Vec<Vec<u8>> {
        let records = r#"{"StreamName":"orders","Records":[
            {"PartitionKey":"k\u00e9y","Data":"aGVsbG8="},
            {"PartitionKey":"\ud83d\udc1f","Data":"","ExplicitHashKey":"340282366920938463463374607431768211455"}
        ]}"#;
        let others = r#"{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/orders",
            "StreamId":"abcdefghij0123456789-abc","DryRun":true,"Limit":10000,
            "Timestamp":1700000000.123,"Tags":{"colour":"blue","":""},"Unheard":[1,{"of":null}]}"#;
        [records, others, "{}", "[]", "null", r#"{"Records":[{}]}"#]
            .map(|text| text.as_bytes().to_vec())
            .into()
    }

    fn run(&self, input: &[u8]) {
        fuzz::json(input);
    }
}

pub(crate) struct Cbor;

impl Target for Cbor {
    const NAME: &'static str = "cbor";

    fn corpus(&self) -> Vec<Vec<u8>> {
        let records = b"\xa2jStreamNameforders\x67Records\x82\
            \xa2\x6cPartitionKey\x61k\x64Data\x45hello\
            \xa3\x6cPartitionKey\x61k\x64Data\x40\x6fExplicitHashKey\x61\x30";
        // The same with lengths that are not told before.
        let indefinite = b"\xbf\x7f\x66Stream\x64Name\xff\x66orders\x67Records\x9f\
            \xbf\x6cPartitionKey\x61k\x64Data\x5f\x42he\x43llo\xff\xff\xff\xff";
        let others = b"\xa5\x66DryRun\xf5\x65Limit\x19\x27\x10\
            \x69Timestamp\xc1\x1b\x00\x00\x01\x8b\xcf\xe5\x68\x00\
            \x64Tags\xa1\x66colour\x64blue\x67Unheard\x83\x01\xf6\xfb\x3f\xf8\0\0\0\0\0\0";
        [&records[..], indefinite, others, b"\xa0", b"\x80", b"\xf6"]
            .map(<[u8]>::to_vec)
            .into()
    }

    fn run(&self, input: &[u8]) {
        fuzz::cbor(input);
    }
}
