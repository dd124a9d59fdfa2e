//! Pieces of an episode meet at its home worker and become its dossier.
//!
//! Invariant: every window and passage that was sent comes back exactly once per model stage, as a
//! finding or as a failure, so a dossier is complete by count and never waits for the frontier. The
//! frontier only tells when the memory of closed episodes may go: a piece that arrives after its
//! episode was given up (its decoding timed out) must not open it again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

use crate::driver::Epoch;
use crate::fault::Fault;
use crate::record::finding::{Dossier, Finding, Variant};
use crate::record::piece::{Sentence, Timing};
use crate::record::{About, Body, Decoded, Episode, EpisodeKey, Failure, Kind, Parsed, Record, Spent};
use crate::stage::Stage;
use crate::units::{Seconds, Span};

/// The kinds of records that meet here.
pub const GATHERED: [Kind; 4] = [Kind::Decoded, Kind::Parsed, Kind::Finding, Kind::Unfound];

/// Gathers the pieces of each episode at its home worker.
pub fn gather(stream: StreamVec<'_, Epoch, Record>) -> StreamVec<'_, Epoch, Record> {
    let route = Exchange::new(|record: &Record| record.episode.home);
    stream.unary_frontier::<CapacityContainerBuilder<Vec<Record>>, _, _, _>(route, "gather", |_cap, _info| {
        let mut open: HashMap<EpisodeKey, (Capability<Epoch>, Pieces)> = HashMap::new();
        let mut closed: BTreeMap<Epoch, HashSet<EpisodeKey>> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each_stamp(|cap, batches| {
                let Some(cap) = cap.retain_least(output.output_index()) else { return };
                for record in batches.flat_map(|batch| batch.drain(..)) {
                    let key = record.episode.key().clone();
                    if closed.get(cap.time()).is_some_and(|keys| keys.contains(&key)) {
                        continue;
                    }
                    let (_, pieces) = open.entry(key.clone()).or_insert_with(|| (cap.clone(), Pieces::default()));
                    let episode = record.episode.clone();
                    pieces.add(record);
                    if pieces.complete() {
                        let (cap, pieces) = open.remove(&key).expect("it is open");
                        closed.entry(*cap.time()).or_default().insert(key);
                        output.session(&cap).give(pieces.close(episode));
                    }
                }
            });
            closed.retain(|epoch, _| frontier.less_equal(epoch));
        }
    })
}

/// What has come back of one episode so far.
#[derive(Default)]
struct Pieces {
    decoded: Option<Decoded>,
    parsed: Option<Parsed>,
    speech: BTreeMap<u32, Vec<u8>>,
    events: BTreeMap<u32, (Vec<i8>, Vec<u8>)>,
    embeddings: BTreeMap<u32, Vec<f32>>,
    /// Pieces that a model could not do, by stage.
    unfound: BTreeMap<Stage, u32>,
    faults: Vec<Fault>,
    spent: Spent,
}

impl Pieces {
    fn add(&mut self, record: Record) {
        let fetched_elsewhere = matches!(record.body, Body::Parsed(_));
        for (stage, time) in record.spent {
            // Both ways from `fetch` carry its time: count it once.
            if !(fetched_elsewhere && stage == Stage::Fetch) {
                let sum = self.spent.entry(stage).or_default();
                sum.queued += time.queued;
                sum.computing += time.computing;
            }
        }
        match record.body {
            Body::Decoded(decoded) => self.decoded = Some(decoded),
            Body::Parsed(parsed) => self.parsed = Some(parsed),
            Body::Finding(Finding::Speech { index, frames }) => {
                self.speech.insert(index, frames);
            }
            Body::Finding(Finding::Events { index, level, music }) => {
                self.events.insert(index, (level, music));
            }
            Body::Finding(Finding::Embedding { index, vector }) => {
                self.embeddings.insert(index, vector);
            }
            Body::Unfound(stage, fault) => {
                let count = self.unfound.entry(stage).or_default();
                *count += 1;
                if *count == 1 {
                    self.faults.push(fault); // one of its kind tells enough
                }
            }
            other => unreachable!("only pieces are routed here, not {other:?}"),
        }
    }

    fn complete(&self) -> bool {
        let (Some(decoded), Some(parsed)) = (&self.decoded, &self.parsed) else { return false };
        let back = |found: usize, stage| found as u32 + self.unfound.get(&stage).copied().unwrap_or_default();
        back(self.speech.len(), Stage::Speech) >= decoded.windows
            && back(self.events.len(), Stage::Events) >= decoded.windows
            && back(self.embeddings.len(), Stage::Embed) >= parsed.passages
    }

    fn close(self, episode: Arc<Episode>) -> Record {
        let spent = self.spent.clone();
        let body = match self.dossier(&episode) {
            Ok(dossier) => Body::Dossier(Box::new(dossier)),
            Err(failure) => Body::Failed(Box::new(failure)),
        };
        Record { episode, body, spent }
    }

    fn dossier(self, episode: &Episode) -> Result<Dossier, Failure> {
        let (decoded, parsed) = (self.decoded.expect("it is complete"), self.parsed.expect("it is complete"));
        let audio = decoded.fetched.audio.clone();
        let mut faults = decoded.fetched.faults.clone();
        if let Some(fault) = decoded.fault {
            return Err(Failure { fault, about: About { audio, survived: faults, ..About::default() } });
        }
        if let Some(fault) = parsed.fault {
            if audio.is_none() {
                return Err(Failure { fault, about: About { survived: faults, ..About::default() } });
            }
            faults.push(fault);
        }
        faults.extend(self.faults);
        let odd = decoded.media.iter().flat_map(|media| &media.warnings);
        faults.extend(odd.map(|warning| {
            Fault::poison("decode", "damaged", warning, "publish the file again if more of it was meant")
        }));
        // A model that failed on a piece leaves a hole: the light way needs none of its results.
        let light = !self.unfound.is_empty();
        let (level, music): (Vec<_>, Vec<_>) = self.events.into_values().unzip();
        let mut sentences = parsed.sentences;
        if let (Some(Timing::Estimated), Some(media)) = (parsed.timing, &decoded.media) {
            stretch(&mut sentences, media.samples.seconds());
        }
        Ok(Dossier {
            key: Arc::new(episode.key().clone()),
            announcement: episode.announcement.clone(),
            audio,
            media: decoded.media,
            speech: if light { Vec::new() } else { self.speech.into_values().flatten().collect() },
            level: level.concat(),
            music: music.concat(),
            sentences,
            timing: parsed.timing,
            embeddings: if light {
                Vec::new()
            } else {
                parsed.ranges.into_iter().zip(self.embeddings.into_values()).collect()
            },
            language: parsed.language,
            variant: if light { Variant::Light } else { Variant::Full },
            faults,
        })
    }
}

/// Estimated times were made without knowing how long the audio is: fit them to it.
fn stretch(sentences: &mut [Sentence], length: Seconds) {
    let Some(end) = sentences.last().map(|sentence| sentence.span.end.0).filter(|end| *end > 0.0) else { return };
    let factor = length.0 / end;
    let scaled = |span: Span| Span::new(span.start.0 * factor, span.end.0 * factor);
    for sentence in sentences {
        sentence.span = scaled(sentence.span);
        for word in &mut sentence.words {
            word.span = scaled(word.span);
        }
    }
}
