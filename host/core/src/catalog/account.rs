//! The account's settings.

use serde::{Deserialize, Serialize};

/// What holds for all streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {}
