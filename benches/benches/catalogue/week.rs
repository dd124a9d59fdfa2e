//! A fixed catalogue through a week of revisions, takedowns and returns, by the whole knowledge side
//! of the dataflow: resident memory stays flat.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use hark_benches::apart::Figures;
use hark_benches::memory;
use hark_dataflow::cluster::Peers;
use hark_dataflow::dedupe::{Hub, Judgements, Knowledge, Told};
use hark_operators::dedupe::catalogue::Rules;
use hark_operators::dedupe::exact::KnownAt;
use hark_operators::dedupe::near::Rule;
use hark_operators::dedupe::repeated::{Sharing, Stretch};
use hark_operators::dedupe::standing::Announced;
use hark_operators::dedupe::verdict::Level;
use hark_operators::record::part::Part;
use timely::worker::Worker;

use crate::items;
use crate::material::{self, CATALOGUE};

/// Changes that an epoch brings: four revisions, a takedown and its return by turns, and an old
/// revision announced again.
pub const CHANGES: u64 = 30;

/// All who are compared share one stretch.
const SHARING: Sharing = Sharing {
    shared: |_one, _other| vec![Stretch { a_start: 0, b_start: 0, length: 30_000 }],
    parts: |_of, shared| vec![Part { start: 0, end: 30_000, episodes: shared.len() as u32, rebroadcast: false }],
};

/// Bytes resident after a tenth, half and all of the epochs.
///
/// # Errors
/// Where workers do not start.
pub fn week(workers: usize, epochs: u64) -> Result<Figures> {
    let before = memory::resident();
    let mut config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    hark_operators::dedupe::configure(&mut config.worker);
    let judgements = Arc::new(Judgements::default());
    let guards = timely::execute(config, move |worker| {
        let transcript = items::rule();
        let acoustic = Rule { level: Level::Acoustic, meetings: 2, ..transcript };
        let rules = Rules { acoustic, transcript, sharing: SHARING };
        let hub = Hub::new(judgements.clone());
        let knowledge = Knowledge::build(worker, hub.clone(), rules, Peers::alone(worker.peers()), None, |_key| ());
        let mut week = Week { worker, hub, knowledge, revisions: vec![0; CATALOGUE as usize] };
        week.pass(1, 0..CATALOGUE, |week, number| week.announce(number));
        let mut figures = Figures::from([("loaded".to_owned(), memory::resident() - before)]);
        let started = Instant::now();
        for epoch in 0..epochs {
            week.pass(2 + epoch, epoch * CHANGES..(epoch + 1) * CHANGES, Week::change);
            for (name, after) in [("tenth", epochs / 10), ("half", epochs / 2), ("all", epochs)] {
                if epoch + 1 == after {
                    figures.insert(name.to_owned(), memory::resident() - before);
                }
            }
        }
        figures.insert("seconds".to_owned(), started.elapsed().as_secs_f64());
        let known = week.knowledge.close();
        while !known.done() {
            week.worker.step();
        }
        figures
    });
    let mut all = guards.map_err(anyhow::Error::msg)?.join().into_iter();
    let first = all.next().unwrap_or_else(|| Err("there is no worker".to_owned()));
    all.try_for_each(|other| other.map(|_| ())).map_err(anyhow::Error::msg)?;
    first.map_err(anyhow::Error::msg)
}

/// The knowledge side of one worker, and the revision at which each episode is.
struct Week<'w> {
    worker: &'w mut Worker,
    hub: Hub,
    knowledge: Knowledge,
    revisions: Vec<u64>,
}

impl Week<'_> {
    /// Tells of what is this worker's share at one time, and works until all of it is judged.
    fn pass(&mut self, now: KnownAt, turns: std::ops::Range<u64>, mut tell: impl FnMut(&mut Self, u64)) {
        let (index, peers) = (self.worker.index() as u64, self.worker.peers() as u64);
        self.knowledge.advance(now);
        turns.for_each(|turn| {
            if turn % peers == index {
                tell(self, turn);
            }
        });
        self.knowledge.advance(now + 1);
        while !self.hub.is_known(now) {
            self.worker.step();
        }
    }

    fn change(&mut self, turn: u64) {
        let peers = self.worker.peers() as u64;
        // Every worker has episodes of its own.
        let number = material::mixed(turn) % (CATALOGUE / peers) * peers + self.worker.index() as u64;
        let revision = &mut self.revisions[number as usize];
        match turn / peers % 6 {
            0..4 => {
                *revision += 1;
                self.announce(number);
            }
            4 => {
                let revision = *revision;
                self.told_of(number, revision, true);
                self.revisions[number as usize] += 1;
                self.announce(number); // it comes back as a later revision
            }
            _ => {
                let old = revision.saturating_sub(2);
                self.told_of(number, old, false);
                self.facts(number, old);
            }
        }
    }

    fn announce(&mut self, number: u64) {
        let revision = self.revisions[number as usize];
        self.told_of(number, revision, false);
        self.facts(number, revision);
    }

    fn told_of(&self, number: u64, revision: u64, withdrawn: bool) {
        let member = material::member(number, revision);
        let enclosure = (!number.is_multiple_of(50)).then(|| material::digest(number << 20 | revision));
        let announced = Announced {
            revision,
            withdrawn,
            published: member.published,
            enclosure,
            show: Some(material::digest(number / 100)),
        };
        self.hub.tell(Told::Announced(member.key.episode, announced));
    }

    /// Every revision has other bytes, and some other words and sound than the one before.
    fn facts(&self, number: u64, revision: u64) {
        let key = || material::key(number, revision);
        let (own, original) = (number << 20 | revision, material::original(number));
        let bytes = if number % 30 == 29 { original } else { own };
        self.hub.tell(Told::Digest(key(), material::digest(bytes)));
        self.hub.tell(Told::Print(key(), material::likeness(number, !own, !original, CATALOGUE)));
        self.hub.tell(Told::Signature(key(), material::likeness(number, own, original, CATALOGUE)));
    }
}
