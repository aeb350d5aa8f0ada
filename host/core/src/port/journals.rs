//! Reading what functions have logged lately, and waiting for more.

use std::fmt;

use super::Later;
use crate::{
    journal::{Kept, Place},
    name::FunctionName,
};

/// What is kept of the functions' logs.
pub trait Journals: Send + Sync + fmt::Debug + 'static {
    /// The calls of `function` that have lines at `from` or after it, in their order.
    fn read(&self, function: &FunctionName, from: Place) -> Vec<Kept>;

    /// Comes once a call of `function` ends whose lines are at `from` or after it.
    fn grown(&self, function: &FunctionName, from: Place) -> Later<'static, ()>;

    /// The functions of which something is kept, by name, with the bytes that it takes.
    fn functions(&self) -> Vec<(FunctionName, usize)>;

    /// Another number after each start of the host; it is in the names of log streams.
    fn host(&self) -> u128;
}
