//! What the host holds for one call: the guest's world, its effects so far, and why it was ended.

use std::{collections::BTreeMap, sync::Arc};

use millstream_core::port::{Limits, State};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::{
    effects::Effects,
    growth::Growth,
    logbook::{Level, SharedLogbook},
};

/// A limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The name of the field of [`Limits`].
    pub(crate) limit: &'static str,
    /// What was asked for and what is allowed.
    pub(crate) message: String,
}

/// Why the host ended a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Limit(Hit),
    Host(String),
}

/// The data of a store. Lives for one call.
pub(crate) struct Guest {
    pub(crate) growth: Growth,
    pub(crate) effects: Effects,
    pub(crate) logbook: SharedLogbook,
    pub(crate) state: Arc<dyn State>,
    pub(crate) config: Arc<BTreeMap<String, String>>,
    pub(crate) limits: Limits,
    /// What its calls may take of the stack.
    pub(crate) stack_bytes: usize,
    end: Option<End>,
    entered: bool,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl Guest {
    pub(crate) fn new(
        limits: Limits,
        stack_bytes: usize,
        state: Arc<dyn State>,
        config: Arc<BTreeMap<String, String>>,
    ) -> Self {
        let logbook = SharedLogbook::new(limits.log_bytes);
        let mut table = ResourceTable::new();
        table.set_max_capacity(size(limits.handles));
        Self {
            growth: Growth::new(size(limits.memory_bytes), size(limits.table_elements)),
            effects: Effects::default(),
            wasi: nothing_but_logs(&logbook, limits.random_bytes),
            logbook,
            state,
            config,
            limits,
            stack_bytes,
            end: None,
            entered: false,
            table,
        }
    }

    /// The instance is there, and from now on what goes wrong is the guest's.
    pub(crate) fn entered(&mut self) {
        self.entered = true;
    }

    pub(crate) fn has_entered(&self) -> bool {
        self.entered
    }

    /// Notes why the call ends; the first reason stays. What is returned is to be raised as a trap.
    pub(crate) fn end(&mut self, end: End) -> wasmtime::Error {
        self.end.get_or_insert(end);
        wasmtime::Error::msg("ended by the host")
    }

    pub(crate) fn end_reason(&self) -> Option<&End> {
        self.end.as_ref()
    }
}

fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// No files, no environment, no arguments, no sockets, no input; what is printed becomes log lines.
fn nothing_but_logs(logbook: &SharedLogbook, random_bytes: u64) -> WasiCtx {
    WasiCtxBuilder::new()
        .stdout(logbook.stream(Level::Info))
        .stderr(logbook.stream(Level::Error))
        .max_random_size(random_bytes)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}
