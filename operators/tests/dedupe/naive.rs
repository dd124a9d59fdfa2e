//! The same verdicts by loops over all facts.

use std::collections::{BTreeMap, BTreeSet};

use super::{EpisodeKey, Fact, Key, Level, Likeness, Member, Parts, Rule, Rules, Stands, Verdict};
use hark_operators::dedupe::bands::{POPULAR, Tag};
use hark_operators::dedupe::repeated::{NEIGHBOURS, Stretch, name};
use hark_operators::dedupe::standing::Announced;
use hark_operators::dedupe::verdict::Tie;
use hark_operators::record::EpisodeId;

pub fn verdicts(facts: &[Fact], rules: Rules) -> BTreeMap<EpisodeKey, Verdict> {
    let mut all = BTreeMap::new();
    let standing = standing(facts);
    for (id, versions) in announced(facts) {
        let latest = versions.last().expect("an id has a version");
        for version in &versions {
            let key = EpisodeKey { episode: id.clone(), revision: version.revision };
            if version.revision < latest.revision {
                all.insert(key, Verdict::Revised { by: latest.revision });
            } else if latest.withdrawn {
                all.insert(key, Verdict::Withdrawn);
            }
        }
    }
    let member = |key: &EpisodeKey| standing.get(key).map(|(member, _)| member.clone());

    let mut ties: Vec<(Member, Member, Level, u16)> = Vec::new();
    let mut likenesses: BTreeMap<Level, Vec<(Member, Likeness)>> = BTreeMap::new();
    let copies = copies(facts);
    let member = |key: &EpisodeKey| member(key).filter(|_| !copies.contains(key));
    for fact in facts {
        match fact {
            Fact::Print(key, likeness) => likenesses
                .entry(Level::Acoustic)
                .or_default()
                .extend(member(key).map(|member| (member, likeness.clone()))),
            Fact::Signature(key, likeness) => likenesses
                .entry(Level::Transcript)
                .or_default()
                .extend(member(key).map(|member| (member, likeness.clone()))),
            Fact::Announced(..) | Fact::Digest(..) => {}
        }
    }
    for ((level, _), group) in exact(facts) {
        let canonical = group.first().expect("a group has a member").clone();
        ties.extend(group.into_iter().skip(1).map(|other| (other, canonical.clone(), level, 0)));
    }
    for rule in [rules.acoustic, rules.transcript] {
        ties.extend(near(likenesses.get(&rule.level).map_or(&[], Vec::as_slice), rule));
    }
    all.extend(components(&ties));
    all
}

/// The repeated parts of each episode: of every other that has no verdict and is near in the show, or
/// shares a moment of which one of the two is the first to be asked.
pub fn parts(facts: &[Fact], verdicts: &BTreeMap<EpisodeKey, Verdict>, rules: Rules) -> BTreeMap<EpisodeKey, Parts> {
    let (standing, copies) = (standing(facts), copies(facts));
    let mut heard: BTreeMap<&EpisodeKey, (&Member, Option<Key>, &Likeness)> = BTreeMap::new();
    for fact in facts {
        if let Fact::Print(key, likeness) = fact
            && !copies.contains(key)
            && let Some((member, announced)) = standing.get(key)
        {
            heard.insert(key, (member, announced.show, likeness));
        }
    }
    let place = |key: &EpisodeKey| (name(key), key.clone());
    let mut learns: BTreeSet<(&EpisodeKey, &EpisodeKey)> = BTreeSet::new();
    for (member, show, likeness) in heard.values() {
        if show.is_some() {
            let mut row: Vec<(i64, Key, &EpisodeKey)> = heard
                .values()
                .filter(|(_, of, _)| of == show)
                .map(|(member, ..)| (member.published, name(&member.key), &member.key))
                .collect();
            row.sort();
            let at = row.iter().position(|(.., key)| *key == &member.key).expect("it is in its show");
            let near = row.iter().enumerate().filter(|(other, _)| other.abs_diff(at) <= NEIGHBOURS);
            learns.extend(near.map(|(_, (.., other))| (&member.key, *other)));
        }
        for moment in likeness.moments.iter() {
            let mut bucket: Vec<(Key, EpisodeKey)> = heard
                .values()
                .filter(|(.., other)| other.moments.contains(moment))
                .map(|(member, ..)| place(&member.key))
                .collect();
            bucket.sort();
            let first = bucket.iter().find(|(_, key)| *key != member.key);
            learns.extend(first.and_then(|(_, key)| heard.get_key_value(key)).map(|(key, _)| (&member.key, *key)));
        }
    }
    let mut shared: BTreeMap<&EpisodeKey, Vec<(&EpisodeKey, Stretch)>> = BTreeMap::new();
    for (learner, other) in learns {
        if learner != other && !matches!(verdicts.get(other), Some(Verdict::Duplicate { .. })) {
            let stretches = (rules.sharing.shared)(&heard[learner].2.body, &heard[other].2.body);
            shared.entry(learner).or_default().extend(stretches.into_iter().map(|stretch| (other, stretch)));
        }
    }
    shared.retain(|_, shared| !shared.is_empty());
    let parts = |(learner, shared): (&EpisodeKey, Vec<_>)| {
        (learner.clone(), Parts::from((rules.sharing.parts)(&heard[learner].2.body, &shared)))
    };
    shared.into_iter().map(parts).collect()
}

/// Those that have one enclosure or one digest.
fn exact(facts: &[Fact]) -> BTreeMap<(Level, Key), BTreeSet<Member>> {
    let (standing, mut groups) = (standing(facts), BTreeMap::new());
    let mut add = |level, key, member: &Member| {
        groups.entry((level, key)).or_insert_with(BTreeSet::new).insert(member.clone());
    };
    for (member, announced) in standing.values() {
        if let Some(enclosure) = announced.enclosure {
            add(Level::Enclosure, enclosure, member);
        }
    }
    for fact in facts {
        if let Fact::Digest(key, digest) = fact
            && let Some((member, _)) = standing.get(key)
        {
            add(Level::Digest, *digest, member);
        }
    }
    groups
}

/// All of them but the first of each: how they sound and what is said in them counts for nothing.
fn copies(facts: &[Fact]) -> BTreeSet<EpisodeKey> {
    exact(facts).into_values().flat_map(|group| group.into_iter().skip(1).map(|member| member.key)).collect()
}

/// The revisions that stand, as announced.
fn standing(facts: &[Fact]) -> BTreeMap<EpisodeKey, (Member, Announced)> {
    let mut standing = BTreeMap::new();
    for (id, versions) in announced(facts) {
        let latest = versions.last().expect("an id has a version");
        if !latest.withdrawn {
            let key = EpisodeKey { episode: id, revision: latest.revision };
            standing.insert(key.clone(), (Member { published: latest.published, key }, latest.clone()));
        }
    }
    standing
}

/// What is known of the revisions that stand, and which episodes were revised or withdrawn.
pub fn stands(facts: &[Fact]) -> BTreeSet<Stands> {
    let (standing, mut all) = (standing(facts), BTreeSet::new());
    for (id, versions) in announced(facts) {
        let latest = versions.last().expect("an id has a version");
        if versions.iter().any(|version| version.revision < latest.revision) {
            all.insert(Stands::Revised(id.clone(), latest.revision));
        }
        if latest.withdrawn {
            all.insert(Stands::Withdrawn(EpisodeKey { episode: id, revision: latest.revision }));
        }
    }
    all.extend(
        standing
            .values()
            .filter_map(|(member, announced)| Some(Stands::Enclosure(announced.enclosure?, member.clone()))),
    );
    for fact in facts {
        let of = |key: &EpisodeKey| standing.get(key).map(|(member, announced)| (member.clone(), announced.show));
        all.extend(match fact {
            Fact::Announced(..) => None,
            Fact::Digest(key, digest) => of(key).map(|(member, _)| Stands::Digest(*digest, member)),
            Fact::Print(key, print) => of(key).map(|(member, show)| Stands::Print(member, (show, print.clone()))),
            Fact::Signature(key, signature) => {
                of(key).map(|(member, show)| Stands::Signature(member, (show, signature.clone())))
            }
        });
    }
    all
}

fn announced(facts: &[Fact]) -> BTreeMap<EpisodeId, Vec<Announced>> {
    let mut by_id: BTreeMap<EpisodeId, Vec<Announced>> = BTreeMap::new();
    for fact in facts {
        if let Fact::Announced(id, announced) = fact {
            by_id.entry(id.clone()).or_default().push(announced.clone());
        }
    }
    by_id.values_mut().for_each(|versions| versions.sort());
    by_id
}

fn near(of: &[(Member, Likeness)], rule: Rule) -> Vec<(Member, Member, Level, u16)> {
    let mut bands: BTreeMap<u64, BTreeSet<&Member>> = BTreeMap::new();
    for (member, likeness) in of {
        for band in likeness.bands.iter() {
            bands.entry(*band).or_default().insert(member);
        }
    }
    bands.retain(|_, members| members.len() <= POPULAR);
    let mut met: BTreeMap<(&Member, &Member), isize> = BTreeMap::new();
    for members in bands.values() {
        let least = *members.iter().min_by_key(|member| Tag::of(member)).expect("a band has a member");
        let others = members.iter().filter(|member| **member != least);
        others.for_each(|member| *met.entry((*member, least)).or_default() += 1);
    }
    let body = |member: &Member| &of.iter().find(|(of, _)| of == member).expect("it is one of them").1.body;
    met.into_iter()
        .filter(|(_, count)| *count >= rule.meetings)
        .filter_map(|((member, least), _)| {
            let similarity = (rule.compare)(body(member), body(least))?;
            Some((member.clone(), least.clone(), rule.level, 1000 - similarity))
        })
        .collect()
}

fn components(ties: &[(Member, Member, Level, u16)]) -> BTreeMap<EpisodeKey, Verdict> {
    let mut label: BTreeMap<&Member, &Member> = ties.iter().flat_map(|(a, b, ..)| [(a, a), (b, b)]).collect();
    loop {
        let mut changed = false;
        for (a, b, ..) in ties {
            let least = label[a].min(label[b]);
            for end in [a, b] {
                changed |= label.insert(end, least) != Some(least);
            }
        }
        if !changed {
            break;
        }
    }
    let mut verdicts = BTreeMap::new();
    for (member, canonical) in label.iter().filter(|(member, canonical)| member != canonical) {
        let tie = ties
            .iter()
            .flat_map(|(a, b, level, apart)| [(a, b, level, apart), (b, a, level, apart)])
            .filter(|(end, ..)| end == member)
            .map(|(_, to, level, apart)| Tie { level: *level, apart: *apart, to: to.key.clone() })
            .min_by_key(|tie| (tie.to != canonical.key, tie.clone()));
        let tie = tie.expect("a member of a component has a tie");
        verdicts.insert(member.key.clone(), Verdict::Duplicate { of: canonical.key.clone(), tie });
    }
    verdicts
}
