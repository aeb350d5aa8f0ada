//! Keeps what functions log: stands before the runtime, and notes each call once it has ended.
//!
//! What is kept, and how it reads, is decided in `millstream_core::journal`. A call in which nothing
//! is logged costs a push of fixed size; nothing is written out before somebody reads.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use millstream_core::{
    journal::{Ended, Journal, Kept, Place, RequestId, Room, call::Said},
    name::FunctionName,
    port::{
        Call, EventCall, EventInvoked, GuestError, Invoke, InvokeError, Invoked, Journals, Later,
        Limits, LogLine, Usage,
    },
    time::Millis,
};
use tokio::sync::watch;

/// What a recorder is told.
#[derive(Debug, Clone, Copy)]
pub struct RecorderOptions {
    /// How much is kept.
    pub room: Room,
    /// The memory that a function gets at most, whatever its own limit says.
    pub memory_bytes_max: u64,
    /// Another number after each start of the host.
    pub host: u128,
    /// The clock.
    pub clock: fn() -> Millis,
}

/// [`Invoke`] whose calls are noted, and the notes.
#[derive(Debug)]
pub struct Recorder {
    invoke: Arc<dyn Invoke>,
    book: Arc<Book>,
}

#[derive(Debug)]
struct Book {
    options: RecorderOptions,
    notes: Mutex<Notes>,
}

#[derive(Debug)]
struct Notes {
    journal: Journal,
    /// Those who wait for a function's next call hear of it when their sender is dropped.
    waiting: BTreeMap<FunctionName, watch::Sender<()>>,
}

/// What is to be known of a call before it is handed over.
#[derive(Debug)]
struct About {
    function: FunctionName,
    request: RequestId,
    number: Option<u64>,
    memory_bytes: u64,
    time_ms: u64,
}

/// What a call left.
#[derive(Debug)]
struct Left<'a> {
    lines: &'a [LogLine],
    cut: u64,
    usage: Usage,
    error: Option<&'a GuestError>,
}

impl Recorder {
    /// Before `invoke`.
    #[must_use]
    pub fn new(invoke: Arc<dyn Invoke>, options: RecorderOptions) -> Arc<Self> {
        let notes = Notes {
            journal: Journal::new(options.room),
            waiting: BTreeMap::new(),
        };
        Arc::new(Self {
            invoke,
            book: Arc::new(Book {
                options,
                notes: Mutex::new(notes),
            }),
        })
    }

    fn noted<T>(
        &self,
        about: About,
        answer: Later<'static, Result<T, InvokeError>>,
    ) -> Later<'static, Result<T, InvokeError>>
    where
        T: Send + Sync + 'static,
        for<'a> Left<'a>: From<&'a T>,
    {
        let book = Arc::clone(&self.book);
        Box::pin(async move {
            let answer = answer.await;
            // What could not be called has said nothing.
            if let Ok(invoked) = &answer {
                book.note(about, &invoked.into());
            }
            answer
        })
    }
}

impl<'a> From<&'a Invoked> for Left<'a> {
    fn from(invoked: &'a Invoked) -> Self {
        Self {
            lines: &invoked.logs,
            cut: invoked.logs_dropped,
            usage: invoked.usage,
            error: invoked.result.as_ref().err(),
        }
    }
}

impl<'a> From<&'a EventInvoked> for Left<'a> {
    fn from(invoked: &'a EventInvoked) -> Self {
        Self {
            lines: &invoked.logs,
            cut: invoked.logs_dropped,
            usage: invoked.usage,
            error: invoked.result.as_ref().err(),
        }
    }
}

impl Book {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, about: About, left: &Left<'_>) {
        let About {
            function,
            request,
            number,
            memory_bytes,
            time_ms,
        } = about;
        // Before the lock: a call that logs much is copied here.
        let ended = Ended {
            request,
            number,
            memory_bytes: memory_bytes.min(self.options.memory_bytes_max),
            usage: left.usage,
            said: Said::of(left.lines, left.cut, left.error, time_ms),
        };
        let now = (self.options.clock)();
        let mut notes = self.notes();
        notes.journal.push(&function, now, ended);
        if !notes.waiting.is_empty() {
            notes.waiting.remove(&function);
        }
    }
}

impl About {
    fn of(
        function: &FunctionName,
        request: RequestId,
        number: Option<u64>,
        limits: &Limits,
    ) -> Self {
        Self {
            function: function.clone(),
            request,
            number,
            memory_bytes: limits.memory_bytes,
            time_ms: limits.time_ms,
        }
    }

    fn call(call: &Call) -> Self {
        Self::of(&call.function, call.request, call.number, &call.limits)
    }
}

impl Invoke for Recorder {
    fn call(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        self.noted(About::call(&call), self.invoke.call(call))
    }

    fn dry_run(&self, call: Call) -> Later<'static, Result<Invoked, InvokeError>> {
        self.noted(About::call(&call), self.invoke.dry_run(call))
    }

    fn event(&self, call: EventCall) -> Later<'static, Result<EventInvoked, InvokeError>> {
        let about = About::of(&call.function, call.request, call.number, &call.limits);
        self.noted(about, self.invoke.event(call))
    }
}

impl Journals for Recorder {
    fn read(&self, function: &FunctionName, from: Place) -> Vec<Kept> {
        self.book.notes().journal.read(function.as_str(), from)
    }

    fn grown(&self, function: &FunctionName, from: Place) -> Later<'static, ()> {
        let mut next = {
            let mut notes = self.book.notes();
            if notes.journal.reaches(function.as_str(), from) {
                return Box::pin(std::future::ready(()));
            }
            let sender = notes.waiting.entry(function.clone());
            sender.or_insert_with(|| watch::channel(()).0).subscribe()
        };
        Box::pin(async move {
            // Nothing is ever sent; the sender goes.
            let _ = next.changed().await;
        })
    }

    fn functions(&self) -> Vec<(FunctionName, usize)> {
        let notes = self.book.notes();
        let functions = notes.journal.functions();
        functions
            .map(|(name, bytes)| (name.clone(), bytes))
            .collect()
    }

    fn host(&self) -> u128 {
        self.book.options.host
    }
}
