//! A function that misbehaves on request, to prove that the host's limits hold.
//!
//! The first record's data names what is done: one of the attacks of `attack.rs`, or, as the
//! control group, one of the well-behaved answers of `behave.rs`.

mod attack;
mod behave;

wit_bindgen::generate!({
    path: "../../wit",
    world: "millstream:function/handler",
});

struct Hostile;

impl Guest for Hostile {
    fn handle(batch: Batch) -> Result<Response, String> {
        let command = String::from_utf8_lossy(datum(&batch, 0)).into_owned();
        let (verb, argument) = command.split_once(' ').unwrap_or((&command, ""));
        if let Some(answer) = behave::answer(verb, argument, &batch) {
            return answer;
        }
        attack::run(verb, argument);
        Err(format!("`{verb}` was survived, or is no attack"))
    }
}

/// Record `i`'s data; nothing where there is no such record.
fn datum(batch: &Batch, i: usize) -> &[u8] {
    part(&batch.data, &batch.data_ends, i)
}

/// Record `i`'s key.
fn key(batch: &Batch, i: usize) -> &[u8] {
    part(&batch.keys, &batch.key_ends, i)
}

fn part<'a>(bytes: &'a [u8], ends: &[u32], i: usize) -> &'a [u8] {
    let start = if i == 0 { 0 } else { ends[i - 1] as usize };
    ends.get(i).map_or(&[], |&end| &bytes[start..end as usize])
}

export!(Hostile);
