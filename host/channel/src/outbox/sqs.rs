//! A failure record as a message of SQS, by its JSON protocol.

use millstream_core::trigger::{Destination, outbox::Entry};
use serde_json::{Value, json};

use super::{
    call::{Answered, Asked, Caller},
    refusal::SendError,
    sender::KEY_ATTRIBUTE,
};

pub(super) async fn send(
    caller: &Caller,
    queue: &Destination,
    entry: &Entry,
) -> Result<(), SendError> {
    let endpoint = caller.aws.endpoint(queue);
    let asked = Asked {
        content_type: "application/x-amz-json-1.0",
        target: Some("AmazonSQS.SendMessage"),
        body: message(&endpoint, queue, entry).to_string(),
    };
    let answered = caller.ask(queue, asked).await?;
    match answered.status {
        200..=299 => Ok(()),
        _ => Err(refused(&answered)),
    }
}

fn message(endpoint: &str, queue: &Destination, entry: &Entry) -> Value {
    // The address of a queue is made of its account and its name, wherever it lies.
    let (account, name) = (queue.account(), queue.name());
    let mut message = json!({
        "QueueUrl": format!("{endpoint}/{account}/{name}"),
        "MessageBody": entry.message(queue.service()),
        "MessageAttributes": {
            KEY_ATTRIBUTE: {"DataType": "String", "StringValue": entry.idempotency_key()},
        },
    });
    if queue.is_fifo() {
        message["MessageGroupId"] = entry.group().into();
        message["MessageDeduplicationId"] = entry.idempotency_id().into();
    }
    message
}

fn refused(answered: &Answered) -> SendError {
    let error: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
    let text = |name: &str| error[name].as_str();
    // As in `com.amazonaws.sqs#QueueDoesNotExist`.
    let kind = text("__type").unwrap_or_default();
    let code = kind.rsplit('#').next().unwrap_or_default();
    // There are services that say it twice.
    let message = text("message").or_else(|| text("Message"));
    SendError::answered("SQS", answered.status, code, message.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::sender::tests::entry;

    fn to(arn: &str) -> Value {
        let queue = Destination::try_from(arn).unwrap();
        message("http://127.0.0.1:1", &queue, &entry(arn))
    }

    #[test]
    fn a_message_says_which_it_is() {
        let arn = "arn:aws:sqs:us-east-1:123456789012:q";
        let entry = entry(arn);
        let expected = json!({
            "QueueUrl": "http://127.0.0.1:1/123456789012/q", "MessageBody": entry.body.get(),
            "MessageAttributes": {"IdempotencyKey": {"DataType": "String",
                "StringValue": entry.idempotency_key()}},
        });
        assert_eq!(to(arn), expected);
    }

    #[test]
    fn a_queue_that_keeps_the_order_is_told_of_repeated_messages() {
        let arn = "arn:aws:sqs:us-east-1:123456789012:q.fifo";
        let message = to(arn);
        let entry = entry(arn);
        assert_eq!(message["MessageGroupId"], entry.group());
        assert_eq!(message["MessageDeduplicationId"], entry.idempotency_id());
    }

    #[test]
    fn an_error_is_told_by_its_code() {
        let answered = |status, body: &'static str| {
            refused(&Answered {
                status,
                body: body.into(),
            })
        };
        for gone in [
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}"#,
            r#"{"__type":"QueueDoesNotExist","message":"gone","Message":"gone"}"#,
            r#"{"__type":"QueueDoesNotExist","Message":"gone"}"#,
        ] {
            let told = "SQS answered 400 QueueDoesNotExist gone";
            assert_eq!(answered(400, gone), SendError::Refused(told.to_owned()));
        }
        let busy = answered(503, "<html>");
        assert_eq!(busy, SendError::Failed("SQS answered 503".to_owned()));
    }
}
