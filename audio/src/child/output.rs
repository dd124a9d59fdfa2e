//! Samples on their way from a child to its parent.

use std::fs::File;
use std::io::{self, StdinLock, Write};
use std::ops::{ControlFlow, Range};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::allowance::Cpu;
use crate::mix::Weave;
use crate::resample::quantise;
use crate::wire::{self, Kind};

/// Samples per frame on the pipe: 4 s at 16 kHz.
const BLOCK: usize = 64 << 10;
/// Samples on their way to the parent.
pub(super) struct Output<'a> {
    input: &'a mut StdinLock<'static>,
    pipe: &'a mut File,
    cpu: Cpu,
    /// Which samples, counted from the start of the file, are wanted.
    pub window: Range<u64>,
    /// Samples at 16 kHz taken so far.
    pub position: u64,
    ready: Vec<i16>,
    frame: Vec<u8>,
    /// Something has been sent.
    pub sent: bool,
    cancelled: bool,
}

impl<'a> Output<'a> {
    /// Nothing sent yet; everything wanted.
    pub(super) fn new(input: &'a mut StdinLock<'static>, pipe: &'a mut File, cpu: Cpu) -> Self {
        let (ready, frame) = (Vec::with_capacity(2 * BLOCK), Vec::with_capacity(2 * BLOCK + wire::HEADER));
        Self { input, pipe, cpu, window: 0..u64::MAX, position: 0, ready, frame, sent: false, cancelled: false }
    }

    /// Takes the next samples at 16 kHz.
    pub(super) fn take(&mut self, samples: &[f32]) {
        let start = self.position;
        self.position += samples.len() as u64;
        let clip = |at: u64| (at.clamp(start, start + samples.len() as u64) - start) as usize;
        quantise(&samples[clip(self.window.start)..clip(self.window.end)], &mut self.ready);
    }

    /// Sends whole blocks; breaks when the parent has had enough.
    pub(super) fn flush_full(&mut self, seconds: f64) -> io::Result<ControlFlow<()>> {
        if self.ready.len() >= BLOCK {
            self.flush()?;
            return self.earn(seconds);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Sends what is ready.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        for block in self.ready.chunks(BLOCK) {
            self.sent = true;
            wire::open(&mut self.frame, Kind::Pcm16);
            self.frame.extend(block.iter().flat_map(|sample| sample.to_ne_bytes()));
            wire::seal(&mut self.frame);
            self.pipe.write_all(&self.frame)?;
        }
        self.ready.clear();
        Ok(())
    }

    /// Accounts for audio up to `seconds`, and looks whether the parent has had enough.
    pub(super) fn earn(&mut self, seconds: f64) -> io::Result<ControlFlow<()>> {
        self.cpu.earn(seconds)?;
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut asked = [PollFd::new(&self.input, PollFlags::IN)];
        if poll(&mut asked, Some(&now))? > 0 {
            match wire::read(self.input, &mut Vec::new())? {
                Some(Kind::Cancel) => self.cancelled = true,
                Some(_) => return Err(io::ErrorKind::InvalidData.into()),
                None => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        Ok(if self.cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Takes a stretch of a span at its own rate.
    pub(super) fn weave(
        &mut self,
        weave: &mut Weave,
        rate: u32,
        planes: &[Vec<f32>],
        range: Range<usize>,
    ) -> io::Result<()> {
        if let Some(head) = weave.head() {
            self.pipe.write_all(&wire::json(Kind::Head, &head))?;
        }
        weave.push(rate, planes, range);
        if weave.waiting() >= BLOCK { self.send(weave) } else { Ok(()) }
    }

    /// Ends such a span.
    pub(super) fn weave_rest(&mut self, weave: &mut Weave) -> io::Result<()> {
        weave.finish();
        self.send(weave)
    }

    fn send(&mut self, weave: &mut Weave) -> io::Result<()> {
        for block in weave.take().chunks(BLOCK) {
            wire::open(&mut self.frame, Kind::Pcm32);
            self.frame.extend(block.iter().flat_map(|sample| sample.to_ne_bytes()));
            wire::seal(&mut self.frame);
            self.pipe.write_all(&self.frame)?;
        }
        Ok(())
    }
}
