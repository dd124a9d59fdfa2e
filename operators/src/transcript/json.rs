//! JSON transcripts as a stream: Podcasting 2.0, Whisper and its kin, one-word segments or words
//! within segments.
//!
//! Segments go to the drafts as they are met; no tree of the document is ever built. Where the
//! document breaks off, what came before is kept. Nesting beyond the parser's limit is refused by
//! the parser; what is skipped is skipped without recursion.

mod fields;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use self::fields::{Key, ListOfWords, Speaker, Text, Time, Times};
use super::STAGE;
use super::clean;
use super::draft::{Draft, Drafts, TimedWord, UNKNOWN, Voice};
use super::limits::{MAX_WORDS, too_large};
use super::tokens;
use crate::fault::Fault;

/// Names under which a list of segments stands in an object.
const LISTS: [&str; 7] = ["segments", "transcription", "utterances", "results", "transcript", "captions", "cues"];

/// Words with times that are taken from one segment: some six hours in one piece.
const MAX_SEGMENT_WORDS: usize = 60_000;

/// Collects while the parser runs; serde's errors cannot carry a [`Fault`], so it waits here.
struct Sink<'d> {
    drafts: &'d mut Drafts,
    fault: Option<Fault>,
    place: u32,
    /// Words that stand beside the segments, as some services give them.
    words: Vec<TimedWord>,
    /// Names met at the top, for the message when there is no list.
    keys: Vec<String>,
}

/// Reads every segment into `drafts`.
pub(super) fn read(text: &str, drafts: &mut Drafts) -> Result<(), Fault> {
    let mut sink = Sink { drafts, fault: None, place: 0, words: Vec::new(), keys: Vec::new() };
    let mut parser = serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
    let result = Top(&mut sink).deserialize(&mut parser).and_then(|()| parser.end());
    if let Some(fault) = sink.fault {
        return Err(fault);
    }
    sink.beside()?;
    if let Err(error) = result {
        let said = error.to_string();
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        let message = format!("line {} column {}: {said}", error.line(), error.column());
        if sink.drafts.list.is_empty() {
            return Err(Fault::poison(STAGE, "json", message, "offer a complete JSON transcript").caused_by(&error));
        }
        sink.drafts.repairs.note(format!("the JSON breaks off at {message}; what came before was kept"));
    }
    if sink.drafts.list.is_empty() && !sink.keys.is_empty() {
        return Err(Fault::poison(
            STAGE,
            "nothing_usable",
            format!("the JSON has no list of segments with text under {LISTS:?}; found {:?}", sink.keys),
            "offer Podcasting 2.0 JSON, a recogniser's segments, or WebVTT",
        ));
    }
    Ok(())
}

impl Sink<'_> {
    /// One segment as parsed.
    fn segment(&mut self, raw: RawSegment) -> Result<(), Fault> {
        let (text, words) = agree(raw.text, raw.words);
        let (mut start, mut end) = (raw.start, raw.end);
        // Word times are finer than the segment's, which may be rounded or stretched over silence.
        if let (Some(first), Some(last)) = (words.first(), words.last())
            && first.start <= last.end
            && !(last.end < start - 1.0 || first.start > end + 1.0)
        {
            (start, end) = (first.start, last.end);
        }
        self.drafts.push(Draft { start, end, voice: raw.voice, text, words, place: self.place })
    }

    /// Words beside the segments: given to the segments they fall into, or one-word segments.
    fn beside(&mut self) -> Result<(), Fault> {
        let words = std::mem::take(&mut self.words);
        if self.drafts.list.is_empty() {
            for (at, word) in words.into_iter().enumerate() {
                let place = u32::try_from(at + 1).unwrap_or(u32::MAX);
                let (start, end, text) = (word.start, word.end, clean::marked(&word.text));
                self.drafts.push(Draft { start, end, voice: Voice::None, text, words: Vec::new(), place })?;
            }
            return Ok(());
        }
        if self.drafts.list.iter().any(|draft| !draft.words.is_empty()) {
            return Ok(());
        }
        let mut words = words.into_iter().peekable();
        for draft in &mut self.drafts.list {
            let mut mine = Vec::new();
            while let Some(word) = words.next_if(|word| (word.start + word.end) / 2.0 < draft.end) {
                mine.push(word);
            }
            let (text, words) = agree(std::mem::take(&mut draft.text), mine);
            (draft.text, draft.words) = (text, words);
        }
        Ok(())
    }
}

/// Makes a segment's text and its words spell the same, or drops the words.
///
/// A word that does not begin with a space, where others do, continues the one before it.
fn agree(text: String, raw: Vec<TimedWord>) -> (String, Vec<TimedWord>) {
    let spaced = raw.iter().skip(1).any(|word| word.text.starts_with(' '));
    let mut words: Vec<TimedWord> = Vec::with_capacity(raw.len());
    for mut word in raw {
        let continues =
            spaced && !word.text.starts_with(char::is_whitespace) && !word.text.starts_with(tokens::is_dense);
        word.text = clean::marked(&word.text);
        if word.text.is_empty() {
            continue;
        }
        match words.last_mut().filter(|last| continues && !last.text.ends_with(tokens::is_dense)) {
            Some(last) => {
                last.text.push_str(&word.text);
                last.end = word.end;
            }
            None => words.push(word),
        }
    }
    let letters = |text: &str| text.bytes().filter(|byte| *byte != b' ').count();
    let (of_text, of_words) = (letters(&text), words.iter().map(|word| letters(&word.text)).sum::<usize>());
    let same = of_text == of_words && {
        let of_words = words.iter().flat_map(|word| word.text.bytes());
        text.bytes().filter(|byte| *byte != b' ').eq(of_words.filter(|byte| *byte != b' '))
    };
    if same {
        return (text, words);
    }
    if of_words * 10 < of_text * 6 {
        return (text, Vec::new());
    }
    let mut spelt = String::with_capacity(of_words + words.len());
    for word in &words {
        let dense = spelt.ends_with(tokens::is_dense) && word.text.starts_with(tokens::is_dense);
        if !spelt.is_empty() && !dense {
            spelt.push(' ');
        }
        spelt.push_str(&word.text);
    }
    (spelt, words)
}

/// The fields of a segment that are of use.
struct RawSegment {
    start: f64,
    end: f64,
    text: String,
    voice: Voice,
    words: Vec<TimedWord>,
}

/// The document: a list of segments, or an object that holds one.
struct Top<'s, 'd>(&'s mut Sink<'d>);
/// The value of a name that may hold the list.
struct List<'s, 'd>(&'s mut Sink<'d>);
/// One element of the list.
struct Segment<'s, 'd>(&'s mut Sink<'d>);

impl<'de> DeserializeSeed<'de> for Top<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of segments or an object that holds one")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        List(self.0).visit_seq(list)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if LISTS.contains(&key.as_str()) {
                map.next_value_seed(List(self.0))?;
            } else if key == "words" {
                self.0.words = map.next_value_seed(ListOfWords { limit: MAX_WORDS })?;
                if self.0.words.len() > MAX_WORDS {
                    self.0.fault = Some(too_large("`words` is too long", MAX_WORDS, "words"));
                    return Err(A::Error::custom("too many words"));
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            if self.0.keys.len() < 8 {
                self.0.keys.push(key.chars().take(32).collect());
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of segments")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            self.0.place = self.0.place.saturating_add(1);
            if list.next_element_seed(Segment(self.0))?.is_none() {
                return Ok(());
            }
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        // `{"results": {"utterances": [...]}}`; the parser bounds how deep this goes.
        Top(self.0).visit_map(map)
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Segment<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Segment<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "segment {} to be an object", self.0.place)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut raw =
            RawSegment { start: UNKNOWN, end: UNKNOWN, text: String::new(), voice: Voice::None, words: Vec::new() };
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Start => raw.start = map.next_value::<Time>()?.0,
                Key::End => raw.end = map.next_value::<Time>()?.0,
                Key::Text => raw.text = map.next_value::<Text>()?.cleaned(),
                Key::Speaker => raw.voice = map.next_value::<Speaker>()?.0,
                Key::Words => raw.words = map.next_value_seed(ListOfWords { limit: MAX_SEGMENT_WORDS })?,
                Key::Times => {
                    let times = map.next_value::<Times>()?;
                    (raw.start, raw.end) = (times.from.0, times.to.0);
                }
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.0.segment(raw).map_err(|fault| {
            let message = fault.to_string();
            self.0.fault = Some(fault);
            A::Error::custom(message)
        })
    }
}
