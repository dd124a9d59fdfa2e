//! Real subtitles as dossiers, for the table: nobody verified their adverts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hark_operators::record::piece::{Timing, Word};
use hark_operators::units::Span;

use crate::material::{Material, clock, dossier, sentences};

/// The subtitles with times: SRT and WebVTT, speakers as `Name: ` or `<v Name>`.
pub fn subtitles(shared: &Path) -> Vec<Material> {
    let folder = shared.join("transcripts");
    let mut files: Vec<PathBuf> = [folder.clone(), folder.join("seenunseen")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("transcripts/"))
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "srt" || e == "vtt"))
        .filter(|path| path.metadata().is_ok_and(|m| m.len() > 20_000))
        .collect();
    files.sort();
    files.iter().map(|file| subtitle(file)).collect()
}

fn subtitle(file: &Path) -> Material {
    let text = String::from_utf8_lossy(&std::fs::read(file).expect("file")).into_owned();
    let name = file.file_name().expect("name").to_string_lossy().into_owned();
    let mut words = Vec::new();
    let mut span: Option<(f64, f64)> = None;
    let mut speaker = None;
    for line in text.lines().map(str::trim) {
        if let Some((from, to)) = line.split_once(" --> ") {
            span = clock(from).zip(clock(to.split_whitespace().next().unwrap_or_default()));
            continue;
        }
        let Some((from, to)) = span.take_if(|_| line.is_empty()).or(span) else { continue };
        let mut said = line;
        if let Some((voice, rest)) = line.strip_prefix("<v ").and_then(|l| l.split_once('>')).or_else(|| line.strip_prefix('[').and_then(|l| l.split_once("]:"))) {
            (speaker, said) = (Some(voice.to_owned()), rest.trim_end_matches("</v>"));
        } else if let Some((by, rest)) = line.split_once(": ").filter(|(by, _)| by.len() < 30 && by.chars().next().is_some_and(char::is_uppercase)) {
            (speaker, said) = (Some(by.to_owned()), rest);
        }
        let length = said.chars().count().max(1) as f64;
        let mut at = 0;
        for word in said.split_whitespace() {
            let next = at + word.chars().count() + 1;
            let time = |place: usize| from + (to - from) * (place as f64 / (length + 1.0)).min(1.0);
            words.push((Word { span: Span::new(time(at), time(next)), text: word.to_owned() }, speaker.clone()));
            at = next;
        }
    }
    let mut dossier = dossier(&name, "", "", sentences(words));
    dossier.timing = Some(Timing::Segments);
    let notes = file.with_file_name(name.replace(".srt", "_shownotes.md"));
    if let Ok(notes) = std::fs::read_to_string(notes) {
        let announcement = Arc::make_mut(&mut dossier.announcement);
        announcement.title = notes.lines().find_map(|l| l.strip_prefix("title:")).unwrap_or_default().trim().to_owned();
        announcement.description = notes.lines().filter(|l| l.len() > 60).take(3).collect::<Vec<_>>().join(" ");
    }
    Material { name, dossier, adverts: Vec::new(), doubtful: Vec::new() }
}
