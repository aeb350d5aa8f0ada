//! Where AWS's services answer and who asks them, as the AWS tools are told it.

use std::fmt;

use millstream_core::trigger::{Destination, outbox::Service};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider};

use super::refusal::SendError;

/// What the environment says of AWS.
#[derive(Clone, Default)]
pub struct Aws {
    /// Where SQS answers; none is Amazon's own address.
    pub sqs: Option<String>,
    /// Where SNS answers.
    pub sns: Option<String>,
    /// Where S3 answers.
    pub s3: Option<String>,
    /// Where all of them answer that were not named.
    pub any: Option<String>,
    /// The region of buckets, whose ARNs do not say it.
    pub region: String,
    /// The variables that say who asks, such as `AWS_ACCESS_KEY_ID`, with their values.
    pub credentials: Vec<(String, String)>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.credentials.iter().map(|(name, _)| name);
        f.debug_struct("Aws")
            .field("sqs", &self.sqs)
            .field("sns", &self.sns)
            .field("s3", &self.s3)
            .field("any", &self.any)
            .field("region", &self.region)
            .field("credentials", &names.collect::<Vec<_>>())
            .finish()
    }
}

impl Aws {
    /// The region in which `destination` is.
    pub(super) fn region<'a>(&'a self, destination: &'a Destination) -> &'a str {
        match destination.region() {
            "" => &self.region,
            region => region,
        }
    }

    /// The address that was set for the service of `destination`.
    fn given(&self, destination: &Destination) -> Option<&str> {
        let given = match destination.service() {
            Service::Sqs => &self.sqs,
            Service::Sns => &self.sns,
            Service::S3 => &self.s3,
        };
        given.as_deref().or(self.any.as_deref())
    }

    /// Where the service of `destination` answers, without a slash at its end.
    pub(super) fn endpoint(&self, destination: &Destination) -> String {
        if let Some(given) = self.given(destination) {
            return given.trim_end_matches('/').to_owned();
        }
        let service = name(destination.service());
        let region = self.region(destination);
        let china = destination.partition() == "aws-cn";
        let suffix = if china { ".cn" } else { "" };
        format!("https://{service}.{region}.amazonaws.com{suffix}")
    }

    /// Who asks: the keys of the environment, or else what this machine's role gives. Nobody where an
    /// address was set and nothing else, as for a service of one's own.
    pub(super) fn credentials(
        &self,
        destination: &Destination,
    ) -> Result<Option<AwsCredentialProvider>, SendError> {
        if self.credentials.is_empty() && self.given(destination).is_some() {
            return Ok(None);
        }
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name("any")
            .with_region(self.region(destination));
        for (name, value) in &self.credentials {
            // Only names that it knows are passed on.
            if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let built = builder.build();
        let built = built.map_err(|error| SendError::Failed(error.to_string()))?;
        Ok(Some(built.credentials().clone()))
    }
}

/// As signatures and addresses name it.
pub(super) fn name(service: Service) -> &'static str {
    match service {
        Service::Sqs => "sqs",
        Service::Sns => "sns",
        Service::S3 => "s3",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(arn: &str) -> Destination {
        Destination::try_from(arn).unwrap()
    }

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:q";

    #[test]
    fn without_an_address_amazons_own_is_asked() {
        let aws = Aws {
            region: "us-east-2".to_owned(),
            ..Aws::default()
        };
        for (arn, endpoint) in [
            (QUEUE, "https://sqs.eu-west-1.amazonaws.com"),
            (
                "arn:aws-cn:sns:cn-north-1:123456789012:t",
                "https://sns.cn-north-1.amazonaws.com.cn",
            ),
            ("arn:aws:s3:::bucket", "https://s3.us-east-2.amazonaws.com"),
        ] {
            assert_eq!(aws.endpoint(&to(arn)), endpoint);
        }
    }

    #[test]
    fn a_services_own_address_goes_before_that_of_all() {
        let aws = Aws {
            sqs: Some("http://127.0.0.1:1/".to_owned()),
            any: Some("http://127.0.0.1:2".to_owned()),
            ..Aws::default()
        };
        assert_eq!(aws.endpoint(&to(QUEUE)), "http://127.0.0.1:1");
        assert_eq!(
            aws.endpoint(&to("arn:aws:s3:::bucket")),
            "http://127.0.0.1:2"
        );
        assert!(aws.credentials(&to(QUEUE)).unwrap().is_none());
    }

    #[test]
    fn secrets_are_not_shown() {
        let aws = Aws {
            credentials: vec![("AWS_SECRET_ACCESS_KEY".to_owned(), "hidden".to_owned())],
            ..Aws::default()
        };
        let shown = format!("{aws:?}");
        assert!(
            !shown.contains("hidden") && shown.contains("SECRET"),
            "{shown}"
        );
    }
}
