//! Claims about the signatures of transcripts: of made texts, which need nothing, and of the real
//! transcripts beside the repository, which are skipped with a line where they are absent.

mod copies;
mod made;
mod material;
mod real;
