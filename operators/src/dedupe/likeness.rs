//! The near levels' rules, and what episodes are compared by.

use super::catalogue::Rules;
use super::near::{Likeness, Rule};
use super::verdict::Level;
use crate::fault::Fault;
use crate::likeness::acoustic::{self, CANDIDATE_BANDS, Print};

/// How an episode sounds. `None` where there is nothing to hear: silence is like everything.
pub fn of_print(print: &Print) -> Option<Likeness> {
    let bands = print.bands();
    (!bands.is_empty()).then(|| Likeness { bands: bands.into(), body: print.to_bytes().into() })
}

/// How near-duplicates are told.
pub fn rules() -> Rules {
    Rules {
        acoustic: Rule {
            level: Level::Acoustic,
            meetings: CANDIDATE_BANDS as isize,
            compare: |a, b| told(compare_prints(a, b)),
        },
        transcript: Rule { level: Level::Transcript, meetings: 1, compare: |_, _| None },
    }
}

/// Thousandths of the shorter recording that the longer one holds, where they are one episode.
fn compare_prints(a: &[u8], b: &[u8]) -> Result<Option<u16>, Fault> {
    let alignment = acoustic::align(&Print::from_bytes(a)?, &Print::from_bytes(b)?)?;
    Ok(acoustic::same_episode(&alignment).then(|| thousandths(alignment.of_shorter)))
}

fn thousandths(share: f64) -> u16 {
    (share.clamp(0.0, 1.0) * 1000.0).round() as u16
}

/// What cannot be compared is not the same, and does not go unsaid.
fn told(compared: Result<Option<u16>, Fault>) -> Option<u16> {
    compared.unwrap_or_else(|fault| {
        tracing::error!(%fault, "two episodes could not be compared");
        None
    })
}
