//! How the compiling child says what it found, and how the host understands it: a code to exit with
//! and a few lines on standard error.

use millstream_core::port::ModuleError;

use crate::failure::cut;

/// What the child's own failure ends with; others than those below are no verdict.
const BROKEN: u8 = 1;
const NOT_A_MODULE: u8 = 3;
const NO_WORLD: u8 = 4;
const LIMIT: u8 = 5;

/// The code and the text for `error`; the text fits into a pipe that nobody reads.
pub(super) fn write(error: ModuleError) -> (u8, String) {
    let (code, text) = match error {
        ModuleError::NotAModule { message } => (NOT_A_MODULE, message),
        ModuleError::NoWorld { message } => (NO_WORLD, message),
        ModuleError::Limit { limit, message } => (LIMIT, format!("{limit}\n{message}")),
        ModuleError::Host { message } => (BROKEN, message),
    };
    (code, cut(text))
}

/// What was written; nothing where the child ended otherwise.
pub(super) fn read(code: i32, text: &str) -> Option<ModuleError> {
    let message = text.to_owned();
    Some(match u8::try_from(code).ok()? {
        NOT_A_MODULE => ModuleError::NotAModule { message },
        NO_WORLD => ModuleError::NoWorld { message },
        LIMIT => {
            let (limit, message) = text.split_once('\n')?;
            ModuleError::Limit {
                limit: limit.to_owned(),
                message: message.to_owned(),
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_understood() {
        let message = || "it is\nnot good".to_owned();
        for error in [
            ModuleError::NotAModule { message: message() },
            ModuleError::NoWorld { message: message() },
            ModuleError::Limit {
                limit: "functions".to_owned(),
                message: message(),
            },
        ] {
            let (code, text) = write(error.clone());
            assert_eq!(read(code.into(), &text), Some(error));
        }
    }

    #[test]
    fn a_failure_is_no_refusal() {
        let (code, text) = write(ModuleError::Host {
            message: "no disk".to_owned(),
        });
        assert_eq!(read(code.into(), &text), None);
        assert_eq!(read(101, "panicked"), None);
        assert_eq!(read(-1, ""), None);
    }
}
