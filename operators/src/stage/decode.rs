//! `Fetched -> Heard`: audio bytes to mono 16 kHz samples on disk.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Work;
use crate::driver::Budget;
use crate::fault::Fault;
use crate::likeness::acoustic::{Fingerprinter, Print};
use crate::media::pcm::{Pcm, PcmWriter};
use crate::record::finding::Media;
use crate::record::{Body, Fetched, Heard, Record};
use hark_audio::decoder::Decoder;

pub(super) struct Decode {
    decoder: Decoder,
    staging: PathBuf,
    budget: Budget,
}

impl Decode {
    pub(super) fn new(decoder: Decoder, staging: PathBuf, budget: Budget) -> Self {
        Self { decoder, staging, budget }
    }

    fn hear(&self, fetched: &Arc<Fetched>) -> Heard {
        let nothing = Heard { fetched: fetched.clone(), pcm: None, media: None, print: None, fault: None };
        match fetched.audio.as_ref().map(|audio| self.decode(&audio.path)) {
            None => nothing,
            Some(Ok((media, pcm, print))) => {
                Heard { pcm: Some(Arc::new(pcm)), media: Some(media), print: Some(print), ..nothing }
            }
            Some(Err(fault)) => Heard { fault: Some(fault), ..nothing },
        }
    }

    fn decode(&self, audio: &Path) -> Result<(Media, Pcm, Print), Fault> {
        let mut file = PcmWriter::create(&self.staging, &self.budget).map_err(|error| self.disk(&error))?;
        let mut fingerprinter = Fingerprinter::new();
        let mut written = Ok(());
        let media = self.decoder.decode(audio, &mut |block| {
            // The one place where all of an episode's samples pass, once and in order.
            fingerprinter.take(block);
            written = file.take(block);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        written.map_err(|error| self.disk(&error))?;
        Ok((media?, file.finish(), fingerprinter.finish()))
    }

    fn disk(&self, error: &io::Error) -> Fault {
        let message = format!("decoded audio cannot be written to the staging folder {}", self.staging.display());
        let remedy = "free space on its disk, or lower `--disk-budget`, then replay the episode";
        Fault::retry("decode", "disk", message, remedy).caused_by(error)
    }
}

impl Work for Decode {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        for (i, record) in batch.iter().enumerate() {
            if let Body::Fetched(fetched) = &record.body {
                emit(i, Body::Heard(Arc::new(self.hear(fetched))));
            }
        }
        Ok(())
    }
}
