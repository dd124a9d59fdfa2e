//! Which facts a full snapshot may let go.

use hark_operators::record::EpisodeId;

use super::fact::Fact;

/// Keeps every announcement, and of other facts those of the latest announced revision, if that is
/// not withdrawn: what dedupe makes of the facts is the same with the rest and without. What is
/// known of an episode that was never announced stays.
///
/// For [`super::Snapshots::full`], which shows an episode's announcements before its other facts.
pub fn standing() -> impl FnMut(&Fact) -> bool {
    let mut current: Option<(EpisodeId, u64, bool)> = None;
    move |fact| match fact {
        Fact::Announced(id, announced) => {
            // Announcements come in their order: the last one seen is the greatest.
            current = Some((id.clone(), announced.revision, announced.withdrawn));
            true
        }
        other => current.as_ref().is_none_or(|(id, latest, withdrawn)| {
            id != other.episode() || other.revision() > *latest || (other.revision() == *latest && !withdrawn)
        }),
    }
}
