//! A fixed catalogue through a week of takedowns and revisions: resident memory stays flat.

use hark_benches::apart::Figures;
use hark_benches::memory;
use hark_operators::dedupe::exact;
use timely::dataflow::operators::Probe;

use crate::material;
use crate::session::{Session, config};

/// Takedowns that an epoch brings, each with its successor.
const EPOCH: u64 = 50;

/// The most bytes resident for it in the first and in the second half of the epochs, the most rows held.
pub fn flat(catalogue: u64, epochs: u64) -> Figures {
    let before = memory::resident();
    let guards = timely::execute(config(1), move |worker| {
        let (mut session, held) = Session::new(worker, |members| {
            let (edges, held) = exact::edges(members);
            (edges.inner.probe().0, held)
        });
        let revised = |number, revision| {
            let (key, mut member) = material::record(number);
            member.key.revision = revision;
            (key, member)
        };
        for number in 0..catalogue {
            session.input.insert(revised(number, 0));
        }
        session.pass();
        let mut revisions = vec![0; catalogue as usize];
        let (mut halves, mut rows) = ([0.0_f64; 2], 0);
        for epoch in 0..epochs {
            for one in 0..EPOCH {
                let number = material::scattered(epoch * EPOCH + one, catalogue);
                let revision = &mut revisions[number as usize];
                session.input.remove(revised(number, *revision));
                *revision += 1;
                session.input.insert(revised(number, *revision));
            }
            session.pass();
            rows = rows.max(held.rows());
            if epoch % 50 == 49 {
                let half = &mut halves[(2 * epoch / epochs) as usize];
                *half = half.max(memory::resident() - before);
            }
        }
        [("first", halves[0]), ("second", halves[1]), ("rows", rows as f64)]
            .map(|(name, figure)| (name.to_owned(), figure))
            .into()
    });
    guards.expect("the worker starts").join().remove(0).expect("the worker does not panic")
}
