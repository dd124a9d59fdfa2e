//! A gate of the graph: tells what an episode has made known, and lets it pass once that is judged.

use std::collections::VecDeque;
use std::sync::Arc;

use hark_operators::dedupe::exact::{Key, KnownAt};
use hark_operators::dedupe::likeness;
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::driver::Epoch;
use hark_operators::record::finding::LocalAudio;
use hark_operators::record::{Body, EpisodeId, EpisodeKey, Record};
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

use super::Hub;

/// Something that became known of an episode.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Told {
    /// By its source.
    Announced(EpisodeId, Announced),
    /// Of the bytes of its audio.
    Digest(EpisodeKey, Key),
    /// How it sounds.
    Print(EpisodeKey, Likeness),
    /// What is said in it.
    Signature(EpisodeKey, Likeness),
}

struct Held {
    /// Judged once the knowledge side has passed this time.
    told_at: KnownAt,
    cap: Capability<Epoch>,
    record: Record,
}

/// Holds each record until what `tell` makes of it is judged. Lets it pass, or ends it as `Settled`.
pub(crate) fn gate<'s>(
    stream: StreamVec<'s, Epoch, Record>,
    name: &str,
    hub: &Hub,
    tell: impl Fn(&Record) -> Vec<Told> + 'static,
) -> StreamVec<'s, Epoch, Record> {
    let scope = stream.scope();
    let hub = hub.clone();
    let route = Exchange::new(|record: &Record| record.episode.home);
    stream.unary::<CapacityContainerBuilder<Vec<Record>>, _, _, _>(route, name, move |_cap, info| {
        hub.wake_when_known(scope.activator_for(info.address));
        let mut held: VecDeque<Held> = VecDeque::new();
        move |input, output| {
            input.for_each_stamp(|cap, batches| {
                let Some(cap) = cap.retain_least(output.output_index()) else { return };
                for record in batches.flat_map(|batch| batch.drain(..)) {
                    match tell(&record).into_iter().map(|told| hub.tell(told)).max() {
                        Some(told_at) => held.push_back(Held { told_at, cap: cap.clone(), record }),
                        None => output.session(&cap).give(record),
                    }
                }
            });
            while let Some(Held { cap, mut record, .. }) = held.pop_front_if(|held| hub.is_known(held.told_at)) {
                if let Some(verdict) = hub.judgements().on(record.episode.key()) {
                    record.body = Body::Settled(verdict);
                } else if let Body::Known(known) = &mut record.body {
                    Arc::make_mut(known).repeated = hub.judgements().parts_of(record.episode.key());
                }
                output.session(&cap).give(record);
            }
        }
    })
}

/// What an announcement makes known.
pub(crate) fn announced(record: &Record) -> Vec<Told> {
    let announcement = &record.episode.announcement;
    let announced = Announced {
        revision: announcement.key.revision,
        withdrawn: announcement.withdrawn,
        // An unknown date is the latest: a copy without one never displaces a dated original.
        published: if announcement.published == 0 { i64::MAX } else { announcement.published },
        enclosure: announcement.audio.as_ref().map(|audio| enclosure(&announcement.base, audio)),
        show: show(&announcement.show),
    };
    vec![Told::Announced(announcement.key.episode.clone(), announced)]
}

/// What the bytes of an episode make known; nothing without audio.
pub(crate) fn fetched(record: &Record) -> Vec<Told> {
    let Body::Fetched(fetched) = &record.body else { return Vec::new() };
    let digest = |audio: &LocalAudio| blake3::Hash::from_hex(&audio.digest).expect("fetch writes a digest in hex");
    let told = |digest: blake3::Hash| Told::Digest(record.episode.key().clone(), Key::of(digest.as_bytes()));
    fetched.audio.iter().map(|audio| told(digest(audio))).collect()
}

/// How a decoded and read episode sounds and what is said in it; nothing of one that failed.
pub(crate) fn known(record: &Record) -> Vec<Told> {
    let Body::Known(known) = &record.body else { return Vec::new() };
    let key = || record.episode.key().clone();
    let print = known.heard.print.as_ref().and_then(likeness::of_print).map(|print| Told::Print(key(), print));
    let words = known.read.signature.as_ref().and_then(likeness::of_signature);
    print.into_iter().chain(words.map(|words| Told::Signature(key(), words))).collect()
}

/// The key of a show by its name: two of one name are only compared once more.
fn show(name: &str) -> Option<Key> {
    let name = name.trim();
    (!name.is_empty()).then(|| Key::of(blake3::hash(name.as_bytes()).as_bytes()))
}

/// The key of an address: of a relative one together with what it is relative to.
fn enclosure(base: &str, audio: &str) -> Key {
    let absolute = audio.starts_with('/') || audio.contains("://");
    let whole = if absolute { audio.to_owned() } else { format!("{base}\n{audio}") };
    Key::of(blake3::hash(whole.as_bytes()).as_bytes())
}
