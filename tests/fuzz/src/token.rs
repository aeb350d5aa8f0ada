//! Shard iterators: only the very text that was given out opens, whatever is done to it.

use millstream_core::{
    name::StreamName,
    position::{Position, ShardNumber},
    read::{iterator::ShardIterator, token::TokenKey},
    time::Millis,
};

use crate::target::Target;

const KEY: TokenKey = TokenKey([7; 32]);
const NOW: Millis = Millis(1_700_000_000_000);

pub(crate) struct Tokens {
    given_out: Vec<Vec<u8>>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        let sealed = |n: u32| {
            let iterator = ShardIterator {
                stream: StreamName::try_from("orders").expect("a name"),
                shard: ShardNumber(n),
                position: Position(u64::from(n) << 20),
                created: NOW,
            };
            iterator.seal(&KEY).into_bytes()
        };
        let mut given_out: Vec<_> = (0..4).map(sealed).collect();
        given_out.push(TokenKey([8; 32]).seal("shard-iterator", &7).into_bytes());
        Self { given_out }
    }
}

impl Target for Tokens {
    const NAME: &'static str = "token";

    fn corpus(&self) -> Vec<Vec<u8>> {
        self.given_out.clone()
    }

    fn run(&self, input: &[u8]) {
        let text = String::from_utf8_lossy(input);
        let opened = ShardIterator::open(&text, &KEY, NOW).is_ok();
        let bare = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        let bare = bare.unwrap_or(&text).as_bytes();
        assert!(
            !opened || self.given_out.iter().any(|given| given == bare),
            "a forged iterator opens"
        );
    }
}
