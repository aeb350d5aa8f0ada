//! Streams as clients name them: by ARNs, in the region of the call.

use millstream_core::{name::StreamName, trigger::Destination};

use crate::lambda::{call::Call, fault::Fault};

/// A stream's ARN.
pub(super) fn arn(call: &Call<'_>, stream: &StreamName) -> String {
    let identity = &call.app().identity;
    let region = stream.region().unwrap_or(&identity.region);
    let account = &identity.account;
    format!(
        "arn:aws:kinesis:{region}:{account}:stream/{}",
        stream.name()
    )
}

/// The stream of Kinesis that `arn` names, in the region of this call. It need not be there.
pub(super) fn stream(call: &Call<'_>, arn: &str) -> Option<StreamName> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _partition, "kinesis", region, account, resource] = parts[..] else {
        return None;
    };
    let identity = &call.app().identity;
    if region != call.region || account != identity.account {
        return None;
    }
    let name = resource.strip_prefix("stream/")?;
    let elsewhere = (region != identity.region).then_some(region);
    StreamName::within(elsewhere, name).ok()
}

/// The stream that a mapping shall read.
pub(super) fn read(call: &Call<'_>, arn: Option<&str>) -> Result<StreamName, Fault> {
    let Some(arn) = arn else {
        return Err(Fault::parameter("Unrecognized event source."));
    };
    if service(arn) != Some("kinesis") {
        return Err(Fault::parameter(format!(
            "Unrecognized event source: {arn} is no stream of Kinesis; \
             others are not supported by Millstream."
        )));
    }
    if arn.contains("/consumer/") {
        return Err(Fault::parameter(
            "Stream consumers are not supported as event sources by Millstream, where every \
             mapping reads its stream on its own; give the ARN of the stream.",
        ));
    }
    let missing = || Fault::parameter(format!("Stream not found: {arn}"));
    let stream = stream(call, arn).ok_or_else(missing)?;
    let catalog = call.catalog();
    let is_there = catalog.living(stream.as_str()).is_some();
    is_there.then_some(stream).ok_or_else(missing)
}

/// What takes or is told of the records that a mapping gives up: a stream, or a queue, a topic or a
/// bucket of AWS; nothing where `arn` is empty.
pub(super) fn on_failure(
    call: &Call<'_>,
    arn: &str,
) -> Result<(Option<StreamName>, Option<Destination>), Fault> {
    if arn.is_empty() {
        return Ok((None, None));
    }
    if service(arn) != Some("kinesis") {
        let destination = Destination::try_from(arn).map_err(|_| {
            Fault::parameter(format!(
                "The destination {arn} is not supported by Millstream: an on-failure destination \
                 is the ARN of a queue of SQS, a topic of SNS, a bucket of S3, or a stream of this \
                 host."
            ))
        })?;
        return Ok((None, Some(destination)));
    }
    let missing = || Fault::parameter(format!("Stream not found: {arn}"));
    let stream = stream(call, arn).ok_or_else(missing)?;
    let catalog = call.catalog();
    let is_there = catalog.living(stream.as_str()).is_some();
    let found = is_there.then_some((Some(stream), None));
    found.ok_or_else(missing)
}

fn service(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let is_arn = parts.next() == Some("arn");
    parts.nth(1).filter(|_| is_arn)
}
