//! `Window -> Finding::Speech`: probability of speech per 32 ms.

use super::warm::{self, Models};
use super::{Stage, Work};
use crate::fault::Fault;
use crate::record::finding::{Finding, SPEECH_FRAME};
use crate::record::piece::Window;
use crate::record::{Body, Record};
use hark_models::silero::SpeechDetector;

pub(super) struct Speech(SpeechDetector);

impl Speech {
    pub(super) fn warm(models: &Models) -> Result<Self, Fault> {
        Ok(Self(models.speech()?))
    }
}

impl Work for Speech {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) {
        let windows: Vec<(usize, &Window)> = super::bodies(batch, |body| match body {
            Body::Window(window) => Some(window),
            _ => None,
        });
        let samples: Vec<&[i16]> = windows.iter().map(|(_, window)| window.samples.as_slice()).collect();
        match self.0.probabilities(&samples) {
            Ok(rows) => {
                for ((i, window), row) in windows.into_iter().zip(rows) {
                    let frames =
                        row[window.context / SPEECH_FRAME..].iter().map(|p| (p * 255.0).round() as u8).collect();
                    emit(i, Body::Finding(Finding::Speech { index: window.index, frames }));
                }
            }
            Err(error) => {
                for (i, _) in windows {
                    emit(i, Body::Unfound(Stage::Speech, warm::failed(Stage::Speech, &error)));
                }
            }
        }
    }
}
