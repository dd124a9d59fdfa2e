//! What duplicates did not cost, because they were found before the work was done.
//!
//! A duplicate would have cost what its canonical did, from where it was found on.

use std::collections::BTreeMap;

use hark_operators::dedupe::verdict::Level;
use hark_operators::record::outcome::StageTime;

use super::OutcomeTable;
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

/// Duplicates with what their canonical cost.
const QUERY: &str = "
SELECT duplicate.duplicate_level, canonical.audio_bytes, json_extract(canonical.picture, '$.seconds'), canonical.timings
FROM outcomes AS duplicate
JOIN outcomes AS canonical ON canonical.episode = duplicate.duplicate_of AND canonical.state IN ('published', 'failed')
WHERE duplicate.state = 'duplicate'";

impl OutcomeTable {
    /// Sums over all duplicates whose canonical has gone its way; commits what is pending first.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn spared(&self) -> Result<Spared, SinkError> {
        let reader = self.reader()?;
        let named = |error: rusqlite::Error| SinkError::sqlite(&self.file, &error);
        let mut query = reader.prepare(QUERY).map_err(named)?;
        let mut rows = query.query([]).map_err(named)?;
        let mut spared = Spared::default();
        while let Some(row) = rows.next().map_err(named)? {
            let (level, bytes): (String, i64) = (row.get(0).map_err(named)?, row.get(1).map_err(named)?);
            let (seconds, timings): (f64, String) = (row.get(2).map_err(named)?, row.get(3).map_err(named)?);
            let enclosure = level == Level::Enclosure.name();
            if enclosure {
                spared.bytes += bytes.cast_unsigned();
            }
            if enclosure || level == Level::Digest.name() {
                spared.decoded_seconds += seconds;
            }
            // What hark wrote is a map; another's is worth no failure here.
            let timings: BTreeMap<String, StageTime> = serde_json::from_str(&timings).unwrap_or_default();
            let later = timings.iter().filter(|(stage, _)| !matches!(&***stage, "fetch" | "decode" | "transcript"));
            spared.computing_seconds += later.map(|(_, time)| time.computing).sum::<f64>();
        }
        Ok(spared)
    }
}
