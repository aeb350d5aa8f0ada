//! A Millstream function: hostile.
