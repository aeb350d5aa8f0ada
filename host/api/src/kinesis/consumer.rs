//! Registered consumers (enhanced fan-out).

pub(super) mod deregister_stream_consumer;
pub(super) mod describe_stream_consumer;
pub(super) mod list_stream_consumers;
pub(super) mod register_stream_consumer;
