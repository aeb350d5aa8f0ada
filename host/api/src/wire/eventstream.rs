//! The frames of an event stream, which is how SubscribeToShard answers: `initial-response`, then events,
//! then perhaps an exception. Knows nothing of what is in an event.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use serde_json::json;

use super::form::Form;

/// What the whole response is said to be.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";
/// Bytes around a payload: prelude, headers, checksums.
const OVERHEAD: usize = 160;

/// The first frame of any stream; it has no members.
pub(crate) fn initial_response(form: Form) -> Bytes {
    let payload = form.render(&json!({}));
    event("initial-response", form.content_type(), payload)
}

/// An event, such as `SubscribeToShardEvent`.
pub(crate) fn event(
    name: &'static str,
    content_type: &'static str,
    payload: impl Into<Bytes>,
) -> Bytes {
    let headers = [
        (":message-type", "event"),
        (":event-type", name),
        (":content-type", content_type),
    ];
    frame(headers, payload.into())
}

/// A modelled exception, after which nothing comes.
pub(crate) fn exception(form: Form, name: &'static str, message: &str) -> Bytes {
    let headers = [
        (":message-type", "exception"),
        (":exception-type", name),
        (":content-type", form.content_type()),
    ];
    let payload = form.render(&json!({ "message": message }));
    frame(headers, payload.into())
}

fn frame(headers: [(&'static str, &'static str); 3], payload: Bytes) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + OVERHEAD);
    let header = |(name, value): (&'static str, &'static str)| {
        Header::new(name, HeaderValue::String(value.into()))
    };
    let message = Message::new_from_parts(headers.map(header).into(), payload);
    write_message_to(&message, &mut out).expect("names are short, and payloads below 4 GiB");
    out.into()
}

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder, read_message_from};
    use proptest::prelude::*;

    use super::*;

    fn read(frame: &Bytes) -> (Vec<(String, String)>, Bytes) {
        let message = read_message_from(&mut frame.clone()).unwrap();
        let header = |header: &Header| {
            let value = header.value().as_string().unwrap().as_str().to_owned();
            (header.name().as_str().to_owned(), value)
        };
        let headers = message.headers().iter().map(header).collect();
        (headers, message.payload().clone())
    }

    fn pairs(pairs: [(&str, &str); 3]) -> Vec<(String, String)> {
        pairs
            .map(|(name, value)| (name.into(), value.into()))
            .into()
    }

    #[test]
    fn a_stream_begins_with_an_empty_response() {
        for (form, body) in [(Form::Json, &b"{}"[..]), (Form::Cbor, &[0xa0])] {
            let (headers, payload) = read(&initial_response(form));
            let expected = [
                (":message-type", "event"),
                (":event-type", "initial-response"),
                (":content-type", form.content_type()),
            ];
            assert_eq!((headers, &payload[..]), (pairs(expected), body));
        }
    }

    #[test]
    fn an_exception_names_its_type_and_carries_a_message() {
        let (headers, payload) = read(&exception(Form::Json, "ResourceInUseException", "a \"b\""));
        let expected = [
            (":message-type", "exception"),
            (":exception-type", "ResourceInUseException"),
            (":content-type", "application/x-amz-json-1.1"),
        ];
        assert_eq!(headers, pairs(expected));
        assert_eq!(payload, &br#"{"message":"a \"b\""}"#[..]);
    }

    proptest! {
        #[test]
        fn any_payload_arrives_whole(payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let frame = event("SubscribeToShardEvent", CONTENT_TYPE, payload.clone());
            prop_assert_eq!(&read(&frame).1[..], &payload[..]);
            prop_assert!(frame.len() <= payload.len() + OVERHEAD);
        }

        #[test]
        fn a_changed_bit_is_noticed(at in 0usize..1000, bit in 0u8..8) {
            let mut frame = event("SubscribeToShardEvent", CONTENT_TYPE, "payload").to_vec();
            let at = at % frame.len();
            frame[at] ^= 1 << bit;
            let decoded = MessageFrameDecoder::new().decode_frame(&frame[..]);
            prop_assert!(!matches!(decoded, Ok(DecodedFrame::Complete(_))));
        }
    }
}
