//! What is told of a few episodes, drawn or by hand.

use proptest::prelude::*;
use proptest::sample::Index;
use serde::{Deserialize, Serialize};

use hark_operators::dedupe::exact::Key;
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::record::{EpisodeId, EpisodeKey};

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fact {
    Announced(EpisodeId, Announced),
    Digest(EpisodeKey, Key),
    Print(EpisodeKey, Likeness),
    Signature(EpisodeKey, Likeness),
}

impl Fact {
    pub fn announces(&self) -> Option<EpisodeKey> {
        let Fact::Announced(episode, announced) = self else { return None };
        Some(EpisodeKey { episode: episode.clone(), revision: announced.revision })
    }
}

pub fn key(id: u8, revision: u64) -> EpisodeKey {
    EpisodeKey { episode: EpisodeId::from(format!("episode-{id}")), revision }
}

/// A key of content, spread over the range as hashes are.
pub fn content(number: u8) -> Key {
    Key::of(blake3::hash(&[number]).as_bytes())
}

pub fn likeness(bands: &[u64], body: [u8; 2]) -> Likeness {
    Likeness {
        bands: bands.into(),
        moments: bands.iter().copied().filter(|band| band % 2 == 0).collect(),
        body: body.to_vec().into(),
    }
}

prop_compose! {
    /// Announcements, revisions and withdrawals of a few episodes.
    fn announcement()(id in 0..6_u8, revision in 0..3_u64, withdrawn in prop::bool::weighted(0.2), published in 0..3_i64, enclosure in prop::option::weighted(0.4, 0..4_u8), show in prop::option::weighted(0.5, 0..2_u8)) -> Fact {
        let announced = Announced { revision, withdrawn, published, enclosure: enclosure.map(content), show: show.map(content) };
        Fact::Announced(EpisodeId::from(format!("episode-{id}")), announced)
    }
}

pub fn fact() -> impl Strategy<Value = Fact> {
    let bands = || prop::collection::btree_set(0..6_u64, 0..4).prop_map(|bands| bands.into_iter().collect::<Vec<_>>());
    let body = || (0..2_u8, 0..9_u8).prop_map(|(episode, shade)| [episode, shade]);
    let of = || (0..6_u8, 0..3_u64).prop_map(|(id, revision)| key(id, revision));
    prop_oneof![
        3 => announcement(),
        1 => (of(), 0..4_u8).prop_map(|(key, number)| Fact::Digest(key, content(number))),
        1 => (of(), bands(), body()).prop_map(|(key, bands, body)| Fact::Print(key, likeness(&bands, body))),
        1 => (of(), bands(), body()).prop_map(|(key, bands, body)| Fact::Signature(key, likeness(&bands, body))),
    ]
}

/// Facts as hark tells them: each revision is announced once, and has one digest, print and signature.
pub fn once_each(mut hand_overs: Vec<Vec<Fact>>) -> Vec<Vec<Fact>> {
    let mut seen = std::collections::HashSet::new();
    for facts in &mut hand_overs {
        facts.retain(|fact| {
            seen.insert(match fact {
                Fact::Announced(id, announced) => (
                    0,
                    EpisodeKey {
                        episode: id.clone(),
                        revision: announced.revision * 2 + u64::from(announced.withdrawn),
                    },
                ),
                Fact::Digest(key, _) => (1, key.clone()),
                Fact::Print(key, _) => (2, key.clone()),
                Fact::Signature(key, _) => (3, key.clone()),
            })
        });
    }
    hand_overs
}

/// Some facts again, at the same time as before or at any other: of revisions that fell meanwhile, too.
pub fn told_again(mut hand_overs: Vec<Vec<Fact>>, again: &[(Index, Index)]) -> Vec<Vec<Fact>> {
    let all = hand_overs.concat();
    for (fact, at) in again.iter().filter(|_| !all.is_empty()) {
        at.get_mut(&mut hand_overs).push(fact.get(&all).clone());
    }
    hand_overs
}

/// The first revision of an episode.
pub fn announced(id: u8, published: i64) -> Fact {
    let announced = Announced { revision: 0, withdrawn: false, published, enclosure: None, show: None };
    Fact::Announced(EpisodeId::from(format!("episode-{id}")), announced)
}
