//! A function that is a closure, and a list of the calls that it got.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use millstream_core::{
    batch::{Columns, Output},
    block::BlockBuilder,
    port::{Call, GuestError, Invoke, InvokeError, Invoked, Later, Usage, Verdict},
};

pub(crate) type Answer = Result<Invoked, InvokeError>;
type Body = Box<dyn Fn(Call) -> Later<'static, Answer> + Send + Sync>;

/// What a call was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) function: String,
    pub(crate) version: u64,
    pub(crate) shard: String,
    pub(crate) attempt: u32,
    pub(crate) data: Vec<String>,
}

pub(crate) struct Function {
    body: Mutex<Arc<Body>>,
    seen: Mutex<Vec<Seen>>,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

impl Function {
    /// One that gives every record to the stream `out`.
    pub(crate) fn echo() -> Arc<Self> {
        Arc::new(Self {
            body: Mutex::new(body(|call| async move { echo(&call.batch) })),
            seen: Mutex::default(),
        })
    }

    /// What it does from now on.
    pub(crate) fn does<F>(&self, does: impl Fn(Call) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        *self.body.lock().unwrap() = body(does);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn body<F>(does: impl Fn(Call) -> F + Send + Sync + 'static) -> Arc<Body>
where
    F: Future<Output = Answer> + Send + 'static,
{
    Arc::new(Box::new(move |call| Box::pin(does(call))))
}

impl Invoke for Function {
    fn call(&self, call: Call) -> Later<'static, Answer> {
        self.seen.lock().unwrap().push(Seen {
            function: call.function.to_string(),
            version: call.version,
            shard: call.shard_id.clone(),
            attempt: call.attempt,
            data: data(&call.batch),
        });
        let body = Arc::clone(&self.body.lock().unwrap());
        body(call)
    }
}

pub(crate) fn data(batch: &Columns) -> Vec<String> {
    let text = |i| String::from_utf8(batch.datum(i).to_vec()).unwrap();
    (0..batch.len()).map(text).collect()
}

/// All records, given to the stream `out`.
pub(crate) fn echo(batch: &Columns) -> Answer {
    let mut builder = BlockBuilder::default();
    for i in 0..batch.len() {
        builder.push(batch.key(i), batch.datum(i));
    }
    let output = builder.finish().map(|block| Output {
        stream: "out".try_into().unwrap(),
        block,
    });
    answer(Ok(Verdict {
        outputs: output.into_iter().collect(),
        ..Verdict::default()
    }))
}

/// A failure of the function as a whole.
pub(crate) fn error(message: &str) -> Answer {
    answer(Err(GuestError::Returned {
        message: message.to_owned(),
    }))
}

pub(crate) fn answer(result: Result<Verdict, GuestError>) -> Answer {
    Ok(Invoked {
        result,
        answer: None,
        logs: Vec::new(),
        logs_dropped: 0,
        usage: Usage::default(),
    })
}
