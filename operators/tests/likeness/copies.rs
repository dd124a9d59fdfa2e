//! Copies of real recordings as other hosts publish them, and what is found of them again.

use std::path::Path;

use hark_operators::likeness::acoustic::{CANDIDATE_BANDS, Print, align, same_episode};

use super::recordings::files;
use super::sound::{RATE, count, load, print_of_copy};

/// What is done to a recording before it is encoded.
#[derive(Clone, Copy)]
pub enum Change {
    Nothing,
    /// Seconds taken off the start.
    Start(f64),
    /// Seconds taken off the end.
    End(f64),
    /// An advert of so many seconds after a third, and another one after two thirds.
    Adverts(f64),
}

/// What must be found again, by the four groups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Encoded,
    Trimmed,
    Advert,
    Tempo,
}

impl Group {
    /// The least share of copies that must be found again; of a changed tempo it is only reported.
    pub fn aim(self) -> f64 {
        match self {
            Self::Encoded => 0.99,
            Self::Trimmed => 0.98,
            Self::Advert => 0.95,
            Self::Tempo => 0.0,
        }
    }
}

/// A way to make a copy.
pub struct Kind {
    pub name: &'static str,
    pub group: Group,
    pub change: Change,
    pub encode: &'static [&'static str],
}

const fn kind(name: &'static str, group: Group, change: Change, encode: &'static [&'static str]) -> Kind {
    Kind { name, group, change, encode }
}

const MP3: &[&str] = &["-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3"];
const OPUS: &[&str] = &["-c:a", "libopus", "-b:a", "32k", "-f", "ogg"];
const AAC: &[&str] = &["-c:a", "aac", "-b:a", "32k", "-f", "adts"];
use Change::{Adverts, End, Nothing, Start};
use Group::{Advert, Encoded, Tempo, Trimmed};

/// All kinds. Those with `32k` are the hardest; the others show what is lost on the way there.
pub const KINDS: &[Kind] = &[
    kind(
        "MP3 128 kbit/s, stereo, 44.1 kHz",
        Encoded,
        Nothing,
        &["-ac", "2", "-ar", "44100", "-b:a", "128k", "-f", "mp3"],
    ),
    kind("MP3 64 kbit/s", Encoded, Nothing, &["-b:a", "64k", "-f", "mp3"]),
    kind("MP3 32 kbit/s", Encoded, Nothing, MP3),
    kind("MP3 32 kbit/s, stereo", Encoded, Nothing, &["-ac", "2", "-b:a", "32k", "-f", "mp3"]),
    kind("AAC 64 kbit/s", Encoded, Nothing, &["-c:a", "aac", "-b:a", "64k", "-f", "adts"]),
    kind("AAC 32 kbit/s", Encoded, Nothing, AAC),
    kind("Opus 64 kbit/s", Encoded, Nothing, &["-c:a", "libopus", "-b:a", "64k", "-f", "ogg"]),
    kind("Opus 32 kbit/s", Encoded, Nothing, OPUS),
    kind("Vorbis 64 kbit/s", Encoded, Nothing, &["-c:a", "libvorbis", "-b:a", "64k", "-f", "ogg"]),
    kind("Vorbis 32 kbit/s", Encoded, Nothing, &["-c:a", "libvorbis", "-b:a", "32k", "-f", "ogg"]),
    kind("8 kHz", Encoded, Nothing, &["-ar", "8000", "-f", "wav"]),
    kind("44.1 kHz", Encoded, Nothing, &["-ar", "44100", "-f", "wav"]),
    kind("48 kHz, stereo", Encoded, Nothing, &["-ar", "48000", "-ac", "2", "-f", "wav"]),
    kind("+6 dB", Encoded, Nothing, &["-af", "volume=6dB", "-f", "wav"]),
    kind("-6 dB", Encoded, Nothing, &["-af", "volume=-6dB", "-f", "wav"]),
    kind(
        "-6 dB, MP3 32 kbit/s, stereo",
        Encoded,
        Nothing,
        &["-af", "volume=-6dB", "-ac", "2", "-b:a", "32k", "-f", "mp3"],
    ),
    kind("0.5 s off the start, MP3 32 kbit/s", Trimmed, Start(0.5), MP3),
    kind("3.33 s off the start, Opus 32 kbit/s", Trimmed, Start(3.33), OPUS),
    kind("10 s off the start, AAC 32 kbit/s", Trimmed, Start(10.0), AAC),
    kind("30 s off the start, MP3 32 kbit/s", Trimmed, Start(30.0), MP3),
    kind("0.5 s off the end, MP3 32 kbit/s", Trimmed, End(0.5), MP3),
    kind("10 s off the end, Opus 32 kbit/s", Trimmed, End(10.0), OPUS),
    kind("30 s off the end, MP3 32 kbit/s", Trimmed, End(30.0), MP3),
    kind("two adverts of 15 s, MP3 32 kbit/s", Advert, Adverts(15.0), MP3),
    kind("two adverts of 30 s, Opus 32 kbit/s", Advert, Adverts(30.0), OPUS),
    kind("two adverts of 60 s, MP3 32 kbit/s", Advert, Adverts(60.0), MP3),
    kind("1 % faster", Tempo, Nothing, &["-af", "atempo=1.01", "-f", "wav"]),
    kind("1 % slower, MP3 32 kbit/s", Tempo, Nothing, &["-af", "atempo=0.99", "-b:a", "32k", "-f", "mp3"]),
];

/// A recording that copies are made of.
pub struct Original {
    pub name: String,
    sound: Vec<i16>,
    print: Print,
}

/// Where the adverts of copies come from: file, start, seconds. No original holds it.
pub const ADVERTS: (&str, f64, f64) = ("rfe-ep5_full-episode.m4a", 900.0, 125.0);

/// Ten seconds and more of speech: files as they are, each recording once; and of those that are longer
/// than five minutes, four pieces of 100 s.
pub fn originals(audio: &Path, wanted: impl Fn(&str) -> bool) -> Vec<Original> {
    let mut seen = std::collections::HashSet::new();
    let mut originals = Vec::new();
    for file in files(audio) {
        if !file.speech || file.seconds < 10.0 || !seen.insert(file.recording.clone()) {
            continue;
        }
        let pieces: Vec<(f64, f64)> = match file.seconds {
            seconds if seconds > 300.0 => (0..4).map(|n| (60.0 + f64::from(n) * 200.0, 100.0)).collect(),
            seconds => vec![(0.0, seconds + 1.0)],
        };
        for (from, seconds) in pieces {
            let name = format!("{} {from:.0}", file.name);
            if !wanted(&name) {
                continue;
            }
            let path = audio.join(&file.name);
            let print = super::sound::print(&load(&path, 16_000, from, seconds));
            originals.push(Original { name, sound: load(&path, RATE, from, seconds), print });
        }
    }
    originals
}

/// What came of one kind.
#[derive(Default)]
pub struct Tally {
    pub copies: usize,
    /// Copies that share enough bands with their original and are judged the same.
    pub found: usize,
    /// Comparisons of a copy with another original, and how many of them were judged the same.
    pub others: usize,
    pub wrong: usize,
    /// Fewest and mean bands that a copy shares with its original, most with another.
    pub bands_least: usize,
    pub bands_mean: f64,
    pub bands_wrong: usize,
    /// Least overlap that was found, as a share of what the copy really holds of the original.
    pub overlap_least: f64,
    pub missed: Vec<String>,
}

/// Makes a copy of each original that is long enough, and looks for it.
pub fn judge(kind: &Kind, originals: &[Original], adverts: &[i16]) -> Tally {
    let mut tally = Tally { bands_least: usize::MAX, overlap_least: f64::MAX, ..Tally::default() };
    for (n, original) in originals.iter().enumerate() {
        let Some(sound) = changed(&original.sound, kind.change, adverts) else { continue };
        let copy = print_of_copy(&sound, kind.encode);
        let bands = copy.bands();
        for (other, print) in originals.iter().enumerate().map(|(n, original)| (n, &original.print)) {
            let alignment = align(print, &copy).expect("one version");
            let common = print.bands().iter().filter(|&band| bands.binary_search(band).is_ok()).count();
            if other != n {
                tally.others += 1;
                tally.wrong += usize::from(same_episode(&alignment));
                tally.bands_wrong = tally.bands_wrong.max(common);
                continue;
            }
            tally.copies += 1;
            let found = common >= CANDIDATE_BANDS && same_episode(&alignment);
            tally.found += usize::from(found);
            tally.bands_least = tally.bands_least.min(common);
            tally.bands_mean += common as f64;
            tally.overlap_least =
                tally.overlap_least.min(alignment.overlap.0 / copy.seconds().0.min(print.seconds().0));
            if !found {
                tally.missed.push(format!("{} ({common} bands, {:.1} s shared)", original.name, alignment.overlap.0));
            }
        }
    }
    tally.bands_mean /= tally.copies.max(1) as f64;
    tally
}

/// `None` where less than ten seconds or half of the recording would be left: that is an excerpt then, and
/// no copy.
fn changed(sound: &[i16], change: Change, adverts: &[i16]) -> Option<Vec<i16>> {
    let trims = |seconds: f64| sound.len() >= (count(seconds) + count(10.0)).max(2 * count(seconds));
    match change {
        Nothing => Some(sound.to_vec()),
        Start(seconds) => trims(seconds).then(|| sound[count(seconds)..].to_vec()),
        End(seconds) => trims(seconds).then(|| sound[..sound.len() - count(seconds)].to_vec()),
        Adverts(seconds) => {
            let (length, third) = (count(seconds), sound.len() / 3);
            let enough = sound.len() >= count(90.0); // an episode, not a clip, carries two adverts
            let (one, two) = (&adverts[..length], &adverts[length..2 * length]);
            enough.then(|| [&sound[..third], one, &sound[third..2 * third], two, &sound[2 * third..]].concat())
        }
    }
}
