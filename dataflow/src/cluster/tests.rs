//! Strangers, wrong tokens, late and different processes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::*;

/// Addresses on this machine that were free a moment ago.
fn hosts(count: usize) -> Vec<String> {
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect()
}

fn member(process: usize, hosts: &[String], secret: &[u8; 32], graph: &str, patience: Duration) -> Membership {
    let (token, fingerprint) = (Token::of(secret).unwrap(), Fingerprint::of(graph));
    Membership { process, hosts: hosts.to_vec(), token, fingerprint, patience }
}

const LONG: Duration = Duration::from_secs(30);
const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

fn at(partition: &str, offset: i64) -> Header {
    Header { generation: 3, positions: [(partition.to_owned(), offset)].into(), at: offset, lost: Vec::new() }
}

#[test]
fn three_processes_begin_together_and_all_know_where_to_read_on() {
    let hosts = hosts(3);
    let joined = [0, 1, 2].map(|process| {
        let member = member(process, &hosts, SECRET, "graph", LONG);
        // Only the first process's word counts.
        std::thread::spawn(move || join(&member, 2, &at("topic/0", 42 + process as i64)))
    });
    for (process, joined) in joined.into_iter().enumerate() {
        let (peers, mesh, known) = joined.join().unwrap().unwrap();
        assert_eq!((peers.process, peers.processes, peers.workers()), (process, 3, 6));
        assert_eq!(mesh.0.iter().map(Option::is_some).collect::<Vec<_>>(), [0, 1, 2].map(|other| other != process));
        assert_eq!(known, at("topic/0", 42));
    }
}

#[test]
fn strangers_of_six_kinds_neither_delay_nor_enter() {
    let hosts = hosts(2);
    let first = member(0, &hosts, SECRET, "graph", LONG);
    let host = hosts[0].clone();
    let joining = std::thread::spawn(move || (join(&first, 1, &Header::default()).map(drop), Instant::now()));
    while TcpStream::connect(&host).is_err() {
        std::thread::sleep(Duration::from_millis(5)); // until it listens; that was the first stranger
    }
    let speak = |bytes: &[u8]| {
        let mut socket = TcpStream::connect(&host).unwrap();
        socket.write_all(bytes).unwrap();
        socket
    };
    let mut silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(&host).unwrap()).collect();
    let process_of_timely = 1u64.to_be_bytes();
    let mut speaking = vec![speak(b"GET / HTTP/1.0\r\n\r\n"), speak(&process_of_timely), speak(&[0; 4096])];
    let mut half = TcpStream::connect(&host).unwrap();
    half.read_exact(&mut [0; 32]).unwrap();
    half.write_all(b"hark cl1").unwrap();
    // Of the right form, by somebody who does not know the token.
    let impostor = greeting::Card {
        token: Token::of(b"another secret of thirty-two bytes").unwrap(),
        process: 1,
        fingerprint: Fingerprint::of("graph"),
    };
    assert!(impostor.call(0, &mut TcpStream::connect(&host).unwrap()).is_err());
    let began = Instant::now();
    let second = member(1, &hosts, SECRET, "graph", LONG);
    join(&second, 1, &Header::default()).unwrap();
    let (first, done) = joining.join().unwrap();
    first.unwrap();
    assert!(done - began < Duration::from_secs(5), "the mesh forms beside them");
    silent.append(&mut speaking);
}

#[test]
fn who_was_started_with_another_layout_is_told_so() {
    let hosts = hosts(2);
    let first = member(0, &hosts, SECRET, "fused", Duration::from_secs(2));
    let first = std::thread::spawn(move || join(&first, 1, &Header::default()).unwrap_err());
    let second = member(1, &hosts, SECRET, "split", LONG);
    let refused = join(&second, 1, &Header::default()).unwrap_err();
    assert!(matches!(refused, ClusterError::Different { process: 0 }), "{refused}");
    let late = first.join().unwrap().to_string();
    assert!(late.contains(&format!("process 1 ({})", hosts[1])), "{late}");
}

#[test]
fn a_wrong_list_a_taken_port_and_a_short_secret_are_refused_with_the_remedy() {
    let listed = |hosts: &[&str], process| {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        join(&member(process, &hosts, SECRET, "", LONG), 1, &Header::default()).unwrap_err().to_string()
    };
    assert!(listed(&["a:1"], 1).contains("process 1 is not among 1 hosts"));
    assert!(listed(&["a:1", "b"], 0).contains("\"b\" is no HOST:PORT"));
    assert!(listed(&["a:1", "a:1"], 0).contains("twice"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = taken.local_addr().unwrap().to_string();
    assert!(listed(&[&host, "127.0.0.1:1"], 0).contains("free the port"));
    assert!(Token::of(b"short").unwrap_err().to_string().contains("at least 32 bytes"));
    assert_eq!(format!("{:?}", Token::of(SECRET).unwrap()), "***");
}
