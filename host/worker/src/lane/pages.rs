//! Pages that a shard's lanes read: each of them looks at all records, but only the first one that
//! comes to a page reads it from the log.

use std::collections::VecDeque;

use millstream_core::{
    block::Slice,
    port::{Log, Page, ReadError, ReadLimits},
    position::{Position, ShardNumber},
};
use tokio::sync::Mutex;

/// Pages that are kept; each has at most what a lane with filters reads at once, or one block.
const PAGES: usize = 16;

/// The pages that were read last, and from where.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<VecDeque<(Position, Page)>>);

impl Pages {
    /// As [`Log::read`]; may give more than `limits` say.
    pub(super) async fn read(
        &self,
        log: &dyn Log,
        shard: ShardNumber,
        from: Position,
        limits: ReadLimits,
    ) -> Result<Page, ReadError> {
        // Whoever comes while it is held is after the same page, mostly.
        let mut pages = self.0.lock().await;
        // What retention has removed is not given any more.
        let is_kept = from >= log.span(shard).first;
        let mut kept = pages.iter().filter(|_| is_kept);
        if let Some((_, page)) = kept.find(|(at, page)| *at <= from && from < page.next(*at)) {
            return Ok(rest(page, from));
        }
        let page = log.read(shard, from, limits).await?;
        if !page.slices.is_empty() {
            pages.truncate(PAGES - 1);
            pages.push_front((from, page.clone()));
        }
        Ok(page)
    }
}

/// What of the page is at or after `from`.
fn rest(page: &Page, from: Position) -> Page {
    let slices = page.slices.iter().filter(|slice| slice.next() > from);
    let rest = |slice: &Slice| {
        let mut slice = slice.clone();
        // It is less than the slice has, since the slice ends after `from`.
        slice.range.start += from.0.saturating_sub(slice.first().0) as u32;
        slice
    };
    Page {
        slices: slices.map(rest).collect(),
    }
}
