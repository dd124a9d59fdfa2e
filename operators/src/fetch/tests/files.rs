use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::record::TranscriptSource;

use super::super::{FetchPolicy, Fetcher};

/// An allowed folder with a file and links in it, and a folder beside it that is not allowed.
struct Disk {
    folder: tempfile::TempDir,
    fetcher: Fetcher,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(root.join("a b.mp3"), "audio").unwrap();
        fs::write(root.join("empty.mp3"), "").unwrap();
        fs::write(root.join("t.vtt"), "WEBVTT").unwrap();
        fs::write(outside.join("secret"), "secret").unwrap();
        symlink(outside.join("secret"), root.join("link")).unwrap();
        symlink(&outside, root.join("linked-folder")).unwrap();
        symlink(root.join("a b.mp3"), root.join("inner-link")).unwrap();
        symlink(&root, folder.path().join("root-link")).unwrap();
        let policy = FetchPolicy { roots: vec![root], max_audio_bytes: 5, ..FetchPolicy::default() };
        Self { folder, fetcher: Fetcher::new(policy) }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Path of the file that is found, or the fault's code.
    fn find(&self, uri: &str) -> Result<PathBuf, String> {
        let base = self.root().join("sub");
        let staging = self.folder.path().join("staging");
        let found = self.fetcher.audio(uri, base.to_str().unwrap(), &staging);
        assert!(!staging.exists(), "a file is used where it lies");
        found.map(|audio| audio.path).map_err(|fault| fault.code)
    }
}

#[test]
fn a_file_under_an_allowed_folder_is_used_where_it_lies() {
    let disk = Disk::new();
    let real = disk.root().canonicalize().unwrap().join("a b.mp3");
    let url = format!("file://{}/a%20b.mp3", disk.root().display());
    let absolute = real.to_str().unwrap();
    let by_link = disk.folder.path().join("root").join("sub/.././a b.mp3");
    for uri in
        ["../a b.mp3", "../a%20b.mp3", "../inner-link", "%2e%2e/a%20b.mp3", &url, absolute, by_link.to_str().unwrap()]
    {
        assert_eq!(disk.find(uri), Ok(real.clone()), "{uri}");
    }
    let audio = disk.fetcher.audio(absolute, "", disk.folder.path()).unwrap();
    assert_eq!((audio.bytes, audio.digest), (5, blake3::hash(b"audio").to_hex().to_string()));
}

#[test]
fn no_path_leads_outside() {
    let disk = Disk::new();
    let outside = disk.folder.path().join("outside/secret");
    let beside = disk.folder.path().join("root-and-more/a");
    let long = format!("../../{}", "a/".repeat(2000));
    let cases = [
        ("../../outside/secret", "fetch.outside_root"),
        ("%2e%2e/%2e%2e/outside/secret", "fetch.not_found"), // as written it lies inside, decoded it does not
        ("..%2f..%2foutside%2fsecret", "fetch.not_found"),
        ("../link", "fetch.outside_root"),
        ("../linked-folder/secret", "fetch.outside_root"),
        (outside.to_str().unwrap(), "fetch.outside_root"),
        (beside.to_str().unwrap(), "fetch.outside_root"),
        ("/etc/passwd", "fetch.outside_root"),
        ("/no/such/file", "fetch.outside_root"),
        ("../../../../../../../../../../etc/passwd", "fetch.outside_root"),
        ("/dev/zero", "fetch.outside_root"),
        ("../a b.mp3\0.txt", "fetch.bad_uri"),
        ("../a b.mp3%00.txt", "fetch.not_found"),
        ("../no such.mp3", "fetch.not_found"),
        ("..", "fetch.not_a_file"),
        ("../empty.mp3", "fetch.empty"),
        ("../t.vtt", "fetch.too_large"),
        (&long, "fetch.outside_root"),
        (&"a".repeat(4096), "fetch.not_found"),
    ];
    for (uri, code) in cases {
        assert_eq!(disk.find(uri), Err(code.to_owned()), "{}", &uri[..uri.len().min(80)]);
    }
}

#[test]
fn without_allowed_folders_no_file_is_read() {
    let disk = Disk::new();
    let fault = Fetcher::new(FetchPolicy::default())
        .audio("a b.mp3", disk.root().to_str().unwrap(), disk.folder.path())
        .unwrap_err();
    assert_eq!(fault.code, "fetch.outside_root");
}

#[test]
fn an_allowed_folder_may_be_named_by_a_link() {
    let disk = Disk::new();
    let root = disk.folder.path().join("root-link");
    let fetcher = Fetcher::new(FetchPolicy { roots: vec![root.clone()], ..FetchPolicy::default() });
    for base in [root, disk.root()] {
        fetcher.audio("a b.mp3", base.to_str().unwrap(), disk.folder.path()).unwrap();
    }
}

#[test]
fn a_transcript_file_is_read_with_its_name_as_a_hint() {
    let disk = Disk::new();
    let source = |uri: &str| TranscriptSource::At { uri: uri.into(), media_type: None };
    let base = disk.root();
    let read = disk.fetcher.transcript(&source("t.vtt"), base.to_str().unwrap()).unwrap();
    assert_eq!(read, (b"WEBVTT".to_vec(), Some("t.vtt".to_owned())));
    assert_eq!(
        disk.fetcher.transcript(&source("link"), base.to_str().unwrap()).unwrap_err().code,
        "fetch.outside_root"
    );
}
