//! A function: a module that was uploaded, with its settings, its published versions and its aliases.

pub mod alias;
pub mod change;
pub mod permission;
pub mod qualifier;
mod revision;
pub mod rollback;
mod upload;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use self::revision::{is_uuid, uuid};
pub use self::{
    alias::{Alias, Shift},
    permission::Permission,
    qualifier::Qualifier,
    revision::revision_id,
};
use super::stream::Tags;
use crate::{
    name::{AliasName, FunctionName},
    port::{COMMAND_WORLD, Limits, ModuleInfo},
    time::Millis,
};

/// A function as of its newest upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: FunctionName,
    /// Rises with each upload and each configuration; never given twice in a cell.
    pub version: u64,
    /// What was uploaded.
    pub module: ModuleInfo,
    /// What an invocation may use.
    pub limits: Limits,
    /// What the guest may ask for by `config`.
    pub config: BTreeMap<String, String>,
    /// When it was uploaded or configured.
    pub updated: Millis,
    /// What Lambda's clients say of it beside that.
    #[serde(default, skip_serializing_if = "is_default")]
    pub details: Details,
    /// Another number after each change, whatever it was; 0 in what older hosts wrote.
    #[serde(default)]
    pub revision: u64,
    /// The versions that were published, which never change. They have no versions themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub published: BTreeMap<u64, Arc<Function>>,
    /// The number of the version that was published last; numbers of deleted ones are not given again.
    #[serde(default)]
    pub last_published: u64,
    /// How it was before its present upload; that has no versions itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Arc<Function>>,
    /// Names for versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<AliasName, Alias>,
    /// How many calls may run at once, where that is reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Tags,
    /// The statements of its policy. They are kept for clients; nothing is decided by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Permission>,
}

/// What Lambda's clients say of a function, and what they are shown again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// As in `provided.al2023`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The ARN of a role; nothing is decided by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What the runtime should call; the module's world says that here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What the module came in, where it was not uploaded bare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Package>,
    /// Whether an environment was given, though it may be empty.
    #[serde(default)]
    pub has_environment: bool,
    /// Settings that have no effect here, as they were given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inert: BTreeMap<String, Value>,
}

/// An archive that was uploaded, as clients are told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its SHA-256, in base64.
    pub sha256: String,
    /// Its bytes.
    pub size: u64,
}

/// What a trigger or a caller comes to: a version, and for a part of the batches another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    /// What is called.
    pub function: &'a Arc<Function>,
    /// Its number, where it is a published version.
    pub number: Option<u64>,
    /// What a part of the batches goes to in its place.
    pub shifted: Option<(&'a Arc<Function>, Shift)>,
}

impl Function {
    /// A function that was uploaded at `now`, and of which nothing else is known.
    #[must_use]
    pub fn new(
        name: FunctionName,
        version: u64,
        module: ModuleInfo,
        limits: Limits,
        now: Millis,
    ) -> Self {
        Self {
            name,
            version,
            module,
            limits,
            config: BTreeMap::new(),
            updated: now,
            details: Details::default(),
            revision: version,
            published: BTreeMap::new(),
            last_published: 0,
            previous: None,
            aliases: BTreeMap::new(),
            concurrency: None,
            tags: Tags::new(),
            permissions: Vec::new(),
        }
    }

    /// This function as it is now, without its versions and what holds for all of them.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Self {
            config: self.config.clone(),
            updated: self.updated,
            details: self.details.clone(),
            revision: self.revision,
            ..Self::new(
                self.name.clone(),
                self.version,
                self.module.clone(),
                self.limits,
                self.updated,
            )
        }
    }

    /// Whether calls of both come to the same.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.module.hash == other.module.hash
            && self.limits == other.limits
            && self.config == other.config
            && Details {
                description: String::new(),
                ..self.details.clone()
            } == Details {
                description: String::new(),
                ..other.details.clone()
            }
    }

    /// Whether it is called with Lambda's event JSON, not with columns.
    #[must_use]
    pub fn takes_events(&self) -> bool {
        self.module.world == COMMAND_WORLD
    }

    /// The modules that must be kept: those of all uploads, and the one to go back to.
    pub fn modules(&self) -> impl Iterator<Item = &ModuleInfo> {
        let previous = self.previous.iter().map(|previous| &previous.module);
        self.uploads().map(|(_, module)| module).chain(previous)
    }

    /// This function and its published versions: each upload that must stay callable.
    pub fn uploads(&self) -> impl Iterator<Item = (u64, &ModuleInfo)> {
        let published = self.published.values();
        let published = published.map(|function| (function.version, &function.module));
        std::iter::once((self.version, &self.module)).chain(published)
    }
}

/// Where `qualifier` leads from `function`; nothing where there is no such version or alias.
#[must_use]
pub fn route<'a>(function: &'a Arc<Function>, qualifier: Option<&Qualifier>) -> Option<Route<'a>> {
    let at = |number: Option<u64>| match number {
        None => Some(function),
        Some(number) => function.published.get(&number),
    };
    let (number, shift) = match qualifier {
        None | Some(Qualifier::Latest) => (None, None),
        Some(Qualifier::Number(number)) => (Some(*number), None),
        Some(Qualifier::Alias(name)) => {
            let alias = function.aliases.get(name)?;
            (alias.number, alias.shift)
        }
    };
    let shifted = shift.and_then(|shift| Some((at(Some(shift.number))?, shift)));
    Some(Route {
        function: at(number)?,
        number,
        shifted,
    })
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
