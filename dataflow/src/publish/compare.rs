//! What a start makes of the rows that it finds.

use hark_operators::record::Announcement;

use super::ends::{key_of, says};
use super::{End, FolderPublisher, Remembered};
use crate::cluster::Peers;
use crate::sink::Which;

impl FolderPublisher {
    /// Compares the row of every episode of this process with what is known now and has corrected what
    /// differs: after a start, when what was known before has been told again. What ended fresh and is not
    /// `remembered` sets out again, unless it `is_under_way`, for it may be that nobody announces it again.
    /// What a verdict ended needs no such care: where that no longer follows from what is known, it differs.
    pub(crate) fn compare(&self, peers: &Peers, remembered: &Remembered, is_under_way: impl Fn(&Announcement) -> bool) {
        let compared = self.rows.visit(Which::All, |outcome| {
            let key = key_of(&outcome);
            if !peers.own_it(&key.episode) {
                return Ok(());
            }
            let right = match self.judgements.on(&key) {
                Some(verdict) => says(&outcome.state, &verdict),
                None if End::of(&outcome.state).is_settled() => false,
                None if !remembered.covers_own(&outcome) && !is_under_way(&outcome.announcement) => {
                    self.run_again(&mut self.ledger(), &outcome.announcement);
                    true
                }
                None => *outcome.picture.repeated == *self.judgements.parts_of(&key),
            };
            if !right {
                self.corrections.due(key);
            }
            Ok(())
        });
        if let Err(error) = compared {
            self.stop(error);
        }
    }
}

#[cfg(test)]
mod tests;
