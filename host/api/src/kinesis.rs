//! The Kinesis API: one file an action, from its JSON to its answer.

pub(crate) mod call;
mod channel;
mod consumer;
mod control;
mod create_stream;
mod delete_stream;
mod describe_stream;
mod describe_stream_summary;
mod get_records;
mod get_shard_iterator;
mod list_shards;
mod list_streams;
mod policy;
mod put;
mod put_record;
mod put_records;
mod queue;
mod records;
mod reshard;
mod resource;
mod setting;
mod shard;
mod subscribe_to_shard;
mod tags;
mod tokens;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, Response, header, request::Parts},
};
use millstream_core::name::is_region;
use tokio::sync::OnceCell;

use self::call::{Call, Caller};
use crate::{
    admit::Admission,
    app::App,
    auth::{Asked, AuthFault},
    error::Fault,
    native::metrics::Route,
    wire::{
        answer::{self, Answer},
        form::Form,
        target::Action,
    },
};

/// Bytes of a body that carries records: the API's limit of records in base64, keys and JSON.
const RECORDS_BODY_BYTES: usize = 16 << 20;
/// Bytes of any other body; the longest member is a token of 1 MiB.
const BODY_BYTES: usize = 2 << 20;

/// What the actions share.
#[derive(Debug)]
pub(crate) struct Kinesis {
    app: App,
    admission: Arc<Admission>,
    token_key: OnceCell<tokens::Kept>,
    subscriptions: subscribe_to_shard::Subscriptions,
    counters: Vec<Arc<Route>>,
    unknown: Arc<Route>,
}

/// The form of a request, and the action that it asks for; none where that is not known.
fn target(method: &Method, headers: &HeaderMap) -> Result<(Form, Option<Action>), Fault> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let content = text(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let form = Form::parse(content);
    let target = text("x-amz-target");
    if method != Method::POST || (form.is_none() && target.is_none()) {
        return Err(Fault::NotARequest);
    }
    let form = form.ok_or(Fault::UnknownContent)?;
    Ok((form, target.and_then(Action::parse)))
}

impl Kinesis {
    pub(crate) fn new(app: App, admission: Arc<Admission>) -> Self {
        let counters = Action::ALL.iter();
        let counters = counters.map(|action| app.metrics.route(action.name()));
        Self {
            admission,
            token_key: OnceCell::new(),
            subscriptions: subscribe_to_shard::Subscriptions::default(),
            counters: counters.collect(),
            unknown: app.metrics.route("Unknown"),
            app,
        }
    }

    /// Answers one request.
    pub(crate) async fn handle(&self, request: Request) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let target = target(&parts.method, &parts.headers);
        let (form, action) = *target.as_ref().unwrap_or(&(Form::Json, None));
        let response = match self.answer(&parts, target, body).await {
            Ok(answer) => answer::success(form, answer),
            Err(fault) => answer::failure(form, &fault),
        };
        let counter = action.map_or(&self.unknown, |action| &self.counters[action as usize]);
        counter.answered(response.status());
        response
    }

    async fn answer(
        &self,
        parts: &Parts,
        target: Result<(Form, Option<Action>), Fault>,
        body: Body,
    ) -> Result<Answer, Fault> {
        let limit = match target {
            Ok((_, Some(Action::PutRecord | Action::PutRecords))) => RECORDS_BODY_BYTES,
            _ => BODY_BYTES,
        };
        // Read before any refusal, since some clients look for none until they have sent it all.
        let body = self.admission.read(body, limit).await?;
        let (form, action) = target?;
        let action = action.ok_or(Fault::UnknownOperation)?;
        let call = Call {
            kinesis: self,
            caller: self.caller(parts, &body.bytes)?,
            form,
            body: &body.bytes,
        };
        act(action, &call).await
    }

    /// Who asks. The region is that of the signature.
    fn caller(&self, parts: &Parts, body: &[u8]) -> Result<Caller, AuthFault> {
        let App {
            access,
            identity,
            now,
            ..
        } = &self.app;
        let signer = access.to_kinesis(&Asked::from(parts), body, now())?;
        let region = match signer {
            // It becomes part of the names of streams.
            Some(signer) if signer.region != identity.region && !is_region(&signer.region) => {
                return Err(AuthFault::region(&signer.region));
            }
            Some(signer) => signer.region,
            None => identity.region.clone(),
        };
        Ok(Caller {
            region,
            account: identity.account.clone(),
        })
    }
}

#[expect(clippy::too_many_lines, reason = "it is a table: one line an action")]
async fn act(action: Action, call: &Call<'_>) -> Result<Answer, Fault> {
    match action {
        Action::AcknowledgeDeadLetterQueueRecords => {
            queue::acknowledge_dead_letter_queue_records::answer(call).await
        }
        Action::AcknowledgeQueueRecords => queue::acknowledge_queue_records::answer(call).await,
        Action::AddTagsToStream => tags::add_tags_to_stream::answer(call).await,
        Action::CreateChannel => channel::create_channel::answer(call).await,
        Action::CreateQueue => queue::create_queue::answer(call).await,
        Action::CreateStream => create_stream::answer(call).await,
        Action::DecreaseStreamRetentionPeriod => {
            setting::decrease_stream_retention_period::answer(call).await
        }
        Action::DeleteChannel => channel::delete_channel::answer(call).await,
        Action::DeleteQueue => queue::delete_queue::answer(call).await,
        Action::DeleteResourcePolicy => policy::delete_resource_policy::answer(call).await,
        Action::DeleteStream => delete_stream::answer(call).await,
        Action::DeregisterStreamConsumer => {
            consumer::deregister_stream_consumer::answer(call).await
        }
        Action::DescribeAccountSettings => setting::describe_account_settings::answer(call).await,
        Action::DescribeChannel => channel::describe_channel::answer(call).await,
        Action::DescribeLimits => setting::describe_limits::answer(call).await,
        Action::DescribeQueue => queue::describe_queue::answer(call).await,
        Action::DescribeStream => describe_stream::answer(call).await,
        Action::DescribeStreamConsumer => consumer::describe_stream_consumer::answer(call).await,
        Action::DescribeStreamSummary => describe_stream_summary::answer(call).await,
        Action::DisableEnhancedMonitoring => {
            setting::disable_enhanced_monitoring::answer(call).await
        }
        Action::EnableEnhancedMonitoring => setting::enable_enhanced_monitoring::answer(call).await,
        Action::GetRecords => get_records::answer(call).await,
        Action::GetResourcePolicy => policy::get_resource_policy::answer(call).await,
        Action::GetShardIterator => get_shard_iterator::answer(call).await,
        Action::IncreaseStreamRetentionPeriod => {
            setting::increase_stream_retention_period::answer(call).await
        }
        Action::ListChannels => channel::list_channels::answer(call).await,
        Action::ListQueues => queue::list_queues::answer(call).await,
        Action::ListShards => list_shards::answer(call).await,
        Action::ListStreamConsumers => consumer::list_stream_consumers::answer(call).await,
        Action::ListStreams => list_streams::answer(call).await,
        Action::ListTagsForResource => tags::list_tags_for_resource::answer(call).await,
        Action::ListTagsForStream => tags::list_tags_for_stream::answer(call).await,
        Action::MergeShards => reshard::merge_shards::answer(call).await,
        Action::PutRecord => put_record::answer(call).await,
        Action::PutRecords => put_records::answer(call).await,
        Action::PutResourcePolicy => policy::put_resource_policy::answer(call).await,
        Action::ReceiveDeadLetterQueueRecords => {
            queue::receive_dead_letter_queue_records::answer(call).await
        }
        Action::ReceiveQueueRecords => queue::receive_queue_records::answer(call).await,
        Action::RegisterStreamConsumer => consumer::register_stream_consumer::answer(call).await,
        Action::RemoveTagsFromStream => tags::remove_tags_from_stream::answer(call).await,
        Action::RestoreDeadLetterQueueRecords => {
            queue::restore_dead_letter_queue_records::answer(call).await
        }
        Action::SplitShard => reshard::split_shard::answer(call).await,
        Action::StartStreamEncryption => setting::start_stream_encryption::answer(call).await,
        Action::StopStreamEncryption => setting::stop_stream_encryption::answer(call).await,
        Action::SubscribeToShard => subscribe_to_shard::answer(call).await,
        Action::TagResource => tags::tag_resource::answer(call).await,
        Action::UntagResource => tags::untag_resource::answer(call).await,
        Action::UpdateAccountSettings => setting::update_account_settings::answer(call).await,
        Action::UpdateChannel => channel::update_channel::answer(call).await,
        Action::UpdateDeadLetterQueueRecordsVisibility => {
            queue::update_dead_letter_queue_records_visibility::answer(call).await
        }
        Action::UpdateMaxRecordSize => setting::update_max_record_size::answer(call).await,
        Action::UpdateQueue => queue::update_queue::answer(call).await,
        Action::UpdateQueueRecordsVisibility => {
            queue::update_queue_records_visibility::answer(call).await
        }
        Action::UpdateShardCount => reshard::update_shard_count::answer(call).await,
        Action::UpdateStreamMode => setting::update_stream_mode::answer(call).await,
        Action::UpdateStreamRecordDistributionStrategy => {
            setting::update_stream_record_distribution_strategy::answer(call).await
        }
        Action::UpdateStreamWarmThroughput => {
            setting::update_stream_warm_throughput::answer(call).await
        }
    }
}
