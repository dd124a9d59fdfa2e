//! Claims about tries, against a server that answers what a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use object_store::{ObjectStoreExt, PutMode, PutOptions};

use super::*;

const SECRET: &str = "hunter2/and/more";

/// What the server does with one request.
#[derive(Clone)]
enum Does {
    /// Answers with a status and a body.
    Says(u16, &'static str),
    /// Sends a list that only the end of the connection ends, and ends it early.
    EndsEarly,
    /// Says that a body is longer than it is, and hangs up.
    BreaksOff,
    /// Hangs up at once.
    HangsUp,
    /// Says nothing for so long.
    IsSilent(Duration),
}

const LISTED: Does = Does::Says(
    200,
    "<?xml version='1.0'?><ListBucketResult><Name>clips</Name><Prefix>p/</Prefix><KeyCount>0</KeyCount>\
     <MaxKeys>1</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>",
);

/// A server that does these in turn, each on a connection of its own; the first lines of the requests it got.
fn server(script: Vec<Does>) -> (Endpoint, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (told, heard) = channel();
    std::thread::spawn(move || {
        for does in script {
            answer(listener.accept().unwrap().0, does, &told);
        }
    });
    (endpoint, heard)
}

fn answer(mut stream: TcpStream, does: Does, told: &Sender<String>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", bytes)) => length = bytes.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    // The test may have seen enough.
    drop(told.send(first.trim_end().trim_end_matches(" HTTP/1.1").to_owned()));
    let head = |status: u16, bytes: usize| {
        format!("HTTP/1.1 {status} X\r\netag: \"e\"\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n")
    };
    let _gone = match does {
        Does::Says(status, body) => write!(stream, "{}{body}", head(status, body.len())),
        Does::EndsEarly => {
            let list = "<?xml version='1.0'?><ListBucketResult><Name>clips</Name><KeyCount>0</Ke";
            write!(stream, "HTTP/1.1 200 X\r\ncontent-type: application/xml\r\nconnection: close\r\n\r\n{list}")
        }
        Does::BreaksOff => write!(stream, "{}cl", head(200, 4)),
        Does::HangsUp => Ok(()),
        Does::IsSilent(pause) => {
            std::thread::sleep(pause);
            Ok(())
        }
    };
}

fn reach(folder: &tempfile::TempDir, endpoint: Endpoint) -> Reach {
    let file = folder.path().join("credentials");
    std::fs::write(
        &file,
        format!("aws_access_key_id=AKIA1\naws_secret_access_key={SECRET}\naws_session_token={SECRET}\n"),
    )
    .unwrap();
    Reach { endpoint: Some(endpoint), region: Some("auto".into()), credentials: Some(file) }
}

fn open(script: Vec<Does>) -> (Result<Bucket, BucketError>, Receiver<String>) {
    let (endpoint, heard) = server(script);
    let folder = tempfile::tempdir().unwrap();
    let opened = Bucket::open(&"s3://clips/p".parse().unwrap(), &reach(&folder, endpoint));
    // Requests need their credentials for as long as the test runs.
    drop(folder.keep());
    (opened, heard)
}

#[test]
fn what_passes_is_tried_again_until_there_is_a_whole_answer() {
    let (bucket, heard) = open(vec![
        Does::Says(503, "<Error><Code>SlowDown</Code></Error>"),
        Does::EndsEarly,
        LISTED,
        Does::HangsUp,
        Does::BreaksOff,
        Does::Says(500, ""),
        Does::Says(200, "clip"),
    ]);
    let bucket = bucket.unwrap();
    let path = bucket.path("previews/ab/x.m4a");
    let read = bucket.wait(async { bucket.store().get(&path).await?.bytes().await }).unwrap();
    assert_eq!(read, "clip");
    let asked: Vec<String> = heard.try_iter().collect();
    let list = "GET /clips?list-type=2&prefix=p%2F&max-keys=1";
    assert_eq!(asked, [&[list; 3][..], &["GET /clips/p/previews/ab/x.m4a"; 4]].concat());
}

#[test]
fn a_put_whose_answer_was_lost_is_put_again_and_finds_itself() {
    let (bucket, heard) =
        open(vec![LISTED, Does::HangsUp, Does::Says(412, "<Error><Code>PreconditionFailed</Code></Error>")]);
    let bucket = bucket.unwrap();
    let path = bucket.path("told-1");
    let put = bucket.store().put_opts(&path, "facts".into(), PutOptions::from(PutMode::Create));
    assert!(matches!(bucket.wait(put), Err(object_store::Error::AlreadyExists { .. })));
    assert_eq!(heard.try_iter().skip(1).collect::<Vec<_>>(), ["PUT /clips/p/told-1"; 2]);
}

#[test]
fn what_stays_is_told_at_once_with_a_remedy_and_without_a_secret() {
    let said = |code: &str| -> &'static str {
        let request = format!("<CanonicalRequest>x-amz-security-token:{SECRET}</CanonicalRequest>");
        format!("<Error><Code>{code}</Code><Message>no</Message>{request}</Error>").leak()
    };
    for (status, code, remedy) in [
        (404, "NoSuchBucket", "make it"),
        (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        (403, "AccessDenied", "ListBucket"),
        (400, "AuthorizationHeaderMalformed", "--objects-region"),
    ] {
        let (opened, heard) = open(vec![Does::Says(status, said(code))]);
        let error = opened.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains(remedy) && told.contains("s3://clips/p"), "{told}");
        assert!(!told.contains(SECRET), "{told}");
        assert_eq!(heard.try_iter().count(), 1, "{code}");
    }
}

#[test]
fn a_store_that_does_not_serve_is_told_within_seconds_at_the_start() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let nobody = reach(&folder, format!("http://{nobody}").parse().unwrap());
    let (silent, _heard) = server(vec![Does::IsSilent(Duration::from_secs(30))]);
    for reach in [nobody, reach(&folder, silent)] {
        let began = Instant::now();
        let error = Bucket::open(&"s3://clips".parse().unwrap(), &reach).unwrap_err();
        assert!(matches!(error, BucketError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("--objects-endpoint"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    }
}

#[test]
fn a_bucket_shows_its_place_and_nothing_else() {
    let (bucket, _heard) = open(vec![LISTED]);
    assert_eq!(format!("{:?}", bucket.unwrap()), "Bucket(Place(\"s3://clips/p\"))");
}
