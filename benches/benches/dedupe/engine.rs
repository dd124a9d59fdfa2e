//! What is measured: hark's operator, and the plain join that it replaces.

use differential_dataflow::VecCollection;
use differential_dataflow::trace::implementations::{ValBuilder, ValSpine};
use hark_operators::dedupe::exact::{self, Edge, Key, KnownAt, Member};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::probe::Handle;

/// A way to find duplicates incrementally.
#[derive(Clone, Copy, PartialEq)]
pub enum Engine {
    /// One arrangement, edges for duplicates only.
    Hark,
    /// Differential as it comes: members and canonicals arranged, joined for every member.
    Join,
}

impl Engine {
    /// As it is called on the command line and in the table.
    pub const NAMES: [(Self, &str); 2] = [(Self::Hark, "hark"), (Self::Join, "join")];

    /// Builds it; the probe passes a time when its verdicts are out.
    pub fn build(self, members: VecCollection<'_, KnownAt, (Key, Member)>) -> Handle<KnownAt> {
        let edges = match self {
            Self::Hark => exact::edges(members).0,
            Self::Join => join(members),
        };
        edges.inner.probe().0
    }
}

fn join<'s>(members: VecCollection<'s, KnownAt, (Key, Member)>) -> VecCollection<'s, KnownAt, Edge> {
    let by_key = members.arrange_by_key();
    let canonical =
        by_key.clone().reduce_abelian::<_, ValBuilder<_, _, _, _>, ValSpine<Key, Member, KnownAt, isize>, _, _>(
            "canonical",
            |_key, members, output| output.push((members[0].0.clone(), 1)),
            |rows, key, updates| {
                rows.clear();
                rows.extend(updates.drain(..).map(|(member, time, diff)| ((*key, member), time, diff)));
            },
        );
    by_key.join_core(canonical, |_key, member, canonical| Some((member.clone(), canonical.clone())))
}
