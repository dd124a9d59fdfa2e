//! The numbers of the selection, as data: `weights.toml` is the default, a user's file may replace
//! any part of it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::features::FEATURES;
use crate::fault::Fault;

/// Lengths of candidates, seconds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Length {
    pub shortest_candidate: f64,
    pub longest_candidate: f64,
    pub ideal_from: f64,
    pub ideal_to: f64,
    pub gate_from: f64,
    pub gate_to: f64,
    pub longest_gap: f64,
}

/// What speaks for and against an advert, log-odds; `weights.toml` says what each is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advert {
    pub show_per_second: f64,
    pub enter: f64,
    pub leave: f64,
    pub enter_at_start: f64,
    pub pause_discount: f64,
    pub name: f64,
    pub repeated: f64,
    pub address: f64,
    pub greeting: f64,
    pub least: f64,
}

/// Limits of the hard gates.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gates {
    pub speech_share: f64,
    pub music_share: f64,
    pub edge: f64,
    pub repeated: f64,
}

/// All numbers of the selection. [`Weights::default`] is what hark ships with.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    pub(super) length: Length,
    pub(super) advert: Advert,
    pub(super) rank: BTreeMap<String, f64>,
    pub(super) gates: Gates,
}

const EMBEDDED: &str = include_str!("weights.toml");

impl Default for Weights {
    fn default() -> Self {
        static WEIGHTS: OnceLock<Weights> = OnceLock::new();
        WEIGHTS.get_or_init(|| Self::parse("").expect("the embedded weights parse, a test reads them")).clone()
    }
}

impl Weights {
    /// Reads a TOML file's text over the defaults: it may hold only what differs from them.
    /// Errors: `select.weights` for a text that is no TOML, names something unknown, or holds a
    /// number that cannot be meant.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = |error: &toml::de::Error| {
            Fault::poison(
                "select",
                "weights",
                format!("weights cannot be read: {}", error.message()),
                "compare with operators/src/select/weights.toml",
            )
            .caused_by(error)
        };
        let mut table: toml::Table = toml::from_str(EMBEDDED).map_err(|error| wrong(&error))?;
        overlay(&mut table, toml::from_str(text).map_err(|error| wrong(&error))?);
        let weights: Self = table.try_into().map_err(|error| wrong(&error))?;
        weights.checked()
    }

    fn checked(self) -> Result<Self, Fault> {
        let complaint = |message: String| {
            Err(Fault::poison("select", "weights", message, "compare with operators/src/select/weights.toml"))
        };
        if let Some(name) = self.rank.keys().find(|name| !FEATURES.contains(&name.as_str())) {
            return complaint(format!("[rank] {name} is no feature"));
        }
        if let Some((name, weight)) = self.rank.iter().find(|(_, w)| !w.is_finite() || **w < 0.0) {
            return complaint(format!("[rank] {name} = {weight}: a weight is a number from 0 upwards"));
        }
        if self.rank.values().sum::<f64>() <= 0.0 {
            return complaint("[rank] holds no weight above 0".into());
        }
        let Length { gate_from, shortest_candidate, longest_candidate, gate_to, .. } = self.length;
        let rising = [0.0, gate_from, shortest_candidate, longest_candidate, gate_to];
        if !rising.windows(2).all(|pair| pair[0] <= pair[1]) || gate_to.is_infinite() || longest_candidate <= 0.0 {
            return complaint("[length] must rise: gate_from, shortest_, longest_candidate, gate_to".into());
        }
        Ok(self)
    }

    /// Weight of a feature; 0 when it has none.
    pub(super) fn of(&self, feature: &str) -> f64 {
        self.rank.get(feature).copied().unwrap_or(0.0)
    }
}

fn overlay(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => overlay(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_weights_name_every_feature_once() {
        let weights = Weights::parse("").expect("parses");
        let names: Vec<&str> = weights.rank.keys().map(String::as_str).collect();
        let mut features = FEATURES.to_vec();
        features.sort_unstable();
        assert_eq!(names, features);
    }

    #[test]
    fn a_users_file_changes_what_it_names_and_nothing_else() {
        let weights = Weights::parse("[rank]\nhook = 9.5\n").expect("parses");
        assert_eq!(weights.of("hook"), 9.5);
        assert_eq!(weights.of("pace"), Weights::default().of("pace"));
        assert_eq!(weights.gates, Weights::default().gates);
    }

    #[test]
    fn a_misspelt_feature_or_a_negative_weight_is_refused_by_name() {
        for (text, named) in [("[rank]\nhoook = 1.0", "hoook"), ("[rank]\nhook = -1.0", "hook"), ("[gate]", "gate")] {
            let fault = Weights::parse(text).expect_err(text);
            assert_eq!(fault.code, "select.weights");
            assert!(fault.message.contains(named), "{fault}");
        }
    }
}
