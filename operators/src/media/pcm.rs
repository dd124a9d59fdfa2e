//! Decoded audio on disk, between the decoder and the models.
//!
//! ```text
//! decoder ─blocks▶ PcmWriter ─finish▶ Pcm ─read▶ windows
//! ```
//! An episode is decoded once and as a whole before a model sees any of it, so that a copy of
//! something known costs no model any time; an hour is 115 MB, too much to keep in memory.
//! Invariant: the file exists as long as its owner, and its bytes count against the budget as
//! long as the file exists.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::{NamedTempFile, TempPath};

use crate::driver::{Budget, Permit};
use crate::units::Samples;

const BYTES: usize = size_of::<i16>();

/// An episode's mono 16 kHz samples in a file, which goes when this is dropped. It never leaves
/// its process.
#[derive(Debug)]
pub struct Pcm {
    path: TempPath,
    samples: Samples,
    _permit: Permit,
}

/// Writes a [`Pcm`] block by block; unfinished, it leaves no file behind.
pub struct PcmWriter {
    file: NamedTempFile,
    samples: Samples,
    permit: Permit,
    bytes: Vec<u8>,
}

impl PcmWriter {
    /// An empty file in `folder`, whose bytes are taken from `budget` without waiting: a lane that
    /// waited here might be the one that would read another file and so give its bytes back.
    /// Whoever starts a decoding asks [`Budget::has_room`] before.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn create(folder: &Path, budget: &Budget) -> io::Result<Self> {
        let file = tempfile::Builder::new().suffix(".pcm").tempfile_in(folder)?;
        Ok(Self { file, samples: Samples(0), permit: budget.take(0), bytes: Vec::new() })
    }

    /// Appends samples, as little-endian bytes.
    ///
    /// # Errors
    /// The disk is full or broken.
    pub fn take(&mut self, block: &[i16]) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.extend(block.iter().flat_map(|sample| sample.to_le_bytes()));
        self.permit.grow(self.bytes.len());
        self.file.write_all(&self.bytes)?;
        self.samples.0 += block.len() as u64;
        Ok(())
    }

    /// Nothing more comes.
    pub fn finish(self) -> Pcm {
        Pcm { path: self.file.into_temp_path(), samples: self.samples, _permit: self.permit }
    }
}

impl Pcm {
    /// How many samples it holds.
    pub fn samples(&self) -> Samples {
        self.samples
    }

    /// Opens the file for reading.
    ///
    /// # Errors
    /// Somebody else has removed it.
    pub fn open(&self) -> io::Result<PcmReader> {
        Ok(PcmReader { file: File::open(&self.path)?, bytes: Vec::new() })
    }
}

/// An open [`Pcm`].
pub struct PcmReader {
    file: File,
    bytes: Vec<u8>,
}

impl PcmReader {
    /// The `count` samples from `first` on.
    ///
    /// # Errors
    /// The disk is broken, or the file is shorter than it was.
    pub fn read(&mut self, first: Samples, count: usize) -> io::Result<Vec<i16>> {
        self.bytes.resize(count * BYTES, 0);
        self.file.read_exact_at(&mut self.bytes, first.0 * BYTES as u64)?;
        Ok(self.bytes.as_chunks().0.iter().map(|&bytes| i16::from_le_bytes(bytes)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back_as_they_were_and_the_file_and_its_bytes_go_with_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let budget = Budget::new(10);
        let audio: Vec<i16> = (0..5000).map(|i| (i * 13 - 32_000) as i16).collect();
        let mut writer = PcmWriter::create(folder.path(), &budget).unwrap();
        for block in audio.chunks(777) {
            writer.take(block).unwrap();
        }
        let pcm = writer.finish();
        assert_eq!(pcm.samples(), Samples(5000));
        assert_eq!(pcm.open().unwrap().read(Samples(1234), 3000).unwrap(), audio[1234..4234]);
        assert!(pcm.open().unwrap().read(Samples(4000), 1001).is_err(), "it ends after 5000");
        assert_eq!((budget.held(), budget.has_room()), (10_000, false), "it is taken without waiting");
        drop(pcm);
        assert_eq!((budget.held(), budget.has_room()), (0, true));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_unfinished_file_stays_no_longer_than_its_writer() {
        let folder = tempfile::tempdir().unwrap();
        let budget = Budget::new(10);
        let mut writer = PcmWriter::create(folder.path(), &budget).unwrap();
        writer.take(&[1, 2, 3]).unwrap();
        drop(writer);
        assert_eq!(budget.held(), 0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
