//! Delivering a stream to object storage: what becomes of a record, what an object is called, and
//! when one is written.
//!
//! Knows nothing of storage, compressors or tasks; `host/channel` carries out what is decided here.

pub mod dead_letter;
pub mod key_template;
pub mod object;
pub mod pace;
pub mod record;

pub use self::{
    key_template::{KeyTemplate, KeyTemplateError},
    object::{Compression, ObjectNames},
    record::{RecordFormat, Rendered, Source, Undeliverable},
};
