//! What a replay is asked for.

use std::{num::NonZeroU32, sync::Arc};

use millstream_core::{
    catalog::{
        Catalog, Function, FunctionResponseType, Qualifier, Refused, Shard, function::route,
    },
    limit,
    name::{FunctionName, StreamName, TriggerName},
    position::Position,
    read::iterator::place_of,
    sequence::{DIGITS, SequenceNumber},
    time::Millis,
};
use serde::Deserialize;

use crate::{app::App, native::error::NativeError};

/// Differences after which it ends, where it is not said.
const DIFFERENCES: usize = 20;
/// The most that may be asked for.
const DIFFERENCES_MAX: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::native) struct Query {
    function: FunctionName,
    qualifier: Option<String>,
    against: Option<String>,
    #[serde(default)]
    from: Place,
    to: Option<Place>,
    shard: Option<String>,
    batch_size: Option<NonZeroU32>,
    differences: Option<usize>,
    with_state: Option<TriggerName>,
    function_response_types: Option<FunctionResponseType>,
}

/// A place in all shards, or in one.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::native) enum Place {
    #[default]
    Oldest,
    Newest,
    At(Millis),
    Record(SequenceNumber),
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is neither TRIM_HORIZON nor LATEST, no sequence number, and no moment in \
                 milliseconds since 1970"
            )
        };
        match text.as_str() {
            "TRIM_HORIZON" => Ok(Self::Oldest),
            "LATEST" => Ok(Self::Newest),
            number if number.len() == DIGITS => {
                let number = SequenceNumber::parse(number);
                number.map(Self::Record).map_err(|_| wrong())
            }
            ms => ms
                .parse()
                .map(|ms| Self::At(Millis(ms)))
                .map_err(|_| wrong()),
        }
    }
}

/// Records of a shard.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) shard: Shard,
    pub(super) next: Position,
    pub(super) end: Position,
}

/// A replay as it is done.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) stream: StreamName,
    /// The one that is tried, and the one that it is compared with.
    pub(super) versions: [Arc<Function>; 2],
    pub(super) ranges: Vec<Range>,
    pub(super) batch_size: usize,
    /// Differences after which it ends.
    pub(super) differences: usize,
    /// The trigger whose state the versions find.
    pub(super) with_state: Option<u64>,
    pub(super) reports: bool,
}

impl Asked {
    pub(super) async fn of(
        app: &App,
        name: &StreamName,
        query: Query,
    ) -> Result<Self, NativeError> {
        let catalog = app.control.catalog();
        let stream = catalog
            .living(name.as_str())
            .ok_or_else(|| NativeError::no_stream(name))?;
        let version = |qualifier: Option<&str>| version(&catalog, &query.function, qualifier);
        let tried = version(query.qualifier.as_deref())?;
        let against = version(query.against.as_deref())?;
        if tried.version == against.version {
            return Err(NativeError::Setting(format!(
                "`{}` is compared with itself: give a version or an alias as qualifier, or as \
                 against, that is another one",
                query.function
            )));
        }
        let with_state = match &query.with_state {
            None => None,
            Some(trigger) => match catalog.trigger(trigger.as_str()) {
                Some(found) => Some(found.id),
                None => return Err(Refused::NoTrigger(trigger.clone()).into()),
            },
        };
        let mut shards: Vec<&Shard> = stream.shards.iter().collect();
        if let Some(id) = &query.shard {
            shards.retain(|shard| shard.id() == *id);
            if shards.is_empty() {
                let what = format!("shard is {id:?}, which stream `{name}` does not have");
                return Err(NativeError::Setting(what));
            }
        }
        let mut ranges = Vec::new();
        for shard in &shards {
            let is_only = shards.len() == 1;
            let next = place(app, shard, query.from, is_only).await?;
            let end = place(app, shard, query.to.unwrap_or(Place::Newest), is_only).await?;
            let shard = Shard::clone(shard);
            ranges.push(Range { shard, next, end });
        }
        let batch_size = query
            .batch_size
            .map_or(limit::BATCH_RECORDS_DEFAULT, NonZeroU32::get);
        Ok(Self {
            stream: name.clone(),
            versions: [tried, against],
            ranges,
            batch_size: batch_size.min(limit::BATCH_RECORDS_MAX) as usize,
            differences: query
                .differences
                .unwrap_or(DIFFERENCES)
                .clamp(1, DIFFERENCES_MAX),
            with_state,
            reports: query.function_response_types.is_some(),
        })
    }
}

/// The version that `qualifier` means; of an alias with two, the first.
fn version(
    catalog: &Catalog,
    name: &FunctionName,
    qualifier: Option<&str>,
) -> Result<Arc<Function>, NativeError> {
    let function = catalog
        .function(name.as_str())
        .ok_or_else(|| NativeError::no_function(name))?;
    let qualifier = qualifier.map(Qualifier::try_from).transpose()?;
    match (route(function, qualifier.as_ref()), qualifier) {
        (Some(route), _) => Ok(Arc::clone(route.function)),
        (None, Some(qualifier)) => Err(Refused::NoQualifier(name.clone(), qualifier).into()),
        (None, None) => Err(NativeError::no_function(name)),
    }
}

/// Where that is on `shard`.
pub(in crate::native) async fn place(
    app: &App,
    shard: &Shard,
    place: Place,
    is_only: bool,
) -> Result<Position, NativeError> {
    let span = app.log.span(shard.number);
    match place {
        Place::Oldest => Ok(span.first),
        Place::Newest => Ok(span.next),
        Place::At(at) => Ok(app.log.locate(shard.number, at).await?),
        Place::Record(_) if !is_only => {
            let what = "a sequence number is of one shard; it needs `shard`";
            Err(NativeError::Setting(what.to_owned()))
        }
        Place::Record(number) => {
            let place = place_of(number, shard, span, (app.now)());
            place.map_err(|why| NativeError::Setting(format!("sequence number: {why}")))
        }
    }
}
