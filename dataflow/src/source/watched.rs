//! A folder in which announcements appear: new files, and lines appended to JSON Lines files.
//!
//! ```text
//! look ─▶ files by name ─┬ JSON Lines: from the last offset to the last line feed
//!                        └ others: whole, once they have stopped growing
//! ```
//! Positions are a file's name and the bytes of it that have been offered; a file of another kind is
//! at 0 until all of it has been.
//!
//! Invariant: a line is offered once its line feed is there, so a writer may be half-way through it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::json_lines::JsonLines;
use super::live::{Offer, Positions, Source};
use super::open::{self, Kind};
use super::{Entry, Input, entries};

/// How long to wait before looking again.
const LOOK: Duration = Duration::from_millis(500);

/// A folder that is watched; it never ends.
pub struct Watched {
    folder: PathBuf,
    /// Bytes offered of each file.
    offered: Positions,
    /// Lengths of files at the last look: one that is the same at the next is complete.
    lengths: BTreeMap<String, u64>,
    reading: Option<Reading>,
    looked: Option<Instant>,
    /// Files that could not be read at all, and have been told.
    bad: BTreeSet<String>,
}

struct Reading {
    name: String,
    kind: Reader,
}

enum Reader {
    Lines { lines: JsonLines, from: i64 },
    Whole { entries: Box<dyn Iterator<Item = Entry> + Send>, length: i64 },
}

impl Watched {
    /// Watches a folder, and reads on from these positions.
    ///
    /// # Errors
    /// Where it is no folder that can be read.
    pub fn open(folder: &Path, positions: &Positions) -> io::Result<Self> {
        fs::read_dir(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            offered: positions.clone(),
            lengths: BTreeMap::new(),
            reading: None,
            looked: None,
            bad: BTreeSet::new(),
        })
    }

    /// The next file with something new.
    fn look(&mut self) -> Option<Result<Reading, Box<Entry>>> {
        let mut names: Vec<String> = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with(['.', '_']))
            .collect();
        names.sort();
        for name in names {
            let path = self.folder.join(&name);
            let Some(named) = open::by_name(&path) else { continue };
            let Ok(about) = fs::metadata(&path) else { continue };
            let offered = self.offered.get(&name).copied().unwrap_or_default();
            if !about.is_file() || about.len() as i64 <= offered || self.bad.contains(&name) {
                continue;
            }
            let grown = self.lengths.insert(name.clone(), about.len()) != Some(about.len());
            let plain = named == Kind::JsonLines && !name.to_ascii_lowercase().ends_with(".gz");
            let begun = match (plain, grown) {
                (true, _) => lines(&path, offered),
                (false, true) => continue,
                (false, false) => whole(&path, named, about.len()),
            };
            match begun {
                Ok(Some(kind)) => return Some(Ok(Reading { name, kind })),
                Ok(None) => {}
                Err(entry) => {
                    self.bad.insert(name);
                    return Some(Err(entry));
                }
            }
        }
        None
    }
}

/// The lines from an offset that are complete; `None` if there are none.
fn lines(path: &Path, from: i64) -> Result<Option<Reader>, Box<Entry>> {
    let opened = || -> io::Result<Option<JsonLines>> {
        let mut file = BufReader::new(File::open(path)?);
        let line = count_lines(&mut file, from)?;
        let until = last_line_feed(file.get_ref())?;
        if until <= from {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(from.unsigned_abs()))?;
        Ok(Some(JsonLines::part(path, Box::new(file.take((until - from).unsigned_abs())), line)))
    };
    match opened() {
        Ok(lines) => Ok(lines.map(|lines| Reader::Lines { lines, from })),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// How many lines there are before an offset, for messages.
fn count_lines(file: &mut BufReader<File>, before: i64) -> io::Result<u64> {
    let (mut left, mut lines) = (before.unsigned_abs() as usize, 0);
    while left > 0 {
        let seen = file.fill_buf()?;
        let count = seen.len().min(left);
        if count == 0 {
            break;
        }
        lines += seen[..count].iter().filter(|byte| **byte == b'\n').count() as u64;
        file.consume(count);
        left -= count;
    }
    Ok(lines)
}

/// Where the last complete line ends.
fn last_line_feed(mut file: &File) -> io::Result<i64> {
    const BLOCK: u64 = 64 * 1024;
    let mut end = file.metadata()?.len();
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        block.clear();
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok((start + at as u64 + 1) as i64);
        }
        end = start;
    }
    Ok(0)
}

fn whole(path: &Path, named: Kind, length: u64) -> Result<Option<Reader>, Box<Entry>> {
    let found = open::head(path).map_err(|error| unreadable(path, &error))?;
    let input: Input = open::kind(&found, path).unwrap_or(named).input(path);
    match entries(&input) {
        Ok(entries) => Ok(Some(Reader::Whole { entries, length: length as i64 })),
        Err(error) => Err(Box::new(Err(super::partitions::unreadable(&input, &error)))),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Box<Entry> {
    Box::new(Err(super::BadEntry::of_io(path.display().to_string(), error)))
}

impl Source for Watched {
    fn offer(&mut self) -> Offer {
        loop {
            if let Some(reading) = &mut self.reading {
                let next = match &mut reading.kind {
                    Reader::Lines { lines, from } => {
                        let next = lines.next();
                        self.offered.insert(reading.name.clone(), *from + lines.consumed() as i64);
                        next
                    }
                    Reader::Whole { entries, length } => {
                        let next = entries.next();
                        if next.is_none() {
                            self.offered.insert(reading.name.clone(), *length);
                        }
                        next
                    }
                };
                match next {
                    Some(entry) => return Offer::Entry(Box::new(entry), None),
                    None => self.reading = None,
                }
            } else if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
                return Offer::Nothing;
            } else {
                match self.look() {
                    Some(Ok(reading)) => self.reading = Some(reading),
                    Some(Err(entry)) => return Offer::Entry(entry, None),
                    None => self.looked = Some(Instant::now()),
                }
            }
        }
    }

    fn nothing_for(&self) -> Duration {
        self.looked.map_or(Duration::ZERO, |looked| LOOK.saturating_sub(looked.elapsed()))
    }

    fn positions(&self) -> Positions {
        self.offered.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn line(id: u32) -> String {
        format!("{{\"id\": \"ep-{id}\", \"title\": \"T\", \"audio\": \"a.mp3\"}}\n")
    }

    fn append(path: &Path, text: &str) {
        File::options().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// The ids that the source offers now.
    fn offered(source: &mut Watched) -> Vec<String> {
        source.looked = None;
        std::iter::from_fn(|| match source.offer() {
            Offer::Entry(entry, _) => Some(match *entry {
                Ok(announcement) => announcement.key.episode.to_string(),
                Err(bad) => format!("bad {}", bad.place),
            }),
            Offer::Nothing | Offer::End => None,
        })
        .collect()
    }

    #[test]
    fn lines_are_offered_once_their_line_feed_is_there_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new.jsonl");
        append(&file, &line(1));
        let (first, rest) = (line(2), line(3));
        append(&file, &first[..10]);
        let mut source = Watched::open(folder.path(), &Positions::new()).unwrap();
        assert_eq!(offered(&mut source), ["ep-1"]);
        append(&file, &first[10..]);
        append(&file, &rest);
        assert_eq!(offered(&mut source), ["ep-2", "ep-3"]);
        assert_eq!(offered(&mut source), [""; 0]);
    }

    #[test]
    fn read_on_from_its_positions_it_offers_the_rest_and_counts_lines_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new.jsonl");
        append(&file, &(line(1) + &line(2) + "no json\n"));
        let mut source = Watched::open(folder.path(), &Positions::new()).unwrap();
        source.offer();
        let positions = source.positions();
        assert_eq!(positions["new.jsonl"], line(1).len() as i64);
        let mut again = Watched::open(folder.path(), &positions).unwrap();
        let found = offered(&mut again);
        assert_eq!(found[0], "ep-2");
        assert!(found[1].starts_with("bad ") && found[1].contains("new.jsonl:3"), "{found:?}");
        assert_eq!(offered(&mut Watched::open(folder.path(), &again.positions()).unwrap()), [""; 0]);
    }

    #[test]
    fn a_feed_is_read_whole_when_it_has_stopped_growing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("feed.xml");
        append(&file, "<rss><channel><item><guid>a</guid><title>A</title>");
        let mut source = Watched::open(folder.path(), &Positions::new()).unwrap();
        assert_eq!(offered(&mut source), [""; 0], "it may still be growing");
        append(&file, "<enclosure url=\"a.mp3\"/></item></channel></rss>");
        assert_eq!(offered(&mut source), [""; 0]);
        assert_eq!(offered(&mut source), ["a"]);
        assert_eq!(offered(&mut source), [""; 0]);
    }
}
