//! How often each item was compared, counted by the rule that compares.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use hark_operators::dedupe::near::Rule;
use hark_operators::dedupe::verdict::Level;

/// By the number of the item that was compared with the least of a band.
static COMPARED: OnceLock<Vec<AtomicU32>> = OnceLock::new();

/// Gets ready to count for items below this number.
pub fn count(items: u64) {
    COMPARED.get_or_init(|| (0..items).map(|_| AtomicU32::new(0)).collect());
}

/// How often each item was compared so far, ascending.
pub fn compared() -> Vec<u32> {
    let counts = COMPARED.get().map_or(&[][..], Vec::as_slice);
    let mut counts: Vec<u32> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    counts.sort_unstable();
    counts
}

/// One band in common makes a candidate, as with transcripts; bodies are number and content.
pub fn rule() -> Rule {
    Rule {
        level: Level::Transcript,
        meetings: 1,
        compare: |item, other| {
            let half = |body: &[u8], at: usize| body[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
            if let Some(number) = half(item, 0)
                && let Some(count) = COMPARED.get().and_then(|counts| counts.get(number as usize))
            {
                count.fetch_add(1, Ordering::Relaxed);
            }
            (half(item, 8) == half(other, 8)).then_some(600)
        },
    }
}
