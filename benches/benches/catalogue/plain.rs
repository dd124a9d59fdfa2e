//! The baseline: near-duplicates by differential's own operators, every band a row of arrangements.

use differential_dataflow::VecCollection;
use differential_dataflow::operators::ThresholdTotal;
use hark_operators::dedupe::bands::POPULAR;
use hark_operators::dedupe::exact::{Edge, KnownAt, Member};
use hark_operators::dedupe::near::{Likeness, Rule};

/// Edges and popular bands.
pub fn near<'s>(
    likenesses: VecCollection<'s, KnownAt, (Member, Likeness)>,
    rule: Rule,
) -> (VecCollection<'s, KnownAt, Edge>, VecCollection<'s, KnownAt, u64>) {
    let banded = likenesses
        .clone()
        .flat_map(|(member, likeness)| (0..likeness.bands.len()).map(move |at| (likeness.bands[at], member.clone())));
    let bands = banded.clone().map(|(band, _)| band);
    let popular = bands.threshold_total(|_band, &members| isize::from(members > POPULAR as isize));
    let pairs = banded.antijoin(popular.clone()).reduce(|_band, members, pairs| {
        let least = members[0].0;
        pairs.extend(members[1..].iter().map(|(member, _)| (((*member).clone(), least.clone()), 1)));
    });
    let candidates =
        pairs.map(|(_band, pair)| pair).threshold_total(move |_pair, &met| isize::from(met >= rule.meetings));
    let by_member = likenesses.map(|(member, likeness)| (member, likeness.body)).arrange_by_key();
    let edges = candidates
        .join_core(by_member.clone(), |member, least, body| Some((least.clone(), (member.clone(), body.clone()))))
        .join_core(by_member, move |least, (member, body), other| {
            (rule.compare)(body, other).map(|_similarity| (member.clone(), least.clone()))
        });
    (edges, popular)
}
