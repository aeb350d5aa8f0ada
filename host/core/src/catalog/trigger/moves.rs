//! A trigger that is moved to other records.

use std::collections::BTreeMap;

use crate::{
    catalog::{
        Catalog,
        change::{Change, Refused},
        key,
    },
    name::TriggerName,
    port::Put,
    position::{Position, ShardNumber},
    time::Millis,
    trigger::Checkpoint,
};

impl Catalog {
    /// What the lanes were struggling with is given up: they begin anew, undivided.
    pub(in crate::catalog) fn move_trigger(
        &self,
        name: TriggerName,
        to: &BTreeMap<ShardNumber, Position>,
        now: Millis,
    ) -> Result<Change, Refused> {
        let Some(id) = self.triggers.get(&name).map(|trigger| trigger.id) else {
            return Err(Refused::NoTrigger(name));
        };
        let mut change = self.change_trigger(name, |trigger| {
            trigger.updated = now;
            Ok(())
        })?;
        let moved = to.iter().map(|(&shard, &at)| Put {
            key: key::lane(id, shard),
            value: Some(Checkpoint::at(at).encode()),
        });
        change.commit.puts.extend(moved);
        Ok(change)
    }
}
