//! What a change comes to that the control plane did not make, in Lambda's words.

use millstream_core::catalog::{
    Refused,
    function::{Qualifier, change::FunctionRefused},
    stream::tags::TagsRefused,
};

use super::{call::Call, fault::Fault};

impl Call<'_> {
    pub(super) fn refused(&self, refused: Refused) -> Fault {
        match refused {
            Refused::NoFunction(name) => {
                let arn = self.arn(&name, None);
                Fault::not_found(format!("Function not found: {arn}"))
            }
            Refused::NoQualifier(name, qualifier) => {
                let arn = self.arn(&name, Some(&qualifier));
                Fault::not_found(format!("Function not found: {arn}"))
            }
            Refused::NoTrigger(_) => Fault::not_found("The resource you requested does not exist."),
            Refused::NoStream(name) => {
                Fault::parameter(format!("Stream not found: {}", name.name()))
            }
            Refused::Function(refused) => self.function_refused(refused),
            Refused::Tags(refused) => tags_refused(&refused),
            other => Fault::parameter(other.to_string()),
        }
    }

    fn function_refused(&self, refused: FunctionRefused) -> Fault {
        match refused {
            FunctionRefused::Exists(name) => {
                Fault::conflict(format!("Function already exist: {name}"))
            }
            FunctionRefused::Revision => Fault::precondition(
                "The Revision Id provided does not match the latest Revision Id. \
                 Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
            ),
            FunctionRefused::NoVersion(number) => Fault::not_found(format!(
                "Function not found: {}",
                self.told(Some(&Qualifier::Number(number)))
            )),
            FunctionRefused::Aliased(alias) => Fault::conflict(format!(
                "The version cannot be deleted because the alias {alias} leads to it."
            )),
            FunctionRefused::NoAlias(alias) => {
                let arn = self.told(Some(&Qualifier::Alias(alias)));
                Fault::not_found(format!("Alias not found: {arn}"))
            }
            FunctionRefused::AliasExists(alias) => {
                let arn = self.told(Some(&Qualifier::Alias(alias)));
                Fault::conflict(format!("Alias already exists: {arn}"))
            }
            FunctionRefused::StatementExists(sid) => Fault::conflict(format!(
                "The statement id ({sid}) provided already exists. Please provide a new statement \
                 id, or remove the existing statement."
            )),
            FunctionRefused::NoStatement(sid) => {
                Fault::not_found(format!("Statement {sid} is not found in resource policy."))
            }
            FunctionRefused::Tags(refused) => tags_refused(&refused),
            FunctionRefused::AlreadyAt(_)
            | FunctionRefused::NothingEarlier
            | FunctionRefused::Routing(_)
            | FunctionRefused::TooManyVersions
            | FunctionRefused::TooManyAliases
            | FunctionRefused::TooManyStatements => Fault::parameter(refused.to_string()),
        }
    }

    /// The ARN of what the request's path names.
    fn told(&self, qualifier: Option<&Qualifier>) -> String {
        let label = self.labels.iter().find(|(name, _)| *name == "FunctionName");
        let name = label.and_then(|(_, text)| Some(self.named(text).ok()?.name));
        name.map_or_else(String::new, |name| self.arn(&name, qualifier))
    }
}

fn tags_refused(refused: &TagsRefused) -> Fault {
    Fault::parameter(match refused {
        TagsRefused::TooMany => "Number of tags exceeds resource tag limit.".to_owned(),
        TagsRefused::Character | TagsRefused::Reserved(_) => refused.to_string(),
    })
}
