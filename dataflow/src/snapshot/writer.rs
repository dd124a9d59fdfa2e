//! The one process that writes.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use super::chain::{Chain, names};
use super::error::{SnapshotError, Warning};
use super::fact::{Fact, Header, Positions};
use super::full::{self, Full};
use super::load::{self, Restored};
use super::name::Name;
use super::store::{Claim, Store};
use super::told::Told;

/// Sizes of files, and how much may be told between full snapshots.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A full snapshot's files are about this long.
    pub part_bytes: usize,
    /// Files of bodies are about this long, and copied when less than half of it is in use.
    pub body_file_bytes: usize,
    /// Commits after which a full snapshot is due.
    pub commits: usize,
    /// Bytes of facts, bodies not counted, after which a full snapshot is due.
    pub told_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { part_bytes: 16 << 20, body_file_bytes: 64 << 20, commits: 1_000, told_bytes: 64 << 20 }
    }
}

/// What lies in the store, for gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// All files.
    pub files: u64,
    /// Full snapshots without bodies, in bytes.
    pub full_bytes: u64,
    /// Commits without bodies, in bytes.
    pub told_bytes: u64,
    /// Bodies, in bytes.
    pub body_bytes: u64,
}

/// Writes snapshots; the only one to do so at its place. Threads may share it: a full snapshot can
/// be made while commits go on.
pub struct Snapshots {
    store: Arc<dyn Store>,
    generation: u64,
    limits: Limits,
    tail: Mutex<Tail>,
    one_full: Mutex<()>,
    found: Vec<Warning>,
    /// Files of bodies in which damage was found.
    lossy: Arc<Mutex<BTreeSet<(u64, u32)>>>,
    _claim: Claim,
}

/// Where the commits have got to.
struct Tail {
    next: u64,
    header: Header,
    /// Since the last full snapshot.
    commits: usize,
    told_bytes: u64,
    /// An append failed: whether it is durable is not known before the store is read again.
    broken: bool,
}

impl Snapshots {
    /// Claims the place and looks at what lies there. Files behind the state's end (left by a crash,
    /// or cut off by a damaged commit) are moved out of the way.
    ///
    /// Errors: `Held`, `Generation` where a later one has written, `Format` before anything is
    /// written, `Store`, `Damaged` where no snapshot can be read.
    pub fn open(store: Arc<dyn Store>, generation: u64, limits: Limits) -> Result<Self, SnapshotError> {
        let claim = store.claim().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => SnapshotError::Held { place: store.place("lock") },
            _ => SnapshotError::store(&*store, "lock", error),
        })?;
        let chain = Chain::walk(Arc::clone(&store), u64::MAX - 1)?;
        let header = chain.header().cloned().unwrap_or_default();
        if header.generation > generation {
            let place = store.place("");
            return Err(SnapshotError::Generation { place, found: header.generation, given: generation });
        }
        let next = chain.next();
        set_aside(&*store, next)?;
        let (commits, told_bytes) = chain.commits();
        let tail = Tail { next, header, commits, told_bytes, broken: false };
        let (tail, one_full, found) = (Mutex::new(tail), Mutex::default(), chain.warnings());
        Ok(Self { store, generation, limits, tail, one_full, found, lossy: Arc::default(), _claim: claim })
    }

    /// Damage that was found when this was opened.
    pub fn warnings(&self) -> &[Warning] {
        &self.found
    }

    /// What reader `part` of `parts` takes; see [`super::load`]. The next full snapshot leaves no
    /// reference to bodies that this found damaged.
    ///
    /// Errors: those of [`super::load`].
    pub fn load(&self, part: usize, parts: usize) -> Result<Restored, SnapshotError> {
        Ok(load::of_chain(self.look(u64::MAX - 1)?, part, parts))
    }

    fn look(&self, until: u64) -> Result<Chain, SnapshotError> {
        let mut chain = Chain::walk(Arc::clone(&self.store), until)?;
        chain.lossy = Arc::clone(&self.lossy);
        Ok(chain)
    }

    /// Makes facts durable, and with them that sources are committed up to `positions`; all that was told
    /// before `at`, in milliseconds since 1970 UTC, is among the facts so far. It counts from when this returns.
    ///
    /// Errors: `Store`, `Superseded`; from then on `Broken`. The facts of an append that failed may
    /// or may not be there when the place is opened again: tell them again.
    pub fn append(&self, facts: &[Fact], positions: &Positions, at: i64) -> Result<u64, SnapshotError> {
        let mut tail = self.tail();
        let header =
            Header { generation: self.generation, positions: positions.clone(), at, lost: tail.header.lost.clone() };
        self.append_to(&mut tail, facts, header)
    }

    /// From the next commit on it says of these times that what was told then may be lost.
    pub fn lost(&self, lost: Vec<(i64, i64)>) {
        self.tail().header.lost = lost;
    }

    fn append_to(&self, tail: &mut Tail, facts: &[Fact], header: Header) -> Result<u64, SnapshotError> {
        if tail.broken {
            return Err(SnapshotError::Broken { place: self.store.place("") });
        }
        let number = tail.next;
        tail.broken = true;
        tail.told_bytes += Told::write(&*self.store, number, facts, &header, self.limits.body_file_bytes)?;
        tail.broken = false;
        tail.next += 1;
        tail.commits += 1;
        tail.header = header;
        Ok(number)
    }

    /// Puts all commits so far together into a full snapshot, and removes what neither it nor the
    /// one before needs. Facts that `keep` does not want are dropped; it sees them episode by
    /// episode, announcements first, likenesses empty ([`super::standing`] is one).
    ///
    /// Takes a while and blocks only other full snapshots. Dropped facts may come back where this
    /// snapshot is damaged later.
    ///
    /// Errors: `Store`, `Superseded`, `Damaged`, `Broken`; the state before stays, and appends go on.
    pub fn full(&self, mut keep: impl FnMut(&Fact) -> bool) -> Result<Full, SnapshotError> {
        let _one = self.one_full.lock().expect("nobody panics while making a full snapshot");
        // A commit without facts gives this snapshot a number that no failed one before it had.
        let (number, header, told_bytes) = {
            let mut tail = self.tail();
            let header = Header { generation: self.generation, ..tail.header.clone() };
            let number = self.append_to(&mut tail, &[], header.clone())?;
            (number, header, tail.told_bytes)
        };
        let chain = self.look(number)?;
        let full = full::write(&chain, number, &header, self.limits, &mut keep)?;
        let mut tail = self.tail();
        tail.commits = usize::try_from(tail.next - number - 1).unwrap_or(usize::MAX);
        tail.told_bytes = tail.told_bytes.saturating_sub(told_bytes);
        Ok(full)
    }

    /// Whether enough was told since the last full snapshot for another one.
    pub fn full_is_due(&self) -> bool {
        let tail = self.tail();
        tail.commits >= self.limits.commits || tail.told_bytes >= self.limits.told_bytes
    }

    /// What lies in the store.
    ///
    /// Errors: `Store`.
    pub fn size(&self) -> Result<Size, SnapshotError> {
        let listed = self.store.list().map_err(|error| SnapshotError::store(&*self.store, "", error))?;
        let mut size = Size::default();
        for (name, bytes) in listed {
            let Some(name) = Name::parse(&name) else { continue };
            size.files += 1;
            *match name {
                Name::Told(_) => &mut size.told_bytes,
                Name::Bodies(..) => &mut size.body_bytes,
                Name::Part(..) | Name::Manifest(_) => &mut size.full_bytes,
            } += bytes;
        }
        Ok(size)
    }

    fn tail(&self) -> std::sync::MutexGuard<'_, Tail> {
        self.tail.lock().expect("nobody panics while appending")
    }
}

/// Frees the names from `next` on. What a crash left unfinished is removed; commits and manifests
/// there are cut off by damage and kept under another name, for a person to look at.
fn set_aside(store: &dyn Store, next: u64) -> Result<(), SnapshotError> {
    // The last first: a crash in between leaves the same state.
    for name in names(store)?.into_iter().rev().filter(|name| name.number() >= next) {
        let file = name.to_string();
        let freed = match name {
            Name::Told(_) | Name::Manifest(_) => {
                let bytes = store.read(&file).map_err(|error| SnapshotError::store(store, &file, error))?;
                match store.create(&format!("aside-{file}"), &bytes) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                    _ => store.remove(&file),
                }
            }
            Name::Bodies(..) | Name::Part(..) => store.remove(&file),
        };
        freed.map_err(|error| SnapshotError::store(store, &file, error))?;
    }
    Ok(())
}
