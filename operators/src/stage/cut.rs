//! `Chosen -> Rendered`: the clip, cut from the original audio at its own rate and channels.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Work;
use crate::fault::Fault;
use crate::media::clip::{self, ClipSettings, EncodedClip, Pcm, Tags, captions, soundbite};
use crate::record::outcome::Gate;
use crate::record::{Announcement, Body, Chosen, Failure, Record, Rendered};
use hark_audio::decoder::Decoder;

/// Seconds decoded on both sides of the span: room for the edges to move and for measuring silence.
const MARGIN: f64 = 1.0;

pub(super) struct Cut {
    decoder: Decoder,
    settings: ClipSettings,
}

impl Cut {
    pub(super) fn new(decoder: Decoder, settings: ClipSettings) -> Self {
        Self { decoder, settings }
    }

    fn cut(&self, chosen: &Chosen, announcement: &Announcement) -> Result<Rendered, Fault> {
        let mut selection = chosen.selection.clone();
        let clips = match &chosen.about.audio {
            // Offsets and words are the preview of an episode that has no audio.
            None => Vec::new(),
            Some(audio) => {
                let pcm = self.decoder.span(&audio.path, chosen.cut.with_margin(MARGIN))?;
                let tags = Tags {
                    title: announcement.title.clone(),
                    show: announcement.show.clone(),
                    episode: announcement.key.episode.to_string(),
                };
                let pcm = Pcm { rate: pcm.rate, channels: pcm.channels, samples: &pcm.samples, start: pcm.start };
                let rendered = clip::render(pcm, &chosen.cut, &tags, &self.settings)?;
                selection.span = rendered.span;
                selection.gates.append(&mut gates(&rendered.clips, &self.settings, rendered.span.length()));
                rendered.clips
            }
        };
        Ok(Rendered {
            captions: captions::webvtt(&chosen.sentences, selection.span),
            soundbite: soundbite::soundbite(selection.span, &announcement.title),
            selection,
            clips,
            about: chosen.about.clone(),
        })
    }
}

impl Work for Cut {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        for (i, record) in batch.iter().enumerate() {
            if let Body::Chosen(chosen) = &record.body {
                emit(
                    i,
                    match self.cut(chosen, &record.episode.announcement) {
                        Ok(rendered) => Body::Rendered(Arc::new(rendered)),
                        Err(fault) => Body::Failed(Arc::new(Failure { fault, about: chosen.about.clone() })),
                    },
                );
            }
        }
        Ok(())
    }
}

/// The gates that can only be measured on what was encoded: the worst of the renderings.
fn gates(clips: &[EncodedClip], settings: &ClipSettings, seconds: f64) -> BTreeMap<String, Gate> {
    let worst = |measure: &dyn Fn(&EncodedClip) -> f64| clips.iter().map(measure).fold(f64::NEG_INFINITY, f64::max);
    let loudness = worst(&|clip| (clip.loudness_lufs - settings.loudness_lufs).abs());
    let peak = worst(&|clip| clip.true_peak_dbtp);
    let length = worst(&|clip| (clip.seconds - seconds).abs());
    let gate =
        |measured: f64, most: f64, limit: String| Gate { pass: measured <= most, measured: Some(measured), limit };
    BTreeMap::from([
        (
            "loudness_error".to_owned(),
            gate(
                loudness,
                clip::render::LOUDNESS_ERROR,
                format!("<= {} LU from {} LUFS", clip::render::LOUDNESS_ERROR, settings.loudness_lufs),
            ),
        ),
        ("true_peak".to_owned(), gate(peak, settings.true_peak_dbtp, format!("<= {} dBTP", settings.true_peak_dbtp))),
        (
            "length_error".to_owned(),
            gate(length, clip::render::LENGTH_ERROR, format!("<= {} s", clip::render::LENGTH_ERROR)),
        ),
    ])
}
