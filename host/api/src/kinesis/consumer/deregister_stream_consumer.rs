//! DeregisterStreamConsumer. Its subscriptions end.

use millstream_core::catalog::{Request, StreamChange, stream::ConsumerChange};

use super::find;
use crate::{error::Fault, kinesis::call::Call, wire::answer::Answer};

pub(in crate::kinesis) async fn answer(call: &Call<'_>) -> Result<Answer, Fault> {
    let (stream, consumer) = find(call)?;
    let change = StreamChange::Consumer(consumer.name, ConsumerChange::Deregister);
    let name = stream.name.clone();
    call.apply(Request::ChangeStream { name, change }).await?;
    Ok(Answer::empty())
}
