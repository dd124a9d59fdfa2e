//! The stages: each turns records of one kind into records of later kinds.
//!
//! A stage computes and knows nothing of capabilities, batching, lanes, retries or time: the
//! drivers have those, once. To add one: a file here, a variant, and what the compiler then asks for.

mod cached;
mod cut;
mod decode;
mod drill;
mod embed;
mod equipment;
mod events;
mod fetch;
mod modelled;
mod pieces;
mod publish;
mod select;
mod speech;
mod transcribe;
mod transcript;
pub mod warm;
mod weighed;

use std::sync::Arc;

use hark_models::device::{Placement, Precision};
use serde::{Deserialize, Serialize};

pub use drill::{Drill, Harm};
pub use equipment::Equipment;
pub use modelled::{Cost, Curve, CurveError};
pub use publish::Publisher;

use crate::fault::Fault;
use crate::record::finding::{Dossier, Variant};
use crate::record::{Body, Failure, Heard, Kind, Read, Record};

/// A stage's name, in the order in which an episode meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Brings audio and transcript bytes to this machine.
    Fetch,
    /// Audio bytes to mono 16 kHz samples.
    Decode,
    /// Transcript bytes to sentences.
    Transcript,
    /// Samples to windows, sentences to passages.
    Pieces,
    /// Windows to probabilities of speech.
    Speech,
    /// Windows to level and music scores.
    Events,
    /// Passages to sentence embeddings.
    Embed,
    /// Recognises the words of a few spans of an episode that has none.
    Transcribe,
    /// Chooses the span.
    Select,
    /// Cuts, levels and encodes the clip.
    Cut,
    /// Makes the outcome durable.
    Publish,
}

/// Tokens of batches that are filled up to a length in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of the items.
    pub wanted: u64,
    /// Those, and what was filled up.
    pub computed: u64,
}

/// What a stage does with a batch of records of the kind that it consumes. `emit(i, body)` sends a
/// record that came of the batch's record `i`.
pub trait Work: Send {
    /// Runs on one batch. A fault of one record is emitted.
    ///
    /// # Errors
    /// The batch failed as a whole: its driver tries smaller ones of the records of which nothing was
    /// emitted.
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault>;

    /// Bytes of weights that its model keeps on its device; `None` of a stage that has no model there.
    fn weight_bytes(&self) -> Option<usize> {
        None
    }

    /// Tokens that it was given and that were computed for them since this was last asked; none of a stage whose
    /// batches are never filled up.
    fn take_tokens(&mut self) -> Tokens {
        Tokens::default()
    }

    /// Runs its model on the largest batch of so many items that it may get, so that the device has
    /// all that it needs before the first episode.
    ///
    /// # Errors
    /// The device has no room for it.
    fn rehearse(&mut self, _items: usize) -> Result<(), Fault> {
        Ok(())
    }
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 11] = [
        Stage::Fetch,
        Stage::Decode,
        Stage::Transcript,
        Stage::Pieces,
        Stage::Speech,
        Stage::Events,
        Stage::Embed,
        Stage::Transcribe,
        Stage::Select,
        Stage::Cut,
        Stage::Publish,
    ];

    /// Its name in layouts, metrics and faults.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Fetch => "fetch",
            Stage::Decode => "decode",
            Stage::Transcript => "transcript",
            Stage::Pieces => "pieces",
            Stage::Speech => "speech",
            Stage::Events => "events",
            Stage::Embed => "embed",
            Stage::Transcribe => "transcribe",
            Stage::Select => "select",
            Stage::Cut => "cut",
            Stage::Publish => "publish",
        }
    }

    /// Whether it takes in records of this kind.
    pub fn consumes(self, kind: Kind) -> bool {
        match self {
            Stage::Fetch => kind == Kind::Announced,
            Stage::Decode | Stage::Transcript => kind == Kind::Fetched,
            Stage::Pieces => kind == Kind::Known,
            Stage::Speech | Stage::Events => kind == Kind::Window,
            Stage::Embed => kind == Kind::Passage,
            // An episode without audio passes through `transcribe` and `cut` untouched.
            Stage::Transcribe => kind == Kind::Dossier,
            Stage::Select => kind == Kind::Transcribed,
            Stage::Cut => kind == Kind::Chosen,
            Stage::Publish => matches!(kind, Kind::Rendered | Kind::Failed | Kind::Settled),
        }
    }

    /// Whether an episode goes on without it, if it fails.
    pub fn has_light_way(self) -> bool {
        matches!(self, Stage::Speech | Stage::Events | Stage::Embed | Stage::Transcribe)
    }

    /// Whether it has a model that keeps weights on a device.
    pub fn has_weights(self) -> bool {
        matches!(self, Stage::Speech | Stage::Embed)
    }

    /// Whether this is the last body that the stage sends for a record.
    pub fn concludes(self, body: &Body) -> bool {
        match self {
            Stage::Pieces => matches!(body, Body::Whole(_)),
            _ => true,
        }
    }

    /// Whether another batch of it may begin now. For what stages take without waiting: a lane that
    /// waited inside a stage might be the one that a later stage needs to give it back.
    pub fn admits(self, equipment: &Equipment) -> bool {
        match self {
            Stage::Decode => equipment.disk_budget.has_room(),
            _ => true,
        }
    }

    /// What a record becomes when the stage fails on it altogether (it panicked, it timed out), so
    /// that the episode still comes to its end.
    pub fn failed(self, record: &Record, fault: Fault) -> Body {
        match (self, &record.body) {
            (Stage::Decode, Body::Fetched(fetched)) => Body::Heard(Arc::new(Heard {
                fetched: fetched.clone(),
                pcm: None,
                media: None,
                print: None,
                fault: Some(fault),
            })),
            (Stage::Transcript, _) => Body::Read(Arc::new(Read { fault: Some(fault), ..Read::default() })),
            (Stage::Pieces, Body::Known(known)) => Body::Whole(Arc::new(pieces::whole(known, Some(fault)))),
            (Stage::Speech | Stage::Events | Stage::Embed, _) => Body::Unfound(self, fault),
            (Stage::Transcribe, Body::Dossier(dossier)) => {
                let mut dossier = Dossier::clone(dossier);
                dossier.variant = Variant::Light;
                dossier.faults.push(fault);
                Body::Transcribed(Arc::new(dossier))
            }
            _ => Body::Failed(Arc::new(Failure::from(fault))),
        }
    }

    /// What takes its time on a device that is not there, and does none of its work.
    pub fn modelled(self, precision: Precision, curve: &Arc<Curve>) -> Box<dyn Work> {
        Box::new(modelled::Modelled::new(self, precision, curve.clone()))
    }

    /// Its work with warm models, which compute there. Called once on the thread that will run it.
    ///
    /// # Errors
    /// A model that cannot be loaded: names the model and the remedy.
    pub fn warm(self, equipment: &Equipment, at: Placement) -> Result<Box<dyn Work>, Fault> {
        let spoilt = equipment.drills.iter().find(|drill| drill.stage == self && drill.harm == Harm::Spoil).cloned();
        let work: Box<dyn Work> = match self {
            Stage::Fetch => Box::new(fetch::Fetch::new(equipment.fetcher.clone(), equipment.staging.clone())),
            Stage::Decode => Box::new(decode::Decode::new(
                equipment.decoder.clone(),
                equipment.staging.clone(),
                equipment.disk_budget.clone(),
            )),
            Stage::Transcript => Box::new(transcript::ReadTranscript),
            Stage::Pieces => Box::new(pieces::Pieces::new(equipment.audio_budget.clone())),
            Stage::Speech => Box::new(speech::Speech::warm(&equipment.models, at, spoilt)?),
            Stage::Events => Box::new(events::Events),
            Stage::Embed => Box::new(embed::Embed::warm(&equipment.models, at, spoilt)?),
            Stage::Transcribe => Box::new(transcribe::Transcribe::new(
                equipment.decoder.clone(),
                equipment.models.clone(),
                equipment.weights.clone(),
                cached::results(self, equipment, at),
            )),
            Stage::Select => Box::new(select::Select::new(
                equipment.models.clone(),
                equipment.weights.clone(),
                equipment.accept_gates,
            )),
            Stage::Cut => Box::new(cut::Cut::new(equipment.decoder.clone(), equipment.clip.clone())),
            Stage::Publish => Box::new(publish::Publish::new(equipment.publisher.clone())),
        };
        // Around a known result ballast still weighs and a drill still harms: both are there to be felt. And
        // what a drill does is never kept.
        let work = match cached::results(self, equipment, at) {
            Some(results) if self != Stage::Transcribe => Box::new(cached::Cached { work, results }),
            _ => work,
        };
        let work = match equipment.ballast {
            Some((weighed, size)) if weighed == self => {
                Box::new(weighed::Weighed { work, ballast: equipment.models.ballast(self, size, at)?, stage: self })
            }
            _ => work,
        };
        let drills = equipment.drills.iter().filter(|drill| drill.stage == self);
        Ok(drills.fold(work, |work, drill| Box::new(drill::Drilled { work, drill: drill.clone() })))
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The bodies of one kind in a batch, each with its position.
fn bodies<'a, T>(batch: &'a [Record], pick: impl Fn(&'a Body) -> Option<&'a T>) -> Vec<(usize, &'a T)> {
    batch.iter().enumerate().filter_map(|(i, record)| Some((i, pick(&record.body)?))).collect()
}
