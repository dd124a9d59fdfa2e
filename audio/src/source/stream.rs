//! The stream to listen to: its decoder, how long its packets are, which of its frames are heard.

use symphonia::core::audio::layouts::CHANNEL_LAYOUT_MONO;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::formats::FormatReader;
use symphonia::core::packet::{Packet, PacketRef};
use symphonia::core::units::TimeBase;

use super::mp4::Presented;
use super::timeline::{self, TimeLine};
use super::{Bounds, Refusal, mpeg, opus, probe};
use crate::units::MODEL_RATE;

/// A stream being decoded.
pub(super) struct Stream {
    /// The demuxer's id of its track.
    pub track: u32,
    codec: AudioCodecId,
    parameters: AudioCodecParameters,
    time_base: Option<TimeBase>,
    decoder: Box<dyn AudioDecoder>,
    /// Channels of the file, as of now.
    pub channels: u16,
    gain: f32,
    /// Frames of the time line for each decoded sample of a channel: above 1 where the decoder
    /// itself thins out.
    pub step: u32,
}

impl Stream {
    /// Whether packets are frames of MPEG audio.
    pub(super) fn is_mpeg(&self) -> bool {
        // Layer 1 has no frames that our reader takes, and so is left to others.
        matches!(self.codec, CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3)
    }

    /// Whether packets are AAC.
    pub(super) fn is_aac(&self) -> bool {
        self.codec == CODEC_ID_AAC
    }

    /// Frames at `rate` that decoding this packet gives; `None` where only decoding tells.
    ///
    /// Containers round and lie about durations (MP4 writes them in any time base, Matroska in
    /// milliseconds), codecs do not: the count follows from the packet's own header.
    pub(super) fn told(&self, packet: &Packet, rate: u32) -> Option<u64> {
        match self.codec {
            CODEC_ID_AAC => Some(1024),
            CODEC_ID_OPUS => opus::frames(&packet.data),
            CODEC_ID_MP2 | CODEC_ID_MP3 => mpeg::header(&packet.data).map(|header| header.frames),
            _ => (self.time_base? == TimeBase::try_from_recip(rate)?).then(|| packet.block_dur().get()),
        }
    }

    /// Decodes a whole packet, as f32, into one vector per channel; returns the rate that the
    /// decoder says, or `None` for a damaged packet.
    pub(super) fn decode(&mut self, packet: &Packet, planes: &mut Vec<Vec<f32>>) -> Option<u32> {
        // Trims are the time line's: the decoder must not cut.
        let whole = PacketRef::new(packet.track_id, packet.pts, packet.block_dur(), &packet.data);
        let buffer = self.decoder.decode_ref(&whole).ok()?;
        buffer.copy_to_vecs_planar(planes);
        planes.truncate(buffer.num_planes());
        if self.gain != 1.0 {
            planes.iter_mut().flatten().for_each(|sample| *sample *= self.gain);
        }
        Some(buffer.spec().rate())
    }
}

/// Chooses streams and makes their decoders.
pub(super) struct Chooser {
    /// Known decoders.
    pub registry: CodecRegistry,
    /// What the caller accepts.
    pub bounds: Bounds,
    /// Decode Opus straight to 16 kHz mono.
    pub for_models: bool,
    /// What an MP4 file presents of its tracks, by id.
    pub presented: Vec<(u32, Presented)>,
}

impl Chooser {
    /// The stream to listen to, and its time line.
    pub(super) fn choose(&self, format: &dyn FormatReader) -> Result<(Stream, TimeLine), Refusal> {
        let (id, mut parameters) = probe::audio_track(format).ok_or_else(|| unknown("no audio track"))?;
        let track = format.tracks().iter().find(|track| track.id == id);
        let codec = parameters.codec;
        let is_opus = codec == CODEC_ID_OPUS;
        let head = if is_opus { opus_set_up(&mut parameters)? } else { opus::Head::default() };
        let (rate, channels) = (parameters.sample_rate.unwrap_or(0), count(&parameters));
        let thin = is_opus && self.for_models;
        if thin {
            parameters.with_sample_rate(MODEL_RATE).with_channels(CHANNEL_LAYOUT_MONO);
        }
        let decoder = self.decoder(&parameters)?;
        // What the container left open the decoder may have read from its set-up.
        let known = decoder.codec_params();
        let channels = if channels == 0 { count(known) } else { channels };
        let rate = match known.sample_rate {
            Some(known) if rate == 0 || codec == CODEC_ID_AAC => known,
            _ => rate,
        };
        self.check(rate, channels)?;
        let presented = self.presented.iter().find(|track| track.0 == id).map(|track| &track.1);
        let keep = match (presented, track) {
            (Some(presented), _) => timeline::edited(presented, rate, u64::from(head.pre_skip)),
            (None, Some(track)) if is_opus => {
                timeline::behind(u64::from(head.pre_skip).max(u64::from(track.delay.unwrap_or(0))))
            }
            _ => timeline::behind(0),
        };
        // Matroska's durations are rounded to milliseconds.
        let exact = format.format_info().short_name != "matroska";
        let stream = Stream {
            track: id,
            codec,
            parameters,
            time_base: track.and_then(|track| track.time_base).filter(|_| exact),
            decoder,
            channels: channels as u16,
            gain: head.gain,
            step: if thin { opus::RATE / MODEL_RATE } else { 1 },
        };
        Ok((stream, TimeLine::new(rate, keep, presented.is_some())))
    }

    /// Gives a stream a decoder that remembers nothing.
    pub(super) fn start_anew(&self, stream: &mut Stream) -> Result<(), Refusal> {
        stream.decoder = self.decoder(&stream.parameters)?;
        Ok(())
    }

    fn decoder(&self, parameters: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, Refusal> {
        // Vorbis alone is asked to cut: its first packet after a start holds no audio yet.
        let options = AudioDecoderOptions::default().gapless(parameters.codec == CODEC_ID_VORBIS);
        self.registry.make_audio_decoder(parameters, &options).map_err(|error| unknown(&error.to_string()))
    }

    fn check(&self, rate: u32, channels: usize) -> Result<(), Refusal> {
        if rate == 0 {
            return Err(unknown("no sample rate"));
        }
        if rate > self.bounds.max_rate {
            return Err(Refusal::Limit("rate", format!("{rate} Hz, more than {} Hz", self.bounds.max_rate)));
        }
        if channels > usize::from(self.bounds.max_channels) {
            let message = format!("{channels} channels, more than {}", self.bounds.max_channels);
            return Err(Refusal::Limit("channels", message));
        }
        Ok(())
    }

    /// Short name of a stream's codec.
    pub(super) fn codec_name(&self, stream: &Stream) -> String {
        probe::codec_name(stream.codec, &self.registry)
    }
}

/// Readies the parameters of an Opus stream for a decoder that leaves pre-skip and gain to us: the
/// adapter would cut the pre-skip off the first packet only.
fn opus_set_up(parameters: &mut AudioCodecParameters) -> Result<opus::Head, Refusal> {
    if count(parameters) > 2 {
        return Err(unknown("Opus with more than two channels"));
    }
    let head = parameters.extra_data.take().as_deref().and_then(opus::head).unwrap_or_default();
    parameters.with_sample_rate(opus::RATE);
    Ok(head)
}

fn count(parameters: &AudioCodecParameters) -> usize {
    parameters.channels.as_ref().map_or(0, |channels| channels.count())
}

fn unknown(why: &str) -> Refusal {
    Refusal::Unknown(why.into())
}
