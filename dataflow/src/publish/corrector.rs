//! The thread that makes corrections.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::FolderPublisher;

/// Makes what corrections of a publisher are due, until it is dropped.
pub(crate) struct Corrector {
    publisher: Arc<FolderPublisher>,
    thread: Option<JoinHandle<()>>,
}

impl Corrector {
    pub fn start(publisher: Arc<FolderPublisher>) -> Self {
        let publishes = publisher.clone();
        let correct = move || {
            let corrections = publishes.corrections();
            while let Some(revisions) = corrections.take() {
                // What could not be made stays open, and nobody takes the job for done: it has to stop.
                if let Err(error) = publishes.correct(&revisions) {
                    return publishes.stop(error);
                }
                corrections.settle();
            }
        };
        Self { publisher, thread: Some(std::thread::spawn(correct)) }
    }

    /// Whether it has given up.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Makes what is left.
    pub fn finish(mut self) {
        self.publisher.corrections().close();
        let panicked = self.thread.take().is_some_and(|thread| thread.join().is_err());
        assert!(!panicked, "the thread that corrects does not panic");
    }
}

impl Drop for Corrector {
    /// Not waited for: a run that is given up may have lost the store that it waits for.
    fn drop(&mut self) {
        self.publisher.corrections().close();
    }
}
