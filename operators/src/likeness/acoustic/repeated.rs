//! Which parts of an episode other episodes hold too, and how many: adverts, jingles, intro, outro.
//!
//! Edges that were found against different episodes differ by some tenths of a second; those within a
//! second of each other are taken for one, at their middle. Between edges the number of episodes is
//! counted, and neighbours with the same episodes become one part.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::align::Shared;
use crate::units::Span;

/// Edges at most so many seconds apart are one edge.
const ONE_EDGE: f64 = 1.0;

/// A span of an episode that others share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepeatedPart {
    /// Where it lies in the episode.
    pub span: Span,
    /// How many other episodes hold it.
    pub episodes: usize,
}

/// Merges the spans that one episode (the `a` side) shares with others into parts that do not overlap,
/// in the order of time. The order of `shared` does not matter.
pub fn repeated<E: Ord>(shared: &[(E, Shared)]) -> Vec<RepeatedPart> {
    let edges = edges(shared.iter().flat_map(|(_, span)| [span.in_a().start.0, span.in_a().end.0]).collect());
    let snap = |edge: f64| {
        let after = edges.partition_point(|cluster| cluster.last < edge);
        edges[after].middle
    };
    let snapped: Vec<(&E, f64, f64)> =
        shared.iter().map(|(other, span)| (other, snap(span.in_a().start.0), snap(span.in_a().end.0))).collect();
    let mut parts: Vec<(Span, BTreeSet<&E>)> = Vec::new();
    for pair in edges.windows(2) {
        let (start, end) = (pair[0].middle, pair[1].middle);
        let here = snapped.iter().filter(|(_, from, to)| *from <= start && end <= *to);
        let episodes: BTreeSet<&E> = here.map(|(other, ..)| *other).collect();
        match parts.last_mut() {
            _ if episodes.is_empty() => {}
            Some((span, before)) if *before == episodes && span.end.0 == start => span.end.0 = end,
            _ => parts.push((Span::new(start, end), episodes)),
        }
    }
    parts.into_iter().map(|(span, episodes)| RepeatedPart { span, episodes: episodes.len() }).collect()
}

/// Edges that are taken for one.
struct Cluster {
    first: f64,
    last: f64,
    middle: f64,
}

fn edges(mut edges: Vec<f64>) -> Vec<Cluster> {
    edges.sort_by(f64::total_cmp);
    let mut clusters: Vec<Cluster> = Vec::new();
    for edge in edges {
        match clusters.last_mut() {
            Some(cluster) if edge - cluster.first <= ONE_EDGE => cluster.last = edge,
            _ => clusters.push(Cluster { first: edge, last: edge, middle: edge }),
        }
    }
    clusters.iter_mut().for_each(|cluster| cluster.middle = f64::midpoint(cluster.first, cluster.last));
    clusters
}
