//! Which stream a request is about, by name or by ARN, and what streams are called in answers.

use std::sync::Arc;

use millstream_core::catalog::Stream;

use super::Kinesis;
use crate::error::{Fault, Named};

impl Kinesis {
    /// The stream of that name or ARN. Amazon's producers send both.
    pub(super) fn stream(
        &self,
        name: Option<&str>,
        arn: Option<&str>,
    ) -> Result<Arc<Stream>, Fault> {
        let name = self.name(name, arn)?.ok_or(Fault::NoName)?;
        let catalog = self.app.control.catalog();
        let stream = catalog.stream(name).map(Arc::clone);
        stream.ok_or_else(|| Fault::NoStream(self.named(name)))
    }

    /// The name that is given or lies in the ARN; none where neither is given.
    pub(super) fn name<'a>(
        &self,
        name: Option<&'a str>,
        arn: Option<&'a str>,
    ) -> Result<Option<&'a str>, Fault> {
        let Some(arn) = arn else {
            return Ok(name);
        };
        // The constraints were checked. An account's streams are all here, whatever the region says.
        let account_and_name = arn.rsplit_once(":stream/").and_then(|(front, name)| {
            let (_, account) = front.rsplit_once(':')?;
            Some((account, name))
        });
        let Some((account, in_arn)) = account_and_name else {
            return Err(Fault::NoName);
        };
        if account != self.app.identity.account {
            return Err(Fault::NoStream(Named {
                stream: in_arn.into(),
                account: account.into(),
            }));
        }
        match name {
            Some(name) if name != in_arn => Err(Fault::TwoNames {
                name: name.into(),
                arn: arn.into(),
            }),
            _ => Ok(Some(in_arn)),
        }
    }

    /// A stream as messages name it.
    pub(super) fn named(&self, stream: &str) -> Named {
        Named {
            stream: stream.into(),
            account: self.app.identity.account.clone(),
        }
    }

    /// A stream's ARN.
    pub(super) fn arn(&self, stream: &Stream) -> String {
        let identity = &self.app.identity;
        let (region, account, name) = (&identity.region, &identity.account, &stream.name);
        format!("arn:aws:kinesis:{region}:{account}:stream/{name}")
    }
}
