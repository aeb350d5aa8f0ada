//! A component that fits one of our worlds or is a command, linked and ready to be instantiated.

use millstream_bindings::{Batch, Event, handler, record_handler, runtime, types};
use millstream_core::port::{COMMAND_WORLD, Call, ModuleError};
use wasmtime::{
    Engine, Store,
    component::{
        Component, ComponentExportIndex, Func, HasSelf, InstancePre, Linker, types::ComponentItem,
    },
};
use wasmtime_wasi::p2::bindings::CommandPre;

use crate::guest::Guest;

/// The export of world `handler`.
pub(crate) const HANDLER_EXPORT: &str = "handle";
/// The export of world `record-handler`.
pub(crate) const RECORD_HANDLER_EXPORT: &str = "handle-records";

/// The interface that a command exports, in any patch of WASI 0.2.
pub(crate) const RUN_INTERFACE: &str = "wasi:cli/run@0.2";
/// The same in full, as it is looked for.
const RUN_EXPORT: &str = "wasi:cli/run@0.2.0";

/// What both exports answer.
pub(crate) type Answer = Result<types::Response, String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    Handler,
    RecordHandler,
    Command,
}

/// Everything a guest may import.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    runtime::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    Ok(linker)
}

/// A callable function.
pub(crate) struct Function {
    pre: InstancePre<Guest>,
    export: ComponentExportIndex,
    world: World,
    stack_bytes: usize,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Function({})", self.world())
    }
}

impl Function {
    /// Checks the component against the worlds, types included.
    pub(crate) fn link(
        linker: &Linker<Guest>,
        component: &Component,
        stack_bytes: usize,
    ) -> Result<Self, ModuleError> {
        let misfit = |error: wasmtime::Error| ModuleError::NoWorld {
            message: format!("{error:#}"),
        };
        let pre = linker.instantiate_pre(component).map_err(misfit)?;
        let export = |name: &str| component.get_export_index(None, name);
        let run = || component.get_export_index(Some(&export(RUN_EXPORT)?), "run");
        let (export, world) = if let Some(export) = export(HANDLER_EXPORT) {
            handler::HandlerPre::new(pre.clone()).map_err(misfit)?;
            (export, World::Handler)
        } else if let Some(export) = export(RECORD_HANDLER_EXPORT) {
            record_handler::RecordHandlerPre::new(pre.clone()).map_err(misfit)?;
            (export, World::RecordHandler)
        } else if let Some(export) = run() {
            CommandPre::new(pre.clone()).map_err(misfit)?;
            (export, World::Command)
        } else {
            return Err(ModuleError::NoWorld {
                message: format!(
                    "no export `{HANDLER_EXPORT}`, `{RECORD_HANDLER_EXPORT}` or `{RUN_INTERFACE}`"
                ),
            });
        };
        Ok(Self {
            pre,
            export,
            world,
            stack_bytes,
        })
    }

    /// Whether it is a command, which takes events.
    pub(crate) fn is_command(&self) -> bool {
        self.world == World::Command
    }

    /// The world's name, in `wit/` or WASI.
    pub(crate) fn world(&self) -> &'static str {
        match self.world {
            World::Handler => "handler",
            World::RecordHandler => "record-handler",
            World::Command => COMMAND_WORLD,
        }
    }

    /// What its calls may take of the stack of an instance.
    pub(crate) fn stack_bytes(&self) -> usize {
        self.stack_bytes
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.pre.engine()
    }

    /// The interfaces that it imports, sorted.
    pub(crate) fn imports(&self) -> Vec<String> {
        let component = self.pre.component().component_type();
        let mut names: Vec<_> = component
            .imports(self.engine())
            // A world's `use` shows as an import of a type, which nobody has to provide.
            .filter(|(_, import)| {
                !matches!(
                    import.ty,
                    ComponentItem::Type(_) | ComponentItem::Resource(_)
                )
            })
            .map(|(name, _)| name.to_owned())
            .collect();
        names.sort_unstable();
        names
    }

    /// Instantiates and does nothing more.
    pub(crate) async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<()> {
        self.pre.instantiate_async(store).await.map(drop)
    }

    /// Runs a fresh instance of a command; whether it says that all went well.
    pub(crate) async fn run(&self, store: &mut Store<Guest>) -> wasmtime::Result<Result<(), ()>> {
        let function = self.entered(store).await?;
        let typed = function.typed::<(), (Result<(), ()>,)>(&*store)?;
        let (ended,) = typed.call_async(store, ()).await?;
        Ok(ended)
    }

    /// The export of a fresh instance.
    async fn entered(&self, store: &mut Store<Guest>) -> wasmtime::Result<Func> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        store.data_mut().entered();
        let function = instance.get_func(store, self.export);
        Ok(function.expect("the export was found when the component was linked"))
    }

    /// Hands the batch to a fresh instance of a function that takes batches.
    pub(crate) async fn invoke(
        &self,
        store: &mut Store<Guest>,
        call: &Call,
    ) -> wasmtime::Result<Answer> {
        let function = self.entered(store).await?;
        match self.world {
            World::Handler => {
                let typed = function.typed::<(Batch<'_>,), (Answer,)>(&*store)?;
                let (answer,) = typed.call_async(store, (batch(call),)).await?;
                Ok(answer)
            }
            World::RecordHandler => {
                let events = events(call);
                let typed = function.typed::<(&[Event<'_>],), (Answer,)>(&*store)?;
                let (answer,) = typed.call_async(store, (&events,)).await?;
                Ok(answer)
            }
            World::Command => Err(wasmtime::Error::msg("a command takes no batches")),
        }
    }
}

/// Borrows the call's columns: they are copied once, into the guest.
fn batch(call: &Call) -> Batch<'_> {
    let columns = &call.batch;
    Batch {
        stream: call.stream.as_str(),
        shard_id: &call.shard_id,
        function_version: call.version,
        attempt: call.attempt,
        sequence_numbers: &columns.positions,
        arrival_ms: &columns.arrival_ms,
        key_ends: &columns.key_ends,
        keys: &columns.keys,
        data_ends: &columns.data_ends,
        data: &columns.data,
    }
}

fn events(call: &Call) -> Vec<Event<'_>> {
    let columns = &call.batch;
    (0..columns.len())
        .map(|i| Event {
            partition_key: columns.key(i),
            sequence_number: columns.positions[i],
            arrival_ms: columns.arrival_ms[i],
            data: columns.datum(i),
        })
        .collect()
}
