//! Pieces of an episode meet at its home worker and become its dossier.
//!
//! Invariant: every window and passage that was sent comes back exactly once per model stage, as a
//! finding or as a failure, so a dossier is complete by count and never waits for the frontier. An
//! episode whose pieces were not all sent waits for none of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

use crate::awaited::Awaited;
use crate::driver::Epoch;
use crate::fault::Fault;
use crate::record::finding::{Dossier, Finding, Variant};
use crate::record::piece::{Sentence, Timing};
use crate::record::{About, Body, Episode, Failure, Kind, Read, Record, Spent, Whole};
use crate::stage::Stage;
use crate::units::{Seconds, Span};

/// The kinds of records that meet here.
pub const GATHERED: [Kind; 3] = [Kind::Whole, Kind::Finding, Kind::Unfound];

/// Gathers the pieces of each episode at its home worker.
pub fn gather(stream: StreamVec<'_, Epoch, Record>) -> StreamVec<'_, Epoch, Record> {
    let route = Exchange::new(|record: &Record| record.episode.home);
    stream.unary_frontier::<CapacityContainerBuilder<Vec<Record>>, _, _, _>(route, "gather", |_cap, _info| {
        let mut awaited: Awaited<Pieces> = Awaited::new();
        move |(input, frontier), output| {
            input.for_each_stamp(|cap, batches| {
                let Some(cap) = cap.retain_least(output.output_index()) else { return };
                for record in batches.flat_map(|batch| batch.drain(..)) {
                    let episode = record.episode.clone();
                    let Some(pieces) = awaited.of(episode.key(), &cap) else { continue };
                    pieces.add(record);
                    if pieces.complete() {
                        let (cap, pieces) = awaited.close(episode.key());
                        output.session(&cap).give(pieces.close(episode));
                    }
                }
            });
            awaited.forget(|epoch| frontier.less_equal(epoch));
        }
    })
}

/// What has come back of one episode so far.
#[derive(Default)]
struct Pieces {
    whole: Option<Arc<Whole>>,
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
        for (stage, time) in record.spent {
            let sum = self.spent.entry(stage).or_default();
            sum.queued += time.queued;
            sum.computing += time.computing;
        }
        match record.body {
            Body::Whole(whole) => self.whole = Some(whole),
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
        let Some(whole) = &self.whole else { return false };
        let back = |found: usize, stage| found as u32 + self.unfound.get(&stage).copied().unwrap_or_default();
        whole.fault.is_some()
            || back(self.speech.len(), Stage::Speech) >= whole.windows
                && back(self.events.len(), Stage::Events) >= whole.windows
                && back(self.embeddings.len(), Stage::Embed) >= whole.passages.len() as u32
    }

    fn close(self, episode: Arc<Episode>) -> Record {
        let spent = self.spent.clone();
        let body = match self.dossier(&episode) {
            Ok(dossier) => Body::Dossier(Arc::new(dossier)),
            Err(failure) => Body::Failed(Arc::new(failure)),
        };
        Record { episode, body, spent }
    }

    fn dossier(self, episode: &Episode) -> Result<Dossier, Failure> {
        let whole = Arc::unwrap_or_clone(self.whole.expect("it is complete"));
        let audio = whole.fetched.audio.clone();
        let mut faults = whole.fetched.faults.clone();
        if let Some(fault) = whole.fault {
            return Err(Failure { fault, about: About { audio, survived: faults, ..About::default() } });
        }
        let Read { mut sentences, timing, language, fault, signature: _ } = Arc::unwrap_or_clone(whole.read);
        faults.extend(fault);
        faults.extend(self.faults);
        let odd = whole.media.iter().flat_map(|media| &media.warnings);
        faults.extend(odd.map(|warning| {
            Fault::poison("decode", "damaged", warning, "publish the file again if more of it was meant")
        }));
        // A model that failed on a piece leaves a hole: the light way needs none of its results.
        let light = !self.unfound.is_empty();
        let (level, music): (Vec<_>, Vec<_>) = self.events.into_values().unzip();
        if let (Some(Timing::Estimated), Some(media)) = (timing, &whole.media) {
            stretch(&mut sentences, media.samples.seconds());
        }
        Ok(Dossier {
            key: Arc::new(episode.key().clone()),
            announcement: episode.announcement.clone(),
            audio,
            media: whole.media,
            speech: if light { Vec::new() } else { self.speech.into_values().flatten().collect() },
            level: level.concat(),
            music: music.concat(),
            sentences,
            timing,
            embeddings: if light {
                Vec::new()
            } else {
                whole.passages.into_iter().zip(self.embeddings.into_values()).collect()
            },
            language,
            repeated: whole.repeated,
            passed_over: Vec::new(),
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
