//! A stage whose model is weighed down by a larger one: to learn how a layout fares under it.

use hark_models::ballast::Ballast;

use super::{Stage, Tokens, Work, warm};
use crate::fault::Fault;
use crate::record::piece::{CONTEXT, WINDOW};
use crate::record::{Body, Record};

/// A stage's work after that of ballast, which hears the same windows.
pub(super) struct Weighed {
    pub(super) work: Box<dyn Work>,
    pub(super) ballast: Ballast,
    pub(super) stage: Stage,
}

impl Weighed {
    fn weigh(&self, windows: &[&[i16]]) -> Result<(), Fault> {
        self.ballast.weigh(windows).map(drop).map_err(|error| warm::failed(self.stage, &error))
    }
}

impl Work for Weighed {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        let windows = super::bodies(batch, |body| match body {
            Body::Window(window) => Some(window),
            _ => None,
        });
        let samples: Vec<&[i16]> = windows.iter().map(|(_, window)| window.samples.as_slice()).collect();
        self.weigh(&samples)?;
        self.work.run(batch, emit)
    }

    fn weight_bytes(&self) -> Option<usize> {
        Some(self.ballast.weight_bytes() + self.work.weight_bytes().unwrap_or(0))
    }

    fn take_tokens(&mut self) -> Tokens {
        self.work.take_tokens()
    }

    fn rehearse(&mut self, items: usize) -> Result<(), Fault> {
        let silence = vec![0; CONTEXT + WINDOW];
        self.weigh(&vec![silence.as_slice(); items])?;
        self.work.rehearse(items)
    }
}
