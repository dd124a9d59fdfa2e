//! An announcement from an item of a feed.

use std::collections::BTreeMap;

use hark_operators::record::{Announcement, EpisodeId, EpisodeKey, Priority, TranscriptSource};

use super::media::{Likeness, usefulness};
use super::tree::Element;
use crate::source::date;

/// What all items of a feed share, learnt from its head.
pub(super) struct Show {
    title: String,
    language: Option<String>,
    /// Folder of the file, or `xml:base`.
    base: String,
    /// Prefixes of the file and the usual ones they stand for.
    prefixes: BTreeMap<String, &'static str>,
}

/// Parts of namespace URIs and the prefixes that feeds usually give them.
const NAMESPACES: [(&str, &str); 7] = [
    ("itunes.com/dtds", "itunes"),
    ("podcast-namespace", "podcast"),
    ("podcastindex.org", "podcast"),
    ("modules/content", "content"),
    ("search.yahoo.com/mrss", "media"),
    ("purl.org/dc/", "dc"),
    ("w3.org/2005/Atom", "atom"),
];

impl Show {
    /// A show of which nothing is known but where its feed lies.
    pub(super) fn new(base: String) -> Self {
        Self { title: String::new(), language: None, base, prefixes: BTreeMap::new() }
    }

    /// Takes in the head of the feed: its root element up to the first item, whose end tags are
    /// missing.
    pub(super) fn learn(&mut self, head: &Element) {
        let Some(root) =
            head.elements().find(|element| matches!(element.name.as_str(), "rss" | "feed" | "RDF" | "channel"))
        else {
            return;
        };
        for (name, value) in root.attributes() {
            let Some(prefix) = name.strip_prefix("xmlns:") else { continue };
            if let Some((_, usual)) =
                NAMESPACES.iter().find(|(part, _)| value.to_ascii_lowercase().contains(&part.to_ascii_lowercase()))
            {
                self.prefixes.insert(prefix.to_owned(), usual);
            }
        }
        let channel = root.elements().find(|element| element.name == "channel").unwrap_or(root);
        self.title = self
            .first_text(channel, &["title", "atom:title", "itunes:title"])
            .map(|title| one_line(&title))
            .unwrap_or_default();
        self.language = self
            .first_text(channel, &["language", "dc:language"])
            .or_else(|| channel.attribute("xml:lang").or(root.attribute("xml:lang")).map(str::to_owned));
        // A base of another scheme than http leads nowhere that may be fetched.
        let base = channel.attribute("xml:base").or(root.attribute("xml:base"));
        if let Some(base) = base.filter(|base| base.starts_with("http://") || base.starts_with("https://")) {
            self.base = base.to_owned();
        }
    }

    /// The announcement that an item makes. Every item makes one: without a guid its id is the URL
    /// of its audio, or its link, or a digest of its title and date, so that the next reading of
    /// the feed finds the same ids.
    pub(super) fn announcement(&self, item: &Element) -> Announcement {
        Announcement {
            key: EpisodeKey {
                episode: EpisodeId::from(self.id(item).unwrap_or_else(|| self.digest(item))),
                revision: 0,
            },
            show: self.title.clone(),
            title: self
                .first_text(item, &["title", "atom:title", "itunes:title"])
                .map(|title| one_line(&title))
                .unwrap_or_default(),
            description: self
                .first_text(
                    item,
                    &["description", "content:encoded", "itunes:summary", "content", "summary", "atom:summary"],
                )
                .unwrap_or_default(),
            published: self.date(item).and_then(|date| date::of_text(&date)).unwrap_or(0),
            audio: self.audio(item).map(str::to_owned),
            transcript: self.transcript(item),
            language: self.first_text(item, &["dc:language", "language"]).or_else(|| self.language.clone()),
            declared_seconds: self.first_text(item, &["itunes:duration"]).and_then(|text| date::length(&text)),
            priority: Priority::Normal,
            deadline: None,
            withdrawn: false,
            base: self.base.clone(),
        }
    }

    /// The id that an item gives itself.
    pub(super) fn id(&self, item: &Element) -> Option<String> {
        self.first_text(item, &["guid", "id", "atom:id"])
            .or_else(|| self.audio(item).map(str::to_owned))
            .or_else(|| self.link(item))
    }

    fn digest(&self, item: &Element) -> String {
        let title = self.first_text(item, &["title", "itunes:title"]).unwrap_or_default();
        let date = self.date(item).unwrap_or_default();
        let digest = blake3::hash(format!("{}\0{title}\0{date}", self.title).as_bytes());
        format!("item-{}", &digest.to_hex()[..32])
    }

    fn date(&self, item: &Element) -> Option<String> {
        self.first_text(item, &["pubDate", "published", "dc:date", "updated", "atom:published", "atom:updated"])
    }

    fn link(&self, item: &Element) -> Option<String> {
        let links = || self.children(item, &["link", "atom:link"]);
        links()
            .map(Element::text)
            .find(|text| !text.is_empty())
            .or_else(|| links().find_map(|link| link.attribute("href")).map(str::to_owned))
    }

    /// Children with one of these names, the prefix being the usual one.
    fn children<'e>(&self, of: &'e Element, names: &[&str]) -> impl Iterator<Item = &'e Element> {
        of.elements().filter(|element| {
            let prefix = self.prefixes.get(&element.prefix).copied().unwrap_or(&element.prefix);
            names.iter().any(|name| match name.split_once(':') {
                Some((wanted, local)) => prefix == wanted && element.name == local,
                // A feed may give RSS or Atom itself a prefix.
                None => (prefix.is_empty() || prefix == "rss") && element.name == *name,
            })
        })
    }

    /// The text of the first of `names` that has any.
    fn first_text(&self, of: &Element, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.children(of, &[name]).map(Element::text).find(|text| !text.is_empty()))
    }

    /// The address of the item's audio: the first enclosure that says or looks like audio; else one
    /// that says nothing; else video, which has a sound track.
    fn audio<'e>(&self, item: &'e Element) -> Option<&'e str> {
        let enclosures = self.children(item, &["enclosure"]).map(|element| (element.attribute("url"), element));
        let links =
            self.children(item, &["link", "atom:link"]).filter(|link| link.attribute("rel") == Some("enclosure"));
        let links = links.map(|link| (link.attribute("href"), link));
        let media = self.children(item, &["media:content"]);
        let groups = self.children(item, &["media:group"]).flat_map(|group| self.children(group, &["media:content"]));
        let media = media.chain(groups).map(|element| (element.attribute("url"), element));
        let others = self.children(item, &["podcast:alternateEnclosure"]).map(|other| {
            let http = |source: &&Element| source.attribute("uri").is_some_and(|uri| uri.starts_with("http"));
            (self.children(other, &["podcast:source"]).find(http).and_then(|source| source.attribute("uri")), other)
        });
        // Media RSS describes pictures as often as sound, so there a type is asked for.
        let firm = enclosures.chain(links).map(|(uri, element)| (uri, element, Likeness::Unknown));
        let loose = media.chain(others).map(|(uri, element)| (uri, element, Likeness::No));
        let candidates = firm.chain(loose).filter_map(|(uri, element, unknown)| {
            let likeness = match Likeness::of(element.attribute("type"), uri?) {
                Likeness::Unknown => unknown,
                likeness => likeness,
            };
            (likeness > Likeness::No).then_some((likeness, uri?))
        });
        // The first of the best: `max_by_key` would take the last.
        candidates.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, uri)| uri)
    }

    /// The most useful transcript: in the language of the show first, then by what its format can
    /// say about times.
    fn transcript(&self, item: &Element) -> Option<TranscriptSource> {
        let language = self.first_text(item, &["dc:language", "language"]).or_else(|| self.language.clone());
        let foreign = |element: &Element| match (element.attribute("language"), &language) {
            (Some(own), Some(show)) => !main_part(own).eq_ignore_ascii_case(main_part(show)),
            _ => false,
        };
        let (uri, element) = self
            .children(item, &["podcast:transcript"])
            .filter_map(|element| Some((element.attribute("url")?, element)))
            .min_by_key(|(uri, element)| (foreign(element), usefulness(element.attribute("type"), uri)))?;
        Some(TranscriptSource::At { uri: uri.to_owned(), media_type: element.attribute("type").map(str::to_owned) })
    }
}

/// `en` of `en-GB`.
fn main_part(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or(language)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
