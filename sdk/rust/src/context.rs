//! What a handler has besides its records: outputs, state, settings, a log.

use std::{
    fmt::{self, Debug, Display},
    mem,
    str::FromStr,
};

use serde::Serialize;

use crate::{
    Batch, Error, Level, State,
    host::{Answer, Failed, Host, Origin},
    output::{Columns, Outputs},
    state::Cache,
};

/// How many bytes of outputs wait before the host is given them.
const FLUSH_BYTES: usize = 1 << 20;
/// How many characters a partition key may have.
const KEY_CHARS: usize = 256;

/// What a handler has besides its records.
///
/// Nothing that is done through it happens before the batch succeeds.
pub struct Context {
    host: Box<dyn Host>,
    origin: Origin,
    outputs: Outputs,
    state: Cache,
    failures: Vec<Failed>,
    /// Whether one record of a batch is handled, whose outputs may have to be taken back.
    in_record: bool,
}

impl Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Context");
        shown.field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) fn new(host: Box<dyn Host>, origin: Origin) -> Self {
        Self {
            host,
            origin,
            outputs: Outputs::default(),
            state: Cache::default(),
            failures: Vec::new(),
            in_record: false,
        }
    }

    /// The stream that the records come from.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.origin.stream
    }

    /// The shard that the records come from, as Kinesis writes it.
    #[must_use]
    pub fn shard_id(&self) -> &str {
        &self.origin.shard_id
    }

    /// The version of this function, which rises with each upload.
    #[must_use]
    pub fn function_version(&self) -> u64 {
        self.origin.function_version
    }

    /// 1 for the first try of this batch, then 2, 3, ...
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.origin.attempt
    }

    /// Puts a record into a stream. Within a stream the order is that of the calls.
    /// An error, for a key of no or of more than 256 characters, rejects the record.
    pub fn emit(&mut self, stream: &str, key: &str, data: impl AsRef<[u8]>) -> Result<(), Error> {
        // A key has at most as many characters as bytes, so most need not be counted.
        if key.is_empty() || (key.len() > KEY_CHARS && key.chars().count() > KEY_CHARS) {
            let message = "a partition key has 1 to 256 characters";
            return Err(Error::reject(format_args!(
                "{message}, not {}",
                key.chars().count()
            )));
        }
        self.outputs.push(stream, key, data.as_ref());
        self.flush_if_full()
    }

    /// Puts a value into a stream as JSON.
    pub fn emit_json<T: Serialize + ?Sized>(
        &mut self,
        stream: &str,
        key: &str,
        value: &T,
    ) -> Result<(), Error> {
        self.emit(stream, key, serde_json::to_vec(value)?)
    }

    /// Passes a whole batch on as it is, without looking at its records.
    pub fn forward(&mut self, stream: &str, batch: Batch) -> Result<(), Error> {
        self.outputs.append(Columns {
            stream: stream.to_owned(),
            key_ends: batch.key_ends,
            keys: batch.keys,
            data_ends: batch.data_ends,
            data: batch.data,
        });
        Ok(())
    }

    /// The state of this function on this shard.
    pub fn state(&mut self) -> State<'_> {
        State {
            cache: &mut self.state,
            host: &*self.host,
        }
    }

    /// A setting that was given to the function when it was uploaded.
    #[must_use]
    pub fn config(&self, key: &str) -> Option<String> {
        self.host.config(key)
    }

    /// A setting, or what holds without it.
    #[must_use]
    pub fn config_or(&self, key: &str, default: &str) -> String {
        self.config(key).unwrap_or_else(|| default.to_owned())
    }

    /// A setting that is not text, or what holds without it. Fails when it cannot be read.
    pub fn config_parsed<T: FromStr>(&self, key: &str, default: T) -> Result<T, Error>
    where
        T::Err: Display,
    {
        let Some(text) = self.config(key) else {
            return Ok(default);
        };
        let parsed = text.trim().parse();
        parsed.map_err(|error| Error::retry(format_args!("setting `{key}` is `{text}`: {error}")))
    }

    /// Writes a line to the function's log.
    ///
    /// ```
    /// # use millstream_sdk::{Context, Error, Level, Record, handler};
    /// #[handler]
    /// fn watch(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
    ///     cx.log(Level::Info, format_args!("{} bytes from {}", record.data().len(), record.key()));
    ///     Ok(())
    /// }
    ///
    /// # fn main() {
    /// let outcome = millstream_sdk::testing::run(watch, [("ann", "hello")]);
    /// assert_eq!(outcome.logs, [(Level::Info, "5 bytes from ann".to_owned())]);
    /// # }
    /// ```
    pub fn log(&self, level: Level, message: impl Display) {
        self.host.log(level, &message.to_string());
    }

    /// Notes that a record of the batch is never to be tried again; for handlers of batches.
    /// What they did for the record is not taken back.
    pub fn reject(&mut self, index: usize, reason: impl Display) {
        self.fail(index, Error::reject(reason));
    }

    pub(crate) fn fail(&mut self, index: usize, error: Error) {
        self.failures.push(Failed {
            index,
            disposition: error.disposition(),
            reason: error.into_reason(),
        });
    }

    /// What the records before did is not taken back any more.
    pub(crate) fn begin_record(&mut self) -> Result<(), Error> {
        self.in_record = false;
        self.flush_if_full()?;
        self.in_record = true;
        self.outputs.keep();
        self.state.begin_record();
        Ok(())
    }

    /// Undoes what the current record did.
    pub(crate) fn take_back(&mut self) {
        self.outputs.take_back();
        self.state.take_back();
    }

    pub(crate) fn end_records(&mut self) {
        self.in_record = false;
        self.state.end_records();
    }

    fn flush_if_full(&mut self) -> Result<(), Error> {
        // What the host has been given cannot be taken back: only between records.
        if self.in_record || self.outputs.bytes() < FLUSH_BYTES {
            return Ok(());
        }
        for columns in self.outputs.take() {
            self.host.emit(columns).map_err(Error::retry)?;
        }
        Ok(())
    }

    /// Hands the state to the host and everything else to the caller.
    pub(crate) fn finish(&mut self) -> Result<Answer, Error> {
        let writes = self.state.take_writes();
        if !writes.is_empty() {
            self.host.set_many(writes).map_err(Error::retry)?;
        }
        Ok(Answer {
            outputs: self.outputs.take().collect(),
            failures: mem::take(&mut self.failures),
        })
    }
}
