//! Harm on purpose: a stage that fails, panics or hangs, to rehearse what should happen then.
//!
//! A drill stands where a stage's work is made warm, so everything behind it (drivers, gathering,
//! the light way, the outcome) is the real thing.

use std::str::FromStr;

use super::{Stage, Tokens, Work};
use crate::fault::Fault;
use crate::record::{Body, Record};

/// What a drilled stage does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Reports that it failed.
    Fail,
    /// Panics.
    Panic,
    /// Never returns.
    Hang,
    /// Its device has no memory for more than two items at a time.
    Exhaust,
    /// Its device fails on every batch.
    Break,
    /// Its model's numbers are spoilt: the first of a piece is none, or the last is missing, by turns.
    Spoil,
}

/// One stage to be harmed, as on the command line: `embed=fail`, `speech=hang@EPISODE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// Which stage.
    pub stage: Stage,
    /// What happens to it.
    pub harm: Harm,
    /// On this episode alone; on all where absent.
    pub episode: Option<String>,
}

impl Drill {
    /// Spoils what a model made of these records, one row of each.
    pub(super) fn spoil(&self, batch: &[&Record], rows: &mut [Vec<f32>]) {
        let hit = batch.iter().zip(rows).filter(|(record, _)| self.hits(record));
        for (at, (_, row)) in hit.enumerate() {
            if at % 2 == 0 {
                row[0] = f32::NAN;
            } else {
                row.pop();
            }
        }
    }

    fn hits(&self, record: &Record) -> bool {
        self.episode.as_ref().is_none_or(|episode| *episode == record.episode.key().episode.as_str())
    }
}

/// What a drill may look like, for messages.
const FORM: &str =
    "write STAGE=fail, panic, hang, exhaust, break or spoil, with @EPISODE behind it for one episode alone";

impl FromStr for Drill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (stage, harm) = text.split_once('=').ok_or(FORM)?;
        let (harm, episode) = match harm.split_once('@') {
            Some((harm, episode)) => (harm, Some(episode.to_owned())),
            None => (harm, None),
        };
        let known = || Stage::ALL.map(Stage::name).join(", ");
        let stage = Stage::ALL
            .into_iter()
            .find(|known| known.name() == stage)
            .ok_or_else(|| format!("no stage is named `{stage}`; there are {}", known()))?;
        let harm = match harm {
            "fail" => Harm::Fail,
            "panic" => Harm::Panic,
            "hang" => Harm::Hang,
            "exhaust" => Harm::Exhaust,
            "break" => Harm::Break,
            "spoil" if [Stage::Speech, Stage::Embed].contains(&stage) => Harm::Spoil,
            "spoil" => return Err("only speech and embed have numbers that can be spoilt".to_owned()),
            other => return Err(format!("`{other}` is no harm; {FORM}")),
        };
        Ok(Self { stage, harm, episode })
    }
}

/// A stage's work with a drill before it.
pub(super) struct Drilled {
    pub(super) work: Box<dyn Work>,
    pub(super) drill: Drill,
}

impl Work for Drilled {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        let hit = |record: &Record| self.drill.hits(record);
        match self.drill.harm {
            Harm::Panic if batch.iter().any(hit) => panic!("a drill of {}", self.drill.stage),
            Harm::Hang if batch.iter().any(hit) => loop {
                std::thread::park(); // the driver abandons this thread
            },
            Harm::Exhaust if batch.len() > 2 && batch.iter().any(hit) => {
                return Err(Fault::out_of_memory(self.drill.stage.name(), "a drill of a small device"));
            }
            Harm::Break if batch.iter().any(hit) => {
                return Err(Fault::retry(self.drill.stage.name(), "drill", "its device failed", "run without --drill"));
            }
            Harm::Exhaust | Harm::Break | Harm::Panic | Harm::Hang | Harm::Spoil => return self.work.run(batch, emit),
            Harm::Fail => {}
        }
        let (struck, spared): (Vec<usize>, Vec<usize>) = (0..batch.len()).partition(|&i| hit(&batch[i]));
        for i in struck {
            let fault = Fault::retry(self.drill.stage.name(), "drill", "it was asked to fail", "run without --drill");
            emit(i, self.drill.stage.failed(&batch[i], fault));
        }
        let rest: Vec<Record> = spared.iter().map(|&i| batch[i].clone()).collect();
        if rest.is_empty() {
            return Ok(());
        }
        self.work.run(&rest, &mut |i, body| emit(spared[i], body))
    }

    fn weight_bytes(&self) -> Option<usize> {
        self.work.weight_bytes()
    }

    fn take_tokens(&mut self) -> Tokens {
        self.work.take_tokens()
    }

    fn rehearse(&mut self, items: usize) -> Result<(), Fault> {
        self.work.rehearse(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drill_names_stage_harm_and_episode() {
        let drill: Drill = "embed=fail".parse().expect("it is one");
        assert_eq!(drill, Drill { stage: Stage::Embed, harm: Harm::Fail, episode: None });
        let drill: Drill = "speech=hang@show/episode=1".parse().expect("it is one");
        assert_eq!((drill.harm, drill.episode.as_deref()), (Harm::Hang, Some("show/episode=1")));
    }

    #[test]
    fn a_wrong_drill_says_what_is_right() {
        let said = |text: &str| text.parse::<Drill>().expect_err("it is none");
        assert!(said("embed").contains("STAGE=fail"));
        assert!(said("embedding=fail").contains("speech, events, embed"));
        assert!(said("embed=explode").contains("`explode`"));
        assert!(said("cut=spoil").contains("speech and embed"));
    }
}
