//! Resource policies of streams and consumers.

pub(super) mod delete_resource_policy;
pub(super) mod get_resource_policy;
pub(super) mod put_resource_policy;

use millstream_core::catalog::{Request, StreamChange, stream::ConsumerChange};

use super::{call::Call, resource::Resource};
use crate::error::Fault;

/// Gives a stream or a consumer a policy, or takes it away.
async fn replace(call: &Call<'_>, arn: &str, new: Option<String>) -> Result<(), Fault> {
    let (name, change) = match call.resource_of(arn)? {
        Resource::Stream(name) => (name, StreamChange::Policy(new)),
        Resource::Consumer(name, consumer) => {
            let change = StreamChange::Consumer(consumer, ConsumerChange::Policy(new));
            (name, change)
        }
        Resource::Queue(_) | Resource::Channel(_) => return Err(without_policy()),
    };
    call.apply(Request::ChangeStream { name, change }).await?;
    Ok(())
}

fn without_policy() -> Fault {
    Fault::Argument("Only streams and consumers have resource policies here.".into())
}
