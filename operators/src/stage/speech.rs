//! `Window -> Finding::Speech`: probability of speech per 32 ms.

use hark_models::device::Placement;
use hark_models::silero::{CHUNK, SpeechDetector};

use super::warm::{self, Models};
use super::{Stage, Work};
use crate::fault::Fault;
use crate::record::finding::{Finding, SPEECH_FRAME};
use crate::record::piece::{CONTEXT, WINDOW, Window};
use crate::record::{Body, Record};

pub(super) struct Speech(SpeechDetector);

impl Speech {
    pub(super) fn warm(models: &Models, at: Placement) -> Result<Self, Fault> {
        Ok(Self(models.speech(at)?))
    }

    /// Per window one probability per chunk.
    fn probabilities(&self, samples: &[&[i16]]) -> Result<Vec<Vec<f32>>, Fault> {
        self.0.probabilities(samples).map_err(|error| warm::failed(Stage::Speech, &error))
    }
}

impl Work for Speech {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        let windows: Vec<(usize, &Window)> = super::bodies(batch, |body| match body {
            Body::Window(window) => Some(window),
            _ => None,
        });
        let samples: Vec<&[i16]> = windows.iter().map(|(_, window)| window.samples.as_slice()).collect();
        for ((i, window), row) in windows.into_iter().zip(self.probabilities(&samples)?) {
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
        Some(self.0.weight_bytes())
    }

    fn rehearse(&mut self, items: usize) -> Result<(), Fault> {
        let silence = vec![0; CONTEXT + WINDOW];
        self.probabilities(&vec![silence.as_slice(); items]).map(drop)
    }
}
