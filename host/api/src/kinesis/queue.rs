//! Queues: a stream delivered to workers, record by record, until each is acknowledged.

mod description;
mod fault;
mod members;
mod receive;
mod settle;

pub(super) mod acknowledge_dead_letter_queue_records;
pub(super) mod acknowledge_queue_records;
pub(super) mod create_queue;
pub(super) mod delete_queue;
pub(super) mod describe_queue;
pub(super) mod list_queues;
pub(super) mod receive_dead_letter_queue_records;
pub(super) mod receive_queue_records;
pub(super) mod restore_dead_letter_queue_records;
pub(super) mod update_dead_letter_queue_records_visibility;
pub(super) mod update_queue;
pub(super) mod update_queue_records_visibility;
