//! One request: who asks, for which log group, and what it takes.

use millstream_core::{journal::Kept, journal::Place, name::FunctionName, time::Millis};
use serde::{Deserialize, de::DeserializeOwned};

use super::fault::Fault;
use crate::{
    app::App,
    wire::{
        decode,
        form::Form,
        schema::{Kind, Member, Pattern, Text, text, text_of},
    },
};

/// Before the function's name.
pub(super) const PREFIX: &str = "/aws/lambda/";

/// A request whose sender is known.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) app: &'a App,
    pub(super) region: String,
    pub(super) body: &'a [u8],
}

/// The members that say which log group a request is about. Flattened into inputs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Which {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
}

/// The name of a log group.
pub(super) const GROUP_NAME: Kind =
    text_of(Pattern::Other(r"[\.\-_/#A-Za-z0-9]+", is_group), 1, 512);
/// `logGroupName`.
pub(super) const GROUP: Member = Member::new("logGroupName", GROUP_NAME);
/// A name or an ARN.
const IDENTIFIER: Text = Text {
    pattern: Some(Pattern::Other(r"[\w#+=/:,.@-]*", is_identifier)),
    values: &[],
    min: 1,
    max: 2048,
};
/// `logGroupIdentifier`.
pub(super) const GROUP_IDENTIFIER: Member =
    Member::new("logGroupIdentifier", Kind::Text(IDENTIFIER));
/// Several of them.
pub(super) const GROUP_IDENTIFIERS: Member = Member::new(
    "logGroupIdentifiers",
    Kind::List {
        of: &Kind::Text(IDENTIFIER),
        max: 50,
    },
);
/// The name of a log stream, or what it begins with.
pub(super) const STREAM_NAME: Kind = text_of(Pattern::Other("[^:*]*", is_stream), 1, 512);
/// Where a list goes on.
pub(super) const NEXT_TOKEN: Member = Member::new("nextToken", text(1, 4096));
/// How many groups or streams are asked for.
pub(super) const LIMIT: Member = Member::new("limit", Kind::Integer { min: 1, max: 50 });
/// How many lines are asked for.
pub(super) const LINES: Member = Member::new(
    "limit",
    Kind::Integer {
        min: 1,
        max: 10_000,
    },
);
/// When lines begin to be asked for.
pub(super) const START_TIME: Member = Member::new("startTime", Kind::Timestamp);
/// When they end.
pub(super) const END_TIME: Member = Member::new("endTime", Kind::Timestamp);
/// From which end.
pub(super) const START_FROM_HEAD: Member = Member::new("startFromHead", Kind::Boolean);

fn is_group(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".-_/#".contains(&b);
    !text.is_empty() && text.bytes().all(fits)
}

fn is_identifier(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_#+=/:,.@-".contains(&b);
    text.bytes().all(fits)
}

fn is_stream(text: &str) -> bool {
    !text.contains([':', '*'])
}

impl Call<'_> {
    /// What is asked for, once its types and constraints hold.
    pub(super) fn input<T: DeserializeOwned>(&self, members: &[Member]) -> Result<T, Fault> {
        let body: &[u8] = if self.body.is_empty() {
            b"{}"
        } else {
            self.body
        };
        Ok(decode::decode(Form::Json, body, members)?)
    }

    /// The function whose log group is meant.
    pub(super) fn function(&self, which: &Which) -> Result<FunctionName, Fault> {
        let name = match (&which.log_group_name, &which.log_group_identifier) {
            (Some(name), None) => name.as_str(),
            (None, Some(identifier)) => self.group_of(identifier).ok_or(Fault::NoGroup)?,
            _ => {
                let why = "Exactly one of logGroupName and logGroupIdentifier must be given.";
                return Err(Fault::Parameter(why.to_owned()));
            }
        };
        let function = name.strip_prefix(PREFIX).ok_or(Fault::NoGroup)?;
        let function = FunctionName::try_from(function).map_err(|_| Fault::NoGroup)?;
        if self.has(&function) {
            Ok(function)
        } else {
            Err(Fault::NoGroup)
        }
    }

    /// The group's name in a name or an ARN; nothing where it is the ARN of something elsewhere.
    pub(super) fn group_of<'t>(&self, identifier: &'t str) -> Option<&'t str> {
        let Some(arn) = identifier.strip_prefix("arn:") else {
            return Some(identifier);
        };
        let mut parts = arn.splitn(6, ':');
        let (_partition, service) = (parts.next()?, parts.next()?);
        let (region, account) = (parts.next()?, parts.next()?);
        let (kind, name) = (parts.next()?, parts.next()?);
        let is_here = region == self.region && account == self.app.identity.account;
        let is_group = service == "logs" && kind == "log-group";
        (is_here && is_group).then_some(name)
    }

    /// A group is there as long as its function, and beyond while something is kept of it.
    fn has(&self, function: &FunctionName) -> bool {
        let catalog = self.app.control.catalog();
        catalog.function(function.as_str()).is_some()
            || self
                .app
                .journals
                .functions()
                .iter()
                .any(|(name, _)| name == function)
    }

    /// What is kept of a function's log.
    pub(super) fn read(&self, function: &FunctionName) -> Vec<Kept> {
        self.app.journals.read(function, Place::START)
    }

    /// The ARN of a group.
    pub(super) fn arn(&self, function: &FunctionName) -> String {
        let account = &self.app.identity.account;
        let region = &self.region;
        format!("arn:aws:logs:{region}:{account}:log-group:{PREFIX}{function}")
    }
}

/// A moment as clients give it.
pub(super) fn moment(member: &str, ms: Option<i64>) -> Result<Option<Millis>, Fault> {
    let checked = ms.map(|ms| {
        u64::try_from(ms).map(Millis).map_err(|_| {
            Fault::Parameter(format!(
                "1 validation error detected: Value '{ms}' at '{member}' failed to satisfy \
                 constraint: Member must have value greater than or equal to 0"
            ))
        })
    });
    checked.transpose()
}
