//! A failure record as a notification of SNS, by its query protocol.

use millstream_core::trigger::{Destination, outbox::Entry};
use reqwest::Url;

use super::{
    call::{Answered, Asked, Caller},
    refusal::SendError,
    sender::KEY_ATTRIBUTE,
};

pub(super) async fn send(
    caller: &Caller,
    topic: &Destination,
    entry: &Entry,
) -> Result<(), SendError> {
    let asked = Asked {
        content_type: "application/x-www-form-urlencoded; charset=utf-8",
        target: None,
        body: form(topic, entry),
    };
    let answered = caller.ask(topic, asked).await?;
    match answered.status {
        200..=299 => Ok(()),
        _ => Err(refused(&answered)),
    }
}

fn form(topic: &Destination, entry: &Entry) -> String {
    let attribute = |part: &str| format!("MessageAttributes.entry.1.{part}");
    let mut fields = vec![
        ("Action".to_owned(), "Publish".to_owned()),
        ("Version".to_owned(), "2010-03-31".to_owned()),
        ("TopicArn".to_owned(), topic.to_string()),
        ("Message".to_owned(), entry.message(topic.service())),
        (attribute("Name"), KEY_ATTRIBUTE.to_owned()),
        (attribute("Value.DataType"), "String".to_owned()),
        (attribute("Value.StringValue"), entry.idempotency_key()),
    ];
    if topic.is_fifo() {
        fields.push(("MessageGroupId".to_owned(), entry.group()));
        fields.push(("MessageDeduplicationId".to_owned(), entry.idempotency_id()));
    }
    // The query of an address has the same form.
    let address = Url::parse_with_params("http://any/", fields).expect("any address takes fields");
    address.query().unwrap_or_default().to_owned()
}

fn refused(answered: &Answered) -> SendError {
    let text = String::from_utf8_lossy(&answered.body);
    let (code, message) = (element(&text, "Code"), element(&text, "Message"));
    SendError::answered("SNS", answered.status, code, message)
}

/// What stands in the first element of that name: errors have one each, without attributes.
fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let opened = xml.split_once(&format!("<{name}>")).map(|(_, rest)| rest);
    let closed = opened.and_then(|rest| rest.split_once(&format!("</{name}>")));
    closed.map_or("", |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::sender::tests::entry;

    fn fields(arn: &str) -> Vec<(String, String)> {
        let topic = Destination::try_from(arn).unwrap();
        let form = form(&topic, &entry(arn));
        let address = Url::parse(&format!("http://any/?{form}")).unwrap();
        address.query_pairs().into_owned().collect()
    }

    #[test]
    fn a_notification_is_a_form() {
        let arn = "arn:aws:sns:us-east-1:123456789012:t";
        let entry = entry(arn);
        let key = entry.idempotency_key();
        let expected = [
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            ("TopicArn", arn),
            ("Message", entry.body.get()),
            ("MessageAttributes.entry.1.Name", "IdempotencyKey"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", &key),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields(arn), expected);
    }

    #[test]
    fn a_topic_that_keeps_the_order_is_told_of_repeated_messages() {
        let arn = "arn:aws:sns:us-east-1:123456789012:t.fifo";
        let names: Vec<_> = fields(arn).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[7..], ["MessageGroupId", "MessageDeduplicationId"]);
    }

    #[test]
    fn an_error_is_told_by_its_code() {
        let body = "<ErrorResponse xmlns=\"http://x/\"><Error><Type>Sender</Type>\
            <Code>NotFound</Code><Message>Topic does not exist</Message></Error></ErrorResponse>";
        let answered = Answered {
            status: 404,
            body: body.into(),
        };
        assert_eq!(
            refused(&answered),
            SendError::Refused("SNS answered 404 NotFound Topic does not exist".to_owned())
        );
    }
}
