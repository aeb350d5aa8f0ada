//! Which records a trigger wants: the pattern language of Lambda's event filters, with all operators
//! of the rule engine behind EventBridge.
//!
//! A pattern is checked when it is set, and compiled. What is matched is data of strangers: a match
//! takes time in the order of the pattern's size times the record's, whatever either holds.
//! The modules stand in the order in which a pattern meets them.

pub mod criteria;
pub mod fault;
mod parse;

mod cidr;
mod condition;
mod number;
pub mod pattern;
mod tree;
mod wildcard;

pub mod sieve;

pub use self::{
    criteria::FilterCriteria,
    fault::{Fault, FilterError, PatternError},
    pattern::Pattern,
    sieve::Sieve,
};
