//! A Millstream function: alerts.
