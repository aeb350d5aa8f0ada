//! The forms in which clients name functions: a name, a partial ARN, an ARN, each with a qualifier or
//! without.

use millstream_core::{
    catalog::function::Qualifier,
    name::{FunctionName, is_region},
};

use crate::wire::schema::{Kind, Pattern, text_of};

/// The pattern of function names as it stands in messages.
const PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";

/// A function's name where the model takes 140 characters.
pub(super) const FUNCTION_NAME: Kind = text_of(Pattern::Other(PATTERN, is_named), 1, 140);
/// The same where the model takes 256.
pub(super) const ANY_FUNCTION_NAME: Kind = text_of(Pattern::Other(PATTERN, is_named), 1, 256);

/// A function as a client names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: FunctionName,
    pub(super) qualifier: Option<Qualifier>,
    pub(super) region: Option<String>,
    pub(super) account: Option<String>,
}

fn is_named(text: &str) -> bool {
    Named::parse(text).is_some()
}

impl Named {
    /// What `text` names; nothing where it has none of the forms.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':').peekable();
        let whole = parts.next_if_eq(&"arn").is_some();
        if whole {
            parts.next_if(|partition| partition.starts_with("aws") || partition.is_empty())?;
            parts.next_if_eq(&"lambda")?;
        }
        let left = |parts: &std::iter::Peekable<std::str::Split<'_, char>>| parts.clone().count();
        let mut region = None;
        if whole || left(&parts) > 1 {
            region = parts.next_if(|part| is_region(part)).map(str::to_owned);
        }
        let mut account = None;
        if whole || left(&parts) > 1 {
            account = parts.next_if(|part| is_account(part)).map(str::to_owned);
        }
        if left(&parts) > 1 {
            parts.next_if_eq(&"function");
        }
        let name = parts.next()?.try_into().ok()?;
        let qualifier = match parts.next() {
            Some(text) => Some(text.try_into().ok()?),
            None => None,
        };
        parts.next().is_none().then_some(Self {
            name,
            qualifier,
            region,
            account,
        })
    }
}

fn is_account(part: &str) -> bool {
    part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(String, Option<String>)> {
        let named = Named::parse(text)?;
        let qualifier = named.qualifier.map(|qualifier| qualifier.to_string());
        Some((named.name.to_string(), qualifier))
    }

    #[test]
    fn every_form_of_a_name_is_taken() {
        for front in [
            "",
            "function:",
            "123456789012:",
            "123456789012:function:",
            "us-east-1:123456789012:function:",
            "arn:aws:lambda:us-east-1:123456789012:function:",
            "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:",
        ] {
            for (back, qualifier) in [
                ("", None),
                (":1", Some("1")),
                (":live", Some("live")),
                (":$LATEST", Some("$LATEST")),
            ] {
                let text = format!("{front}f-1_x{back}");
                let wanted = ("f-1_x".to_owned(), qualifier.map(str::to_owned));
                assert_eq!(parsed(&text), Some(wanted), "{text}");
            }
        }
        let digits = "123456789012";
        assert_eq!(parsed(digits), Some((digits.to_owned(), None)));
    }

    #[test]
    fn other_texts_are_no_names() {
        for bad in [
            "",
            "a b",
            "a.b",
            "a:b:c:d",
            ":a",
            "a:",
            "arn:aws:kinesis:us-east-1:123456789012:function:f",
            "arn:aws:lambda:us-east-1:123456789012:function:",
            "a:$OTHER",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
