//! Resource policies: who may do what with a stream or a consumer, as JSON that is kept as it came.

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Bytes of a policy; Kinesis has 20 KiB.
const BYTES: usize = 20 * 1024;

/// Why a policy is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyRefused {
    /// It is not a JSON object with statements.
    #[error("The policy is not valid: {0}.")]
    Malformed(String),
    /// There is none to delete.
    #[error("No policy is attached to the resource.")]
    None,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: String,
    statement: Statements,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Statements {
    One(Box<Statement>),
    Many(Vec<Statement>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: Effect,
    principal: Value,
    action: Value,
}

#[derive(Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// Checks that `text` is a policy.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str) -> Result<(), PolicyRefused> {
    let malformed = |what: &str| PolicyRefused::Malformed(what.to_owned());
    if text.len() > BYTES {
        return Err(malformed("it has more than 20 KiB"));
    }
    let document: Document =
        serde_json::from_str(text).map_err(|error| malformed(&error.to_string()))?;
    if !["2012-10-17", "2008-10-17"].contains(&document.version.as_str()) {
        return Err(malformed("its Version is not 2012-10-17"));
    }
    let statements = match document.statement {
        Statements::One(one) => vec![*one],
        Statements::Many(many) => many,
    };
    if statements.is_empty() {
        return Err(malformed("it has no statement"));
    }
    for Statement {
        effect: Effect::Allow | Effect::Deny,
        principal,
        action,
    } in statements
    {
        if !(principal.is_object() || principal == "*") {
            return Err(malformed("a Principal is neither an object nor *"));
        }
        let texts = |list: &Vec<Value>| !list.is_empty() && list.iter().all(Value::is_string);
        if !(action.is_string() || action.as_array().is_some_and(texts)) {
            return Err(malformed("an Action is neither a text nor a list of texts"));
        }
    }
    Ok(())
}

/// Replaces what is `held`, by nothing where nothing is given.
///
/// # Errors
/// When the new policy is not one, or where there is none to remove.
pub fn replace(held: &mut Option<String>, new: Option<String>) -> Result<(), PolicyRefused> {
    match &new {
        Some(text) => check(text)?,
        None if held.is_none() => return Err(PolicyRefused::None),
        None => {}
    }
    *held = new;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_checked_as_far_as_their_form_goes() {
        let statement =
            r#"{"Effect":"Allow","Principal":{"AWS":"1"},"Action":["kinesis:PutRecord"]}"#;
        let policy = |inner: &str| format!(r#"{{"Version":"2012-10-17","Statement":{inner}}}"#);
        assert_eq!(check(&policy(statement)), Ok(()));
        assert_eq!(check(&policy(&format!("[{statement}]"))), Ok(()));
        for bad in [
            "",
            "[]",
            "{}",
            &policy("[]"),
            &policy("[1]"),
            &policy(statement).replace("2012", "2013"),
            &policy(&statement.replace("Allow", "Maybe")),
            &policy(&statement.replace(r#"{"AWS":"1"}"#, "1")),
            &policy(&statement.replace("[\"kinesis:PutRecord\"]", "[]")),
            &policy(&statement.replace("PutRecord", &"x".repeat(BYTES))),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_policy_that_is_there_is_removed() {
        let mut held = None;
        assert_eq!(replace(&mut held, None), Err(PolicyRefused::None));
        assert!(replace(&mut held, Some("{".into())).is_err());
        held = Some("x".into());
        assert_eq!(replace(&mut held, None), Ok(()));
        assert_eq!(held, None);
    }
}
