//! Which lines are wanted, in the language of CloudWatch's filter patterns, as far as it is about
//! terms.

use thiserror::Error;

/// Terms that a line has, or has not. The empty one matches every line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// It looks into JSON.
    #[error("patterns that look into JSON, as in {{ $.x = 1 }}, are not supported")]
    Json,
    /// It looks at columns.
    #[error("patterns that look at columns, as in [a, b], are not supported")]
    Columns,
    /// It is a regular expression.
    #[error("regular expressions, as in %x%, are not supported")]
    Regex,
    /// A quotation does not end.
    #[error("a quotation mark has no counterpart")]
    Quote,
    /// A sign stands before nothing.
    #[error("a term is missing after `{0}`")]
    Nothing(char),
}

impl Pattern {
    /// Reads `a b` (both), `"a b"` (as it stands), `?a ?b` (one of them) and `-a` (not).
    ///
    /// # Errors
    /// When it is no such pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut rest = text.trim();
        match rest.chars().next() {
            Some('{') => return Err(PatternError::Json),
            Some('[') => return Err(PatternError::Columns),
            _ => {}
        }
        let mut pattern = Self::default();
        while let Some(first) = rest.chars().next() {
            let sign = Some(first).filter(|first| matches!(first, '-' | '?'));
            let (term, after) = term(&rest[sign.map_or(0, char::len_utf8)..])?;
            if term.is_empty()
                && let Some(sign) = sign
            {
                return Err(PatternError::Nothing(sign));
            }
            rest = after.trim_start();
            match sign {
                None => pattern.all.push(term),
                Some('?') => pattern.any.push(term),
                Some(_) => pattern.none.push(term),
            }
        }
        Ok(pattern)
    }

    /// Whether a line is wanted. Terms are found anywhere in it, in their own case.
    #[must_use]
    pub fn matches(&self, line: &str) -> bool {
        let has = |term: &String| line.contains(term.as_str());
        if self.none.iter().any(has) {
            return false;
        }
        // As at CloudWatch, terms that are optional do not count beside one that is not.
        match self.all.as_slice() {
            [] => self.any.is_empty() || self.any.iter().any(has),
            all => all.iter().all(has),
        }
    }
}

/// The term at the beginning of `text`, and what follows it.
fn term(text: &str) -> Result<(String, &str), PatternError> {
    if let Some(quoted) = text.strip_prefix('"') {
        return unquoted(quoted);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (term, rest) = text.split_at(end);
    if term.len() > 1 && term.starts_with('%') && term.ends_with('%') {
        return Err(PatternError::Regex);
    }
    Ok((term.to_owned(), rest))
}

fn unquoted(text: &str) -> Result<(String, &str), PatternError> {
    let mut term = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((term, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, c @ ('"' | '\\'))) => term.push(c),
                Some((_, c)) => term.extend(['\\', c]),
                None => return Err(PatternError::Quote),
            },
            c => term.push(c),
        }
    }
    Err(PatternError::Quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_found_as_cloudwatch_finds_them() {
        let line = "[ERROR] 400 BAD REQUEST, \"quoted\" -x";
        for (pattern, matches) in [
            ("", true),
            ("  ", true),
            ("\" \"", true),
            ("ERROR", true),
            ("error", false),
            ("ERROR BAD", true),
            ("ERROR GOOD", false),
            ("\"BAD REQUEST\"", true),
            ("\"BAD  REQUEST\"", false),
            ("\"\\\"quoted\\\"\"", true),
            ("\"ERROR\" 400", true),
            ("-ERROR", false),
            ("-GOOD", true),
            ("-\"BAD GOOD\" ERROR", true),
            ("ERROR -BAD", false),
            ("?GOOD ?BAD", true),
            ("?GOOD ?FINE", false),
            ("?GOOD 400", true),
            ("?GOOD 401", false),
            ("?BAD -400", false),
            ("\"-x\"", true),
            ("a\"b", false),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(line), matches, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_its_name() {
        for (pattern, error) in [
            ("{ $.level = \"ERROR\" }", PatternError::Json),
            (" [a, b]", PatternError::Columns),
            ("%4..%", PatternError::Regex),
            ("a \"b", PatternError::Quote),
            ("\"\\", PatternError::Quote),
            ("a -", PatternError::Nothing('-')),
            ("? a", PatternError::Nothing('?')),
        ] {
            assert_eq!(Pattern::parse(pattern), Err(error), "{pattern}");
        }
    }
}
