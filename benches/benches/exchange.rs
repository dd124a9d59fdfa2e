//! Records on their way to another process, as timely's channels encode and decode them, in each
//! encoding of their numbers.
//!
//! `cargo bench -p hark-benches --bench exchange` prints Markdown: GB of samples or values per second and
//! thread, beside `plain`, which is timely's default.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hark_operators::record::finding::Finding;
use hark_operators::record::numbers::{self, Encoding};
use hark_operators::record::piece::{CONTEXT, WINDOW, Window};
use hark_operators::record::{Announcement, Body, Episode, EpisodeId, EpisodeKey, Record, Spent};
use hark_operators::units::Samples;
use timely::bytes::arc::BytesMut;
use timely::dataflow::channels::ContainerBytes;

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    println!("| records | encoding | encode GB/s | to plain | decode GB/s | to plain | bytes on the wire to payload |");
    println!("|---|---|---|---|---|---|---|");
    for (name, batch) in [("windows of 29 s, 4 in a batch", windows(4)), ("embeddings, 64 in a batch", embeddings(64))]
    {
        let payload: usize = batch.iter().map(Record::payload).sum();
        let mut plain = None;
        for encoding in Encoding::ALL {
            numbers::choose(encoding);
            let mut wire = Vec::new();
            batch.into_bytes(&mut wire);
            let encode = rate(payload, || {
                // As a channel does it: it asks for the length first.
                let mut bytes = Vec::with_capacity(batch.length_in_bytes());
                batch.into_bytes(&mut bytes);
            });
            let decode = rate(payload, || {
                drop(Vec::<Record>::from_bytes(BytesMut::from(wire.clone()).freeze()));
            });
            let (base_encode, base_decode) = *plain.get_or_insert((encode, decode));
            println!(
                "| {name} | {encoding:?} | {encode:.2} | {:.1} | {decode:.2} | {:.1} | {:.3} |",
                encode / base_encode,
                decode / base_decode,
                wire.len() as f64 / payload as f64
            );
        }
    }
    Ok(())
}

/// GB per second.
fn rate(bytes: usize, run: impl Fn()) -> f64 {
    run();
    let begin = Instant::now();
    let mut rounds = 0;
    while begin.elapsed() < MEASURED {
        run();
        rounds += 1;
    }
    (rounds * bytes) as f64 / begin.elapsed().as_secs_f64() / 1e9
}

fn record(body: Body) -> Record {
    let key = EpisodeKey { episode: EpisodeId::from("show/episode-1"), revision: 1 };
    let announcement = Arc::new(Announcement::bare(key, "/episodes".to_owned()));
    let episode = Episode { announcement, ingested_at: 0.0, home: 1, taken_in_by: 0, origin: None };
    Record { episode: Arc::new(episode), body, spent: Spent::new() }
}

fn windows(count: u32) -> Vec<Record> {
    let samples: Vec<i16> = (0..CONTEXT + WINDOW).map(|at| (at * 7919 % 65_536) as u16 as i16).collect();
    let window = |index| Window {
        index,
        start: Samples(u64::from(index) * WINDOW as u64),
        context: CONTEXT,
        samples: Arc::new(samples.clone()),
        permit: None,
    };
    (0..count).map(|index| record(Body::Window(window(index)))).collect()
}

fn embeddings(count: u32) -> Vec<Record> {
    let vector: Vec<f32> = (0..384).map(|at| (at as f32 * 0.37).sin() * 0.05).collect();
    (0..count).map(|index| record(Body::Finding(Finding::Embedding { index, vector: vector.clone() }))).collect()
}
