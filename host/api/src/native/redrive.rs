//! Dead letters sent back: one step a request, so that whoever asks sees how far it has come and may
//! stop between two.

mod answer;

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use millstream_core::{
    name::{StreamName, TriggerName},
    port::redrive::{Redrive, Target},
    time::Millis,
    trigger::{
        filter::Pattern,
        redrive::{Cursor, Selection},
    },
};
use serde::Deserialize;
use serde_json::Value;

use self::answer::Answer;
use super::{
    error::NativeError,
    input::{self, Name},
};
use crate::{admit::Admission, app::App};

/// What a redrive is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    to: To,
    letters: Option<StreamName>,
    #[serde(default)]
    reasons: Vec<String>,
    error: Option<String>,
    shard_id: Option<String>,
    partition_key: Option<String>,
    since_ms: Option<Millis>,
    until_ms: Option<Millis>,
    /// The text of a pattern or the pattern itself.
    pattern: Option<Value>,
    #[serde(default)]
    again: bool,
    #[serde(default)]
    dry_run: bool,
    batch_size: Option<u32>,
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum To {
    #[default]
    Stream,
    Function,
}

impl Asked {
    fn step(self, trigger: TriggerName) -> Result<Redrive, NativeError> {
        let pattern = self.pattern.map(|pattern| {
            let text = match pattern {
                Value::String(text) => text,
                pattern => pattern.to_string(),
            };
            let pattern = Pattern::parse(&text);
            pattern.map_err(|error| NativeError::Setting(format!("pattern: {error}")))
        });
        let cursor = self.cursor.as_deref().map(Cursor::parse).transpose();
        if self.batch_size == Some(0) {
            return Err(NativeError::Setting(
                "batch_size is 0; allowed are 1 to 10000".to_owned(),
            ));
        }
        Ok(Redrive {
            trigger,
            letters: self.letters,
            to: match self.to {
                To::Stream => Target::Stream,
                To::Function => Target::Function,
            },
            selection: Selection {
                reasons: self.reasons,
                error: self.error,
                shard_id: self.shard_id,
                partition_key: self.partition_key,
                since: self.since_ms,
                until: self.until_ms,
                pattern: pattern.transpose()?.map(Arc::new),
            },
            again: self.again,
            dry_run: self.dry_run,
            batch_size: self.batch_size,
            cursor: cursor.map_err(|error| NativeError::Setting(error.to_string()))?,
        })
    }
}

/// `POST /v1/triggers/{name}/redrive`
pub(super) async fn post(
    State(app): State<App>,
    State(admission): State<Arc<Admission>>,
    Name(name): Name<TriggerName>,
    body: Body,
) -> Result<Response, NativeError> {
    let asked: Asked = input::json(&admission, body, input::JSON_BYTES).await?;
    let step = asked.step(name)?;
    let done = app.triggers.redrive(step).await?;
    Ok(Json(Answer::of(&done)).into_response())
}
