//! The near levels' rules, and what episodes are compared by.

use std::sync::Arc;

use super::catalogue::Rules;
use super::near::{Likeness, Rule};
use super::repeated::{Sharing, Stretch};
use super::verdict::Level;
use crate::fault::Fault;
use crate::likeness::acoustic::{self, CANDIDATE_BANDS, Print, RepeatedPart, Shared};
use crate::likeness::text::{self, Signature};
use crate::record::EpisodeKey;
use crate::record::part::Part;
use crate::units::Seconds;

/// A repeated part of more seconds than this, or of more than half of an episode, is no block of
/// adverts: it is material that was broadcast before.
const LONGEST_ADVERTS: f64 = 240.0;

/// How an episode sounds. `None` where there is nothing to hear: silence is like everything.
pub fn of_print(print: &Print) -> Option<Likeness> {
    let bands = print.bands();
    (!bands.is_empty()).then(|| Likeness {
        bands: bands.into(),
        moments: print.moments().into(),
        body: print.to_bytes().into(),
    })
}

/// What is said in an episode. `None` where too little is.
pub fn of_signature(signature: &Signature) -> Option<Likeness> {
    let bands = signature.bands();
    let body = || serde_json::to_vec(signature).expect("a signature is plain numbers");
    // Texts are not searched for repeated parts: a transcript may leave adverts out.
    (!bands.is_empty()).then(|| Likeness { bands: bands.into(), moments: Arc::default(), body: body().into() })
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
        sharing: Sharing { shared: |a, b| told(shared(a, b)), parts: |of, shared| told(parts(of, shared)) },
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

/// What two recordings share.
fn shared(a: &[u8], b: &[u8]) -> Result<Vec<Stretch>, Fault> {
    let milliseconds = |seconds: Seconds| (seconds.0.max(0.0) * 1000.0).round() as u32;
    let stretch = |shared: &Shared| Stretch {
        a_start: milliseconds(shared.a_start),
        b_start: milliseconds(shared.b_start),
        length: milliseconds(shared.seconds),
    };
    let alignment = acoustic::align(&Print::from_bytes(a)?, &Print::from_bytes(b)?)?;
    Ok(alignment.shared.iter().map(stretch).collect())
}

/// The parts of a recording by what it shares with others.
fn parts(of: &[u8], shared: &[(&EpisodeKey, Stretch)]) -> Result<Vec<Part>, Fault> {
    let seconds = Print::from_bytes(of)?.seconds().0;
    let at = |milliseconds: u32| Seconds(f64::from(milliseconds) / 1000.0);
    let shared: Vec<(&EpisodeKey, Shared)> = shared
        .iter()
        .map(|(other, one)| {
            (*other, Shared { a_start: at(one.a_start), b_start: at(one.b_start), seconds: at(one.length) })
        })
        .collect();
    let part = |part: RepeatedPart| Part {
        start: (part.span.start.0 * 1000.0).round() as u32,
        end: (part.span.end.0 * 1000.0).round() as u32,
        episodes: part.episodes as u32,
        rebroadcast: part.span.length() > LONGEST_ADVERTS.min(seconds / 2.0),
    };
    Ok(acoustic::repeated(&shared).into_iter().map(part).collect())
}

fn thousandths(share: f64) -> u16 {
    (share.clamp(0.0, 1.0) * 1000.0).round() as u16
}

/// What cannot be compared is not the same, and does not go unsaid.
fn told<T: Default>(compared: Result<T, Fault>) -> T {
    compared.unwrap_or_else(|fault| {
        tracing::error!(%fault, "two episodes could not be compared");
        T::default()
    })
}
