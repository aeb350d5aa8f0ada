//! The pattern language: a table of cases over every operator, and what holds for all input.

use millstream_core::{
    block::{BlockBuilder, Slice},
    catalog::{Shard, Stream},
    limit,
    position::{Position, ShardNumber},
    sequence::SequenceNumber,
    time::Millis,
    trigger::{
        Batch, FilterCriteria, Share,
        batch::Room,
        filter::{Fault, Pattern, PatternError, Sieve},
    },
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TABLE: &str = include_str!("filters/patterns.txt");

/// What a line of the table finds wrong, if anything.
fn check(pattern: &Result<Pattern, PatternError>, mark: char, rest: &str) -> Option<String> {
    let event = || -> Map<String, Value> { serde_json::from_str(rest).unwrap() };
    match (mark, pattern) {
        ('+' | '-', Ok(pattern)) => {
            let matches = pattern.matches(&event());
            (matches != (mark == '+')).then(|| format!("matches: {matches}"))
        }
        ('!', Err(PatternError { at, fault })) => {
            let (place, says) = rest.split_once(": ").unwrap();
            let right = place == at && fault.to_string().contains(says);
            (!right).then(|| format!("at `{at}`: {fault}"))
        }
        (_, Err(error)) => Some(error.to_string()),
        (_, Ok(_)) => Some("it is a pattern".into()),
    }
}

#[test]
fn every_case_of_the_table_comes_out_as_it_says() {
    let (mut pattern, mut shown) = (Pattern::parse(""), "");
    let (mut cases, mut wrong) = (0, Vec::new());
    for line in TABLE.lines().filter(|line| !line.is_empty()) {
        let Some(case) = line.strip_prefix("  ") else {
            if !line.starts_with("# ") {
                (pattern, shown) = (Pattern::parse(line), line);
            }
            continue;
        };
        cases += 1;
        let (mark, rest) = case.split_once(' ').unwrap();
        let mark = mark.chars().next().unwrap();
        let found = check(&pattern, mark, rest);
        wrong.extend(found.map(|found| format!("{shown} {case} -> {found}")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(cases >= 150, "{cases} cases");
}

fn fault(pattern: &str) -> Option<Fault> {
    Pattern::parse(pattern).err().map(|error| error.fault)
}

#[test]
fn a_pattern_has_so_many_characters_at_most() {
    let of = |characters: usize| {
        let rest = characters - r#"{"a":[""]}"#.len();
        format!(r#"{{"a":["{}"]}}"#, "\u{e4}".repeat(rest))
    };
    assert_eq!(fault(&of(limit::FILTER_PATTERN_CHARS)), None);
    let more = limit::FILTER_PATTERN_CHARS + 1;
    assert_eq!(fault(&of(more)), Some(Fault::TooLong(more)));
}

#[test]
fn fields_lie_so_deep_at_most() {
    let nested = |levels: usize| {
        let (open, close) = (r#"{"a":"#.repeat(levels), "}".repeat(levels));
        format!("{open}[1]{close}")
    };
    let dotted = |levels: usize| json!({vec!["a"; levels].join("."): [1]}).to_string();
    for of in [nested, dotted] as [fn(usize) -> String; 2] {
        assert_eq!(fault(&of(limit::FILTER_NESTING)), None);
        assert_eq!(fault(&of(limit::FILTER_NESTING + 1)), Some(Fault::TooDeep));
    }
    let endless = r#"{"$or":["#.repeat(500);
    assert!(matches!(fault(&endless), Some(Fault::NotJson(_))));
}

#[test]
fn alternatives_have_so_many_combinations_at_most() {
    let group = |name: &str, n: usize| {
        let alternatives: Vec<Value> = (0..n)
            .map(|i| json!({ format!("{name}{i}"): [1] }))
            .collect();
        json!({ "$or": alternatives })
    };
    let pattern =
        |c: usize| json!({"a": group("", 10), "b": group("", 10), "c": group("", c)}).to_string();
    assert_eq!(fault(&pattern(10)), None);
    assert_eq!(fault(&pattern(11)), Some(Fault::TooManyWays));
    // Few combinations, but of many fields.
    let mut many = json!({"x": group("", 10), "y": group("", 10)});
    for i in 0..120 {
        many[format!("f{i}")] = json!([1]);
    }
    assert_eq!(fault(&many.to_string()), Some(Fault::TooManyFields));
}

fn shard() -> Shard {
    let stream = Stream::new("s".try_into().unwrap(), 1, ShardNumber(3), Millis(5_000));
    stream.shards[0].clone()
}

/// Of records with these data, under keys `k0`, `k1`, ...: the indexes of those that are kept.
fn kept(patterns: &[Value], data: &[&[u8]]) -> Vec<usize> {
    let mut builder = BlockBuilder::default();
    for (i, data) in data.iter().enumerate() {
        builder.push(&format!("k{i}"), data);
    }
    let slice = Slice {
        block: builder.finish().unwrap(),
        range: 0..data.len() as u32,
        base: Position(70),
        arrival: Millis(6_001),
    };
    let criteria = FilterCriteria::new(patterns.iter().map(Value::to_string).collect()).unwrap();
    let room = Room {
        records: 1_000,
        bytes: 1 << 20,
        end: None,
        windows: None,
    };
    let mut batch = Batch::default();
    match Sieve::new(&criteria, &shard(), Share::WHOLE) {
        Some(sieve) => batch.sift(vec![slice], &room, &sieve),
        None => batch.take(vec![slice], &room),
    };
    let indexes = batch.iter().map(|record| (record.position.0 - 70) as usize);
    indexes.collect()
}

const MIXED: [&[u8]; 7] = [
    br#"{"a":1}"#,
    br#"{"a":2}"#,
    b"text",
    b"[{\"a\":1}]",
    b"\xff\xfe",
    b"1",
    b"{\"a\":1} trailing",
];

#[test]
fn data_that_is_no_json_object_matches_nothing_that_asks_for_data() {
    assert_eq!(kept(&[json!({"data": {"a": [1]}})], &MIXED), [0]);
    let absent = json!({"data": {"b": [{"exists": false}]}});
    assert_eq!(kept(&[absent], &MIXED), [0, 1]);
    assert_eq!(kept(&[json!({"data.a": [2]})], &MIXED), [1]);
}

#[test]
fn without_data_the_rest_of_the_record_decides() {
    assert_eq!(
        kept(&[json!({"partitionKey": ["k2", "k4"]})], &MIXED),
        [2, 4]
    );
    assert_eq!(kept(&[json!({})], &MIXED), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(kept(&[], &MIXED), [0, 1, 2, 3, 4, 5, 6]);
    let number = SequenceNumber::of(&shard(), Position(75), Millis(6_001)).to_string();
    assert_eq!(kept(&[json!({"sequenceNumber": [number]})], &MIXED), [5]);
    let arrival = |from: f64| json!({"approximateArrivalTimestamp": [{"numeric": [">=", from]}]});
    assert_eq!(kept(&[arrival(6.001)], &MIXED).len(), 7);
    assert_eq!(kept(&[arrival(6.002)], &MIXED).len(), 0);
    assert_eq!(
        kept(&[json!({"kinesisSchemaVersion": ["1.0"]})], &MIXED).len(),
        7
    );
    assert_eq!(
        kept(&[json!({"eventSource": ["aws:kinesis"]})], &MIXED).len(),
        0
    );
}

#[test]
fn a_record_passes_any_of_several_filters_and_all_of_one() {
    let (by_data, by_key) = (json!({"data": {"a": [2]}}), json!({"partitionKey": ["k5"]}));
    assert_eq!(kept(&[by_data, by_key], &MIXED), [1, 5]);
    let both = json!({"data": {"a": [1, 2]}, "partitionKey": ["k1", "k2"]});
    assert_eq!(kept(&[both], &MIXED), [1]);
    let either = json!({"$or": [{"data": {"a": [2]}}, {"partitionKey": ["k5"]}]});
    assert_eq!(kept(&[either], &MIXED), [1, 5]);
}

#[test]
fn a_record_that_is_nested_without_end_is_dropped() {
    let deep = ["[", "{\"a\":"].map(|open| format!("{{\"a\":{}", open.repeat(100_000)));
    let closed = format!("{{\"a\":{}1{}}}", "[".repeat(1_000), "]".repeat(1_000));
    let records = [deep[0].as_bytes(), deep[1].as_bytes(), closed.as_bytes()];
    assert_eq!(kept(&[json!({"data": {"a": [1]}})], &records), [0usize; 0]);
}

#[test]
fn numbers_beyond_a_float_make_data_unreadable_and_smaller_ones_are_rounded() {
    let records: [&[u8]; 3] = [
        br#"{"a":1e400}"#,
        br#"{"a":100000000000000000001}"#,
        br#"{"a":0.30000000000000001}"#,
    ];
    assert_eq!(
        kept(&[json!({"data": {"a": [{"exists": true}]}})], &records),
        [1, 2]
    );
    let near = json!({"data": {"a": [1e20, 0.3]}});
    assert_eq!(kept(&[near], &records), [1, 2]);
}

/// JSON values with the names and the texts that the patterns below have.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4i64).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner),
        ]
    })
}

fn object(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("a"), Just("b"), Just("a.b"), Just("c")].prop_map(str::to_owned);
    prop::collection::btree_map(name, values, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn condition() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..4i64).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
        any::<bool>().prop_map(|exists| json!({ "exists": exists })),
        "[ab]{0,2}".prop_map(|text| json!({ "anything-but": text })),
        "[ab]{0,1}".prop_map(|text| json!({ "prefix": text })),
    ]
}

/// A pattern without `$or`: a path a field.
fn fields() -> impl Strategy<Value = Vec<(Vec<&'static str>, Vec<Value>)>> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c")];
    let path = prop::collection::vec(name, 1..4);
    let conditions = prop::collection::vec(condition(), 1..3);
    prop::collection::btree_map(path, conditions, 1..4)
        .prop_map(|fields| fields.into_iter().collect())
}

/// Where a value stands: its path, and which element of which list it is in.
type Found<'a> = (String, Vec<(usize, usize)>, &'a Value);

/// All values of an event, as the rule engine lists them.
fn flatten<'a>(
    value: &'a Value,
    path: &str,
    lists: &mut usize,
    found: &mut Vec<Found<'a>>,
    within: &[(usize, usize)],
) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flatten(value, &path, lists, found, within);
            }
        }
        Value::Array(elements) => {
            let list = *lists;
            *lists += 1;
            for (index, element) in elements.iter().enumerate() {
                let mut inner = within.to_vec();
                if element.is_array() || element.is_object() {
                    inner.push((list, index));
                }
                flatten(element, path, lists, found, &inner);
            }
        }
        scalar => found.push((path.to_owned(), within.to_vec(), scalar)),
    }
}

/// Whether one value can be chosen for each field, none in different elements of one list.
fn choose(fields: &[(String, &[Value])], found: &[Found<'_>], chosen: &[(usize, usize)]) -> bool {
    let Some(((path, conditions), rest)) = fields.split_first() else {
        return true;
    };
    let at_path = || found.iter().filter(|(at, ..)| at == path);
    let may_be_absent = conditions.contains(&json!({"exists": false}));
    if may_be_absent && at_path().next().is_none() && choose(rest, found, chosen) {
        return true;
    }
    at_path().any(|(_, within, value)| {
        let consistent = within.iter().all(|(list, index)| {
            chosen
                .iter()
                .all(|(other, at)| other != list || at == index)
        });
        consistent
            && conditions.iter().any(|condition| fulfils(condition, value))
            && choose(rest, found, &[chosen, within].concat())
    })
}

fn fulfils(condition: &Value, value: &Value) -> bool {
    let Some(operator) = condition.as_object() else {
        return condition == value;
    };
    let (name, operand) = operator.iter().next().unwrap();
    match name.as_str() {
        "exists" => operand == true,
        "anything-but" => operand != value,
        _ => value
            .as_str()
            .is_some_and(|text| text.starts_with(operand.as_str().unwrap())),
    }
}

fn has_dots(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('.') || has_dots(value)),
        Value::Array(elements) => elements.iter().any(has_dots),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn agrees_with_choosing_values_from_a_flat_list(fields in fields(), event in object(value())) {
        let pattern: Map<String, Value> = fields
            .iter()
            .map(|(path, conditions)| (path.join("."), Value::from(conditions.clone())))
            .collect();
        let pattern = Pattern::parse(&Value::Object(pattern).to_string()).unwrap();
        let mut found = Vec::new();
        flatten(&event, "", &mut 0, &mut found, &[]);
        let flat: Vec<_> = fields
            .iter()
            .map(|(path, conditions)| (path.join("."), conditions.as_slice()))
            .collect();
        let expected = choose(&flat, &found, &[]);
        let matches = pattern.matches(event.as_object().unwrap());
        // Where one path is written in two ways, lists are not held to one element.
        if matches != expected {
            prop_assert!(matches && has_dots(&event), "{matches}: {pattern:?}");
        }
    }

    #[test]
    fn any_text_is_a_pattern_or_refused(text in ".*", event in object(value())) {
        if let Ok(pattern) = Pattern::parse(&text) {
            let _ = pattern.matches(event.as_object().unwrap());
        }
    }

    #[test]
    fn any_json_is_a_pattern_or_refused(pattern in object(value()), event in object(value())) {
        if let Ok(pattern) = Pattern::parse(&pattern.to_string()) {
            let _ = pattern.matches(event.as_object().unwrap());
        }
    }

    #[test]
    fn any_bytes_are_kept_or_not(data in prop::collection::vec(any::<u8>(), 0..64)) {
        let wants = json!({"data": {"a": [{"exists": true}, {"exists": false}]}});
        let is_object = serde_json::from_slice::<Value>(&data).is_ok_and(|data| data.is_object());
        prop_assert_eq!(kept(&[wants], &[&data]).len(), usize::from(is_object));
    }
}
