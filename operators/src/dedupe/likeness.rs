//! The near levels' rules, and what episodes are compared by.

use super::catalogue::Rules;
use super::near::{Likeness, Rule};
use super::verdict::Level;
use crate::fault::Fault;
use crate::likeness::acoustic::{self, CANDIDATE_BANDS, Print};
use crate::likeness::text::{self, Signature};

/// How an episode sounds. `None` where there is nothing to hear: silence is like everything.
pub fn of_print(print: &Print) -> Option<Likeness> {
    let bands = print.bands();
    (!bands.is_empty()).then(|| Likeness { bands: bands.into(), body: print.to_bytes().into() })
}

/// What is said in an episode. `None` where too little is.
pub fn of_signature(signature: &Signature) -> Option<Likeness> {
    let bands = signature.bands();
    let body = || serde_json::to_vec(signature).expect("a signature is plain numbers");
    (!bands.is_empty()).then(|| Likeness { bands: bands.into(), body: body().into() })
}

/// How near-duplicates are told.
pub fn rules() -> Rules {
    Rules {
        acoustic: Rule {
            level: Level::Acoustic,
            meetings: CANDIDATE_BANDS as isize,
            compare: |a, b| told(compare_prints(a, b)),
        },
        transcript: Rule { level: Level::Transcript, meetings: 1, compare: |a, b| told(compare_signatures(a, b)) },
    }
}

/// Thousandths of the shorter recording that the longer one holds, where they are one episode.
fn compare_prints(a: &[u8], b: &[u8]) -> Result<Option<u16>, Fault> {
    let alignment = acoustic::align(&Print::from_bytes(a)?, &Print::from_bytes(b)?)?;
    Ok(acoustic::same_episode(&alignment).then(|| thousandths(alignment.of_shorter)))
}

/// Thousandths of the shorter transcript that the longer one holds, where they are of one episode.
fn compare_signatures(a: &[u8], b: &[u8]) -> Result<Option<u16>, Fault> {
    let signature = |bytes: &[u8]| {
        serde_json::from_slice::<Signature>(bytes).map_err(|error| {
            let message = format!("{} bytes are not a signature", bytes.len());
            let remedy = "make it again from the episode's transcript";
            Fault::poison("likeness", "bytes", message, remedy).caused_by(&error)
        })
    };
    let similarity = text::compare(&signature(a)?, &signature(b)?)?;
    Ok(text::same_episode(&similarity).then(|| thousandths(similarity.containment)))
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
