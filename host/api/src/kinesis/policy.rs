//! Resource policies of streams and consumers.

pub(super) mod delete_resource_policy;
pub(super) mod get_resource_policy;
pub(super) mod put_resource_policy;

use millstream_core::catalog::{
    Request, StreamChange, queue,
    stream::{ConsumerChange, policy::check},
};

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
        Resource::Queue(name) => {
            if let Some(text) = &new {
                check(text).map_err(|error| Fault::Argument(error.to_string()))?;
            }
            let request = queue::Request::Policy { name, policy: new };
            call.apply(Request::Queue(request)).await?;
            return Ok(());
        }
        Resource::Channel(_) => return Err(without_policy()),
    };
    call.apply(Request::ChangeStream { name, change }).await?;
    Ok(())
}

fn without_policy() -> Fault {
    Fault::Argument("Channels have no resource policies.".into())
}
