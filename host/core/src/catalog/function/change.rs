//! Changes of functions as Lambda's clients make them: what follows, and why they are refused.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use thiserror::Error;

use super::{
    Alias, Details, Function, Permission, Qualifier, Shift, alias::MILLION, rollback::Earlier,
};
use crate::{
    catalog::{
        Catalog, Change as Decided, Refused,
        change::put,
        key::{self, CatalogKey},
        stream::{
            Tags,
            tags::{self, TagsRefused},
        },
    },
    limit,
    name::{AliasName, FunctionName},
    port::{Limits, ModuleInfo, Put},
    time::Millis,
};

/// A change of one function.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which.
    pub name: FunctionName,
    /// The revision that it must have, where the client has seen one.
    pub expected: Option<u64>,
    /// How.
    pub change: Change,
}

/// A module that was compiled, and how it is called.
#[derive(Debug, Clone)]
pub struct Upload {
    /// What was compiled.
    pub module: ModuleInfo,
    /// The uploaded bytes, to be kept.
    pub wasm: Bytes,
    /// What an invocation may use.
    pub limits: Limits,
    /// What the guest may ask for.
    pub config: BTreeMap<String, String>,
    /// What is said of it beside that.
    pub details: Details,
}

/// How a function changes.
#[derive(Debug, Clone)]
pub enum Change {
    /// It comes into being.
    Create {
        /// What it is.
        upload: Box<Upload>,
        /// Its tags.
        tags: Tags,
        /// Whether its first version is published at once.
        publish: bool,
    },
    /// It gets another module.
    Code {
        /// What it becomes.
        upload: Box<Upload>,
        /// Whether that is published at once.
        publish: bool,
    },
    /// It is called another way.
    Configure {
        /// What an invocation may use.
        limits: Limits,
        /// What the guest may ask for.
        config: BTreeMap<String, String>,
        /// What is said of it.
        details: Box<Details>,
    },
    /// It becomes what it was before.
    Rollback {
        /// Which published version; without, see [`Function::earlier`].
        to: Option<u64>,
    },
    /// It is published as it is now, unless the last version is the same.
    Publish {
        /// What is said of the version in place of what is said of the function.
        description: Option<String>,
    },
    /// A published version goes.
    Unpublish(u64),
    /// An alias comes into being.
    CreateAlias(AliasName, AliasSettings),
    /// An alias becomes another.
    UpdateAlias {
        /// Which.
        name: AliasName,
        /// The revision that it must have.
        expected: Option<u64>,
        /// What it becomes.
        settings: AliasSettings,
    },
    /// An alias goes, if it is there.
    DeleteAlias(AliasName),
    /// Reserves calls at once, or no more.
    Reserve(Option<u32>),
    /// Its tags change.
    Tags(tags::Change),
    /// Its policy gets a statement.
    Permit(Permission),
    /// Its policy loses one.
    Forbid {
        /// Whose policy.
        qualifier: Option<Qualifier>,
        /// Which.
        sid: String,
    },
}

/// What an alias is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasSettings {
    /// The version's number; none is the function as it is now.
    pub number: Option<u64>,
    /// What goes to another version.
    pub shift: Option<Shift>,
    /// For people.
    pub description: String,
}

/// Why a function is not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FunctionRefused {
    /// It is there already.
    #[error("function `{0}` already exists")]
    Exists(FunctionName),
    /// It has changed since the client looked.
    #[error("it has another revision than the one that was named")]
    Revision,
    /// It has as many versions as it may have.
    #[error("a function can have {} published versions", limit::FUNCTION_VERSIONS)]
    TooManyVersions,
    /// It has as many aliases as it may have.
    #[error("a function can have {} aliases", limit::FUNCTION_ALIASES)]
    TooManyAliases,
    /// There is no such version.
    #[error("there is no version {0}")]
    NoVersion(u64),
    /// It runs that version already.
    #[error("it runs version {0} already")]
    AlreadyAt(u64),
    /// There is nothing to go back to.
    #[error("nothing is known of how it was before: it has no earlier upload and no other version")]
    NothingEarlier,
    /// An alias leads to the version.
    #[error("alias `{0}` leads to the version")]
    Aliased(AliasName),
    /// There is no such alias.
    #[error("there is no alias `{0}`")]
    NoAlias(AliasName),
    /// The alias is there already.
    #[error("alias `{0}` already exists")]
    AliasExists(AliasName),
    /// An alias cannot lead so.
    #[error("{0}")]
    Routing(&'static str),
    /// The policy has such a statement.
    #[error("there is a statement `{0}` already")]
    StatementExists(String),
    /// The policy has no such statement.
    #[error("there is no statement `{0}`")]
    NoStatement(String),
    /// The policy would be too long.
    #[error(
        "a function can have {} statements in its policies",
        limit::FUNCTION_STATEMENTS
    )]
    TooManyStatements,
    /// Tags are not right.
    #[error(transparent)]
    Tags(#[from] TagsRefused),
}

impl Catalog {
    pub(in crate::catalog) fn change_function(
        &self,
        request: Request,
        now: Millis,
    ) -> Result<Decided, Refused> {
        let Request {
            name,
            expected,
            change,
        } = request;
        let mut next = self.clone();
        next.counters.next_version += 1;
        let revision = next.counters.next_version;
        let before = self.functions.get(&name);
        let wasm = change.wasm();
        let function = match (before, change) {
            (
                None,
                Change::Create {
                    upload,
                    tags,
                    publish,
                },
            ) => created(name, *upload, tags, publish, revision, now)?,
            (None, _) => return Err(Refused::NoFunction(name)),
            (Some(_), Change::Create { .. }) => return Err(FunctionRefused::Exists(name).into()),
            (Some(before), change) => {
                if expected.is_some_and(|expected| expected != before.revision) {
                    return Err(FunctionRefused::Revision.into());
                }
                let mut function = Function::clone(before);
                change.apply(&mut function, revision, now)?;
                function
            }
        };
        let mut puts = vec![
            put(CatalogKey::Function(function.name.clone()), &function),
            put(CatalogKey::Counters, &next.counters),
        ];
        puts.extend(wasm.map(|(hash, wasm)| Put {
            key: key::module(&hash),
            value: Some(wasm),
        }));
        next.functions
            .insert(function.name.clone(), Arc::new(function));
        if let Some(before) = before {
            puts.extend(next.unused_modules(before));
        }
        Ok(Decided::of(next, puts, before.is_none()))
    }
}

fn created(
    name: FunctionName,
    upload: Upload,
    tags: Tags,
    publish: bool,
    revision: u64,
    now: Millis,
) -> Result<Function, FunctionRefused> {
    let Upload {
        module,
        limits,
        config,
        details,
        ..
    } = upload;
    let mut function = Function {
        config,
        details,
        ..Function::new(name, revision, module, limits, now)
    };
    tags::Change::Add(tags).apply(&mut function.tags)?;
    if publish {
        publish_as_it_is(&mut function, None, revision)?;
    }
    Ok(function)
}

impl Change {
    /// The module that must be kept, by its hash.
    fn wasm(&self) -> Option<(String, Bytes)> {
        match self {
            Self::Create { upload, .. } | Self::Code { upload, .. } => {
                Some((upload.module.hash.clone(), upload.wasm.clone()))
            }
            _ => None,
        }
    }

    /// Changes what is there.
    fn apply(
        self,
        function: &mut Function,
        revision: u64,
        now: Millis,
    ) -> Result<(), FunctionRefused> {
        match self {
            Self::Create { .. } => return Err(FunctionRefused::Exists(function.name.clone())),
            Self::Code { upload, publish } => {
                let Upload {
                    module,
                    limits,
                    config,
                    details,
                    ..
                } = *upload;
                let mut after = Function {
                    version: revision,
                    module,
                    limits,
                    config,
                    details,
                    updated: now,
                    revision,
                    ..function.clone()
                };
                after.previous = function.before(&after);
                *function = after;
                if publish {
                    publish_as_it_is(function, None, revision)?;
                }
            }
            Self::Configure {
                limits,
                config,
                details,
            } => {
                // Calls tell what they mean by the version alone.
                function.version = revision;
                function.limits = limits;
                function.config = config;
                function.details = *details;
                function.updated = now;
                function.revision = revision;
            }
            Self::Rollback { to } => {
                let Earlier {
                    function: earlier, ..
                } = function.earlier(to)?;
                *function = function.rolled_back(&earlier, revision, now);
            }
            Self::Publish { description } => publish_as_it_is(function, description, revision)?,
            Self::Unpublish(number) => unpublish(function, number)?,
            Self::CreateAlias(name, settings) => {
                create_alias(function, name, settings, revision)?;
            }
            Self::UpdateAlias {
                name,
                expected,
                settings,
            } => {
                update_alias(function, name, expected, settings, revision)?;
            }
            Self::DeleteAlias(name) => drop(function.aliases.remove(&name)),
            Self::Reserve(concurrency) => function.concurrency = concurrency,
            Self::Tags(change) => change.apply(&mut function.tags)?,
            Self::Permit(permission) => {
                permit(&mut function.permissions, permission)?;
                function.revision = revision;
            }
            Self::Forbid { qualifier, sid } => {
                forbid(&mut function.permissions, qualifier.as_ref(), &sid)?;
                function.revision = revision;
            }
        }
        Ok(())
    }
}

fn update_alias(
    function: &mut Function,
    name: AliasName,
    expected: Option<u64>,
    settings: AliasSettings,
    revision: u64,
) -> Result<(), FunctionRefused> {
    match function.aliases.get(&name).map(|alias| alias.revision) {
        None => return Err(FunctionRefused::NoAlias(name)),
        Some(held) if expected.is_some_and(|expected| expected != held) => {
            return Err(FunctionRefused::Revision);
        }
        Some(_) => {}
    }
    let alias = settings.checked(function, revision)?;
    function.aliases.insert(name, alias);
    Ok(())
}

fn publish_as_it_is(
    function: &mut Function,
    description: Option<String>,
    revision: u64,
) -> Result<(), FunctionRefused> {
    let last = function.published.last_key_value();
    if last.is_some_and(|(_, last)| last.is_like(function)) {
        return Ok(());
    }
    if function.published.len() >= limit::FUNCTION_VERSIONS {
        return Err(FunctionRefused::TooManyVersions);
    }
    let mut version = function.frozen();
    version.details.description = description.unwrap_or(version.details.description);
    version.revision = revision;
    function.last_published += 1;
    let number = function.last_published;
    function.published.insert(number, Arc::new(version));
    function.revision = revision;
    Ok(())
}

fn unpublish(function: &mut Function, number: u64) -> Result<(), FunctionRefused> {
    let leads = |alias: &Alias| {
        alias.number == Some(number) || alias.shift.is_some_and(|shift| shift.number == number)
    };
    let alias = function.aliases.iter().find(|(_, alias)| leads(alias));
    if let Some((name, _)) = alias {
        return Err(FunctionRefused::Aliased(name.clone()));
    }
    match function.published.remove(&number) {
        Some(_) => Ok(()),
        None => Err(FunctionRefused::NoVersion(number)),
    }
}

fn create_alias(
    function: &mut Function,
    name: AliasName,
    settings: AliasSettings,
    revision: u64,
) -> Result<(), FunctionRefused> {
    if function.aliases.contains_key(&name) {
        return Err(FunctionRefused::AliasExists(name));
    }
    if function.aliases.len() >= limit::FUNCTION_ALIASES {
        return Err(FunctionRefused::TooManyAliases);
    }
    let alias = settings.checked(function, revision)?;
    function.aliases.insert(name, alias);
    Ok(())
}

fn permit(held: &mut Vec<Permission>, new: Permission) -> Result<(), FunctionRefused> {
    let same = |held: &Permission| held.sid == new.sid && held.qualifier == new.qualifier;
    if held.iter().any(same) {
        return Err(FunctionRefused::StatementExists(new.sid));
    }
    if held.len() >= limit::FUNCTION_STATEMENTS {
        return Err(FunctionRefused::TooManyStatements);
    }
    held.push(new);
    Ok(())
}

fn forbid(
    held: &mut Vec<Permission>,
    qualifier: Option<&Qualifier>,
    sid: &str,
) -> Result<(), FunctionRefused> {
    let is_it = |held: &Permission| held.sid == sid && held.qualifier.as_ref() == qualifier;
    match held.iter().position(is_it) {
        Some(at) => drop(held.remove(at)),
        None => return Err(FunctionRefused::NoStatement(sid.to_owned())),
    }
    Ok(())
}

impl AliasSettings {
    fn checked(self, function: &Function, revision: u64) -> Result<Alias, FunctionRefused> {
        let Self {
            number,
            shift,
            description,
        } = self;
        let shifted = shift.map(|shift| shift.number);
        for number in [number, shifted].into_iter().flatten() {
            if !function.published.contains_key(&number) {
                return Err(FunctionRefused::NoVersion(number));
            }
        }
        if shift.is_some() && number.is_none() {
            let why = "an alias of $LATEST has no routing configuration";
            return Err(FunctionRefused::Routing(why));
        }
        if shift.is_some() && shifted == number {
            let why = "the additional version is the one that the alias leads to anyway";
            return Err(FunctionRefused::Routing(why));
        }
        if shift.is_some_and(|shift| shift.millionths > MILLION) {
            return Err(FunctionRefused::Routing("a weight is between 0 and 1"));
        }
        Ok(Alias {
            number,
            shift,
            description,
            revision,
        })
    }
}
