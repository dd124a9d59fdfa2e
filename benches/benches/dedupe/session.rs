//! A worker, the input it feeds and the probe it waits for.

use differential_dataflow::VecCollection;
use differential_dataflow::input::InputSession;
use hark_operators::dedupe;
use hark_operators::dedupe::exact::{Key, KnownAt, Member};
use timely::Config;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

/// Feeds one dataflow, a time at a time.
pub struct Session<'w> {
    pub worker: &'w mut Worker,
    pub input: InputSession<KnownAt, (Key, Member), isize>,
    pub probe: Handle<KnownAt>,
}

/// Workers as hark sets them up.
pub fn config(workers: usize) -> Config {
    let mut config = if workers == 1 { Config::thread() } else { Config::process(workers) };
    dedupe::configure(&mut config.worker);
    config
}

impl<'w> Session<'w> {
    /// Builds the dataflow; `build` returns the probe and what else is wanted of it.
    pub fn new<T>(
        worker: &'w mut Worker,
        build: impl FnOnce(VecCollection<'_, KnownAt, (Key, Member)>) -> (Handle<KnownAt>, T),
    ) -> (Self, T) {
        let mut input = InputSession::new();
        let (probe, more) = worker.dataflow(|scope| build(input.to_collection(scope)));
        (Self { worker, input, probe }, more)
    }

    /// Ends the time and works until the probe has passed it.
    pub fn pass(&mut self) {
        self.input.advance_to(self.input.time() + 1);
        self.input.flush();
        while self.probe.less_than(self.input.time()) {
            self.worker.step();
        }
    }
}
