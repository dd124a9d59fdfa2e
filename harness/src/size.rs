//! How large a cluster is to be, as a file says that may change while the cluster runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How often to look at the file.
const LOOK: Duration = Duration::from_millis(500);

/// Processes, and workers of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many processes.
    pub processes: u16,
    /// How many workers each has; as many as cores where nobody says.
    pub workers: Option<u16>,
}

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let form = || format!("{:?} is no size; write PROCESSESxWORKERS, for instance 3x2", text.trim());
        let (processes, workers) = text.trim().split_once('x').with_context(form)?;
        let number = |text: &str, most: u16| text.parse().ok().filter(|number| (1..=most).contains(number));
        let (processes, workers) = number(processes, 64).zip(number(workers, 256)).with_context(form)?;
        Ok(Self { processes, workers: Some(workers) })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.workers {
            Some(workers) => write!(f, "{}x{workers}", self.processes),
            None => write!(f, "{} processes", self.processes),
        }
    }
}

/// A file that says it.
pub struct SizeFile {
    file: PathBuf,
    looked: Instant,
    /// What stood there at the last look: a text counts once it is the same at two.
    seen: String,
    /// Whether it was told that it is none.
    told: bool,
}

impl SizeFile {
    /// Reads what it says at the beginning.
    pub fn open(file: &Path) -> Result<(Self, Size)> {
        let text = std::fs::read_to_string(file);
        let seen = text.with_context(|| format!("cannot read --size-file {}", file.display()))?;
        let size = seen.parse().with_context(|| format!("--size-file {}", file.display()))?;
        Ok((Self { file: file.to_owned(), looked: Instant::now(), seen, told: false }, size))
    }

    /// The size that it says, if it is another than this; looks from time to time only.
    pub fn other_than(&mut self, now: Size) -> Option<Size> {
        if self.looked.elapsed() < LOOK {
            return None;
        }
        self.looked = Instant::now();
        // Where it is being replaced it may be gone for a moment.
        let text = std::fs::read_to_string(&self.file).ok()?;
        if text != self.seen {
            (self.seen, self.told) = (text, false);
            return None;
        }
        match text.parse::<Size>() {
            Ok(size) => Some(size).filter(|size| *size != now),
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    eprintln!("hark: {}: {error:#}; going on with {now}", self.file.display());
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_numbers_and_what_is_none_is_told_the_form() {
        assert_eq!("3x2\n".parse::<Size>().ok(), Some(Size { processes: 3, workers: Some(2) }));
        assert_eq!("3x2".parse::<Size>().map(|size| size.to_string()).ok().as_deref(), Some("3x2"));
        for wrong in ["", "3", "0x1", "1x0", "65x1", "2 x 2", "2x2x2", "-1x1"] {
            let said = wrong.parse::<Size>().expect_err(wrong).to_string();
            assert!(said.contains("PROCESSESxWORKERS"), "{said}");
        }
    }

    #[test]
    fn another_size_counts_once_it_stands_there_at_two_looks() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("size");
        let write = |text: &str| std::fs::write(&file, text).expect("a new folder");
        write("1x1");
        let (mut file, now) = SizeFile::open(&file).expect("it is there");
        let mut look = || {
            file.looked -= LOOK;
            file.other_than(now).map(|size| size.to_string())
        };
        assert_eq!(look(), None);
        write("2x");
        assert_eq!((look(), look()), (None, None));
        write("2x3");
        assert_eq!((look(), look().as_deref()), (None, Some("2x3")));
        write("1x1");
        assert_eq!((look(), look()), (None, None));
    }
}
