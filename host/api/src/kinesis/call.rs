//! One request: who asks, in which form, and what every action does with it.

use std::sync::Arc;

use millstream_core::{
    catalog::{Catalog, Change, Request, Stream},
    name::StreamName,
    time::Millis,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Kinesis;
use crate::{
    error::{Fault, Named},
    wire::{answer::Answer, decode, form::Form, schema::Member},
};

/// Who asks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The region of the credential scope.
    pub(crate) region: String,
    /// Twelve digits.
    pub(crate) account: String,
}

/// A request whose sender is known.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) kinesis: &'a Kinesis,
    pub(crate) caller: Caller,
    pub(crate) form: Form,
    pub(crate) body: &'a [u8],
}

/// The members that say which stream a request is about. Flattened into inputs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Which {
    pub(crate) stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    pub(crate) stream_arn: Option<String>,
    pub(crate) stream_id: Option<String>,
}

impl Which {
    /// Whether none of them is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.stream_name.is_none() && self.stream_arn.is_none() && self.stream_id.is_none()
    }

    fn names(&self) -> Names<'_> {
        Names {
            name: self.stream_name.as_deref(),
            arn: self.stream_arn.as_deref(),
            id: self.stream_id.as_deref(),
        }
    }
}

/// As [`Which`], where nothing is copied.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Names<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) arn: Option<&'a str>,
    pub(crate) id: Option<&'a str>,
}

impl Call<'_> {
    /// What is asked for, once its types and constraints hold.
    pub(crate) fn input<T: DeserializeOwned>(&self, members: &[Member]) -> Result<T, Fault> {
        decode::decode(self.form, self.body, members)
    }

    /// An answer in the form of the request.
    pub(crate) fn output(&self, value: &impl Serialize) -> Answer {
        Answer::of(self.form, value)
    }

    /// The clock.
    pub(crate) fn now(&self) -> Millis {
        (self.kinesis.app.now)()
    }

    /// Everything that exists.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.kinesis.app.control.catalog()
    }

    /// Makes a change. It is in effect when this returns.
    pub(crate) async fn apply(&self, request: Request) -> Result<Change, Fault> {
        let applied = self.kinesis.app.control.apply(request).await;
        applied.map_err(|error| self.control_fault(error))
    }

    /// The region that names lie in; none is the host's own.
    pub(crate) fn region(&self) -> Option<&str> {
        let region = self.caller.region.as_str();
        (region != self.kinesis.app.identity.region).then_some(region)
    }

    /// The stream, whatever it is doing. Amazon's producers send name and ARN.
    pub(crate) fn stream(&self, which: &Which) -> Result<Arc<Stream>, Fault> {
        self.stream_of(which.names())
    }

    /// As [`Call::stream`].
    pub(crate) fn stream_of(&self, names: Names<'_>) -> Result<Arc<Stream>, Fault> {
        let now = self.now();
        let catalog = self.catalog();
        let by_id = |id: &str| {
            let mut streams = catalog.streams_of(self.region(), now);
            let found = streams.find(|stream| stream.id() == id).cloned();
            found.ok_or_else(|| Fault::NoStream(self.named(id)))
        };
        let name = match (self.name(names)?, names.id) {
            (Some(name), _) => name,
            (None, Some(id)) => return by_id(id),
            (None, None) => return Err(Fault::NoName),
        };
        let scoped = self.scoped(name);
        let found = scoped.and_then(|scoped| catalog.stream(scoped.as_str()).cloned());
        let found = found.filter(|stream| !stream.is_gone(now));
        let stream = found.ok_or_else(|| Fault::NoStream(self.named(name)))?;
        check_id(&stream, names.id)?;
        Ok(stream)
    }

    /// The stream, where it takes and gives records.
    pub(crate) fn live_stream(&self, names: Names<'_>) -> Result<Arc<Stream>, Fault> {
        use millstream_core::catalog::Status;
        let stream = self.stream_of(names)?;
        match stream.status(self.now()) {
            Status::Active | Status::Updating => Ok(stream),
            Status::Creating | Status::Deleting => {
                Err(Fault::NoStream(self.named(stream.name.name())))
            }
        }
    }

    /// A stream's name as the catalog has it.
    pub(crate) fn scoped(&self, name: &str) -> Option<StreamName> {
        StreamName::within(self.region(), name).ok()
    }

    /// As [`Which`] says it, whether or not there is such a stream.
    pub(crate) fn said<'n>(&self, which: &'n Which) -> Result<Option<&'n str>, Fault> {
        self.name(which.names())
    }

    /// The name that is given or lies in the ARN; none where neither is given.
    fn name<'n>(&self, names: Names<'n>) -> Result<Option<&'n str>, Fault> {
        let Some(arn) = names.arn else {
            return Ok(names.name);
        };
        let in_arn = self.resource(arn, ":stream/")?;
        match names.name {
            Some(name) if name != in_arn => Err(Fault::TwoNames {
                name: name.into(),
                arn: arn.into(),
            }),
            _ => Ok(Some(in_arn)),
        }
    }

    /// What follows `kind` in an ARN of this account and region, whose pattern was checked.
    pub(crate) fn resource<'n>(&self, arn: &'n str, kind: &str) -> Result<&'n str, Fault> {
        let parts = arn.split_once(kind).and_then(|(front, name)| {
            let (front, account) = front.rsplit_once(':')?;
            let (_, region) = front.rsplit_once(':')?;
            Some((region, account, name))
        });
        let Some((region, account, name)) = parts else {
            return Err(Fault::NoName);
        };
        let here = region.is_empty() || region == self.caller.region;
        if account != self.caller.account || !here {
            return Err(Fault::NoStream(Named {
                stream: name.into(),
                account: account.into(),
            }));
        }
        Ok(name)
    }

    /// A stream as messages name it.
    pub(crate) fn named(&self, stream: &str) -> Named {
        Named {
            stream: stream.into(),
            account: self.caller.account.clone(),
        }
    }

    /// A stream's ARN.
    pub(crate) fn arn(&self, stream: &Stream) -> String {
        self.arn_of("stream", stream.name.name())
    }

    /// The ARN of something of that kind in the region of this call.
    pub(crate) fn arn_of(&self, kind: &str, name: &str) -> String {
        let Caller { region, account } = &self.caller;
        format!("arn:aws:kinesis:{region}:{account}:{kind}/{name}")
    }
}

/// Where an id stands beside a name, both are of one stream.
pub(super) fn check_id(stream: &Stream, id: Option<&str>) -> Result<(), Fault> {
    match id {
        Some(id) if id != stream.id() => Err(Fault::OtherId {
            id: id.into(),
            name: stream.name.name().into(),
        }),
        _ => Ok(()),
    }
}
