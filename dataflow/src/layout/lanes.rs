//! Pools of lanes as a layout has them, and curves that stand in for their devices.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hark_operators::driver::Room;
use hark_operators::stage::Curve;
use serde::Deserialize;

use super::check::Flaw;

/// A pool of lanes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanesSpec {
    /// Its line in the file.
    #[serde(skip)]
    pub line: usize,
    /// Threads per worker, or of the whole process where `shared`, 1 to 256.
    pub threads: usize,
    /// Whether these are lanes of the process, however many workers it has: as a device wants it.
    #[serde(default)]
    pub shared: bool,
    /// Where their models compute: `cpu`, `cuda:0`, `auto`; as `--device` says, if absent. With
    /// `modelled:CURVE` nowhere: they take the time and memory of a measured curve. `modelled:CURVE:1` is
    /// another device of the kind, and pools that name the same one share it.
    pub device: Option<String>,
    /// That curve.
    #[serde(skip)]
    pub curve: Option<Arc<Curve>>,
    /// Megabytes that their models may take of that device.
    pub memory_mb: Option<usize>,
    /// Models that are loaded at once; the others take turns. All, if absent.
    pub resident: Option<usize>,
}

/// The curves that come with hark, by name.
pub const CURVES: [(&str, &str); 1] = [("h100", include_str!("../../curves/h100.toml"))];

impl LanesSpec {
    /// How many lanes a process of `workers` workers has.
    pub fn count(&self, workers: usize) -> usize {
        if self.shared { self.threads } else { self.threads * workers }
    }

    /// What their models may take of the device.
    pub fn room(&self) -> Room {
        Room { bytes: self.memory_mb.map(|megabytes| megabytes * 1_000_000), models: self.resident }
    }

    /// Reads the curve that stands in for its device, if one does and none was `read` for the same device before;
    /// `folder` is that of the layout.
    pub(super) fn model(
        &mut self,
        name: &str,
        folder: &Path,
        read: &mut BTreeMap<String, Arc<Curve>>,
    ) -> Result<(), Flaw> {
        let Some(device) = self.device.take_if(|device| device.starts_with(MODELLED)) else { return Ok(()) };
        // The first of a kind needs no number, as `auto` needs none.
        let device = &*self.device.insert(device.strip_suffix(":0").unwrap_or(&device).to_owned());
        if let Some(curve) = read.get(device) {
            self.curve = Some(curve.clone());
            return Ok(());
        }
        let curve = curve_of(device);
        let flaw = |problem, remedy| Flaw { line: self.line, key: "device", problem, remedy };
        let shipped = CURVES.iter().find(|(name, _)| *name == curve).map(|(_, text)| (*text).to_owned());
        let text = shipped.map_or_else(|| std::fs::read_to_string(folder.join(curve)), Ok).map_err(|error| {
            flaw(
                format!("lanes {name} are modelled by a curve that cannot be read, {curve}: {error}"),
                "write `modelled:h100`, or modelled: and the path of a curve, from the layout's own folder",
            )
        })?;
        let parsed = Curve::parse(&text).map_err(|error| {
            flaw(format!("lanes {name} are modelled by a curve that is none, {curve}: {error}"), "mend the curve")
        })?;
        let parsed = read.entry(device.to_owned()).or_insert(Arc::new(parsed));
        self.curve = Some(parsed.clone());
        Ok(())
    }
}

const MODELLED: &str = "modelled:";

/// The name or path of the curve of a modelled device, without its number.
fn curve_of(device: &str) -> &str {
    let curve = device.strip_prefix(MODELLED).unwrap_or(device);
    match curve.rsplit_once(':') {
        Some((name, number)) if number.parse::<u8>().is_ok() => name,
        _ => curve,
    }
}
