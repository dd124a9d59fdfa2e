//! The fields of a segment, each taken in whatever form writers give it.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::transcript::clean;
use crate::transcript::clock;
use crate::transcript::draft::{TimedWord, UNKNOWN, Voice};
use crate::transcript::limits::MAX_TEXT;

/// What a name in a segment stands for.
pub(super) enum Key {
    Start,
    End,
    Text,
    Speaker,
    Words,
    Times,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(parser: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(match name {
                    "start" | "startTime" | "start_time" | "begin" | "from" => Key::Start,
                    "end" | "endTime" | "end_time" | "to" => Key::End,
                    "text" | "body" | "word" | "content" | "transcript" | "sentence" => Key::Text,
                    "speaker" | "speaker_label" | "speakerLabel" | "speaker_id" | "speakerName" => Key::Speaker,
                    "words" => Key::Words,
                    "timestamps" => Key::Times,
                    _ => Key::Other,
                })
            }
        }
        parser.deserialize_identifier(Name)
    }
}

/// A number, a text or nothing; other kinds of value count as nothing.
enum Scalar {
    Number(f64),
    Text(String),
    Nothing,
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(parser: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number as f64))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number as f64))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                if text.len() > MAX_TEXT {
                    return Err(E::custom(format!("a text of more than {MAX_TEXT} bytes")));
                }
                Ok(Scalar::Text(text.to_owned()))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
                Ok(Scalar::Nothing)
            }
            fn visit_unit<E>(self) -> Result<Scalar, E> {
                Ok(Scalar::Nothing)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nothing)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nothing)
            }
        }
        parser.deserialize_any(Any)
    }
}

/// Seconds, as a number or a text with or without colons.
#[derive(Clone, Copy)]
pub(super) struct Time(pub f64);

impl Default for Time {
    fn default() -> Self {
        Self(UNKNOWN)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(parser: D) -> Result<Self, D::Error> {
        Ok(Self(match Scalar::deserialize(parser)? {
            // Milliseconds are told from seconds later, by the whole file.
            Scalar::Number(number) if number.abs() <= clock::LATEST * 1000.0 => number,
            Scalar::Text(text) => clock::parse(text.trim_end_matches('s')).unwrap_or(UNKNOWN),
            _ => UNKNOWN,
        }))
    }
}

/// whisper.cpp's pair of times.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Times {
    pub from: Time,
    pub to: Time,
}

/// What is said.
pub(super) struct Text(String);

impl Text {
    /// Without markup, whitespace collapsed.
    pub fn cleaned(&self) -> String {
        clean::marked(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(parser: D) -> Result<Self, D::Error> {
        Ok(Self(match Scalar::deserialize(parser)? {
            Scalar::Text(text) => text,
            Scalar::Number(number) => number.to_string(),
            Scalar::Nothing => String::new(),
        }))
    }
}

/// A name, or the number that a recogniser gave to a voice.
pub(super) struct Speaker(pub Voice);

impl<'de> Deserialize<'de> for Speaker {
    fn deserialize<D: Deserializer<'de>>(parser: D) -> Result<Self, D::Error> {
        Ok(Self(match Scalar::deserialize(parser)? {
            Scalar::Text(text) => Voice::Named(Arc::from(clean::name(&text))),
            Scalar::Number(number) => Voice::Named(Arc::from(format!("Speaker {number}"))),
            Scalar::Nothing => Voice::None,
        }))
    }
}

/// `[{"start": 0.1, "end": 0.4, "word": " Hello"}, ...]`; texts are left raw, because a leading
/// space tells whether a word begins. Elements of other kinds are left out.
/// Reading stops one word after the limit.
pub(super) struct ListOfWords {
    pub limit: usize,
}

impl<'de> DeserializeSeed<'de> for ListOfWords {
    type Value = Vec<TimedWord>;
    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Vec<TimedWord>, D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListOfWords {
    type Value = Vec<TimedWord>;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of words")
    }
    fn visit_unit<E>(self) -> Result<Vec<TimedWord>, E> {
        Ok(Vec::new())
    }
    fn visit_str<E>(self, _: &str) -> Result<Vec<TimedWord>, E> {
        Ok(Vec::new())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<TimedWord>, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element::<RawWord>()? {
            if !word.0.text.trim().is_empty() {
                words.push(word.0);
            }
            if words.len() > self.limit {
                break;
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(words)
    }
}

struct RawWord(TimedWord);

impl<'de> Deserialize<'de> for RawWord {
    fn deserialize<D: Deserializer<'de>>(parser: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = RawWord;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a word with its times")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawWord, A::Error> {
                let mut word = TimedWord { start: UNKNOWN, end: UNKNOWN, text: String::new() };
                while let Some(key) = map.next_key::<Key>()? {
                    match key {
                        Key::Start => word.start = map.next_value::<Time>()?.0,
                        Key::End => word.end = map.next_value::<Time>()?.0,
                        Key::Text => word.text = map.next_value::<Text>()?.0,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(RawWord(word))
            }
        }
        parser.deserialize_map(Fields)
    }
}
