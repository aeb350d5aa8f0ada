//! The key that iterators and list tokens are sealed with. It is kept in the log, so that they
//! outlive a restart.

use std::sync::{Mutex, PoisonError};

use millstream_core::{
    port::{Commit, Put},
    read::token::{STORED_AT, TokenKey},
    time::Millis,
};

use super::Kinesis;
use crate::error::Fault;

/// How long after a failure the key is stored again, in milliseconds.
const RETRY_MS: u64 = 5_000;

/// The key, and when to store it next; never once it is stored.
#[derive(Debug)]
pub(super) struct Kept {
    key: TokenKey,
    due: Mutex<Option<Millis>>,
}

impl Kept {
    fn set_due(&self, due: Option<Millis>) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = due;
    }

    /// Whether to store it now. Says so to one caller only.
    fn is_due(&self, now: Millis) -> bool {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = due.is_some_and(|due| due <= now);
        if is_due {
            *due = Some(now.plus(RETRY_MS));
        }
        is_due
    }
}

impl Kinesis {
    /// The key, which is read or made at its first use.
    pub(super) async fn token_key(&self) -> Result<&TokenKey, Fault> {
        let now = (self.app.now)();
        let making = || async {
            let stored = self.stored_key().await?;
            let due = stored.is_none().then_some(now);
            let key = stored.unwrap_or_else(new_key);
            Ok::<_, Fault>(Kept {
                key,
                due: Mutex::new(due),
            })
        };
        let kept = self.token_key.get_or_try_init(making).await?;
        if kept.is_due(now) {
            self.store(kept).await;
        }
        Ok(&kept.key)
    }

    async fn stored_key(&self) -> Result<Option<TokenKey>, Fault> {
        let stored = self.app.log.get_many(vec![STORED_AT.into()]).await?;
        let stored = stored.into_iter().next().flatten();
        Ok(stored.and_then(|bytes| Some(TokenKey(bytes[..].try_into().ok()?))))
    }

    async fn store(&self, kept: &Kept) {
        let put = Put {
            key: STORED_AT.into(),
            value: Some(kept.key.0.to_vec().into()),
        };
        let commit = Commit {
            puts: vec![put],
            ..Commit::default()
        };
        match self.app.log.commit(commit).await {
            Ok(_durable) => kept.set_due(None),
            // Reads go on without room on the disk; until it is stored, iterators end with the process.
            Err(error) => tracing::warn!(%error, "iterators will not outlive a restart"),
        }
    }
}

fn new_key() -> TokenKey {
    let mut key = [0; 32];
    getrandom::fill(&mut key).expect("the system gives random bytes");
    TokenKey(key)
}
