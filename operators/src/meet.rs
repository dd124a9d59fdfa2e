//! Audio and transcript of an episode meet at its home worker, before any model is asked.
//!
//! ```text
//! decode ─────Heard─▶ ┐
//!                     ├ meet ─▶ Known, or Failed
//! transcript ──Read─▶ ┘
//! ```
//! Invariant: `decode` and `transcript` answer every episode, also with nothing or with a fault;
//! the first answer of each counts.

use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

use crate::awaited::Awaited;
use crate::driver::Epoch;
use crate::record::{About, Body, Episode, Failure, Heard, Kind, Known, Read, Record, Spent};
use crate::stage::Stage;

/// The kinds of records that meet here.
pub const MET: [Kind; 2] = [Kind::Heard, Kind::Read];

/// Holds what was heard and what was read of an episode until both are there.
pub fn meet(stream: StreamVec<'_, Epoch, Record>) -> StreamVec<'_, Epoch, Record> {
    let route = Exchange::new(|record: &Record| record.episode.home);
    stream.unary_frontier::<CapacityContainerBuilder<Vec<Record>>, _, _, _>(route, "meet", |_cap, _info| {
        let mut awaited: Awaited<Parts> = Awaited::new();
        move |(input, frontier), output| {
            input.for_each_stamp(|cap, batches| {
                let Some(cap) = cap.retain_least(output.output_index()) else { return };
                for record in batches.flat_map(|batch| batch.drain(..)) {
                    let episode = record.episode.clone();
                    let Some(parts) = awaited.of(episode.key(), &cap) else { continue };
                    parts.add(record);
                    if parts.complete() {
                        let (cap, parts) = awaited.close(episode.key());
                        output.session(&cap).give(parts.known(episode));
                    }
                }
            });
            awaited.forget(|epoch| frontier.less_equal(epoch));
        }
    })
}

/// What has come of one episode so far.
#[derive(Default)]
struct Parts {
    heard: Option<Box<Heard>>,
    read: Option<Arc<Read>>,
    spent: Spent,
}

impl Parts {
    fn add(&mut self, record: Record) {
        match record.body {
            Body::Heard(heard) if self.heard.is_none() => self.heard = Some(heard),
            Body::Read(read) if self.read.is_none() => self.read = Some(read),
            Body::Heard(_) | Body::Read(_) => return,
            other => unreachable!("only what was heard or read is routed here, not {other:?}"),
        }
        for (stage, time) in record.spent {
            // Both ways carry the time of `fetch`, which is before them: count it once.
            if stage > Stage::Fetch || !self.spent.contains_key(&stage) {
                let sum = self.spent.entry(stage).or_default();
                sum.queued += time.queued;
                sum.computing += time.computing;
            }
        }
    }

    fn complete(&self) -> bool {
        self.heard.is_some() && self.read.is_some()
    }

    /// What goes on: the episode with both its parts, or its failure.
    fn known(self, episode: Arc<Episode>) -> Record {
        let (heard, read) = (self.heard.expect("it is complete"), self.read.expect("it is complete"));
        let audio = heard.fetched.audio.clone();
        let fatal = match (&heard.fault, &read.fault) {
            (Some(fault), _) => Some(fault),
            // With audio the episode can do without: its words are recognised then.
            (None, Some(fault)) if audio.is_none() => Some(fault),
            _ => None,
        };
        let body = match fatal {
            Some(fault) => {
                let about = About { audio, survived: heard.fetched.faults.clone(), ..About::default() };
                Body::Failed(Box::new(Failure { fault: fault.clone(), about }))
            }
            None => Body::Known(Box::new(Known { heard: *heard, read })),
        };
        Record { episode, body, spent: self.spent }
    }
}
