//! `Window -> Finding::Speech`: probability of speech per 32 ms.

use hark_models::device::Placement;
use hark_models::silero::{CHUNK, SpeechDetector};

use super::drill::Drill;
use super::warm::{self, Models};
use super::{Stage, Work};
use crate::fault::Fault;
use crate::record::finding::{Finding, SPEECH_FRAME};
use crate::record::piece::{CONTEXT, WINDOW, Window};
use crate::record::{Body, Record};

pub(super) struct Speech {
    model: SpeechDetector,
    spoilt: Option<Drill>,
}

impl Speech {
    pub(super) fn warm(models: &Models, at: Placement, spoilt: Option<Drill>) -> Result<Self, Fault> {
        Ok(Self { model: models.speech(at)?, spoilt })
    }

    /// Per window one probability per chunk.
    fn probabilities(&self, samples: &[&[i16]]) -> Result<Vec<Vec<f32>>, Fault> {
        self.model.probabilities(samples).map_err(|error| warm::failed(Stage::Speech, &error))
    }
}

impl Work for Speech {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        let windows: Vec<(usize, &Window)> = super::bodies(batch, |body| match body {
            Body::Window(window) => Some(window),
            _ => None,
        });
        let samples: Vec<&[i16]> = windows.iter().map(|(_, window)| window.samples.as_slice()).collect();
        let mut rows = self.probabilities(&samples)?;
        if let Some(drill) = &self.spoilt {
            drill.spoil(&windows.iter().map(|(i, _)| &batch[*i]).collect::<Vec<_>>(), &mut rows);
        }
        for ((i, window), row) in windows.into_iter().zip(warm::one_each(Stage::Speech, rows, samples.len())?) {
            let sound =
                row.len() == window.samples.len().div_ceil(CHUNK) && row.iter().all(|p| (0.0..=1.0).contains(p));
            emit(
                i,
                if sound {
                    let frames = &row[window.context / SPEECH_FRAME..];
                    let frames = frames.iter().map(|p| (p * 255.0).round() as u8).collect();
                    Body::Finding(Finding::Speech { index: window.index, frames })
                } else {
                    Body::Unfound(Stage::Speech, warm::unsound(Stage::Speech, &batch[i]))
                },
            );
        }
        Ok(())
    }

    fn weight_bytes(&self) -> Option<usize> {
        Some(self.model.weight_bytes())
    }

    fn rehearse(&mut self, items: usize) -> Result<(), Fault> {
        let silence = vec![0; CONTEXT + WINDOW];
        self.probabilities(&vec![silence.as_slice(); items]).map(drop)
    }
}
