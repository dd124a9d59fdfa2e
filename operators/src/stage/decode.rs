//! `Fetched -> Window*, Decoded`: audio bytes to windows of mono 16 kHz samples.
//!
//! Windows leave as they fill, each with its share of the byte budget, so memory does not grow
//! with the length of an episode.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::Work;
use crate::driver::Budget;
use crate::media::decoder::Decoder;
use crate::record::piece::{CONTEXT, WINDOW, Window};
use crate::record::{Body, Decoded, Fetched, Record};
use crate::units::Samples;

pub(super) struct Decode {
    decoder: Decoder,
    budget: Budget,
}

impl Decode {
    pub(super) fn new(decoder: Decoder, budget: Budget) -> Self {
        Self { decoder, budget }
    }

    fn decode(&self, fetched: &Arc<Fetched>, send: &mut dyn FnMut(Body)) {
        let mut windows = Windows { budget: &self.budget, fresh: Vec::new(), context: Vec::new(), sent: 0, start: 0 };
        let (media, fault) = match &fetched.audio {
            None => (None, None),
            Some(audio) => {
                let decoded = self.decoder.decode(&audio.path, &mut |block| {
                    windows.take(block, send);
                    ControlFlow::Continue(())
                });
                match decoded {
                    Ok(media) => (Some(media), None),
                    Err(fault) => (None, Some(fault)),
                }
            }
        };
        windows.flush(send);
        send(Body::Decoded(Decoded { fetched: fetched.clone(), windows: windows.sent, media, fault }));
    }
}

impl Work for Decode {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) {
        for (i, record) in batch.iter().enumerate() {
            if let Body::Fetched(fetched) = &record.body {
                self.decode(fetched, &mut |body| emit(i, body));
            }
        }
    }
}

/// Cuts a stream of samples into windows.
struct Windows<'a> {
    budget: &'a Budget,
    fresh: Vec<i16>,
    /// The end of the previous window.
    context: Vec<i16>,
    sent: u32,
    start: u64,
}

impl Windows<'_> {
    fn take(&mut self, mut block: &[i16], send: &mut dyn FnMut(Body)) {
        while !block.is_empty() {
            let (now, rest) = block.split_at(block.len().min(WINDOW - self.fresh.len()));
            self.fresh.extend_from_slice(now);
            block = rest;
            if self.fresh.len() == WINDOW {
                self.flush(send);
            }
        }
    }

    fn flush(&mut self, send: &mut dyn FnMut(Body)) {
        if self.fresh.is_empty() {
            return;
        }
        let (context, fresh) = (self.context.len(), self.fresh.len());
        let mut samples = Vec::with_capacity(context + fresh);
        samples.append(&mut self.context);
        samples.append(&mut self.fresh);
        self.context.extend_from_slice(&samples[samples.len().saturating_sub(CONTEXT)..]);
        let permit = self.budget.reserve(samples.len() * size_of::<i16>());
        send(Body::Window(Window {
            index: self.sent,
            start: Samples(self.start),
            context,
            samples: Arc::new(samples),
            permit: Some(Arc::new(permit)),
        }));
        self.start += fresh as u64;
        self.sent += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_every_sample_once_and_repeat_the_end_of_the_one_before() {
        let audio: Vec<i16> = (0..WINDOW * 2 + 777).map(|i| i as i16).collect();
        let budget = Budget::new(usize::MAX);
        let mut windows = Windows { budget: &budget, fresh: Vec::new(), context: Vec::new(), sent: 0, start: 0 };
        let mut sent = Vec::new();
        let mut send = |body| {
            if let Body::Window(window) = body {
                sent.push(window);
            }
        };
        for block in audio.chunks(1000) {
            windows.take(block, &mut send);
        }
        windows.flush(&mut send);
        assert_eq!(sent.iter().map(|w| w.samples.len() - w.context).collect::<Vec<_>>(), [WINDOW, WINDOW, 777]);
        assert_eq!(sent.iter().map(|w| w.context).collect::<Vec<_>>(), [0, CONTEXT, CONTEXT]);
        let fresh: Vec<i16> = sent.iter().flat_map(|w| w.samples[w.context..].to_vec()).collect();
        assert_eq!(fresh, audio);
        for window in &sent {
            let first = window.start.0 as usize - window.context;
            assert_eq!(window.samples[..], audio[first..first + window.samples.len()]);
        }
        drop(sent);
        assert_eq!(budget.held(), 0, "dropped windows give their bytes back");
    }
}
