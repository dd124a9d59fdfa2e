//! The state that lies in a store: the newest full snapshot and the commits after it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use super::bodies;
use super::episodes::{self, Episode};
use super::error::{SnapshotError, Unusable, Warning};
use super::fact::Header;
use super::frame::pop;
use super::manifest::Manifest;
use super::name::Name;
use super::store::Store;
use super::told::Told;

/// What one look at a store found. Later commits are not part of it.
pub(super) struct Chain {
    pub(super) store: Arc<dyn Store>,
    /// Those that can be read, the newest first.
    pub(super) fulls: Vec<Manifest>,
    /// Commits after the newest full snapshot.
    told: BTreeMap<u64, Told>,
    told_bytes: u64,
    /// Commits before it, read where one of its buckets is damaged.
    earlier: OnceLock<BTreeMap<u64, Told>>,
    /// The last commit of the state; `None` before the first.
    pub(super) end: Option<u64>,
    warnings: Mutex<Vec<Warning>>,
    /// Files of bodies in which damage was found.
    pub(super) lossy: Arc<Mutex<BTreeSet<(u64, u32)>>>,
}

impl Chain {
    /// Finds the state up to commit `until`.
    ///
    /// Errors: `Store`, `Format`, `Damaged` where no snapshot can be read and commits are missing.
    pub(super) fn walk(store: Arc<dyn Store>, until: u64) -> Result<Self, SnapshotError> {
        let names = names(&*store)?;
        let mut chain = Self {
            store,
            fulls: Vec::new(),
            told: BTreeMap::new(),
            told_bytes: 0,
            earlier: OnceLock::new(),
            end: None,
            warnings: Mutex::default(),
            lossy: Arc::default(),
        };
        for name in names.iter().rev().filter(|name| matches!(name, Name::Manifest(_))) {
            match chain.read(*name).and_then(|file| Manifest::parse(&*chain.store, name.number(), &file)) {
                Ok(manifest) => chain.fulls.push(manifest),
                Err(unusable) => chain.pass_over(*name, unusable, "the snapshot before it is used")?,
            }
        }
        chain.end = chain.fulls.first().map(|full| full.number);
        let first = chain.end.map_or(0, |end| end + 1);
        for number in first..=until {
            let name = Name::Told(number);
            if !names.contains(&name) {
                break;
            }
            let read = chain.read(name);
            let told = read.and_then(|file| Ok((Told::parse(&*chain.store, number, &file)?, file.len() as u64)));
            match told {
                Ok((told, bytes)) => {
                    chain.told_bytes += bytes;
                    chain.told.insert(number, told);
                    chain.end = Some(number);
                }
                Err(unusable) => {
                    chain.pass_over(name, unusable, "the state is that of the commit before it")?;
                    break;
                }
            }
        }
        let next = Name::Told(chain.next());
        if !names.contains(&next) {
            let later = names.iter().find(|name| match name {
                Name::Told(number) => (chain.next()..=until).contains(number),
                Name::Manifest(_) => chain.fulls.is_empty(),
                Name::Bodies(..) | Name::Part(..) => false,
            });
            if let Some(later) = later {
                let detail = format!("not there, but {later} is; the state is that of the commit before it");
                if chain.end.is_none() {
                    return Err(SnapshotError::Damaged { file: chain.store.place(&next.to_string()), detail });
                }
                chain.warn(next, detail);
            }
        }
        Ok(chain)
    }

    /// The number of the commit that would come next.
    pub(super) fn next(&self) -> u64 {
        self.end.map_or(0, |end| end + 1)
    }

    /// The header of the state; `None` before the first commit.
    pub(super) fn header(&self) -> Option<&Header> {
        let told = self.told.last_key_value().map(|(_, told)| &told.header);
        told.or_else(|| self.fulls.first().map(|full| &full.header))
    }

    /// Commits after the newest full snapshot, and their bytes.
    pub(super) fn commits(&self) -> (usize, u64) {
        (self.told.len(), self.told_bytes)
    }

    /// Whether a bucket of the newest full snapshot was damaged, as far as they were read.
    pub(super) fn patched(&self) -> bool {
        self.earlier.get().is_some()
    }

    pub(super) fn warnings(&self) -> Vec<Warning> {
        self.warnings.lock().expect("nobody panics while adding a warning").clone()
    }

    /// The episodes of a bucket, by id; bodies stay where they are.
    ///
    /// Errors: `Store`, `Format`, and `Damaged` where nothing stands in for a damaged bucket.
    pub(super) fn bucket(&self, bucket: usize) -> Result<Vec<Episode>, SnapshotError> {
        let mut all = Vec::new();
        let mut from = 0;
        let mut damaged = None;
        for full in &self.fulls {
            let name = Name::Part(full.number, full.sections[bucket].part);
            match self.section(full, bucket, &mut all) {
                Ok(()) => {
                    from = full.number + 1;
                    break;
                }
                Err(Unusable::Damaged(detail)) => {
                    all.clear();
                    self.warn(name, format!("{detail}; bucket {bucket} is made of the snapshot before it"));
                    damaged = Some((name, detail));
                }
                Err(Unusable::Fatal(error)) => return Err(error),
            }
        }
        if let Some((name, detail)) = damaged {
            let first = self.fulls[0].number;
            let earlier = self.earlier()?;
            for number in from..=first {
                let Some(told) = earlier.get(&number) else {
                    let file = self.store.place(&name.to_string());
                    return Err(SnapshotError::Damaged { file, detail });
                };
                self.extend(Name::Told(number), told, bucket, &mut all)?;
            }
        }
        for (number, told) in &self.told {
            self.extend(Name::Told(*number), told, bucket, &mut all)?;
        }
        Ok(episodes::merged(all))
    }

    fn section(&self, full: &Manifest, bucket: usize, all: &mut Vec<Episode>) -> Result<(), Unusable> {
        let section = full.sections[bucket];
        let name = Name::Part(full.number, section.part);
        let range = section.offset..section.offset + section.bytes;
        let bytes = bodies::read(&*self.store, name, range)?.map_err(Unusable::Damaged)?;
        episodes::decode(pop(name, &bytes)?.0, all)
    }

    fn extend(&self, name: Name, told: &Told, bucket: usize, all: &mut Vec<Episode>) -> Result<(), SnapshotError> {
        let Ok(at) = told.sections.binary_search_by_key(&bucket, |(of, _)| usize::from(*of)) else { return Ok(()) };
        episodes::decode(&told.sections[at].1, all).map_err(|unusable| match unusable {
            // Its checksum held, so these are the bytes that were written.
            Unusable::Damaged(detail) => SnapshotError::Damaged { file: self.store.place(&name.to_string()), detail },
            Unusable::Fatal(error) => error,
        })
    }

    /// Commits that the newest full snapshot holds already and that are still there and sound.
    fn earlier(&self) -> Result<&BTreeMap<u64, Told>, SnapshotError> {
        if let Some(earlier) = self.earlier.get() {
            return Ok(earlier);
        }
        let mut earlier = BTreeMap::new();
        let newest = self.fulls.first().map_or(0, |full| full.number);
        for name in names(&*self.store)?.range(Name::Told(0)..=Name::Told(newest)) {
            match self.read(*name).and_then(|file| Told::parse(&*self.store, name.number(), &file)) {
                Ok(told) => drop(earlier.insert(name.number(), told)),
                Err(unusable) => self.pass_over(*name, unusable, "it cannot stand in for a damaged bucket")?,
            }
        }
        Ok(self.earlier.get_or_init(|| earlier))
    }

    fn read(&self, name: Name) -> Result<Vec<u8>, Unusable> {
        self.store.read(&name.to_string()).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unusable::Damaged("not there".to_owned()),
            _ => SnapshotError::store(&*self.store, &name.to_string(), error).into(),
        })
    }

    fn pass_over(&self, name: Name, unusable: Unusable, instead: &str) -> Result<(), SnapshotError> {
        match unusable {
            Unusable::Damaged(detail) => {
                self.warn(name, format!("{detail}; {instead}"));
                Ok(())
            }
            Unusable::Fatal(error) => Err(error),
        }
    }

    /// A body is in one place only: where it is lost, the episode is no longer compared by it.
    pub(super) fn warn_of_lost(&self, found: &bodies::Found) {
        for (body, detail) in &found.lost {
            let at = body.offset;
            let detail = format!("at byte {at}: {detail}; one episode is no longer compared by this likeness");
            self.warn(body.file(), detail);
            let mut lossy = self.lossy.lock().expect("nobody panics while adding a file");
            lossy.insert((body.number, body.index));
        }
    }

    pub(super) fn warn(&self, name: Name, detail: String) {
        let warning = Warning { file: self.store.place(&name.to_string()), detail };
        let mut warnings = self.warnings.lock().expect("nobody panics while adding a warning");
        if !warnings.contains(&warning) {
            tracing::warn!(file = warning.file, detail = warning.detail, "a snapshot's file is damaged");
            warnings.push(warning);
        }
    }
}

/// All files of ours, sorted.
pub(super) fn names(store: &dyn Store) -> Result<BTreeSet<Name>, SnapshotError> {
    let listed = store.list().map_err(|error| SnapshotError::store(store, "", error))?;
    Ok(listed.iter().filter_map(|(name, _bytes)| Name::parse(name)).collect())
}
