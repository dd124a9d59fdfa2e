//! Files of other versions.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::{Deserialize, Serialize};

use super::super::frame::{PREFIX, VERSION, prefix_of};
use super::super::name::Name;
use super::*;

fn golden(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/snapshot/tests/golden/format-{version}"))
}

fn golden_facts() -> BTreeSet<Fact> {
    (0..12).chain(300..304).map(fact).collect()
}

/// What the golden files were written by.
fn write(store: &Arc<dyn Store>) {
    let limits = Limits { part_bytes: 3_000, ..TINY };
    let snapshots = Snapshots::open(Arc::clone(store), 1, limits).unwrap();
    let facts: Vec<Fact> = (0..12).map(fact).collect();
    snapshots.append(&facts, &positions(5), 1_767_225_600_000).unwrap();
    snapshots.full(|_| true).unwrap();
    let facts: Vec<Fact> = (300..304).map(fact).collect();
    snapshots.append(&facts, &positions(6), 1_767_225_601_000).unwrap();
}

fn place_of(folder: &Path) -> Arc<dyn Store> {
    let store = memory();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        store.create(entry.file_name().to_str().unwrap(), &fs::read(entry.path()).unwrap()).unwrap();
    }
    store
}

#[test]
fn files_of_every_format_since_the_first_are_read() {
    for version in 1..=VERSION {
        let store = place_of(&golden(version));
        let (facts, header, warnings) = state(&store);
        assert_eq!(warnings, [], "format {version}");
        assert_eq!(facts, golden_facts(), "format {version}");
        let header = header.unwrap();
        assert_eq!((header.generation, header.at, header.positions), (1, 1_767_225_601_000, positions(6)));
        open(&store).full(|_| true).unwrap();
        assert_eq!(state(&store).0, golden_facts(), "format {version}, written anew");
    }
}

/// Whoever changes what is written raises the version and adds golden files: with
/// `HARK_WRITE_GOLDEN=1` this test writes them.
#[test]
fn what_is_written_is_the_format_that_the_version_says() {
    let store = memory();
    write(&store);
    let names = store.list().unwrap().into_iter().map(|(name, _)| name);
    let folder = golden(VERSION);
    if env::var_os("HARK_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(&folder).unwrap();
        names.clone().for_each(|name| fs::write(folder.join(&name), store.read(&name).unwrap()).unwrap());
    }
    let names: BTreeSet<String> = names.collect();
    let known = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names, known.collect());
    for name in names {
        assert!(store.read(&name).unwrap() == fs::read(folder.join(&name)).unwrap(), "{name} differs");
    }
}

#[test]
fn another_format_is_refused_by_name_before_anything_is_written() {
    for (version, says) in [(VERSION + 1, "has snapshot format 3, this hark reads 1 to 2"), (0, "format 0")] {
        for kind in ["told-", "manifest-", "part-"] {
            let sound = place_of(&golden(1));
            let store = memory();
            for (name, _) in sound.list().unwrap() {
                let mut bytes = sound.read(&name).unwrap();
                if name.starts_with(kind) {
                    bytes[..PREFIX].copy_from_slice(&prefix_of(Name::parse(&name).unwrap(), version));
                }
                store.create(&name, &bytes).unwrap();
            }
            let before = store.list().unwrap();
            if kind == "part-" {
                // Its manifest has the same version and is read first; alone it is found by a check.
                assert!(matches!(check(&*store), Err(SnapshotError::Format { .. })));
                continue;
            }
            for refused in [
                Snapshots::open(Arc::clone(&store), 1, TINY).err().unwrap(),
                load(Arc::clone(&store), 0, 1).err().unwrap(),
                check(&*store).unwrap_err(),
            ] {
                assert!(matches!(refused, SnapshotError::Format { .. }), "{refused}");
                assert!(refused.to_string().contains(says) && refused.to_string().contains(kind), "{refused}");
            }
            assert_eq!(store.list().unwrap(), before);
        }
    }
}

#[test]
fn a_field_added_at_the_end_is_absent_in_older_files() {
    #[derive(Serialize)]
    struct Before {
        revision: u64,
        withdrawn: bool,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct After {
        revision: u64,
        withdrawn: bool,
        #[serde(default)]
        show: Option<String>,
    }
    let bytes = rmp_serde::to_vec(&(Before { revision: 3, withdrawn: true }, 7)).unwrap();
    let read: (After, u8) = rmp_serde::from_slice(&bytes).unwrap();
    assert_eq!(read, (After { revision: 3, withdrawn: true, show: None }, 7));
}
