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
    heard: Option<Arc<Heard>>,
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
                Body::Failed(Arc::new(Failure { fault: fault.clone(), about }))
            }
            None => {
                let heard = Arc::unwrap_or_clone(heard);
                Body::Known(Arc::new(Known { heard, read, repeated: Arc::default() }))
            }
        };
        Record { episode, body, spent: self.spent }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use timely::dataflow::operators::vec::ToStream;
    use timely::dataflow::operators::{Inspect, Probe};

    use super::*;
    use crate::fault::Fault;
    use crate::record::finding::LocalAudio;
    use crate::record::outcome::StageTime;
    use crate::record::{Announcement, EpisodeId, EpisodeKey, Fetched};

    fn episode() -> Arc<Episode> {
        let key = EpisodeKey { episode: EpisodeId::from("one"), revision: 0 };
        let announcement = Arc::new(Announcement::bare(key, String::new()));
        Arc::new(Episode { announcement, ingested_at: 0.0, home: 0, taken_in_by: 0, origin: None })
    }

    fn heard(audio: bool, fault: Option<Fault>) -> Body {
        let audio = audio.then(|| LocalAudio { path: "a.mp3".into(), bytes: 1, digest: String::new(), staged: None });
        let fetched = Arc::new(Fetched { audio, ..Fetched::default() });
        Body::Heard(Arc::new(Heard { fetched, pcm: None, media: None, print: None, fault }))
    }

    fn read(fault: Option<Fault>) -> Body {
        Body::Read(Arc::new(Read { fault, ..Read::default() }))
    }

    fn fault(stage: &'static str) -> Option<Fault> {
        Some(Fault::retry(stage, "test", "it failed", "try again"))
    }

    /// What leaves the meeting when these bodies of one episode come to it.
    fn met(bodies: Vec<Body>) -> Vec<Record> {
        let episode = episode();
        let spent = |body: &Body| {
            let own = if matches!(body, Body::Heard(_)) { Stage::Decode } else { Stage::Transcript };
            let second = StageTime { queued: 0.0, computing: 1.0 };
            Spent::from([(Stage::Fetch, second), (own, second)])
        };
        let records: Vec<Record> =
            bodies.into_iter().map(|body| Record { episode: episode.clone(), spent: spent(&body), body }).collect();
        timely::execute_directly(move |worker| {
            let left = Rc::new(RefCell::new(Vec::new()));
            let leaving = left.clone();
            let probe = worker.dataflow::<Epoch, _, _>(|scope| {
                let met = meet(records.to_stream(scope));
                met.inspect(move |record| leaving.borrow_mut().push(record.clone())).probe().0
            });
            worker.step_while(|| !probe.done());
            left.take()
        })
    }

    #[test]
    fn an_episode_goes_on_once_when_both_parts_are_there_and_only_the_first_of_each_counts() {
        let left =
            met(vec![heard(true, None), heard(true, fault("decode")), read(None), read(None), heard(true, None)]);
        assert_eq!(left.iter().map(Record::kind).collect::<Vec<_>>(), [Kind::Known]);
        let seconds: Vec<_> = left[0].spent.iter().map(|(stage, time)| (*stage, time.computing)).collect();
        assert_eq!(seconds, [(Stage::Fetch, 1.0), (Stage::Decode, 1.0), (Stage::Transcript, 1.0)]);
    }

    #[test]
    fn an_episode_ends_here_without_its_audio_or_without_anything_but_not_without_its_transcript() {
        let ends = |audio, of_audio: Option<Fault>, of_transcript: Option<Fault>| {
            let left = met(vec![read(of_transcript), heard(audio, of_audio)]);
            match &left[..] {
                [Record { body: Body::Known(_), .. }] => "known".to_owned(),
                [Record { body: Body::Failed(failure), .. }] => format!("failed: {}", failure.fault.code),
                other => panic!("one record leaves, not {other:?}"),
            }
        };
        assert_eq!(ends(true, None, None), "known");
        assert_eq!(ends(false, None, None), "known");
        assert_eq!(ends(true, None, fault("transcript")), "known");
        assert_eq!(ends(false, None, fault("transcript")), "failed: transcript.test");
        assert_eq!(ends(true, fault("decode"), fault("transcript")), "failed: decode.test");
    }
}
