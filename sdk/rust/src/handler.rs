//! The two shapes of a handler, and a call of one.

use crate::{Batch, Context, Disposition, Error, Record, host::Answer};

/// A function that can be a handler. The marker `M` tells the two shapes apart.
pub trait Handler<M> {
    /// Handles a batch.
    fn handle(&self, batch: Batch, cx: &mut Context) -> Result<(), Error>;
}

/// Marks handlers of a record.
#[derive(Debug)]
pub struct OfRecord;

/// Marks handlers of a batch.
#[derive(Debug)]
pub struct OfBatch;

impl<F> Handler<OfRecord> for F
where
    F: Fn(Record<'_>, &mut Context) -> Result<(), Error>,
{
    fn handle(&self, batch: Batch, cx: &mut Context) -> Result<(), Error> {
        batch.each(cx, self).map(drop)
    }
}

impl<F> Handler<OfBatch> for F
where
    F: Fn(Batch, &mut Context) -> Result<(), Error>,
{
    fn handle(&self, batch: Batch, cx: &mut Context) -> Result<(), Error> {
        self(batch, cx)
    }
}

/// Calls a handler and gathers what the host is to be told. An error fails the batch.
pub(crate) fn call<M>(
    handler: &impl Handler<M>,
    batch: Batch,
    cx: &mut Context,
) -> Result<Answer, String> {
    let records = batch.len();
    match handler.handle(batch, cx) {
        Ok(()) => cx.finish().map_err(Error::into_reason),
        Err(error) if error.disposition() == Disposition::Reject => {
            Ok(Answer::rejected(records, error.reason()))
        }
        Err(error) => Err(error.into_reason()),
    }
}
