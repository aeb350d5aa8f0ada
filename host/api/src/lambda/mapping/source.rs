//! Streams and their consumers as clients name them: by ARNs, in the region of the call.

use millstream_core::{
    catalog::{TriggerSettings, trigger::ConsumerId},
    name::StreamName,
    trigger::Destination,
};

use crate::lambda::{call::Call, fault::Fault};

/// The ARN that a mapping was made for: of its stream, or of one of the stream's consumers.
pub(super) fn of(call: &Call<'_>, settings: &TriggerSettings) -> String {
    let stream = arn(call, &settings.stream);
    match &settings.consumer {
        Some(consumer) => format!("{stream}/consumer/{consumer}"),
        None => stream,
    }
}

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

/// The stream that a mapping shall read, and the consumer that it is made for.
pub(super) fn read(
    call: &Call<'_>,
    arn: Option<&str>,
) -> Result<(StreamName, Option<ConsumerId>), Fault> {
    let Some(arn) = arn else {
        return Err(Fault::parameter("Unrecognized event source."));
    };
    if service(arn) != Some("kinesis") {
        return Err(Fault::parameter(format!(
            "Unrecognized event source: {arn} is no stream of Kinesis; \
             others are not supported by Millstream."
        )));
    }
    let (of_stream, consumer) = match arn.split_once("/consumer/") {
        Some((stream, consumer)) => (stream, Some(consumer)),
        None => (arn, None),
    };
    let missing = || Fault::parameter(format!("Stream not found: {of_stream}"));
    let name = stream(call, of_stream).ok_or_else(missing)?;
    let catalog = call.catalog();
    let stream = catalog.living(name.as_str()).ok_or_else(missing)?;
    let Some(consumer) = consumer else {
        return Ok((name, None));
    };
    let id = ConsumerId::try_from(consumer.to_owned()).ok();
    match id.filter(|id| id.is_of(stream, call.now())) {
        Some(id) => Ok((name, Some(id))),
        None => Err(Fault::parameter(format!(
            "Stream consumer not found: {arn}"
        ))),
    }
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
