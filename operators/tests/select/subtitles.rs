//! Real subtitles as dossiers, for the table: nobody verified their adverts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::material::{Material, dossier, read};

/// The long subtitles, SRT and WebVTT.
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
    let name = file.file_name().expect("name").to_string_lossy().into_owned();
    let (sentences, timing) = read(file);
    let mut dossier = dossier(&name, "", "", sentences);
    dossier.timing = Some(timing);
    let notes = file.with_file_name(name.replace(".srt", "_shownotes.md"));
    if let Ok(notes) = std::fs::read_to_string(notes) {
        let announcement = Arc::make_mut(&mut dossier.announcement);
        announcement.title = notes.lines().find_map(|l| l.strip_prefix("title:")).unwrap_or_default().trim().to_owned();
        announcement.description = notes.lines().filter(|l| l.len() > 60).take(3).collect::<Vec<_>>().join(" ");
    }
    Material { name, dossier, adverts: Vec::new(), doubtful: Vec::new() }
}
