//! What duplicates did not cost, because they were found before the work was done.
//!
//! A duplicate would have cost what its canonical did, from where it was found on.

use std::collections::BTreeMap;

use hark_operators::dedupe::verdict::Level;
use hark_operators::record::outcome::StageTime;

use super::cell::Cell;
use super::{Inside, OutcomeTable};
use crate::sink::SinkError;

/// Work that was not done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spared {
    /// Bytes of audio not fetched.
    pub bytes: u64,
    /// Seconds of audio not decoded.
    pub decoded_seconds: f64,
    /// Seconds that models and the stages behind them did not compute.
    pub computing_seconds: f64,
}

impl OutcomeTable {
    /// Sums over all duplicates whose canonical has gone its way; commits what is pending first.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn spared(&self) -> Result<Spared, SinkError> {
        let seconds = match &self.inside {
            Inside::Sqlite(_) => "json_extract(canonical.picture, '$.seconds')",
            Inside::Postgres(_) => "(canonical.picture::json ->> 'seconds')::double precision",
        };
        // Duplicates with what their canonical cost.
        let query = format!(
            "SELECT duplicate.duplicate_level, canonical.audio_bytes, {seconds}, canonical.timings \
             FROM outcomes AS duplicate \
             JOIN outcomes AS canonical \
             ON canonical.episode = duplicate.duplicate_of AND canonical.state IN ('published', 'failed') \
             WHERE duplicate.state = 'duplicate'"
        );
        self.sum(&query, add)
    }
}

fn add(spared: &mut Spared, cells: &[Cell]) {
    let [Cell::Text(level), Cell::Integer(bytes), Cell::Real(seconds), Cell::Text(timings)] = cells else { return };
    let enclosure = level == Level::Enclosure.name();
    if enclosure {
        spared.bytes += bytes.cast_unsigned();
    }
    if enclosure || level == Level::Digest.name() {
        spared.decoded_seconds += seconds;
    }
    // What hark wrote is a map; another's is worth no failure here.
    let timings: BTreeMap<String, StageTime> = serde_json::from_str(timings).unwrap_or_default();
    let later = timings.iter().filter(|(stage, _)| !matches!(&***stage, "fetch" | "decode" | "transcript"));
    spared.computing_seconds += later.map(|(_, time)| time.computing).sum::<f64>();
}
