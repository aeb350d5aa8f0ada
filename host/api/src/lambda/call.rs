//! One request: who asks for which operation, and what every operation does with it.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use millstream_core::{
    catalog::{
        Catalog, Change, Function, Request,
        function::{self, Qualifier, change},
    },
    name::FunctionName,
    port::ControlError,
    time::Millis,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Lambda, fault::Fault, named::Named, operation::Labels};
use crate::{
    app::App,
    wire::{
        constraint::check_constraints,
        decode,
        schema::{Kind, Member},
        types::check_types,
    },
};

/// A request whose sender is known.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) lambda: &'a Lambda,
    pub(super) operation: &'static str,
    pub(super) region: String,
    pub(super) labels: Labels,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// What a request is answered with.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A value.
    pub(super) fn of(status: StatusCode, value: &Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: value.to_string().into(),
        }
    }

    /// 200 and a value.
    pub(super) fn ok(value: &Value) -> Self {
        Self::of(StatusCode::OK, value)
    }

    /// Adds a header.
    pub(super) fn add(&mut self, name: HeaderName, value: &str) {
        // What is shown is ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
    }

    /// 204 and nothing.
    pub(super) fn empty() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// A function that was found, and which of its versions is meant.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The function.
    pub(super) function: Arc<Function>,
    /// The version that was named; the function as it is now where none was.
    pub(super) version: Arc<Function>,
    /// The version's number; none is the function as it is now.
    pub(super) number: Option<u64>,
    /// As the client said it.
    pub(super) qualifier: Option<Qualifier>,
}

impl Found {
    /// The function, or the version that was made of it just now: its number shows, its ARN does not.
    pub(super) fn published_now(function: &Arc<Function>, published: bool) -> Self {
        let last = function.published.last_key_value().filter(|_| published);
        let version = last.map_or(function, |(_, version)| version);
        Self {
            function: Arc::clone(function),
            version: Arc::clone(version),
            number: last.map(|(number, _)| *number),
            qualifier: None,
        }
    }
}

impl Call<'_> {
    pub(super) fn app(&self) -> &App {
        &self.lambda.app
    }

    /// The clock.
    pub(super) fn now(&self) -> Millis {
        (self.app().now)()
    }

    /// Everything that exists.
    pub(super) fn catalog(&self) -> Arc<Catalog> {
        self.app().control.catalog()
    }

    /// What is asked for, by path, query and body, once its types and constraints hold.
    pub(super) fn input<T: DeserializeOwned>(&self, members: &[Member]) -> Result<T, Fault> {
        let mut value = if self.body.is_empty() {
            Value::Object(Map::new())
        } else {
            decode::json(self.body)?
        };
        if let Value::Object(fields) = &mut value {
            self.add(fields, members);
        }
        check_types(&mut value, members).map_err(crate::error::Fault::Serialization)?;
        let Value::Object(mut fields) = value else {
            return Err(Fault::internal("the types of the body were not checked"));
        };
        // Unlike Kinesis's, lists and maps of Lambda may be empty.
        let empty = take_empty(&mut fields, members);
        check_constraints(&fields, members).map_err(Fault::validation)?;
        fields.extend(empty);
        let input = serde_json::from_value(Value::Object(fields));
        input.map_err(|error| Fault::from(decode::malformed(error)))
    }

    /// What stands in the path and in the query; the body does not say it.
    fn add(&self, fields: &mut Map<String, Value>, members: &[Member]) {
        for (name, value) in &self.labels {
            fields.insert((*name).to_owned(), value.clone().into());
        }
        for member in members {
            let given = self.query.iter().filter(|(name, _)| name == member.name);
            let mut given = given.map(|(_, value)| value.as_str());
            match member.kind {
                Kind::List { .. } => {
                    let all: Vec<Value> = given.map(Value::from).collect();
                    if !all.is_empty() {
                        fields.insert(member.name.to_owned(), all.into());
                    }
                }
                Kind::Integer { .. } => {
                    if let Some(text) = given.next() {
                        let number = text
                            .parse::<i64>()
                            .map_or_else(|_| text.into(), Value::from);
                        fields.insert(member.name.to_owned(), number);
                    }
                }
                _ => {
                    if let Some(text) = given.next() {
                        fields.insert(member.name.to_owned(), text.into());
                    }
                }
            }
        }
    }

    /// Makes a change. It is in effect when this returns.
    pub(super) async fn apply(&self, request: Request) -> Result<Change, Fault> {
        let applied = self.app().control.apply(request).await;
        applied.map_err(|error| self.control_fault(error))
    }

    /// Changes a function, and gives it as it is then.
    pub(super) async fn change(
        &self,
        name: &FunctionName,
        expected: Option<u64>,
        change: change::Change,
    ) -> Result<Arc<Function>, Fault> {
        let request = change::Request {
            name: name.clone(),
            expected,
            change,
        };
        let change = self.apply(Request::Function(request)).await?;
        let function = change.catalog.function(name.as_str());
        let gone = || Fault::not_found(format!("Function not found: {}", self.arn(name, None)));
        function.cloned().ok_or_else(gone)
    }

    fn control_fault(&self, error: ControlError) -> Fault {
        match error {
            ControlError::Refused(refused) => self.refused(refused),
            ControlError::Commit(error) => error.into(),
            ControlError::Read(error) => error.into(),
            ControlError::Module(error) => Fault::internal(error.to_string()),
        }
    }

    /// The ARN of a function or of one of its versions.
    pub(super) fn arn(&self, name: &FunctionName, qualifier: Option<&Qualifier>) -> String {
        let account = &self.app().identity.account;
        let region = &self.region;
        let arn = format!("arn:aws:lambda:{region}:{account}:function:{name}");
        match qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }

    /// The function that `text` names, which must lie here.
    pub(super) fn named(&self, text: &str) -> Result<Named, Fault> {
        // Its pattern was checked.
        let named = Named::parse(text).ok_or_else(|| {
            Fault::validation(format!(
                "1 validation error detected: Value '{text}' at 'functionName' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern"
            ))
        })?;
        if let Some(region) = named
            .region
            .as_ref()
            .filter(|region| **region != self.region)
        {
            let here = &self.region;
            return Err(Fault::not_found(format!(
                "Functions from '{region}' are not reachable in this region ('{here}')"
            )));
        }
        let own = &self.app().identity.account;
        if named.account.as_ref().is_some_and(|account| account != own) {
            return Err(Fault::not_found(format!("Function not found: {text}")));
        }
        Ok(named)
    }

    /// The version of a function that a name and a qualifier beside it lead to.
    pub(super) fn function(&self, text: &str, beside: Option<&str>) -> Result<Found, Fault> {
        let Named {
            name, qualifier, ..
        } = self.named(text)?;
        let qualifier = self.qualifier(qualifier, beside)?;
        let missing = || {
            let arn = self.arn(&name, qualifier.as_ref());
            Fault::not_found(format!("Function not found: {arn}"))
        };
        let catalog = self.catalog();
        let function = catalog.function(name.as_str()).ok_or_else(missing)?;
        let route = function::route(function, qualifier.as_ref()).ok_or_else(missing)?;
        let number = match &qualifier {
            None | Some(Qualifier::Latest) => None,
            Some(Qualifier::Number(number)) => Some(*number),
            Some(Qualifier::Alias(alias)) => function.aliases.get(alias).and_then(|a| a.number),
        };
        Ok(Found {
            function: Arc::clone(function),
            version: Arc::clone(route.function),
            number,
            qualifier,
        })
    }

    /// The qualifier in the name or beside it; both must agree.
    pub(super) fn qualifier(
        &self,
        in_name: Option<Qualifier>,
        beside: Option<&str>,
    ) -> Result<Option<Qualifier>, Fault> {
        let Some(text) = beside else {
            return Ok(in_name);
        };
        let beside = Qualifier::try_from(text);
        let beside = beside.map_err(|_| {
            Fault::validation(format!(
                "1 validation error detected: Value '{text}' at 'qualifier' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern: \
                 \\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
            ))
        })?;
        if in_name.is_some_and(|in_name| in_name != beside) {
            return Err(Fault::parameter(
                "The derived qualifier from the function name does not match the specified \
                 qualifier.",
            ));
        }
        Ok(Some(beside))
    }
}

/// Takes the lists and maps out that are empty and need not be there.
fn take_empty(fields: &mut Map<String, Value>, members: &[Member]) -> Map<String, Value> {
    let is_empty = |member: &&Member| match (&member.kind, fields.get(member.name)) {
        (Kind::List { .. }, Some(Value::Array(items))) => items.is_empty(),
        (Kind::Map { .. }, Some(Value::Object(fields))) => fields.is_empty(),
        _ => false,
    };
    let optional = members.iter().filter(|member| !member.required);
    let names: Vec<_> = optional
        .filter(is_empty)
        .map(|member| member.name)
        .collect();
    names
        .into_iter()
        .filter_map(|name| fields.remove_entry(name))
        .collect()
}
