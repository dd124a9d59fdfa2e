//! What had to be mended, counted by kind, so that a thousand bad cues make one line.

use std::collections::BTreeMap;

/// Places named for each kind of repair.
const PLACES: usize = 3;

/// Counts of repairs by kind, with the first places of each.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    noun: &'static str,
    notes: Vec<String>,
    kinds: BTreeMap<&'static str, (u32, Vec<u32>)>,
}

impl Repairs {
    /// Says what a place counts: `line`, `segment`.
    pub fn count_by(&mut self, noun: &'static str) {
        self.noun = noun;
    }

    /// What a place counts.
    pub fn noun(&self) -> &'static str {
        self.noun
    }

    /// A remark on the whole file. Few of them are made: one for each step of reading.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// One more repair of a kind, at a place counted from 1.
    pub fn add(&mut self, kind: &'static str, place: u32) {
        let (count, places) = self.kinds.entry(kind).or_default();
        *count += 1;
        if places.len() < PLACES {
            places.push(place);
        }
    }

    /// One line for each kind.
    pub fn into_lines(self) -> Vec<String> {
        let noun = self.noun;
        let kinds = self.kinds.into_iter().map(|(kind, (count, places))| {
            let listed: Vec<String> = places.iter().map(u32::to_string).collect();
            let more = if count as usize > places.len() { ", ..." } else { "" };
            format!("{kind}: {count} ({noun} {}{more})", listed.join(", "))
        });
        self.notes.into_iter().chain(kinds).collect()
    }
}
