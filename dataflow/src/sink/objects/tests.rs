use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{Attribute, ObjectStore, ObjectStoreExt};

use super::*;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn write(objects: &Objects, key: &ObjectKey, kind: ObjectKind, bytes: &[u8]) -> Written {
    objects.write(key, &[(kind, bytes)]).unwrap().remove(0)
}

#[test]
fn no_id_writes_outside_the_root() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("out");
    let objects = Objects::open(&root).unwrap();
    let long = "x".repeat(4096);
    let ids = ["../../etc/passwd", "/etc/passwd", "a\0b", "%2e%2e%2f", "", ".", "..", "a\\..\\b", "\u{202e}gpj", &long];
    for id in ids {
        let key = ObjectKey::of(id, 0, id, id);
        let written = write(&objects, &key, ObjectKind::M4a, b"clip");
        assert!(written.uri.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/' || byte == b'.'));
        assert!(!written.uri.contains(".."), "{}", written.uri);
    }
    assert_eq!(files(&root).len(), ids.len());
    assert_eq!(files(outer.path()), files(&root));
}

#[test]
fn each_part_of_a_key_matters_and_parts_do_not_run_together() {
    let keys = [
        ObjectKey::of("ab", 0, "c", "1"),
        ObjectKey::of("a", 0, "bc", "1"),
        ObjectKey::of("ab", 1, "c", "1"),
        ObjectKey::of("ab", 0, "c", "2"),
        ObjectKey::of("ab", 0, "c1", ""),
    ];
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
}

#[test]
fn a_key_is_the_same_for_ever() {
    // Keys are published: a change of this value orphans every object that exists.
    let key = ObjectKey::of("episode", 3, "digest", "hark-1");
    insta::assert_snapshot!(
        name(&key, ObjectKind::Soundbite),
        @"previews/84/8402e967f5e8f1992a19e46965ddbb8b75bff8eff51c3f7f0a35f9292e807a17.soundbite.xml"
    );
}

#[test]
fn the_same_bytes_are_not_written_again() {
    let root = tempfile::tempdir().unwrap();
    let objects = Objects::open(root.path()).unwrap();
    let key = ObjectKey::of("e", 0, "d", "1");
    let first = write(&objects, &key, ObjectKind::Ogg, b"clip");
    let path = root.path().join(&first.uri);
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(&path);
    let again = write(&objects, &key, ObjectKind::Ogg, b"clip");
    assert!(first.changed && !again.changed);
    assert_eq!(first.sha256, again.sha256);
    assert_eq!(inode(&path), before);

    let corrected = write(&objects, &key, ObjectKind::Ogg, b"clap");
    assert!(corrected.changed);
    assert_eq!(fs::read(&path).unwrap(), b"clap");
    assert_eq!(files(root.path()), [path]);
}

#[test]
fn a_removed_preview_leaves_no_object_and_removing_again_is_fine() {
    let root = tempfile::tempdir().unwrap();
    let objects = Objects::open(root.path()).unwrap();
    let (gone, stays) = (ObjectKey::of("a", 0, "d", "1"), ObjectKey::of("b", 0, "d", "1"));
    for kind in ObjectKind::ALL {
        write(&objects, &gone, kind, b"x");
        write(&objects, &stays, kind, b"x");
    }
    objects.remove(&gone).unwrap();
    assert_eq!(files(root.path()).len(), 4);
    objects.remove(&gone).unwrap();
    assert!(files(root.path()).iter().all(|file| file.to_string_lossy().contains(stays.as_str())));
}

#[test]
fn a_sweep_removes_what_a_crash_left_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let objects = Objects::open(root.path()).unwrap();
    let key = ObjectKey::of("a", 0, "d", "1");
    let written = write(&objects, &key, ObjectKind::M4a, b"x");
    let path = root.path().join(&written.uri);
    fs::write(root.path().join("previews/.unfinished/.abc.part"), "half").unwrap();
    assert_eq!(objects.sweep().unwrap(), 1);
    assert_eq!(files(root.path()), [path]);
}

#[test]
fn an_output_folder_that_is_a_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("out");
    fs::write(&file, "").unwrap();
    let error = Objects::open(&file).unwrap_err().to_string();
    assert!(error.contains("out") && error.contains("--output"), "{error}");
}

/// A bucket of any store, and the store.
fn bucket() -> (Objects, Arc<InMemory>) {
    let store = Arc::new(InMemory::new());
    let address = "s3://clips/of/hark".parse().unwrap();
    (Objects::in_bucket(Bucket::of(store.clone(), &address).unwrap()), store)
}

/// Waits for a store in memory, which never lets anybody wait.
fn now<T>(asked: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(asked)
}

fn head(store: &InMemory, uri: &str) -> Option<object_store::GetResult> {
    let path = object_store::path::Path::parse(uri.strip_prefix("s3://clips/").unwrap()).unwrap();
    now(store.get_opts(&path, object_store::GetOptions::default())).ok()
}

#[test]
fn a_bucket_has_the_names_of_a_folder_and_says_what_each_object_is() {
    let (objects, store) = bucket();
    let root = tempfile::tempdir().unwrap();
    let folder = Objects::open(root.path()).unwrap();
    let key = ObjectKey::of("e", 0, "d", "1");
    let pieces = ObjectKind::ALL.map(|kind| (kind, kind.extension().as_bytes()));
    let here = folder.write(&key, &pieces).unwrap();
    let there = objects.write(&key, &pieces).unwrap();
    for ((kind, bytes), (here, there)) in pieces.iter().zip(here.iter().zip(&there)) {
        assert_eq!(there.uri, format!("s3://clips/of/hark/{}", here.uri));
        assert_eq!((there.bytes, &there.sha256, there.changed), (here.bytes, &here.sha256, true));
        let found = head(&store, &there.uri).unwrap();
        assert_eq!(found.attributes.get(&Attribute::ContentType).unwrap().as_ref(), kind.media_type());
        assert_eq!(now(found.bytes()).unwrap(), *bytes);
        assert_eq!(ObjectKey::of_uri(&there.uri).as_ref(), Some(&key));
        assert!(objects.holds(&there.uri) && !objects.holds(&here.uri) && folder.holds(&here.uri));
    }
}

#[test]
fn in_a_bucket_the_same_bytes_are_not_written_again_and_others_are() {
    let (objects, store) = bucket();
    let key = ObjectKey::of("e", 0, "d", "1");
    let write = |bytes: &[u8]| write(&objects, &key, ObjectKind::M4a, bytes);
    let first = write(b"clip");
    let put = |uri: &str| head(&store, uri).unwrap().meta.e_tag;
    let before = put(&first.uri);
    assert!(!write(b"clip").changed);
    assert_eq!(put(&first.uri), before);
    assert!(write(b"clap").changed, "of the same length");
    assert_eq!(now(head(&store, &first.uri).unwrap().bytes()).unwrap(), "clap");

    // Somebody put something there that hark did not.
    let path = object_store::path::Path::parse(first.uri.strip_prefix("s3://clips/").unwrap()).unwrap();
    now(store.put(&path, "clap".into())).unwrap();
    assert!(write(b"clap").changed);
}

#[test]
fn a_preview_that_is_removed_from_a_bucket_leaves_no_object() {
    let (objects, store) = bucket();
    let (gone, stays) = (ObjectKey::of("a", 0, "d", "1"), ObjectKey::of("b", 0, "d", "1"));
    for key in [&gone, &stays] {
        objects.write(key, &ObjectKind::ALL.map(|kind| (kind, &b"x"[..]))).unwrap();
    }
    objects.remove(&gone).unwrap();
    objects.remove(&gone).unwrap();
    let there = |key: &ObjectKey| ObjectKind::ALL.map(|kind| head(&store, &objects.uri(key, kind)).is_some());
    assert_eq!((there(&gone), there(&stays)), ([false; 4], [true; 4]));
    assert_eq!(objects.sweep().unwrap(), 0);
}

#[test]
fn objects_of_another_folder_are_told_by_their_whole_address() {
    let root = tempfile::tempdir().unwrap();
    let objects = Objects::elsewhere(&root.path().join("clips of hark")).unwrap();
    let written = write(&objects, &ObjectKey::of("e", 0, "d", "1"), ObjectKind::Ogg, b"clip");
    let path = url::Url::parse(&written.uri).unwrap().to_file_path().unwrap();
    assert_eq!(fs::read(path).unwrap(), b"clip");
    assert!(objects.holds(&written.uri) && !objects.holds("previews/ab/x.ogg"));
}
