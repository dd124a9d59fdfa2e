//! Channels to one, and channels interleaved, whatever rates and layouts come on the way.

use std::ops::Range;

use super::resample::Resample;
use super::wire::Head;
use crate::units::MODEL_RATE;

/// Any audio to 16 kHz mono: channels are averaged first, so that one channel is resampled.
#[derive(Default)]
pub(crate) struct Mixer {
    filter: Option<Resample>,
    mono: Vec<f32>,
}

impl Mixer {
    /// Takes `planes[..][range]` at `rate`.
    pub(crate) fn push(&mut self, rate: u32, planes: &[Vec<f32>], range: Range<usize>, sink: &mut dyn FnMut(&[f32])) {
        if range.is_empty() {
            return;
        }
        if let Some(old) = self.filter.take_if(|filter| filter.from() != rate) {
            old.finish(sink);
        }
        let filter = self.filter.get_or_insert_with(|| Resample::new(rate, MODEL_RATE));
        match planes {
            [one] => filter.push(&one[range], sink),
            planes => {
                average(planes, range, &mut self.mono);
                filter.push(&self.mono, sink);
            }
        }
    }

    /// Hands on the rest.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&[f32])) {
        if let Some(filter) = self.filter.take() {
            filter.finish(sink);
        }
    }
}

/// The mean of all channels.
fn average(planes: &[Vec<f32>], range: Range<usize>, into: &mut Vec<f32>) {
    into.clear();
    if let [left, right] = planes {
        let pairs = left[range.clone()].iter().zip(&right[range]);
        into.extend(pairs.map(|(left, right)| 0.5 * (left + right)));
        return;
    }
    into.resize(range.len(), 0.0);
    let weight = 1.0 / planes.len().max(1) as f32;
    for plane in planes {
        for (sum, sample) in into.iter_mut().zip(&plane[range.clone()]) {
            *sum += weight * sample;
        }
    }
}

/// Interleaves a span. What comes with another rate or other channels than the span began with (a
/// joined file) is brought to those.
pub(crate) struct Weave {
    head: Head,
    announced: bool,
    channels: Vec<Resample>,
    scratch: Vec<Vec<f32>>,
    woven: Vec<f32>,
}

impl Weave {
    /// A span that begins with this rate and so many channels, `start` seconds into the file.
    pub(crate) fn new(rate: u32, channels: usize, start: f64) -> Self {
        Self {
            head: Head { rate, channels: channels as u16, start },
            announced: false,
            channels: Vec::new(),
            scratch: vec![Vec::new(); channels],
            woven: Vec::new(),
        }
    }

    /// What the samples are, the first time it is asked.
    pub(crate) fn head(&mut self) -> Option<Head> {
        (!std::mem::replace(&mut self.announced, true)).then_some(self.head)
    }

    /// Takes `planes[..][range]` at `rate`.
    pub(crate) fn push(&mut self, rate: u32, planes: &[Vec<f32>], range: Range<usize>) {
        if self.channels.first().is_some_and(|filter| filter.from() != rate) {
            self.finish();
        }
        let wanted = self.scratch.len();
        if self.channels.is_empty() {
            self.channels = (0..wanted).map(|_| Resample::new(rate, self.head.rate)).collect();
        }
        let mut mono = Vec::new();
        if wanted == 1 && planes.len() > 1 {
            average(planes, range.clone(), &mut mono);
        }
        for (channel, (filter, ready)) in self.channels.iter_mut().zip(&mut self.scratch).enumerate() {
            let samples = match planes {
                _ if !mono.is_empty() => &mono[..],
                planes => &planes[channel.min(planes.len() - 1)][range.clone()],
            };
            filter.push(samples, &mut |more| ready.extend_from_slice(more));
        }
        self.interleave();
    }

    /// Ends the span, or a part of it with its own rate.
    pub(crate) fn finish(&mut self) {
        for (filter, ready) in self.channels.drain(..).zip(&mut self.scratch) {
            filter.finish(&mut |more| ready.extend_from_slice(more));
        }
        self.interleave();
    }

    /// Samples (all channels together) that wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.woven.len()
    }

    /// Takes what is woven so far.
    pub(crate) fn take(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.woven)
    }

    fn interleave(&mut self) {
        let frames = self.scratch.iter().map(Vec::len).min().unwrap_or(0);
        let (start, channels) = (self.woven.len(), self.scratch.len());
        self.woven.resize(start + frames * channels, 0.0);
        for (channel, ready) in self.scratch.iter_mut().enumerate() {
            for (frame, &sample) in ready[..frames].iter().enumerate() {
                // A file may hold anything as floats; what is no number is silence.
                self.woven[start + frame * channels + channel] = if sample.is_finite() { sample } else { 0.0 };
            }
            ready.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_keeps_the_layout_it_began_with() {
        let mut weave = Weave::new(8_000, 2, 1.5);
        assert_eq!(weave.head().map(|head| (head.rate, head.channels)), Some((8_000, 2)));
        assert!(weave.head().is_none());
        weave.push(8_000, &[vec![0.1; 10], vec![0.2; 10]], 2..4);
        weave.push(8_000, &[vec![0.3; 10]], 0..2);
        weave.push(16_000, &[vec![0.5; 4000], vec![f32::NAN; 4000]], 0..4000);
        weave.finish();
        let woven = weave.take();
        assert_eq!(woven[..8], [0.1, 0.2, 0.1, 0.2, 0.3, 0.3, 0.3, 0.3]);
        assert_eq!(woven.len(), 8 + 2 * 2000);
        assert!(woven.iter().all(|sample| sample.is_finite()));
    }

    #[test]
    fn channels_are_averaged_before_resampling() {
        let mut mixer = Mixer::default();
        let mut output = Vec::new();
        let planes = [vec![0.5; 48_000], vec![-0.1; 48_000], vec![0.2; 48_000]];
        mixer.push(48_000, &planes, 0..48_000, &mut |ready| output.extend_from_slice(ready));
        mixer.finish(&mut |ready| output.extend_from_slice(ready));
        assert_eq!(output.len(), 16_000);
        assert!((output[8_000] - 0.2).abs() < 1e-4, "{}", output[8_000]);
    }
}
