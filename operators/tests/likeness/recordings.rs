//! Which files of the test material are one recording: from its manifest (origins, re-encodings made
//! by hand, cuts), not from what a fingerprint says.

use std::path::Path;

/// Recordings of which there is more than one file: how their names begin.
const SAME: &[&[&str]] = &[
    &["rfe-ep5_"],
    &["whisper__jfk", "whisper.cpp__jfk"],
    &["audiowaveform__"],
    &["cognitive-services-speech-sdk__whatstheweatherlike"],
    &["node-sdk__weather", "node-sdk__sample1"],
    &["podlove-web-player__podlove."],
];

/// What the files hold that are not speech, or hardly any: no copies are made of them.
const NOT_SPEECH: &[&str] = &[
    "AntennaPod__30sec",
    "AntennaPod__auphonic",
    "AntennaPod__ffmpeg",
    "AntennaPod__hindenburg",
    "AntennaPod__nero",
    "AntennaPod__opus",
    "Weavercast__Song",
    "audiowaveform__",
    "data__Kevin",
    "inaSpeechSegmenter__silence",
    "node-sdk__blank",
    "podlove-web-player__",
    "pyannote-audio__empty",
    "silero-vad__test.opus",
];

/// One file.
#[derive(Clone, Debug)]
pub struct File {
    pub name: String,
    pub seconds: f64,
    /// Files of one recording have one of these.
    pub recording: String,
    pub speech: bool,
}

/// Every file with sound.
pub fn files(audio: &Path) -> Vec<File> {
    let manifest = audio.parent().expect("a folder of the material").join("MANIFEST.tsv");
    let manifest = std::fs::read_to_string(manifest).expect("the material has a manifest");
    let rows = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let sound = rows.filter_map(|row| Some((row[0].strip_prefix("audio/")?.to_owned(), row[3].parse::<f64>().ok()?)));
    sound
        .map(|(name, seconds)| {
            let same = SAME.iter().find(|names| names.iter().any(|start| name.starts_with(start)));
            File {
                recording: same.map_or_else(|| name.clone(), |names| names[0].to_owned()),
                speech: !NOT_SPEECH.iter().any(|start| name.starts_with(start)),
                seconds,
                name,
            }
        })
        .collect()
}
