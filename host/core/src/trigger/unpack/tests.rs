//! What a call is given, and what its failures mean.

use millstream_aggregate::pack;
use proptest::prelude::*;

use super::*;
use crate::{event::Identity, position::Position, time::Millis};

/// A record of the test: its data.
type Data = Vec<u8>;

fn user<'a>(partition_key: &'a str, data: &'a [u8]) -> UserRecord<'a> {
    UserRecord {
        partition_key,
        explicit_hash_key: None,
        data,
    }
}

/// An aggregate of so many user records of `size` bytes.
fn aggregate(users: usize, size: usize) -> Data {
    let data = vec![b'd'; size];
    pack(&vec![user("inner", &data); users])
}

fn unpacked(records: &[Data]) -> Unpacked {
    unpacked_for(records, None)
}

fn unpacked_for(records: &[Data], events: Option<&Origin>) -> Unpacked {
    let records = (0..).zip(records).map(|(at, data)| Record {
        position: Position::new(1, at),
        arrival: Millis(at * 10),
        key: "outer",
        data,
    });
    Unpacked::of(records, events, None)
}

fn failed(index: u32, disposition: Disposition) -> RecordFailure {
    RecordFailure {
        index,
        disposition,
        reason: format!("r{index}"),
    }
}

fn fold(unpacked: &Unpacked, failures: &[RecordFailure]) -> Folded {
    unpacked.fold(Verdict {
        failures: failures.to_vec(),
        ..Verdict::default()
    })
}

/// The failures of whole records, in short.
fn whole(folded: Folded) -> Vec<(u32, Disposition, String)> {
    let Folded::Whole(verdict) = folded else {
        panic!("{folded:?}");
    };
    let short = |f: RecordFailure| (f.index, f.disposition, f.reason);
    verdict.failures.into_iter().map(short).collect()
}

/// An ordinary record, an aggregate of three, another ordinary one.
fn three_in_the_middle() -> Unpacked {
    unpacked(&[b"a".to_vec(), aggregate(3, 1), b"z".to_vec()])
}

use Disposition::{Reject, Retry};

#[test]
fn user_records_stand_in_the_place_of_what_held_them() {
    let packed = pack(&[user("x", b"1"), user("y", b"")]);
    let unpacked = unpacked(&[b"a".to_vec(), packed, b"z".to_vec()]);
    let columns = unpacked.columns();
    let seen: Vec<_> = (0..columns.len())
        .map(|i| (columns.key(i), columns.datum(i)))
        .collect();
    assert_eq!(
        seen,
        [
            ("outer", &b"a"[..]),
            ("x", b"1"),
            ("y", b""),
            ("outer", b"z")
        ]
    );
    let at = |ordinal| Position::new(1, ordinal).0;
    assert_eq!(columns.positions, [at(0), at(1), at(1), at(2)]);
    assert_eq!(columns.arrival_ms, [0, 10, 10, 20]);
}

#[test]
fn a_failed_user_record_means_the_record_that_held_it() {
    let unpacked = three_in_the_middle();
    let rejected = [0, 2, 3, 4].map(|index| failed(index, Reject));
    assert_eq!(
        whole(fold(&unpacked, &rejected)),
        [
            (0, Reject, "r0".to_owned()),
            (1, Reject, "user record 1 of 3: r2".to_owned()),
            (2, Reject, "r4".to_owned()),
        ]
    );
}

#[test]
fn what_is_to_be_retried_begins_a_record_or_stands_within_one() {
    let unpacked = three_in_the_middle();
    let at_the_edge = [failed(0, Reject), failed(1, Retry), failed(4, Reject)];
    assert_eq!(
        whole(fold(&unpacked, &at_the_edge)),
        [
            (0, Reject, "r0".to_owned()),
            (1, Retry, "user record 0 of 3: r1".to_owned())
        ]
    );
    let within = [failed(1, Reject), failed(2, Retry)];
    let reason = "user record 1 of 3: r2".to_owned();
    assert_eq!(
        fold(&unpacked, &within),
        Folded::Within { record: 1, reason }
    );
    assert_eq!(whole(fold(&unpacked, &[])), []);
}

#[test]
fn failures_that_make_no_sense_are_left_to_who_judges() {
    let unpacked = three_in_the_middle();
    for failures in [
        vec![failed(5, Retry)],
        vec![failed(1, Retry), failed(1, Retry)],
        vec![failed(2, Reject), failed(1, Reject)],
    ] {
        let untouched = Verdict {
            failures: failures.clone(),
            ..Verdict::default()
        };
        assert_eq!(fold(&unpacked, &failures), Folded::Whole(untouched));
        assert!(disorder(&failures, 3).is_some(), "{failures:?}");
    }
}

#[test]
fn a_call_has_room_for_so_many_user_records_and_bytes() {
    let max = limit::BATCH_RECORDS_MAX as usize;
    let taken = |records: &[Data]| {
        let unpacked = unpacked(records);
        (unpacked.records(), unpacked.columns().len())
    };
    let one = || b"a".to_vec();
    assert_eq!(taken(&[one(), aggregate(max - 1, 0)]), (2, max));
    assert_eq!(taken(&[one(), aggregate(max, 0), one()]), (1, 1));
    assert_eq!(taken(&[aggregate(max, 0), one()]), (1, max));
    // Data and key of five bytes each.
    let half = limit::BATCH_BYTES / 2 - 5;
    assert_eq!(taken(&[aggregate(1, half), aggregate(1, half)]), (2, 2));
    let more = [aggregate(1, half), aggregate(1, half + 1)];
    assert_eq!(taken(&more), (1, 1));
}

#[test]
fn what_holds_more_than_a_call_may_have_stays_as_it_is() {
    let many = aggregate(limit::BATCH_RECORDS_MAX as usize + 1, 0);
    // A key of 250 bytes that is written once and stands for many.
    let key = "k".repeat(250);
    let heavy = pack(&vec![user(&key, &[0; 1000]); 9_000]);
    for data in [many, heavy] {
        let unpacked = unpacked(std::slice::from_ref(&data));
        assert_eq!(unpacked.columns().len(), 1);
        assert_eq!(unpacked.columns().datum(0), data);
        assert_eq!(unpacked.columns().key(0), "outer");
    }
}

#[test]
fn reasons_stay_within_their_limit() {
    let unpacked = unpacked(&[aggregate(2, 1)]);
    let long = RecordFailure {
        reason: "\u{e9}".repeat(limit::ERROR_BYTES / 2),
        ..failed(0, Reject)
    };
    let reason = whole(fold(&unpacked, &[long])).remove(0).2;
    assert!(reason.len() <= limit::ERROR_BYTES);
    assert!(reason.starts_with("user record 0 of 2: \u{e9}"));
}

proptest! {
    #[test]
    fn a_verdict_on_whole_records_is_one_that_a_judge_takes(
        shape in prop::collection::vec(prop::option::of(1usize..5), 1..8),
        failures in prop::collection::btree_map(0u32..30, any::<bool>(), 0..6),
    ) {
        let records: Vec<Data> = shape
            .iter()
            .map(|users| users.map_or(b"x".to_vec(), |users| aggregate(users, 1)))
            .collect();
        let unpacked = unpacked(&records);
        let users = unpacked.columns().len();
        prop_assert_eq!(unpacked.records(), records.len());
        let failures: Vec<_> = failures
            .into_iter()
            .filter(|(index, _)| (*index as usize) < users)
            .map(|(index, retry)| failed(index, if retry { Retry } else { Reject }))
            .collect();
        let retry = failures.iter().find(|f| f.disposition == Retry);
        let home = |index: u32| unpacked.place(index).record;
        match fold(&unpacked, &failures) {
            Folded::Whole(verdict) => {
                prop_assert!(disorder(&verdict.failures, records.len()).is_none());
                let seen = verdict.failures.iter().find(|f| f.disposition == Retry);
                prop_assert_eq!(seen.map(|f| f.index as usize), retry.map(|f| home(f.index)));
            }
            Folded::Within { record, .. } => {
                let retry = retry.unwrap().index;
                prop_assert_eq!(record, home(retry));
                prop_assert!(unpacked.place(retry).at > 0);
            }
        }
    }
}

#[test]
fn a_record_that_unpacks_to_more_than_an_event_is_handed_over_whole() {
    let (stream, function) = ("s".try_into().unwrap(), "f".try_into().unwrap());
    let origin = Origin::supposed(&Identity::default(), &stream, &function, Millis(0));
    // Ten thousand of them have 5 MB of an event beside their data.
    let (small, large) = (aggregate(10_000, 1), aggregate(10_000, 250));
    let records = [small, large, b"after".to_vec()];
    let unpacked = unpacked_for(&records, Some(&origin));
    assert_eq!((unpacked.records(), unpacked.columns().len()), (1, 10_000));
    let unpacked = unpacked_for(&records[1..], Some(&origin));
    assert_eq!((unpacked.records(), unpacked.columns().len()), (2, 2));
    assert_eq!(unpacked.columns().datum(0), records[1]);
    // Without an event there is room for it.
    assert_eq!(unpacked_for(&records[1..], None).columns().len(), 10_000);
}
