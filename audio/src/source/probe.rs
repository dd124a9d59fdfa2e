//! What kind of file is it: container, codec, track.

use std::fs::File;
use std::path::Path;

use symphonia::core::codecs::audio::well_known as codecs;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::common::Limit;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

/// Opens a file as whatever its bytes say it is; its name is not asked.
pub(super) fn open(path: &Path) -> symphonia::core::errors::Result<Box<dyn FormatReader>> {
    let file = File::open(path)?;
    let options = MediaSourceStreamOptions { buffer_len: 256 << 10 };
    let stream = MediaSourceStream::new(Box::new(file), options);
    // Pictures are not read: some are larger than the audio.
    let metadata =
        MetadataOptions::default().limit_visual_bytes(Limit::Maximum(1)).limit_tag_bytes(Limit::Maximum(64 << 10));
    symphonia::default::get_probe().probe(&Hint::new(), stream, FormatOptions::default(), metadata)
}

/// All decoders: symphonia's own and libopus.
pub(super) fn registry() -> CodecRegistry {
    let mut registry = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut registry);
    registry.register_audio_decoder::<symphonia_adapter_libopus::OpusDecoder>();
    registry
}

/// Id and parameters of the track to listen to: the default one, else the first audio track.
pub(super) fn audio_track(format: &dyn FormatReader) -> Option<(u32, AudioCodecParameters)> {
    let track = format.default_track(TrackType::Audio)?;
    let parameters = track.codec_params.as_ref()?.audio()?;
    Some((track.id, parameters.clone()))
}

/// Short name of a codec, as in [`crate::media::Media::codec`].
pub(super) fn codec_name(codec: AudioCodecId, registry: &CodecRegistry) -> String {
    match codec {
        codecs::CODEC_ID_AAC => "aac".into(),
        codecs::CODEC_ID_OPUS => "opus".into(),
        _ => registry.get_audio_decoder(codec).map_or("unknown", |known| known.codec.info.short_name).into(),
    }
}
