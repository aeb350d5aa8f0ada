//! Letters back into the stream that they were read from.

use std::sync::Arc;

use millstream_core::{
    port::{CommitError, redrive::RedriveError},
    position::ShardNumber,
    trigger::redrive::{Letter, Marks, to_stream},
};

use super::{Placed, Step};
use crate::settle::settle;

impl Step {
    /// Appends the letters' records and marks the letters, in one commit. It is carried out also where
    /// nobody waits for it any more.
    pub(super) async fn to_stream(
        &self,
        letters: Vec<Placed>,
        marks: &Marks,
        shard: ShardNumber,
    ) -> Result<(), RedriveError> {
        let puts = self.puts(marks, shard, &letters);
        let letters: Vec<Arc<Letter>> = letters.into_iter().map(|(_, letter)| letter).collect();
        let (world, held) = (Arc::clone(&self.world), Arc::clone(&self.held));
        let source = self.trigger.settings.stream.clone();
        let commit = tokio::spawn(async move {
            let _held = held;
            let plan = |catalog: &millstream_core::catalog::Catalog| {
                let stream = catalog.living(source.as_str());
                let stream = stream.ok_or_else(|| RedriveError::NoStream(source.clone()))?;
                Ok(to_stream(stream, &letters, puts.clone()))
            };
            settle(&world, plan).await
        });
        commit.await.unwrap_or_else(|error| {
            let what = format!("the commit was broken off: {error}");
            Err(CommitError::Ambiguous(what).into())
        })
    }
}
