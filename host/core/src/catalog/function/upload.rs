//! What becomes of a function's modules: uploads from our own clients, and what is kept of them.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;

use super::Function;
use crate::{
    catalog::{
        Catalog, Change, Refused,
        change::{delete, put},
        key::{self, CatalogKey},
    },
    name::FunctionName,
    port::Put,
};

impl Catalog {
    /// What Lambda's clients said of the function stays, but for what it came in.
    pub(in crate::catalog) fn put_function(&self, mut function: Function, wasm: Bytes) -> Change {
        let mut next = self.clone();
        if let Some(before) = self.functions.get(&function.name) {
            let previous = before.before(&function);
            let before = Function::clone(before);
            function = Function {
                previous,
                version: function.version,
                module: function.module,
                limits: function.limits,
                config: function.config,
                updated: function.updated,
                revision: function.revision,
                ..before
            };
            function.details.package = None;
        }
        next.counters.next_version = function.version;
        let mut puts = vec![
            put(CatalogKey::Function(function.name.clone()), &function),
            put(CatalogKey::Counters, &next.counters),
            Put {
                key: key::module(&function.module.hash),
                value: Some(wasm),
            },
        ];
        let before = next
            .functions
            .insert(function.name.clone(), Arc::new(function));
        if let Some(before) = &before {
            puts.extend(next.unused_modules(before));
        }
        Change::of(next, puts, before.is_none())
    }

    pub(in crate::catalog) fn delete_function(
        &self,
        name: FunctionName,
    ) -> Result<Change, Refused> {
        let mut next = self.clone();
        let Some(function) = next.functions.remove(&name) else {
            return Err(Refused::NoFunction(name));
        };
        let mut puts = vec![delete(CatalogKey::Function(name))];
        puts.extend(next.unused_modules(&function));
        Ok(Change::of(next, puts, false))
    }

    /// The puts that remove the modules of `before` which no function of this catalog has.
    pub(in crate::catalog) fn unused_modules(&self, before: &Function) -> Vec<Put> {
        let mut hashes: BTreeSet<&str> = before.modules().map(|it| &*it.hash).collect();
        for module in self.functions.values().flat_map(|other| other.modules()) {
            hashes.remove(&*module.hash);
        }
        let removed = |hash: &str| Put {
            key: key::module(hash),
            value: None,
        };
        hashes.into_iter().map(removed).collect()
    }
}
