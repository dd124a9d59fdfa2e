//! A real S3-compatible store on loopback, S3Proxy, whose buckets are folders that tests look into.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::command::path;
use crate::java::{Java, free_ports, java};

/// Whom it lets in.
pub const KEY: &str = "hark";
/// And by what secret.
pub const SECRET: &str = "correct/horse+battery=staple";

/// It starts in some 3 s; on a machine that is busy it may take long.
const PATIENCE: Duration = Duration::from_secs(120);

/// The store that the tests of this program share. Tests take buckets of their own.
pub struct S3 {
    folder: PathBuf,
    port: u16,
    _running: Java,
}

impl S3 {
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<S3> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        // On a disk that keeps attributes of files, where the store keeps metadata: /tmp may not.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder").keep();
        let [port] = free_ports();
        let buckets = folder.join("buckets");
        std::fs::create_dir(&buckets).expect("a new folder");
        let properties = format!(
            "s3proxy.endpoint=http://127.0.0.1:{port}\n\
             s3proxy.authorization=aws-v4\n\
             s3proxy.identity={KEY}\n\
             s3proxy.credential={SECRET}\n\
             jclouds.provider=filesystem-nio2\n\
             jclouds.filesystem.basedir={}\n",
            path(&buckets)
        );
        let file = folder.join("s3proxy.properties");
        std::fs::write(&file, properties).expect("a new folder");
        let mut command = java("s3");
        // What it prints on standard error it logs, and it logs there by itself: without an end.
        command.args(["-Dorg.slf4j.simpleLogger.logFile=System.out", "org.gaul.s3proxy.Main", "--properties"]);
        command.arg(file);
        let store = Self { _running: Java::start(&command, &folder), folder, port };
        let started = Instant::now();
        while TcpStream::connect(store.address()).is_err() {
            let log = || std::fs::read_to_string(store.folder.join("log")).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "the store does not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        store
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Its `--objects-endpoint`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Makes a bucket; the folder that it is.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let folder = self.folder.join("buckets").join(name);
        std::fs::create_dir(&folder).expect("no other test has a bucket of this name");
        folder
    }
}

/// Writes the file of `--objects-credentials` into a folder; its path.
pub fn credentials(folder: &Path, secret: &str) -> String {
    let file = folder.join("credentials");
    let text = format!("[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {secret}\n");
    std::fs::write(&file, text).expect("the test's folder is writable");
    path(&file).to_owned()
}
