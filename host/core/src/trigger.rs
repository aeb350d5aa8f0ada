//! What a trigger does on one shard: its lane, or its lanes, where it works several batches of a
//! shard at once. Pure: a lane's machine is told what happened and says what to do next;
//! `host/worker` does it.
//!
//! A lane has at most one batch in flight. All that must outlive a crash is its checkpoint, which
//! commits together with the effects of the batch that moved it.
//! The modules stand in the order in which a batch meets them.

pub mod batch;
pub mod checkpoint;
pub mod discard;
pub mod effect;
pub mod filter;
pub mod layout;
pub mod ledger;
pub mod machine;
pub mod outbox;
pub mod policy;
pub mod retry;
pub mod share;
pub mod unpack;
pub mod verdict;
pub mod window;

pub use self::{
    batch::Batch,
    checkpoint::Checkpoint,
    effect::{Effects, Lane},
    filter::FilterCriteria,
    machine::{Action, Event, Machine},
    outbox::Destination,
    policy::Policy,
    share::Share,
};
