//! What the host holds for one call: the guest's world, its effects so far, and why it was ended.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use millstream_core::port::{Limits, State};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, p2::pipe::MemoryInputPipe};

use crate::{
    effects::Effects,
    growth::Growth,
    logbook::{Level, SharedLogbook},
    payload::Payload,
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

/// What a command is given, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Console {
    /// The name that it finds as its only argument.
    pub(crate) name: String,
    /// What it reads.
    pub(crate) input: Bytes,
    /// What it writes.
    pub(crate) output: Payload,
}

impl Guest {
    /// Without a console, what it prints becomes log lines.
    pub(crate) fn new(
        limits: Limits,
        stack_bytes: usize,
        state: Arc<dyn State>,
        config: Arc<BTreeMap<String, String>>,
        console: Option<Console>,
    ) -> Self {
        let logbook = SharedLogbook::new(limits.log_bytes);
        let wasi = match console {
            None => nothing_but_logs(&logbook, limits.random_bytes),
            Some(console) => with_console(console, &config, &logbook, limits.random_bytes),
        };
        let mut table = ResourceTable::new();
        table.set_max_capacity(size(limits.handles));
        Self {
            growth: Growth::new(size(limits.memory_bytes), size(limits.table_elements)),
            effects: Effects::default(),
            wasi,
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
    let mut wasi = confined(random_bytes);
    wasi.stdout(logbook.stream(Level::Info))
        .stderr(logbook.stream(Level::Error));
    wasi.build()
}

/// The same with an input, an environment and one argument; what is printed to standard error alone
/// becomes log lines, since a command has no other way to log.
fn with_console(
    console: Console,
    config: &BTreeMap<String, String>,
    logbook: &SharedLogbook,
    random_bytes: u64,
) -> WasiCtx {
    let Console {
        name,
        input,
        output,
    } = console;
    let mut wasi = confined(random_bytes);
    wasi.stdin(MemoryInputPipe::new(input))
        .stdout(output)
        .stderr(logbook.stream(Level::Info))
        .arg(name);
    for (key, value) in config {
        wasi.env(key, value);
    }
    wasi.build()
}

fn confined(random_bytes: u64) -> WasiCtxBuilder {
    let mut wasi = WasiCtxBuilder::new();
    wasi.max_random_size(random_bytes)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    wasi
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}
