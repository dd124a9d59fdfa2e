//! Real transcripts as dossiers, for the tests and the table of the selection.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hark_operators::record::finding::{Dossier, Variant};
use hark_operators::record::piece::{Sentence, Timing};
use hark_operators::record::{Announcement, EpisodeId, EpisodeKey};
use hark_operators::transcript::{parse, sentences};
use hark_operators::units::Span;

/// One episode with what people found out about its adverts.
pub struct Material {
    pub name: String,
    pub dossier: Dossier,
    /// Adverts that a person verified.
    pub adverts: Vec<Span>,
    /// Stretches that a machine marked and nobody verified: neither advert nor show.
    pub doubtful: Vec<Span>,
}

/// The folder of the shared test data; says loudly where it is absent.
pub fn shared() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = std::env::var_os("HARK_SHARED_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if !folder.join("ads").is_dir() {
        println!("SKIPPED: ../shared/data is absent");
        return None;
    }
    Some(folder)
}

/// An episode of nothing but sentences.
pub fn dossier(name: &str, title: &str, description: &str, sentences: Vec<Sentence>) -> Dossier {
    let key = Arc::new(EpisodeKey { episode: EpisodeId::from(name), revision: 1 });
    Dossier {
        announcement: Arc::new(Announcement {
            title: title.to_owned(),
            description: description.to_owned(),
            ..Announcement::bare((*key).clone(), String::new())
        }),
        key,
        audio: None,
        media: None,
        speech: Vec::new(),
        level: Vec::new(),
        music: Vec::new(),
        sentences,
        timing: Some(Timing::Words),
        embeddings: Vec::new(),
        language: Some("eng".to_owned()),
        repeated: Arc::default(),
        passed_over: Vec::new(),
        variant: Variant::Full,
        faults: Vec::new(),
    }
}

/// A transcript file's sentences, as the pipeline reads them.
pub fn read(file: &Path) -> (Vec<Sentence>, Timing) {
    let bytes = std::fs::read(file).expect("a readable file");
    let name = file.file_name().map(|name| name.to_string_lossy());
    let transcript = parse(&bytes, name.as_deref(), None).expect("a transcript");
    (sentences(&transcript), transcript.timing)
}

/// The episodes with verified adverts.
pub fn ads(shared: &Path) -> Vec<Material> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(shared.join("ads")).expect("ads/").map(|entry| entry.expect("entry").path()).collect();
    folders.sort();
    folders.iter().map(|folder| ad(folder)).collect()
}

fn ad(folder: &Path) -> Material {
    let name = folder.file_name().expect("name").to_string_lossy().into_owned();
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).expect(file);
    let metadata: toml::Table = toml::from_str(&text("metadata.toml")).expect("metadata");
    let field = |key: &str| metadata.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    let (sentences, timing) = read(&folder.join("segments.json"));
    let mut dossier = dossier(&name, &field("title"), &field("description"), sentences);
    dossier.timing = Some(timing);
    Arc::make_mut(&mut dossier.announcement).show = field("podcast_name").replace('-', " ");
    let (adverts, doubtful) = truth(&text("truth.txt"));
    Material { name, dossier, adverts, doubtful }
}

/// Blocks of `start:` and `end:`; those behind `#` were marked by a machine only.
fn truth(text: &str) -> (Vec<Span>, Vec<Span>) {
    let (mut verified, mut doubtful) = (Vec::new(), Vec::new());
    let mut start = 0.0;
    for line in text.lines() {
        let bare = line.trim_start_matches("# ");
        if let Some(time) = bare.strip_prefix("start:") {
            start = clock(time).unwrap_or(f64::NAN);
        } else if let Some(end) = bare.strip_prefix("end:").and_then(clock).filter(|_| !start.is_nan()) {
            let of = if bare.len() == line.len() { &mut verified } else { &mut doubtful };
            of.push(Span::new(start, end));
        }
    }
    (verified, doubtful)
}

/// `m:ss.ff` or `h:mm:ss` in seconds.
fn clock(text: &str) -> Option<f64> {
    text.trim().replace(',', ".").split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
}
