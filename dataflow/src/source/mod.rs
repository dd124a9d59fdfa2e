//! Where announcements come from: a feed, a JSON Lines file, a Parquet file, a folder of partitions; or
//! a folder that is watched, or topics.
//!
//! ```text
//! path ─ Input::open ─▶ Input ─ read ─▶ Ok(Announcement) ┐ in the input's order,
//!        (kind by content)              Err(BadEntry)    ┘ one at a time
//! ```
//!
//! Real inputs are disorderly: a feed is cut off, line 4,711 is no JSON, one partition of a year is
//! damaged. None of that may cost the other entries their previews, so an entry that cannot be read
//! is an item of its own, with the place, the reason and its bytes, and ends as a failed outcome.
//! Only an input of which nothing at all can be read is a [`SourceError`].
//!
//! Invariant: memory is bounded by one entry (or one batch of a Parquet row group), whatever the
//! length of the input; no sequence of bytes makes a reader panic.

mod arrivals;
mod bad;
mod date;
mod json;
mod json_lines;
pub mod kafka;
mod live;
mod open;
mod parquet_rows;
mod partitions;
mod row;
mod rss;
#[cfg(test)]
mod tests;
mod watched;

use std::path::{Path, PathBuf};

use hark_operators::record::Announcement;

pub use arrivals::{Arrivals, Paced};
pub use bad::{BadEntry, SourceError};
pub use json::spelled;
pub use kafka::Kafka;
pub use live::{Bounded, Elsewhere, Idle, Offer, Positions, Source};
pub use watched::Watched;

/// One entry of an input: an announcement, or why it could not be read.
pub type Entry = Result<Announcement, BadEntry>;

/// An input whose kind is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A podcast feed: RSS 2.0, RSS 1.0 or Atom, plain or gzip-encoded.
    Rss(PathBuf),
    /// One JSON object per line, plain or gzip-encoded.
    JsonLines(PathBuf),
    /// A Parquet file with the same names as columns.
    Parquet(PathBuf),
    /// A folder of such files, in the order of their names.
    Partitions(Vec<Input>),
}

impl Input {
    /// What of it lies in partitions whose date (`date=2026-11-01` in a path) is `within`; `None` where
    /// nothing does.
    pub fn of_dates(self, within: &impl Fn(&str) -> bool) -> Option<Input> {
        match self {
            Input::Partitions(inputs) => {
                let kept: Vec<Input> = inputs.into_iter().filter_map(|input| input.of_dates(within)).collect();
                (!kept.is_empty()).then_some(Input::Partitions(kept))
            }
            Input::Rss(ref path) | Input::JsonLines(ref path) | Input::Parquet(ref path) => {
                is_of(path, within).then_some(self)
            }
        }
    }

    /// Finds out what lies at `path` by looking at it: a folder, or a file judged by its first
    /// bytes, and by its name only where they say nothing (an empty partition).
    ///
    /// Errors: [`SourceError`] when there is nothing there, it cannot be read, or is of no known
    /// kind. Files of a folder whose kind is not evident from name or content are left aside.
    pub fn open(path: &Path) -> Result<Input, SourceError> {
        let about = std::fs::metadata(path).map_err(|error| SourceError::of_io(path, error))?;
        if about.is_dir() {
            return partitions::open(path);
        }
        let head = open::head(path).map_err(|error| SourceError::of_io(path, error))?;
        open::kind(&head, path).map(|kind| kind.input(path)).ok_or_else(|| SourceError::unknown(path, &head))
    }
}

/// Whether a path names such a date.
fn is_of(path: &Path, within: &impl Fn(&str) -> bool) -> bool {
    let dates = path.iter().filter_map(|part| part.to_str()?.strip_prefix("date="));
    dates.map(within).next_back().unwrap_or(false)
}

/// The announcements of `input` in its order. Relative paths of an announcement are relative to
/// the folder of its file (`Announcement::base`). Ids that occur twice are passed on: telling
/// duplicates is the graph's work.
///
/// Errors: [`SourceError`] when a single file cannot be opened; inside partitions that is a
/// [`BadEntry`], so that one damaged file does not stop a year.
pub fn read(input: &Input) -> Result<impl Iterator<Item = Entry> + Send + use<>, SourceError> {
    entries(input)
}

fn entries(input: &Input) -> Result<Box<dyn Iterator<Item = Entry> + Send>, SourceError> {
    Ok(match input {
        Input::Rss(path) => Box::new(rss::Feed::open(path)?),
        Input::JsonLines(path) => Box::new(json_lines::JsonLines::open(path)?),
        Input::Parquet(path) => Box::new(parquet_rows::ParquetRows::open(path)?),
        Input::Partitions(inputs) => Box::new(partitions::read(inputs.clone())),
    })
}
