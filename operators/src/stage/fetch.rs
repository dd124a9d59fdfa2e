//! `Announced -> Fetched`: brings audio and transcript bytes to this machine.

use std::path::PathBuf;
use std::sync::Arc;

use super::Work;
use crate::fault::Fault;
use crate::fetch::Fetcher;
use crate::record::{Announcement, Body, Failure, Fetched, Record};

/// Fetches one episode at a time; a lane waits for the network here, so give it many lanes.
pub(super) struct Fetch {
    fetcher: Fetcher,
    staging: PathBuf,
}

impl Fetch {
    pub(super) fn new(fetcher: Fetcher, staging: PathBuf) -> Self {
        Self { fetcher, staging }
    }

    fn fetch(&self, announcement: &Announcement) -> Result<Fetched, Fault> {
        let base = &announcement.base;
        let audio = match &announcement.audio {
            Some(uri) => Some(self.fetcher.audio(uri, base, &self.staging)?),
            None => None,
        };
        let mut faults = Vec::new();
        let transcript = match &announcement.transcript {
            Some(source) => match self.fetcher.transcript(source, base) {
                Ok(transcript) => Some(transcript),
                // With audio the episode can do without: its words are recognised then.
                Err(fault) if audio.is_some() => {
                    faults.push(fault);
                    None
                }
                Err(fault) => return Err(fault),
            },
            None => None,
        };
        if audio.is_none() && transcript.is_none() {
            return Err(Fault::poison(
                "fetch",
                "nothing",
                format!("episode {} names neither audio nor a transcript", announcement.key.episode),
                "give it an `audio` or a `transcript`",
            ));
        }
        Ok(Fetched { audio, transcript, faults })
    }
}

impl Work for Fetch {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        for (i, record) in batch.iter().enumerate() {
            emit(
                i,
                match self.fetch(&record.episode.announcement) {
                    Ok(fetched) => Body::Fetched(Arc::new(fetched)),
                    Err(fault) => Body::Failed(Arc::new(Failure::from(fault))),
                },
            );
        }
        Ok(())
    }
}
