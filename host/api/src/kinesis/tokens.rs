//! The key that iterators and list tokens are sealed with. It is kept in the log, so that they
//! outlive a restart.

use millstream_core::{
    port::{Commit, Put},
    read::token::{STORED_AT, TokenKey},
};

use super::Kinesis;
use crate::error::Fault;

impl Kinesis {
    /// The key, which is read or made at its first use.
    pub(super) async fn token_key(&self) -> Result<&TokenKey, Fault> {
        self.token_key
            .get_or_try_init(|| async {
                match self.stored_key().await? {
                    Some(key) => Ok(key),
                    None => Ok(self.new_key().await),
                }
            })
            .await
    }

    async fn stored_key(&self) -> Result<Option<TokenKey>, Fault> {
        let stored = self.app.log.get_many(vec![STORED_AT.into()]).await?;
        let stored = stored.into_iter().next().flatten();
        Ok(stored.and_then(|bytes| Some(TokenKey(bytes[..].try_into().ok()?))))
    }

    async fn new_key(&self) -> TokenKey {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the system gives random bytes");
        let put = Put {
            key: STORED_AT.into(),
            value: Some(key.to_vec().into()),
        };
        let commit = Commit {
            puts: vec![put],
            ..Commit::default()
        };
        if let Err(error) = self.app.log.commit(commit).await {
            // Reads go on without room on the disk; these iterators end with the process.
            tracing::warn!(%error, "iterators will not outlive a restart");
        }
        TokenKey(key)
    }
}
