//! A Millstream function: metrics.
