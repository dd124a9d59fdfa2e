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

#[test]
fn no_id_writes_outside_the_root() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("out");
    let objects = Objects::open(&root).unwrap();
    let long = "x".repeat(4096);
    let ids = ["../../etc/passwd", "/etc/passwd", "a\0b", "%2e%2e%2f", "", ".", "..", "a\\..\\b", "\u{202e}gpj", &long];
    for id in ids {
        let key = ObjectKey::of(id, 0, id, id);
        let written = objects.write(&key, ObjectKind::M4a, b"clip").unwrap();
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
        Objects::uri(&key, ObjectKind::Soundbite),
        @"previews/84/8402e967f5e8f1992a19e46965ddbb8b75bff8eff51c3f7f0a35f9292e807a17.soundbite.xml"
    );
}

#[test]
fn the_same_bytes_are_not_written_again() {
    let root = tempfile::tempdir().unwrap();
    let objects = Objects::open(root.path()).unwrap();
    let key = ObjectKey::of("e", 0, "d", "1");
    let first = objects.write(&key, ObjectKind::Ogg, b"clip").unwrap();
    let path = root.path().join(&first.uri);
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(&path);
    let again = objects.write(&key, ObjectKind::Ogg, b"clip").unwrap();
    assert!(first.changed && !again.changed);
    assert_eq!(first.sha256, again.sha256);
    assert_eq!(inode(&path), before);

    let corrected = objects.write(&key, ObjectKind::Ogg, b"clap").unwrap();
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
        objects.write(&gone, kind, b"x").unwrap();
        objects.write(&stays, kind, b"x").unwrap();
    }
    assert_eq!(objects.remove(&gone).unwrap(), 4);
    assert_eq!(objects.remove(&gone).unwrap(), 0);
    assert_eq!(files(root.path()).len(), 4);
}

#[test]
fn a_sweep_removes_what_a_crash_left_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let objects = Objects::open(root.path()).unwrap();
    let key = ObjectKey::of("a", 0, "d", "1");
    let written = objects.write(&key, ObjectKind::M4a, b"x").unwrap();
    let path = root.path().join(&written.uri);
    fs::write(path.with_file_name(".abc.m4a.1-1.part"), "half").unwrap();
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
