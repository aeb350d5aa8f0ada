//! One subscription, from its first event to its end.
//!
//! The body is pulled: while the client does not read, nothing is read from the log for it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use millstream_core::{
    catalog::{Catalog, Shard, Status, Stream},
    name::StreamName,
    port::{Later, Page, ReadError},
    position::Position,
    read::page::{begins_expired, goes_on},
    time::Millis,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, Sleep, sleep},
};

use super::{
    event::{Told, limits},
    feed::{Feed, Frame},
    seat::Seat,
};
use crate::{
    app::App,
    error::{Fault, Named},
    native::health::Stage,
    wire::{eventstream::exception, form::Form},
};

/// How long a subscription lives.
const LIFE: Duration = Duration::from_secs(300);
/// How long no event is sent before an empty one is.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Where a subscription stands.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) seat: Seat,
    pub(super) feed: Feed,
    pub(super) room: Arc<Semaphore>,
    pub(super) stream: StreamName,
    /// As it was at first.
    pub(super) shard: Shard,
    /// The consumer's.
    pub(super) arn: String,
    pub(super) position: Position,
}

/// One consumer's subscription to one shard.
pub(super) struct Subscription {
    app: App,
    form: Form,
    place: Place,
    /// Whether the next event is sent even if it has no records: the first one is, so that there is a
    /// place to go on from, and so is a heartbeat.
    due: bool,
    ended: bool,
    end: Pin<Box<Sleep>>,
    heartbeat: Pin<Box<Sleep>>,
    draining: Later<'static, ()>,
    /// What waits for a change of what exists, once something has waited.
    changed: Option<Later<'static, Arc<Catalog>>>,
}

/// Why a subscription stopped waiting.
enum Woken {
    /// There may be something to read, or something may have changed.
    Looks,
    Heartbeat,
    Lost,
    Ends,
}

impl Subscription {
    pub(super) fn new(app: App, form: Form, place: Place) -> Self {
        Self {
            draining: Box::pin(app.life.draining()),
            app,
            form,
            place,
            due: true,
            ended: false,
            end: Box::pin(sleep(LIFE)),
            heartbeat: Box::pin(sleep(HEARTBEAT)),
            changed: None,
        }
    }

    /// The next frame; nothing at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            // Here as well, since one that always has something to read never waits.
            let is_over = Instant::now() >= self.end.deadline();
            if self.ended || is_over || self.app.life.stage() == Stage::Draining {
                return None;
            }
            if self.place.seat.is_lost() {
                return Some(self.lost());
            }
            let catalog = self.app.control.catalog();
            let frame = match self.stream(&catalog) {
                Ok(stream) => self.event(stream).await,
                Err(fault) => Err(fault),
            };
            match frame {
                Ok(Some(frame)) => return Some(self.sent(frame)),
                Ok(None) => {}
                Err(fault) => return Some(self.failed(&fault)),
            }
            match self.wait(catalog).await {
                Woken::Looks => {}
                Woken::Heartbeat => self.due = true,
                Woken::Lost => return Some(self.lost()),
                Woken::Ends => return None,
            }
        }
    }

    fn sent(&mut self, frame: Frame) -> Bytes {
        self.place.position = frame.next;
        self.ended = frame.is_last;
        self.due = false;
        self.heartbeat.as_mut().reset(Instant::now() + HEARTBEAT);
        frame.bytes
    }

    fn lost(&mut self) -> Bytes {
        let arn = &self.place.arn;
        self.failed(&Fault::InUse(format!(
            "A newer subscription of consumer {arn} took over."
        )))
    }

    fn failed(&mut self, fault: &Fault) -> Bytes {
        self.ended = true;
        let name = match fault {
            Fault::Read(_) => "InternalFailureException",
            fault => fault.shape().1,
        };
        exception(self.form, name, &fault.to_string())
    }

    /// The stream, while the consumer may read it.
    fn stream<'c>(&self, catalog: &'c Catalog) -> Result<&'c Stream, Fault> {
        let account = || self.app.identity.account.clone();
        let (name, who) = (&self.place.stream, &self.place.seat.who);
        let found = catalog.stream(name.as_str());
        let found = found.filter(|stream| !stream.is_deleted());
        let stream = found.ok_or_else(|| {
            Fault::NoStream(Named {
                stream: name.name().into(),
                account: account(),
            })
        })?;
        let consumer = stream.consumers.get(&who.consumer);
        let reads = consumer.is_some_and(|consumer| {
            let leaves = consumer
                .transition
                .is_some_and(|t| t.status == Status::Deleting);
            consumer.created == who.created && !leaves
        });
        if reads {
            Ok(stream)
        } else {
            let (arn, account) = (&self.place.arn, account());
            let gone = format!("Consumer {arn} under account {account} not found.");
            Err(Fault::NotFound(gone))
        }
    }

    /// The next event; none where there is nothing to tell.
    async fn event(&mut self, stream: &Stream) -> Result<Option<Frame>, Fault> {
        let number = self.place.seat.who.shard;
        let expired;
        let shard = match stream.shards.iter().find(|shard| shard.number == number) {
            Some(shard) => shard,
            // It was closed, and then all its records expired.
            None => {
                let closed = Some((self.app.now)());
                let shard = self.place.shard.clone();
                expired = Shard { closed, ..shard };
                &expired
            }
        };
        let before = self.app.log.span(number);
        if before.next > self.place.position {
            if let Some(frame) = self.records(stream, shard).await? {
                let watched = self.app.metrics.shards();
                watched.gave(stream, number, || frame.given);
                return Ok(Some(frame));
            }
            // Positions without records, as after the log was opened anew.
            let at = &mut self.place.position;
            *at = goes_on(&Page::default(), *at, before);
        }
        let told = self.told(stream, shard, self.place.position, self.place.position);
        if self.due || told.is_last() {
            self.place.feed.recent().tidy();
            return Ok(Some(told.frame(&Page::default(), &self.place.room)));
        }
        Ok(None)
    }

    /// The records that come next. What is in memory is encoded once for all who stand here.
    async fn records(
        &mut self,
        stream: &Stream,
        shard: &Shard,
    ) -> Result<Option<Frame>, ReadError> {
        let from = self.place.position;
        let horizon = stream.horizon((self.app.now)());
        let read = match self.shared(stream, shard, horizon) {
            Shared::Frame(frame) => return Ok(Some(frame)),
            Shared::Read(read) => read,
        };
        let (mut at, mut page) = (from, read.await?);
        if begins_expired(&page, horizon) {
            at = self.app.log.locate(shard.number, horizon).await?;
            let limits = limits(&self.place.room);
            page = self.app.log.read(shard.number, at, limits).await?;
        }
        if page.slices.is_empty() {
            return Ok(None);
        }
        let told = self.told(stream, shard, from, page.next(at));
        Ok(Some(told.frame(&page, &self.place.room)))
    }

    /// A frame that others were sent, or that they will be.
    fn shared(&self, stream: &Stream, shard: &Shard, horizon: Millis) -> Shared {
        let from = self.place.position;
        let room = &self.place.room;
        let mut recent = self.place.feed.recent();
        if let Some(frame) = recent.find(self.form, from, horizon) {
            return Shared::Frame(frame.clone());
        }
        let mut read = self.app.log.read(shard.number, from, limits(room));
        // Records in memory are there at once; nobody waits here for those on the disk.
        let page = match read.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(page) => page,
            Poll::Pending => return Shared::Read(read),
        };
        match page {
            Ok(page) if !page.slices.is_empty() && !begins_expired(&page, horizon) => {
                let told = self.told(stream, shard, from, page.next(from));
                let frame = told.frame(&page, room);
                recent.keep(&frame);
                Shared::Frame(frame)
            }
            page => Shared::Read(Box::pin(std::future::ready(page))),
        }
    }

    fn told<'a>(
        &self,
        stream: &'a Stream,
        shard: &'a Shard,
        from: Position,
        next: Position,
    ) -> Told<'a> {
        Told {
            form: self.form,
            stream,
            shard,
            from,
            next,
            span: self.app.log.span(shard.number),
            now: (self.app.now)(),
        }
    }

    /// Waits for anything that could matter to somebody who has seen all that is there.
    async fn wait(&mut self, seen: Arc<Catalog>) -> Woken {
        let changed = self
            .changed
            .get_or_insert_with(|| self.app.control.changed(seen));
        let grown = self
            .app
            .log
            .grown(self.place.seat.who.shard, self.place.position);
        tokio::select! {
            _next = grown => Woken::Looks,
            _catalog = changed => {
                self.changed = None;
                Woken::Looks
            }
            () = self.heartbeat.as_mut() => Woken::Heartbeat,
            () = self.place.seat.lost() => Woken::Lost,
            () = self.end.as_mut() => Woken::Ends,
            () = self.draining.as_mut() => Woken::Ends,
        }
    }
}

/// What comes of looking for records where others look too.
enum Shared {
    Frame(Frame),
    /// What has to be waited for, or cannot be shared.
    Read(Later<'static, Result<Page, ReadError>>),
}
