//! Encoding by ffmpeg in a child process: AAC-LC in M4A, which everything plays, and Opus in Ogg,
//! the better codec. docs/decisions/0003-encoding.md says why a program and not a linked encoder.
//!
//! One child makes all wanted formats at once, since starting ffmpeg costs as much as a tenth of
//! the work. M4A needs a file that can be seeked (its index goes to the front), so outputs lie in a
//! scratch folder of the caller.
//!
//! Invariant: the same samples and tags give the same bytes with the same build of ffmpeg.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::child;
use super::mix::Mix;
use crate::fault::Fault;
use crate::units::Span;
use hark_audio::limits::Limits;

/// Characters of a tag that are kept.
const TAG_LENGTH: usize = 250;
/// Rates of AAC that are used. Players round the length up to whole frames of 1024 samples, whatever
/// the file's edit list says: below 22.05 kHz that alone would be more than 50 ms.
const AAC_RATES: [u32; 5] = [22_050, 24_000, 32_000, 44_100, 48_000];

/// A codec in its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// AAC-LC in M4A at the source's own rate from 22.05 to 48 kHz; 96 kbit/s mono, 128 stereo.
    Aac,
    /// Opus in Ogg at 48 kHz; 64 kbit/s mono, 96 kbit/s stereo.
    Opus,
}

impl Format {
    /// As announced to players.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Aac => "audio/mp4",
            Self::Opus => "audio/ogg",
        }
    }

    /// Of file names, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Aac => "m4a",
            Self::Opus => "opus",
        }
    }

    /// Rate of the encoded stream for audio of `rate`: the same where the codec has it, else a
    /// multiple of it, else the next higher one, else 48 kHz.
    pub fn rate(self, rate: u32) -> u32 {
        match self {
            Self::Aac => {
                let multiple = AAC_RATES.into_iter().find(|known| known.is_multiple_of(rate));
                let higher = AAC_RATES.into_iter().find(|&known| known >= rate);
                multiple.or(higher).unwrap_or(48_000)
            }
            Self::Opus => 48_000,
        }
    }

    /// Bits per second for audio of `rate`. AAC gets at most four bits per source sample: a telephone
    /// recording at 8 kHz gains nothing from 96 kbit/s.
    fn bit_rate(self, rate: u32, channels: u16) -> u32 {
        match (self, channels) {
            (Self::Aac, 1) => (4 * rate).clamp(32_000, 96_000),
            (Self::Aac, _) => (8 * rate).clamp(48_000, 128_000),
            (Self::Opus, 1) => 64_000,
            (Self::Opus, _) => 96_000,
        }
    }

    /// Codec options of ffmpeg. Of AAC's two searches the default is the cheaper one for mono and
    /// costs double for stereo; Opus at complexity 5 saves a quarter of its time.
    fn options(self, channels: u16) -> &'static [&'static str] {
        match (self, channels) {
            (Self::Aac, 1) => &["-c:a", "aac", "-movflags", "+faststart", "-f", "ipod"],
            (Self::Aac, _) => &["-c:a", "aac", "-aac_coder", "fast", "-movflags", "+faststart", "-f", "ipod"],
            (Self::Opus, _) => &["-c:a", "libopus", "-compression_level", "5", "-f", "ogg"],
        }
    }
}

/// What is written into the file beside the audio. All of it is data from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Title of the episode.
    pub title: String,
    /// Name of the show.
    pub show: String,
    /// Id of the episode, for the comment that names the source.
    pub episode: String,
}

impl Tags {
    /// `key=value` for ffmpeg. Each is one argument of the child, never parsed by a shell; ffmpeg
    /// splits at the first `=`, which no key holds.
    fn pairs(&self, span: Span) -> Vec<String> {
        let comment = format!("{:.3}-{:.3} s of {}", span.start.0, span.end.0, self.episode);
        [("title", &self.title), ("artist", &self.show), ("comment", &comment)]
            .into_iter()
            .map(|(key, value)| (key, one_line(value, TAG_LENGTH)))
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| format!("{key}={value}"))
            .collect()
    }
}

/// `text` without control characters (NUL would end an argument, a newline a tag), with single
/// spaces, at most `longest` characters.
pub(super) fn one_line(text: &str, longest: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() || is_noncharacter(c) { ' ' } else { c }).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    plain.chars().take(longest).collect::<String>().trim_end().to_owned()
}

/// Code points that are no text, and marks that turn the direction of what follows them.
fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Where `format` lies in `folder` after [`encode`].
pub(super) fn path_of(folder: &Path, format: Format) -> PathBuf {
    folder.join("clip").with_extension(format.extension())
}

/// Encodes `mix` in all `formats` into files under `folder`.
///
/// Errors: `cut.encode`, retryable `cut.no_encoder` and `cut.timeout`.
pub(super) fn encode(
    ffmpeg: &Path,
    mix: &Mix,
    span: Span,
    tags: &Tags,
    formats: &[Format],
    folder: &Path,
    limits: Limits,
) -> Result<(), Fault> {
    let mut command = quiet(ffmpeg);
    command.args(["-f", "f32le", "-ar", &mix.rate.to_string(), "-ac", &mix.channels.to_string(), "-i", "pipe:0"]);
    for &format in formats {
        command.args(["-map", "0:a:0", "-map_metadata", "-1", "-threads", "1", "-bitexact"]);
        for pair in tags.pairs(span) {
            command.args(["-metadata", &pair]);
        }
        command.args(["-ar", &format.rate(mix.rate).to_string()]);
        command.args(["-b:a", &format.bit_rate(mix.rate, mix.channels).to_string()]);
        command.args(format.options(mix.channels)).arg(path_of(folder, format));
    }
    child::run(&mut command, &mix.samples, limits)
}

/// ffmpeg that asks nothing, says errors only and uses one thread.
pub(super) fn quiet(ffmpeg: &Path) -> Command {
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-hide_banner", "-v", "error", "-y"]);
    command.args(["-filter_threads", "1", "-filter_complex_threads", "1", "-threads", "1"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_rates_are_kept_and_foreign_ones_go_up() {
        let rates = [8_000, 11_025, 16_000, 37_800, 44_100, 48_000, 96_000, 192_000];
        let aac = rates.map(|rate| Format::Aac.rate(rate));
        assert_eq!(aac, [24_000, 22_050, 32_000, 44_100, 44_100, 48_000, 48_000, 48_000]);
        assert!(rates.iter().all(|&rate| Format::Opus.rate(rate) == 48_000));
    }

    #[test]
    fn hostile_titles_become_one_harmless_argument() {
        let tags = Tags {
            title: "a=b\n-i /etc/passwd\0\u{202e}txt.exe".into(),
            show: "\u{7}\r\n".into(),
            episode: "x".repeat(9_000),
        };
        let pairs = tags.pairs(Span::new(1.0, 2.5));
        assert_eq!(pairs[0], "title=a=b -i /etc/passwd txt.exe");
        assert!(pairs[1].starts_with("comment=1.000-2.500 s of xxx"), "an empty show is left out");
        assert_eq!(pairs[1].chars().count(), "comment=".len() + TAG_LENGTH);
    }
}
