//! From a source of announcements into the dataflow.
//!
//! ```text
//! source ─ feed ─┬▶ records ─▶ home … outcome ─▶ back to the feed: one fewer on its way
//!                └▶ notices ─▶ how far the source was read: to the first worker; closed: to all
//! ```
//! Time is the cluster's clock in ticks of [`TICK`], and each tick says how far the source had been read in
//! it: once every outcome of a tick is durable, so is that.

mod end;
mod feed;
mod repeats;
mod under_way;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hark_operators::driver::Epoch;
use hark_operators::record::Record;
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, StreamVec};

use crate::latency::EpochLatency;
use crate::source::Positions;

pub(crate) use end::{Answer, Round};
pub use feed::Feed;
use feed::Next;
pub use repeats::Repeats;

/// Length of an epoch.
pub const TICK: Duration = Duration::from_millis(100);

/// The epoch of a moment so long after the beginning.
pub(crate) fn tick_of(elapsed: Duration) -> Epoch {
    (elapsed.as_millis() / TICK.as_millis()) as Epoch
}

/// What a feed tells the workers of the cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Notice {
    /// By the end of this tick its source had been read so far.
    Read(Epoch, Positions),
    /// Nobody is to read any more.
    Closed,
    /// Has a feed anything left?
    Asked(Round),
    /// So it is.
    Answered(Answer),
}

/// A notice and the worker that it is for.
pub(crate) type Addressed = (u64, Notice);

/// The records of a feed as a stream, `Announced`, and `Failed` for entries that were not readable; and
/// its notices.
pub(crate) fn intake<'s>(
    scope: Scope<'s, Epoch>,
    feed: Arc<Feed>,
    latency: Rc<RefCell<EpochLatency>>,
) -> (StreamVec<'s, Epoch, Record>, StreamVec<'s, Epoch, Addressed>) {
    let worker = scope.index() as u64;
    let mut builder = OperatorBuilder::new("intake".to_owned(), scope);
    let again = scope.activator_for(builder.operator_info().address);
    let (records, record_stream) = builder.new_output::<Vec<Record>>();
    let (notices, notice_stream) = builder.new_output::<Vec<Addressed>>();
    let mut records = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(records);
    let mut notices = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(notices);
    builder.build(move |capabilities| {
        // One for each output, both at the worker's tick.
        let mut capabilities = Some(capabilities);
        let mut sent_in_epoch = false;
        move |_frontiers| {
            let Some([for_records, for_notices]) = capabilities.as_deref_mut() else { return };
            let now = tick_of(feed.peers.started.elapsed()).max(*for_records.time());
            if now > *for_records.time() {
                if sent_in_epoch {
                    latency.borrow_mut().closed(*for_records.time());
                    sent_in_epoch = false;
                }
                for_records.downgrade(&now);
                for_notices.downgrade(&now);
            }
            let mut output = records.activate();
            let mut session = output.session(&*for_records);
            let ended = loop {
                match feed.next(worker, now) {
                    Next::Record(record) => {
                        session.give(*record);
                        sent_in_epoch = true;
                    }
                    Next::Wait => break false,
                    Next::End => break true,
                }
            };
            drop(session);
            let mut output = notices.activate();
            for (at, notice) in feed.notices(now) {
                output.session(&for_notices.delayed(&at)).give(notice);
            }
            if ended {
                if sent_in_epoch {
                    latency.borrow_mut().closed(now);
                }
                capabilities = None;
            } else {
                again.activate_after(feed.pause());
            }
        }
    });
    (record_stream, notice_stream)
}

/// Seconds since 1970 UTC.
pub fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
