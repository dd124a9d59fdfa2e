//! Real transcripts with their words, for the tests and the table of the signatures.

use std::path::{Path, PathBuf};

use hark_operators::likeness::text::Signature;
use hark_operators::record::piece::Word;
use hark_operators::transcript::{parse, sentences};

/// One file.
pub struct Text {
    pub name: String,
    pub words: Vec<Word>,
    pub signature: Signature,
}

impl Text {
    /// Which episode it is of: Rev16 has a verbatim and a readable version of some.
    pub fn episode(&self) -> String {
        self.name.replace("rev16_nonverbatim_", "rev16_verbatim_")
    }

    /// Notes and chapter lists lie among the transcripts; they too must not be merged.
    pub fn is_talk(&self) -> bool {
        !self.name.contains("shownotes") && !self.name.contains("chapters")
    }
}

/// The folder of transcripts; says loudly where it is absent.
pub fn folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let data = std::env::var_os("HARK_SHARED_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = data.join("transcripts");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: ../shared/data is absent");
    None
}

/// Every file that is a text, by name.
pub fn texts(folder: &Path) -> Vec<Text> {
    let mut files = Vec::new();
    for folder in [folder.to_owned(), folder.join("seenunseen")] {
        let entries = std::fs::read_dir(&folder).expect("the folder of transcripts");
        files.extend(entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()));
    }
    files.retain(|file| file.extension().is_some_and(|kind| kind != "csv"));
    files.sort();
    files.iter().filter_map(|file| text(file)).collect()
}

/// One file; the chapter lists, which are no transcripts, are refused by the parser.
fn text(file: &Path) -> Option<Text> {
    let name = file.file_name()?.to_string_lossy().into_owned();
    let words = words(&std::fs::read(file).expect("a transcript"), &name)?;
    let signature = sign(&words);
    Some(Text { name, words, signature })
}

/// The words of a transcript's sentences.
pub fn words(bytes: &[u8], hint: &str) -> Option<Vec<Word>> {
    let transcript = parse(bytes, Some(hint), None).ok()?;
    Some(sentences(&transcript).into_iter().flat_map(|sentence| sentence.words).collect())
}

/// Their signature.
pub fn sign(words: &[Word]) -> Signature {
    Signature::of(words.iter().map(|word| word.text.as_str()))
}
