//! `millstream:function/runtime`, what a guest may ask of its host.
//!
//! What the guest did wrong is told to the guest. A limit ends the call at once, so that it is
//! reported by name and no guest can go on as if its effects had been taken.

mod config;
mod emit;
mod log;
mod state;

use millstream_bindings::{runtime, types};

use crate::guest::Guest;

impl types::Host for Guest {}

impl runtime::Host for Guest {
    fn emit(&mut self, out: types::Output) -> wasmtime::Result<Result<(), String>> {
        emit::emit(self, out)
    }

    async fn get_many(
        &mut self,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<Option<Vec<u8>>>, String>> {
        state::get_many(self, keys).await.map(Ok)
    }

    fn set_many(
        &mut self,
        entries: Vec<(String, Option<Vec<u8>>)>,
    ) -> wasmtime::Result<Result<(), String>> {
        state::set_many(self, entries).map(Ok)
    }

    fn log(&mut self, level: u8, message: String) -> wasmtime::Result<()> {
        log::log(self, level, message);
        Ok(())
    }

    fn config(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(config::config(self, &key))
    }
}
