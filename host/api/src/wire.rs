//! JSON and CBOR 1.1 as Amazon's services take them: the target, the types, the constraints, the answer.

pub(crate) mod answer;
pub(crate) mod cbor;
pub(crate) mod constraint;
pub(crate) mod decode;
pub(crate) mod eventstream;
pub(crate) mod excerpt;
pub(crate) mod form;
pub(crate) mod huge;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod target;
pub(crate) mod timestamp;
pub(crate) mod types;
