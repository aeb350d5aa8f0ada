//! A component that fits one of our worlds, linked and ready to be instantiated.

use millstream_bindings::{Batch, Event, handler, record_handler, runtime, types};
use millstream_core::port::{Call, ModuleError};
use wasmtime::{
    Engine, Store,
    component::{
        Component, ComponentExportIndex, HasSelf, InstancePre, Linker, types::ComponentItem,
    },
};

use crate::guest::Guest;

/// The export of world `handler`.
pub(crate) const HANDLER_EXPORT: &str = "handle";
/// The export of world `record-handler`.
pub(crate) const RECORD_HANDLER_EXPORT: &str = "handle-records";

/// What both exports answer.
pub(crate) type Answer = Result<types::Response, String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    Handler,
    RecordHandler,
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
        let handler = component.get_export_index(None, HANDLER_EXPORT);
        let record_handler = component.get_export_index(None, RECORD_HANDLER_EXPORT);
        let (export, world) = match (handler, record_handler) {
            (Some(export), _) => {
                handler::HandlerPre::new(pre.clone()).map_err(misfit)?;
                (export, World::Handler)
            }
            (None, Some(export)) => {
                record_handler::RecordHandlerPre::new(pre.clone()).map_err(misfit)?;
                (export, World::RecordHandler)
            }
            (None, None) => {
                return Err(ModuleError::NoWorld {
                    message: format!("no export `{HANDLER_EXPORT}` or `{RECORD_HANDLER_EXPORT}`"),
                });
            }
        };
        Ok(Self {
            pre,
            export,
            world,
            stack_bytes,
        })
    }

    /// The world's name in `wit/`.
    pub(crate) fn world(&self) -> &'static str {
        match self.world {
            World::Handler => "handler",
            World::RecordHandler => "record-handler",
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

    /// Hands the batch to a fresh instance.
    pub(crate) async fn invoke(
        &self,
        store: &mut Store<Guest>,
        call: &Call,
    ) -> wasmtime::Result<Answer> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        store.data_mut().entered();
        let function = instance
            .get_func(&mut *store, self.export)
            .expect("the export was found when the component was linked");
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
