//! Latencies on disk: a log of HDR histograms, one per interval and tag, in the format that HdrHistogram's
//! own tools read and merge.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::{Micros, micros, record};

/// Microseconds are logged; maxima are shown in milliseconds.
const SHOWN_IN: f64 = 1000.0;

/// The log of one process.
pub struct IntervalLog(Mutex<Open>);

struct Open {
    file: BufWriter<File>,
    began: Instant,
    /// When the interval that is being filled began.
    since: Duration,
    by_tag: BTreeMap<String, Micros>,
}

impl IntervalLog {
    /// Appends to the file: a new header begins each run.
    ///
    /// # Errors
    /// A file that cannot be opened or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(OpenOptions::new().create(true).append(true).open(path)?);
        let now = SystemTime::now();
        let mut header = IntervalLogWriterBuilder::new();
        header.add_comment("hark: latencies in microseconds").with_start_time(now).with_base_time(now);
        header.with_max_value_divisor(SHOWN_IN);
        drop(header.begin_log_with(&mut file, &mut V2DeflateSerializer::new())?);
        file.flush()?;
        let (began, since, by_tag) = (Instant::now(), Duration::ZERO, BTreeMap::new());
        Ok(Self(Mutex::new(Open { file, began, since, by_tag })))
    }

    /// Something took so long.
    pub fn record(&self, tag: &str, seconds: f64) {
        let mut open = self.held();
        match open.by_tag.get_mut(tag) {
            Some(histogram) => record(histogram, seconds),
            None => record(open.by_tag.entry(tag.to_owned()).or_insert_with(micros), seconds),
        }
    }

    /// Ends the interval and writes what was recorded in it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self) -> io::Result<()> {
        let mut open = self.held();
        let (since, until) = (open.since, open.began.elapsed());
        let by_tag = std::mem::take(&mut open.by_tag);
        let mut serializer = V2DeflateSerializer::new();
        let mut builder = IntervalLogWriterBuilder::new();
        builder.with_max_value_divisor(SHOWN_IN);
        let mut lines = Vec::new();
        let mut log = builder.begin_log_with(&mut lines, &mut serializer)?;
        for (tag, histogram) in &by_tag {
            // A tag ends at the first comma.
            let tag = tag.replace([',', ' ', '\r', '\n'], "_");
            let written = log.write_histogram(histogram, since, until - since, Tag::new(&tag));
            written.map_err(|error| io::Error::other(format!("{error:?}")))?;
        }
        drop(log);
        let text = String::from_utf8_lossy(&lines);
        for line in text.lines().filter(|line| line.starts_with("Tag=")) {
            writeln!(open.file, "{line}")?;
        }
        open.since = until;
        open.file.flush()
    }

    fn held(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

    #[test]
    fn each_interval_has_a_line_per_tag_that_hdrhistogram_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latency.hlog");
        let log = IntervalLog::open(&path).unwrap();
        log.record("preview", 1.5);
        log.record("speech+events@cpu[b16], more", 0.25);
        log.write().unwrap();
        log.record("preview", 3.0);
        log.write().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let read: Vec<(String, f64)> = IntervalLogIterator::new(&bytes)
            .filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) => Some((interval.tag().unwrap().as_str().to_owned(), interval.max())),
                _ => None,
            })
            .collect();
        let tags: Vec<&str> = read.iter().map(|(tag, _)| tag.as_str()).collect();
        assert_eq!(tags, ["preview", "speech+events@cpu[b16]__more", "preview"]);
        assert!((read[0].1 - 1500.0).abs() < 2.0 && (read[2].1 - 3000.0).abs() < 3.0, "{read:?}");
    }
}
