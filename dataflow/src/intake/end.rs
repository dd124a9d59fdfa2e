//! How the feeds of several processes end together, where what they read has an end.
//!
//! ```text
//! first feed, with nothing left ─ how many have begun with you? ─▶ all ─ so many, none on its way ─▶ first
//!        └ twice the same ─▶ closed ─▶ all
//! ```
//! An episode that ends may make another fresh, which then sets out from its owner's feed, wherever that is: a
//! feed with nothing left may still get something while any has an episode on its way, or a correction to
//! make. One question does not show that none has, as the answers are not of one moment. Whoever has nothing
//! on its way at two questions, and began nothing in between, had nothing on its way in between; so at the
//! end of the first none had, nobody could set anything out again any more, and it may be told to all.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use hark_operators::driver::Epoch;
use serde::{Deserialize, Serialize};

use super::feed::Entries;
use super::{Addressed, Feed, Notice};

/// Counts the questions.
pub(crate) type Round = u64;

/// What one feed said to a question.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// To which.
    pub round: Round,
    /// Whose feed.
    pub process: usize,
    /// Episodes that set out from it so far, if none is on its way.
    pub begun: Option<usize>,
}

/// Questions and answers of one process.
#[derive(Default)]
pub(super) struct Ending {
    /// The latest question.
    round: Round,
    /// What was answered to it, while answers are missing.
    answers: Option<BTreeMap<usize, Option<usize>>>,
    /// What all said to the one before, if none had anything on its way.
    before: Option<Vec<usize>>,
    /// A question that this process has yet to answer.
    pub asked: Option<Round>,
}

impl Ending {
    /// A question to all, unless one is open.
    pub fn ask(&mut self) -> Option<Round> {
        if self.answers.is_some() {
            return None;
        }
        self.answers = Some(BTreeMap::new());
        self.round += 1;
        Some(self.round)
    }

    /// Takes an answer; whether by it all of so many `processes` have nothing left.
    pub fn answered(&mut self, answer: Answer, processes: usize) -> bool {
        let Some(answers) = self.answers.as_mut().filter(|_| answer.round == self.round) else { return false };
        answers.insert(answer.process, answer.begun);
        if answers.len() < processes {
            return false;
        }
        let now: Option<Vec<usize>> = answers.values().copied().collect();
        self.answers = None;
        let done = now.is_some() && now == self.before;
        self.before = now;
        done
    }
}

impl Feed {
    /// The first process wants to know whether this one has anything left.
    pub(crate) fn asked(&self, round: Round) {
        self.ending().asked = Some(round);
    }

    /// A process said whether it has: once nobody has, all feeds end.
    pub(crate) fn answered(&self, answer: Answer) {
        if self.ending().answered(answer, self.peers.processes) {
            self.close();
        }
    }

    /// What the first process asks all, and what this one answers.
    pub(super) fn about_the_end(&self, now: Epoch, entries: &Entries) -> Vec<(Epoch, Addressed)> {
        if self.peers.processes == 1 || self.closed.load(Ordering::Acquire) {
            return Vec::new();
        }
        let idle = self.in_flight() == 0 && self.corrections.are_settled();
        let mut ending = self.ending();
        let answer = ending.asked.take().map(|round| {
            let begun = idle.then(|| self.begun());
            (now, (0, Notice::Answered(Answer { round, process: self.peers.process, begun })))
        });
        // Only the first process reads what has an end; of topics and watched folders nobody asks.
        let asks = self.peers.process == 0 && entries.exhausted && idle;
        let round = asks.then(|| ending.ask()).flatten();
        let questions = round.map(|round| self.peers.firsts().map(move |first| (now, (first, Notice::Asked(round)))));
        answer.into_iter().chain(questions.into_iter().flatten()).collect()
    }

    fn ending(&self) -> MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the feeds end after these rounds of answers.
    fn ends(rounds: &[[Option<usize>; 2]]) -> Vec<bool> {
        let mut ending = Ending::default();
        let ask = |answers: &[Option<usize>; 2]| {
            let round = ending.ask().expect("none is open");
            assert!(ending.ask().is_none(), "one at a time");
            let mut told = answers.iter().zip(0..).map(|(&begun, process)| Answer { round, process, begun });
            told.any(|answer| ending.answered(answer, 2))
        };
        rounds.iter().map(ask).collect()
    }

    #[test]
    fn feeds_end_once_all_were_idle_twice_and_began_nothing_in_between() {
        assert_eq!(ends(&[[Some(5), Some(0)], [Some(5), Some(0)]]), [false, true]);
        assert_eq!(ends(&[[Some(5), Some(0)], [Some(5), None], [Some(5), Some(1)]]), [false; 3]);
        assert_eq!(ends(&[[Some(5), Some(0)], [Some(5), Some(1)], [Some(5), Some(1)]]), [false, false, true]);
        assert_eq!(ends(&[[None, None], [None, None]]), [false; 2]);
    }

    #[test]
    fn an_answer_to_an_earlier_question_counts_for_nothing() {
        let mut ending = Ending::default();
        let answer = |round, process| Answer { round, process, begun: Some(0) };
        let first = ending.ask().expect("none is open");
        assert!(!ending.answered(answer(first, 0), 2) && !ending.answered(answer(first, 1), 2));
        let second = ending.ask().expect("none is open");
        assert!(!ending.answered(answer(first, 0), 2) && !ending.answered(answer(second, 1), 2));
        assert!(ending.answered(answer(second, 0), 2));
    }
}
