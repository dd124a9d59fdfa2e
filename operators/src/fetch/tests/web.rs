use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::fault::FaultKind;
use crate::record::TranscriptSource;

use super::super::{FetchPolicy, Fetcher};
use super::{at_home, ok, server, server_of_connections, server_of_streams, status, ticking};

const URL: &str = "http://user:secret@127.0.0.1:PORT/a.mp3?token=secret";

/// Fetches audio from a server that answers so; the staging folder must be clean after a fault.
fn fetch(
    policy: FetchPolicy,
    address: std::net::SocketAddr,
) -> Result<(crate::record::finding::LocalAudio, Vec<u8>), crate::Fault> {
    let staging = tempfile::tempdir().unwrap();
    let url = URL.replace("PORT", &address.port().to_string());
    let result = Fetcher::new(policy).audio(&url, "", staging.path());
    let left: Vec<_> = std::fs::read_dir(staging.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    match result {
        Ok(mut audio) => {
            assert_eq!(left, std::slice::from_ref(&audio.path));
            let bytes = std::fs::read(&audio.path).unwrap();
            drop(audio.staged.take());
            assert!(!audio.path.exists(), "a download goes away with its last owner");
            Ok((audio, bytes))
        }
        Err(fault) => {
            assert!(left.is_empty(), "{left:?}");
            assert!(!format!("{fault:?}").contains("secret"), "{fault:?}");
            assert!(!fault.remedy.is_empty() && fault.message.contains("127.0.0.1"), "{fault:?}");
            Err(fault)
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    // A gzip member of stored blocks: header, deflate blocks of type 0, CRC and length.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks = bytes.chunks(65_535).count();
    for (index, block) in bytes.chunks(65_535).enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(index + 1 == blocks));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let crc = !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out
}

fn gzipped(body: &[u8]) -> Vec<u8> {
    let body = gzip(body);
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

#[test]
fn a_download_is_whole_and_its_digest_is_that_of_its_bytes() {
    let body: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = body.clone();
    let address = server(move |_, _| ok(&sent));
    let (audio, bytes) = fetch(at_home().0, address).unwrap();
    assert_eq!((bytes.len() as u64, &bytes), (audio.bytes, &body));
    assert_eq!(audio.digest, blake3::hash(&body).to_hex().to_string());
}

#[test]
fn a_server_that_recovers_is_asked_again_after_growing_pauses() {
    let address = server(|_, before| if before < 3 { status(503, "") } else { ok(b"audio") });
    let (policy, pauses) = at_home();
    assert_eq!(fetch(policy, address).unwrap().1, b"audio");
    let pauses = pauses.lock().unwrap();
    assert_eq!(pauses.len(), 3);
    assert!(pauses[0] >= Duration::from_millis(500) && pauses[0] < Duration::from_millis(750), "{pauses:?}");
    let doubled = |pair: &[Duration]| pair[1].abs_diff(pair[0] * 2) < Duration::from_micros(1);
    assert!(pauses.windows(2).all(doubled), "{pauses:?}");
}

#[test]
fn a_server_that_does_not_recover_is_given_up_as_a_fault_to_retry() {
    let (policy, pauses) = at_home();
    let fault = fetch(policy, server(|_, _| status(500, "Retry-After: 7\r\n"))).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.kind), ("fetch.status", FaultKind::Retry));
    assert!(fault.message.contains("500 (attempt 4)"), "{fault}");
    assert_eq!(*pauses.lock().unwrap(), [Duration::from_secs(7); 3]);
}

#[test]
fn a_refusal_is_not_repeated() {
    for (code, expected) in [
        (404, "fetch.not_found"),
        (410, "fetch.not_found"),
        (403, "fetch.status"),
        (400, "fetch.status"),
        (204, "fetch.status"),
    ] {
        let (policy, pauses) = at_home();
        let fault = fetch(policy, server(move |_, _| status(code, ""))).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.kind), (expected, FaultKind::Poison), "{code}");
        assert!(pauses.lock().unwrap().is_empty(), "{code}");
    }
}

#[test]
fn a_short_body_is_never_taken_for_the_whole() {
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nonly this".to_vec();
    let mut cut_gzip = gzipped(&[7; 1000]);
    cut_gzip.truncate(cut_gzip.len() - 500);
    for (name, answer) in [("length", short), ("chunks", chunked), ("gzip", cut_gzip)] {
        let (policy, pauses) = at_home();
        let fault = fetch(policy, server(move |_, _| answer.clone())).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.kind), ("fetch.short_body", FaultKind::Retry), "{name}: {fault:?}");
        assert_eq!(pauses.lock().unwrap().len(), 3, "{name}");
    }
    // Whole at the second attempt, and nothing of the first in it.
    let (policy, _) = at_home();
    let address = server(|_, before| {
        if before == 0 { b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nfirst".to_vec() } else { ok(b"second") }
    });
    assert_eq!(fetch(policy, address).unwrap().1, b"second");
}

#[test]
fn a_body_beyond_the_limit_is_cut_whether_it_says_so_or_not() {
    let endless = server_of_streams(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        while stream.write_all(&[7; 65_536]).is_ok() {}
    });
    let said = server(|_, _| ok(&vec![7; 100_001]));
    let bomb = server(|_, _| gzipped(&vec![0; 100_001]));
    for (name, address) in [("endless", endless), ("said", said), ("gzip", bomb)] {
        let policy = FetchPolicy { max_audio_bytes: 100_000, ..at_home().0 };
        let fault = fetch(policy, address).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.kind), ("fetch.too_large", FaultKind::Poison), "{name}");
    }
    let policy = FetchPolicy { max_audio_bytes: 100_000, ..at_home().0 };
    assert_eq!(fetch(policy, server(|_, _| ok(&vec![7; 100_000]))).unwrap().0.bytes, 100_000);
}

#[test]
fn a_server_that_hangs_is_left() {
    let silent = server_of_streams(|_, _, stream| {
        stream.read_to_end(&mut Vec::new()).ok();
    });
    let midway = server_of_streams(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin").unwrap();
        stream.read_to_end(&mut Vec::new()).ok();
    });
    for (name, address) in [("silent", silent), ("midway", midway)] {
        let (policy, pauses) = at_home();
        let policy = FetchPolicy { read_timeout: Duration::from_millis(100), attempts: 2, ..policy };
        let fault = fetch(policy, address).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.kind), ("fetch.timeout", FaultKind::Retry), "{name}: {fault:?}");
        assert_eq!(pauses.lock().unwrap().len(), 1, "{name}");
    }
}

#[test]
fn a_body_that_only_drips_is_cut() {
    let drip = || {
        server_of_streams(|_, _, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").unwrap();
            // Each byte in a packet of its own, without end: the client decides.
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        })
    };
    let policy = |step| FetchPolicy { clock: ticking(Duration::from_secs(step)), attempts: 1, ..at_home().0 };
    let slow = fetch(FetchPolicy { overall_timeout: Duration::from_secs(10_000), ..policy(31) }, drip()).unwrap_err();
    assert_eq!((slow.code.as_str(), slow.kind), ("fetch.too_slow", FaultKind::Retry));
    let late = fetch(FetchPolicy { min_bytes_per_second: 0, ..policy(100) }, drip()).unwrap_err();
    assert_eq!((late.code.as_str(), late.kind), ("fetch.timeout", FaultKind::Retry));
}

#[test]
fn redirects_are_followed_up_to_three() {
    let chain = |length: usize| {
        server(move |path, _| {
            let step = path
                .split('?')
                .next()
                .and_then(|path| path.strip_prefix("/step/"))
                .and_then(|step| step.parse().ok())
                .unwrap_or(0);
            if step < length { status(302, &format!("Location: /step/{}\r\n", step + 1)) } else { ok(b"end") }
        })
    };
    assert_eq!(fetch(at_home().0, chain(3)).unwrap().1, b"end");
    let fault = fetch(at_home().0, chain(4)).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.kind), ("fetch.redirects", FaultKind::Poison));
    let fault = fetch(at_home().0, server(|_, _| status(301, ""))).unwrap_err();
    assert_eq!(fault.code, "fetch.redirects");
}

#[test]
fn credentials_do_not_travel_to_another_host() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            noted.lock().unwrap().push(String::from_utf8(head).unwrap());
            stream.write_all(&ok(b"audio")).unwrap();
        }
    });
    let first = server(move |_, _| status(302, &format!("Location: http://localhost:{port}/b\r\n")));
    let (policy, _) = at_home();
    let policy =
        FetchPolicy { lookup: Some(Arc::new(move |_, port| Ok(vec![([127, 0, 0, 1], port).into()]))), ..policy };
    fetch(policy, first).unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert!(
        seen[0].starts_with("GET /b HTTP/1.1\r\n") && !seen[0].to_ascii_lowercase().contains("authorization"),
        "{}",
        seen[0]
    );
}

#[test]
fn garbage_is_a_fault() {
    for garbage in [
        b"".as_slice(),
        b"\0\0\0",
        b"SSH-2.0-server\r\n",
        b"HTTP/1.1 9999 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    ] {
        let fault = fetch(at_home().0, server(move |_, _| garbage.to_vec())).unwrap_err();
        assert!(fault.code.starts_with("fetch."), "{garbage:?}: {fault:?}");
    }
    let gzip = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 30\r\n\r\nthis is no gzip stream, really";
    let fault = fetch(at_home().0, server(move |_, _| gzip.to_vec())).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.kind), ("fetch.encoding", FaultKind::Poison), "{fault:?}");
    let fault = fetch(at_home().0, server(|_, _| ok(b""))).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.kind), ("fetch.empty", FaultKind::Poison));
}

#[test]
fn a_server_that_cannot_prove_who_it_is_is_not_asked_again() {
    // Signed by its own key, which protects nothing else.
    let certificate = CertificateDer::from_pem_slice(include_bytes!("selfsigned.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("selfsigned.pem")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate], key))
        .unwrap();
    let config = Arc::new(config);
    let address = server_of_connections(move |stream| {
        let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
        connection.complete_io(stream).unwrap_err();
    });
    let (policy, pauses) = at_home();
    let fault = Fetcher::new(policy).audio(&format!("https://{address}/a.mp3"), "", &std::env::temp_dir()).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.kind), ("fetch.tls", FaultKind::Poison), "{fault:?}");
    assert!(fault.message.contains("certificate"), "{fault:?}");
    assert!(pauses.lock().unwrap().is_empty());
}

#[test]
fn a_server_that_speaks_no_tls_is_asked_again_and_then_a_fault_to_retry() {
    let address = server_of_connections(|stream| {
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0, "it is greeted");
        stream.write_all(&status(400, "")).ok();
    });
    let (policy, pauses) = at_home();
    let fault = Fetcher::new(policy).audio(&format!("https://{address}/a.mp3"), "", &std::env::temp_dir()).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.kind), ("fetch.connection", FaultKind::Retry), "{fault:?}");
    assert_eq!(pauses.lock().unwrap().len(), 3);
}

#[test]
fn a_staging_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (policy, pauses) = at_home();
    let url = format!("http://{}/a", server(|_, _| ok(b"audio")));
    let fault = Fetcher::new(policy).audio(&url, "", &file.join("staging")).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.kind), ("fetch.disk", FaultKind::Retry));
    assert!(pauses.lock().unwrap().is_empty());
}

#[test]
fn two_downloads_of_one_url_do_not_share_a_file() {
    let staging = tempfile::tempdir().unwrap();
    let fetcher = Fetcher::new(at_home().0);
    let url = format!("http://{}/../../etc/passwd%00.mp3", server(|_, _| ok(b"audio")));
    let first = fetcher.audio(&url, "", staging.path()).unwrap();
    let second = fetcher.clone().audio(&url, "", staging.path()).unwrap();
    assert_ne!(first.path, second.path);
    assert_eq!(first.digest, second.digest);
    let name = first.path.file_name().unwrap().to_str().unwrap();
    assert!(name.strip_suffix(".audio").unwrap().chars().all(|c| c.is_ascii_hexdigit()), "{name}");
    assert_eq!(first.path.parent(), Some(staging.path()));
}

#[test]
fn a_transcript_comes_with_the_best_hint_of_its_format() {
    let address = server(|path, _| {
        let body = gzip(b"WEBVTT");
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: Text/Plain; charset=utf-8";
        assert!(path.starts_with("/t"));
        [format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(), body].concat()
    });
    let fetcher = Fetcher::new(at_home().0);
    let get = |uri: &str, media_type: Option<&str>| {
        let source = TranscriptSource::At { uri: uri.into(), media_type: media_type.map(str::to_owned) };
        fetcher.transcript(&source, &format!("http://{address}/feed.xml")).unwrap()
    };
    assert_eq!(get("t.vtt?x=1", Some("text/vtt")), (b"WEBVTT".to_vec(), Some("text/vtt".into())));
    assert_eq!(get("t.vtt?x=1", None).1.as_deref(), Some("t.vtt"));
    assert_eq!(get("t", None).1.as_deref(), Some("text/plain"));
    let inline = TranscriptSource::Inline { text: "Hello".into(), media_type: None };
    assert_eq!(fetcher.transcript(&inline, "").unwrap(), (b"Hello".to_vec(), None));

    let small = Fetcher::new(FetchPolicy { max_transcript_bytes: 4, ..at_home().0 });
    let at = TranscriptSource::At { uri: format!("http://{address}/t"), media_type: None };
    for source in [inline, at] {
        assert_eq!(small.transcript(&source, "").unwrap_err().code, "fetch.too_large");
    }
}
