//! `millstream explain`: what a trigger is doing on each shard, and why.

use serde_json::Value;

use super::Session;
use crate::{
    client::route::Route,
    failure::Failure,
    output::{cell, printable},
};

/// Which trigger.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millstream explain parse
  millstream explain parse --shard shardId-000000000003 --json")]
pub(crate) struct Args {
    /// The trigger.
    trigger: String,
    /// Only this shard.
    #[arg(long, value_name = "SHARD")]
    shard: Option<String>,
}

pub(super) fn run(args: &Args, session: &Session) -> Result<(), Failure> {
    let route = Route::new(&["v1", "triggers", &args.trigger, "explain"])
        .with_some("shard", args.shard.as_deref());
    let explained = session.client.get(&route)?;
    session.output.print(&explained, show)
}

fn show(explained: &Value) -> String {
    let [trigger, stream, function] =
        ["trigger", "stream", "function"].map(|field| cell(&explained[field]));
    let shards = explained["shards"].as_array().into_iter().flatten();
    let shards = shards.map(|shard| {
        let part = shard["part"].as_u64();
        let part = part.map_or_else(String::new, |part| format!(", part {part}"));
        let place = format!("{}{part}:", cell(&shard["shard_id"]));
        let sentences = shard["sentences"].as_array().into_iter().flatten();
        let sentences = sentences.map(|sentence| printable(sentence.as_str().unwrap_or_default()));
        let stands = format!("It stands at {}.", cell(&shard["sequence_number"]));
        let lines = sentences.chain([stands]);
        let lines: Vec<_> = lines.map(|line| format!("\n  {line}")).collect();
        format!("\n{place}{}", lines.concat())
    });
    let shards: Vec<_> = shards.collect();
    format!(
        "trigger {trigger}: {stream} -> {function}{}",
        shards.concat()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_shard_is_told_in_lines() {
        let explained = json!({
            "trigger": "t", "stream": "s", "function": "f", "shards": [
                {"shard_id": "shardId-0", "sequence_number": "49", "sentences": ["One.", "Two."]},
                {"shard_id": "shardId-1", "part": 2, "sequence_number": null, "sentences": []},
            ],
        });
        assert_eq!(
            show(&explained),
            "trigger t: s -> f\nshardId-0:\n  One.\n  Two.\n  It stands at 49.\
             \nshardId-1, part 2:\n  It stands at -."
        );
    }
}
