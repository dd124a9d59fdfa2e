//! Sentences and passages of texts of our own.

use std::sync::Arc;

use super::{read, sentences};
use crate::record::{EpisodeId, EpisodeKey};
use crate::transcript::passages;

/// JSON of words a third of a second long, `pause` seconds before each word that begins with `|`.
fn spoken(text: &str, pause: f64) -> String {
    let mut at = 0.0;
    let mut words = Vec::new();
    for word in text.split(' ') {
        at += if word.starts_with('|') { pause } else { 0.0 };
        words.push(
            serde_json::json!({"start": at, "end": at + 0.33, "word": format!(" {}", word.trim_start_matches('|'))}),
        );
        at += 0.35;
    }
    serde_json::json!([{"start": 0.0, "end": at, "text": text.replace('|', ""), "words": words}]).to_string()
}

fn texts(transcript: &str) -> Vec<String> {
    sentences(&read(transcript, "", None)).into_iter().map(|sentence| sentence.text).collect()
}

#[test]
fn a_long_pause_ends_a_sentence() {
    assert_eq!(
        texts(&spoken("and then |well we saw it. |Nothing more.", 1.8)),
        ["and then", "well we saw it.", "Nothing more."]
    );
    assert_eq!(
        texts(&spoken("and then |well we saw it. Nothing more.", 1.2)),
        ["and then well we saw it.", "Nothing more."]
    );
}

#[test]
fn speech_without_stops_is_divided_at_pauses_and_at_length() {
    let clause = "so we walked along the river and came to the old mill by the bridge";
    let long = format!("{clause} |{clause} |{clause} |{clause} |{clause} |{clause}");
    let divided = texts(&spoken(&long, 0.5));
    assert!(divided.len() == 3 && divided.iter().all(|text| text.split(' ').count() <= 31), "{divided:#?}");
    assert!(divided.iter().all(|text| text.starts_with("so we")), "{divided:#?}");
    assert_eq!(texts(&spoken(&long, 0.9)).len(), 6);
}

#[test]
fn scripts_without_spaces_end_at_their_own_stops() {
    let srt = "1\n00:00:00,000 --> 00:00:06,000\n今天我们谈谈天气。你觉得怎么样？很好！\n\n2\n00:00:06,000 --> 00:00:08,000\n我也这么想。\n";
    assert_eq!(texts(srt), ["今天我们谈谈天气。", "你觉得怎么样？", "很好！", "我也这么想。"]);
    assert_eq!(texts("هل أنت بخير؟ نعم أنا بخير. شكرا"), ["هل أنت بخير؟", "نعم أنا بخير.", "شكرا"]);
}

#[test]
fn passages_hold_every_sentence_once_and_stay_short() {
    let sentence = "This is a sentence of exactly nine short words. ";
    let text = format!("Anna: {}\n\nBo: {}\n\nAnna: {}", sentence.repeat(14), sentence.repeat(3), sentence.repeat(8));
    let transcript = read(text, "a.txt", None);
    let sentences = sentences(&transcript);
    let key = Arc::new(EpisodeKey { episode: EpisodeId::from("e"), revision: 1 });
    let passages = passages(&key, &sentences);
    let mut next = 0;
    for (at, passage) in passages.iter().enumerate() {
        assert_eq!((passage.index as usize, passage.sentences.0), (at, next));
        assert!(passage.text.split(' ').count() <= 90);
        next = passage.sentences.1;
    }
    assert_eq!(next as usize, sentences.len());
    assert!((4..=6).contains(&passages.len()), "{}", passages.len());
    assert!(super::super::passages(&key, &[]).is_empty());
}
