//! Settings of streams and of the account.

pub(super) mod decrease_stream_retention_period;
pub(super) mod describe_account_settings;
pub(super) mod describe_limits;
pub(super) mod disable_enhanced_monitoring;
pub(super) mod enable_enhanced_monitoring;
pub(super) mod increase_stream_retention_period;
pub(super) mod start_stream_encryption;
pub(super) mod stop_stream_encryption;
pub(super) mod untag_resource;
pub(super) mod update_account_settings;
pub(super) mod update_max_record_size;
pub(super) mod update_stream_mode;
pub(super) mod update_stream_record_distribution_strategy;
pub(super) mod update_stream_warm_throughput;
