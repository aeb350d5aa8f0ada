//! `emit`: records for a stream before the answer.

use millstream_bindings::types;

use crate::{
    effects::EmitError,
    guest::{End, Guest},
};

pub(super) fn emit(guest: &mut Guest, out: types::Output) -> wasmtime::Result<Result<(), String>> {
    match guest.effects.emit(out, &guest.limits) {
        Ok(()) => Ok(Ok(())),
        Err(EmitError::Invalid(error)) => Ok(Err(error.to_string())),
        Err(EmitError::Hit(hit)) => Err(guest.end(End::Limit(hit))),
    }
}
