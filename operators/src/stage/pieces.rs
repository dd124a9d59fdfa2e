//! `Known -> Window*, Passage*, Whole`: an episode in the models' units of work.
//!
//! Windows are read from disk one by one, each with its share of the byte budget, so memory does
//! not grow with the length of an episode.

use std::io;
use std::sync::Arc;

use super::Work;
use crate::driver::Budget;
use crate::fault::Fault;
use crate::media::pcm::Pcm;
use crate::record::piece::{CONTEXT, WINDOW, Window};
use crate::record::{Body, Episode, Known, Record, Whole};
use crate::transcript;
use crate::units::Samples;

pub(super) struct Pieces {
    budget: Budget,
}

impl Pieces {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget }
    }

    fn cut(&self, episode: &Episode, known: &Known, send: &mut dyn FnMut(Body)) {
        let mut windows = 0;
        let mut sent = Ok(());
        if known.heard.media.is_some() {
            let pcm = known.heard.pcm.as_ref().expect("the process that decodes an episode also cuts it");
            sent = self.windows(pcm, &mut |window| {
                windows += 1;
                send(Body::Window(window));
            });
        }
        let mut passages = Vec::new();
        for passage in transcript::passages(&Arc::new(episode.key().clone()), &known.read.sentences) {
            passages.push(passage.sentences);
            send(Body::Passage(passage));
        }
        let fault = sent.err().map(|error| lost(episode, &error));
        send(Body::Whole(Arc::new(Whole { windows, passages, ..whole(known, fault) })));
    }

    /// Every sample once, and the end of a window again at the beginning of the next.
    fn windows(&self, pcm: &Pcm, send: &mut dyn FnMut(Window)) -> io::Result<()> {
        let mut file = pcm.open()?;
        for (index, start) in (0..pcm.samples().0).step_by(WINDOW).enumerate() {
            let context = start.min(CONTEXT as u64);
            let end = pcm.samples().0.min(start + WINDOW as u64);
            let first = Samples(start - context);
            let count = (end - first.0) as usize;
            let permit = self.budget.reserve(count * size_of::<i16>());
            send(Window {
                index: index as u32,
                start: Samples(start),
                context: context as usize,
                samples: Arc::new(file.read(first, count)?),
                permit: Some(Arc::new(permit)),
            });
        }
        Ok(())
    }
}

/// The end of an episode of which no pieces were sent.
pub(super) fn whole(known: &Known, fault: Option<Fault>) -> Whole {
    Whole {
        fetched: known.heard.fetched.clone(),
        media: known.heard.media.clone(),
        read: known.read.clone(),
        windows: 0,
        passages: Vec::new(),
        repeated: known.repeated.clone(),
        fault,
    }
}

fn lost(episode: &Episode, error: &io::Error) -> Fault {
    let message = format!("the decoded audio of episode {} cannot be read back", episode.key().episode);
    let remedy = "see that nobody else removes files from the staging folder, then replay the episode";
    Fault::retry("pieces", "disk", message, remedy).caused_by(error)
}

impl Work for Pieces {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        for (i, record) in batch.iter().enumerate() {
            if let Body::Known(known) = &record.body {
                self.cut(&record.episode, known, &mut |body| emit(i, body));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::pcm::PcmWriter;

    #[test]
    fn windows_cover_every_sample_once_and_repeat_the_end_of_the_one_before() {
        let audio: Vec<i16> = (0..WINDOW * 2 + 777).map(|i| i as i16).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut writer = PcmWriter::create(folder.path(), &Budget::new(usize::MAX)).unwrap();
        writer.take(&audio).unwrap();
        let budget = Budget::new(usize::MAX);
        let mut sent = Vec::new();
        Pieces::new(budget.clone()).windows(&writer.finish(), &mut |window| sent.push(window)).unwrap();
        assert_eq!(sent.iter().map(|w| w.samples.len() - w.context).collect::<Vec<_>>(), [WINDOW, WINDOW, 777]);
        assert_eq!(sent.iter().map(|w| w.context).collect::<Vec<_>>(), [0, CONTEXT, CONTEXT]);
        let fresh: Vec<i16> = sent.iter().flat_map(|w| w.samples[w.context..].to_vec()).collect();
        assert_eq!(fresh, audio);
        for window in &sent {
            let first = window.start.0 as usize - window.context;
            assert_eq!(window.samples[..], audio[first..first + window.samples.len()]);
        }
        assert!(budget.held() > audio.len() * size_of::<i16>(), "windows that wait hold their bytes");
        drop(sent);
        assert_eq!(budget.held(), 0, "dropped windows give their bytes back");
    }
}
