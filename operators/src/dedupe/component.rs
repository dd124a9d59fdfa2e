//! Chains and cycles of duplicates to one canonical each.
//!
//! Label propagation: every episode takes the least label of itself and its neighbours until nothing
//! changes. Copies tie themselves to the least of their group, so most components are stars and done
//! after two rounds. An episode without a tie takes no part.

use differential_dataflow::VecCollection;
use differential_dataflow::operators::iterate::Variable;
use differential_dataflow::trace::implementations::{ValBuilder, ValSpine};
use timely::order::Product;

use super::exact::{Edge, KnownAt, Member};

/// Every member of an edge with the least member that it is tied to, directly or not.
pub(super) fn canonical<'s>(edges: VecCollection<'s, KnownAt, Edge>) -> VecCollection<'s, KnownAt, (Member, Member)> {
    let both = edges.flat_map(|(a, b)| [(a.clone(), b.clone()), (b, a)]);
    let scope = both.scope();
    scope.scoped::<Product<KnownAt, u32>, _, _>("components", |inner| {
        let both = both.enter(inner);
        let own = both.clone().map(|(a, _)| (a.clone(), a)).distinct();
        let ties = both.arrange_by_key();
        let (bind, proposed) = Variable::new(inner, Product::new(0, 1));
        let labels =
            proposed.concat(own).reduce_abelian::<_, ValBuilder<_, _, _, _>, ValSpine<Member, Member, _, isize>>(
                "least label",
                |_member, labels, least| least.push((labels[0].0.clone(), 1)),
            );
        bind.set(labels.clone().join_core(ties, |_member, label, other| Some((other.clone(), label.clone()))));
        labels.as_collection(|member, label| (member.clone(), label.clone())).leave(scope)
    })
}
