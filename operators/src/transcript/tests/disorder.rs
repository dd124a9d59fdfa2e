//! What goes wrong in real files, made on purpose: every kind of disorder gives sorted segments or
//! a fault that names the place.

use proptest::prelude::*;

use super::{Timing, check, code, lines, parse, read};
use crate::units::Seconds;

/// A SubRip file of cues `(start, end, text)`, times written as they are.
fn srt(cues: &[(&str, &str, &str)]) -> String {
    let cue =
        |(at, (start, end, text)): (usize, &(&str, &str, &str))| format!("{}\n{start} --> {end}\n{text}\n\n", at + 1);
    cues.iter().enumerate().map(cue).collect()
}

#[test]
fn bad_times_are_mended_and_counted() {
    let transcript = read(
        srt(&[
            ("00:00:10,000", "00:00:12,000", "Third."),
            ("00:00:00,000", "00:00:06,000", "First lingers."),
            ("00:00:05,000", "00:00:08,000", "Second."),
            ("00:00:14,000", "00:00:13,000", "Reversed."),
            ("-00:00:01,000", "00:00:00,500", "Early."),
            ("00:00:10,000", "00:00:12,000", "Third."),
            ("xx:00", "00:00:20,000", "No start."),
            ("00:00:29,000", "00:00:40,000", "Too long."),
            ("00:05:00,000", "00:05:02,000", "Too late."),
        ]),
        "a.srt",
        Some(30.0),
    );
    insta::assert_json_snapshot!((lines(&transcript), &transcript.repairs), @r#"
    [
      [
        "0.0-5.0 -| First lingers.",
        "0.0-0.5 -| Early.",
        "5.0-8.0 -| Second.",
        "10.0-12.0 -| Third.",
        "12.0-20.0 -| No start.",
        "13.0-14.0 -| Reversed.",
        "29.0-30.0 -| Too long."
      ],
      [
        "begins after the end of the audio, dropped: 1 (line 34)",
        "end before start, exchanged: 1 (line 14)",
        "ends after the end of the audio, shortened: 1 (line 30)",
        "negative time: 1 (line 18)",
        "out of order, sorted: 2 (line 6, 18)",
        "overlaps the next one, shortened: 1 (line 6)",
        "the same again, dropped: 1 (line 22)",
        "unreadable times, taken from the neighbours: 1 (line 26)"
      ]
    ]
    "#);
}

#[test]
fn missing_blank_lines_and_numbers_do_no_harm() {
    let whole = "1\n00:00:01,000 --> 00:00:02,000\nOne.\n\n2\n00:00:02,000 --> 00:00:03,000\nTwo.\n\n3\n00:00:03,000 --> 00:00:04,000\nThree.\n";
    let expected = lines(&read(whole, "a.srt", None));
    for broken in [
        whole.replace("\n\n", "\n"),
        whole.replace("\n\n", "\n\n\n\n"),
        whole.replace("2\n00", "00").replace("3\n00", "00"),
        whole.replace('\n', "\r\n"),
        whole.replace('\n', "\r"),
        format!("\u{feff}{whole}"),
        whole.replace(',', "."),
        whole.replace("00:00:0", "0:0"),
        whole.replace("One.", "\nOne."),
    ] {
        assert_eq!(lines(&read(&broken, "a.srt", None)), expected, "{broken:?}");
    }
}

#[test]
fn rolling_captions_are_said_once() {
    let text = "WEBVTT\nKind: captions\n\n00:00:00.160 --> 00:00:02.389 align:start position:0%\n \nhi<00:00:00.640><c> everyone</c><00:00:01.100><c> welcome</c>\n\n00:00:02.389 --> 00:00:02.399\nhi everyone welcome\n \n\n00:00:02.399 --> 00:00:05.000\nhi everyone welcome\nback<00:00:03.000><c> to</c><00:00:03.500><c> us</c>\n\n00:00:05.000 --> 00:00:05.010\nback to us\n \n\n00:00:05.010 --> 00:00:07.000\nback to us\nagain<00:00:06.000><c> today</c>\n";
    let transcript = read(text, "a.vtt", None);
    assert_eq!(transcript.timing, Timing::Words);
    assert_eq!(
        lines(&transcript),
        ["0.2-2.4 -| hi everyone welcome", "2.4-5.0 -| back to us", "5.0-7.0 -| again today"]
    );
    let growing = srt(&[
        ("00:00:00,000", "00:00:01,000", "so we"),
        ("00:00:01,000", "00:00:02,000", "so we went"),
        ("00:00:02,000", "00:00:03,000", "so we went home"),
    ]);
    assert_eq!(lines(&read(growing, "a.srt", None)), ["0.0-1.0 -| so we", "1.0-2.0 -| went", "2.0-3.0 -| home"]);
    let yes = srt(&[
        ("00:00:00,000", "00:00:01,000", "Yes, I do."),
        ("00:00:01,000", "00:00:02,000", "Yes, I do."),
        ("00:00:02,000", "00:00:03,000", "Why?"),
    ]);
    assert_eq!(read(yes, "a.srt", None).segments.len(), 3);
}

#[test]
fn milliseconds_and_zeros_are_recognised() {
    let segments = |scale: f64| {
        let one = |at: u32| {
            format!(
                r#"{{"start":{},"end":{},"text":"these are five more words"}}"#,
                f64::from(at) * scale,
                f64::from(at + 2) * scale
            )
        };
        format!("[{}]", (0..10).map(|at| one(at * 2)).collect::<Vec<_>>().join(","))
    };
    assert_eq!(lines(&read(segments(1000.0), "", None)), lines(&read(segments(1.0), "", None)));
    let zeros = read(segments(0.0), "", Some(25.0));
    assert_eq!(zeros.timing, Timing::Estimated);
    assert_eq!(zeros.segments[9].span.end.0, 25.0);
}

#[test]
fn legacy_encodings_are_read_and_noted() {
    let text = "1\r\n00:00:01,000 --> 00:00:04,000\r\nDéjà vu, çà et là; le garçon a mangé à l’hôtel près de la forêt.\r\n\r\n";
    let expected = lines(&read(text, "a.srt", None));
    let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let (western, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    for (bytes, said) in [
        (western.to_vec(), "windows-1252"),
        (wide(u16::to_le_bytes), "UTF-16LE"),
        (wide(u16::to_be_bytes), "UTF-16BE"),
        ([vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat(), "UTF-16LE"),
        ([vec![0xef, 0xbb, 0xbf], text.into()].concat(), ""),
    ] {
        let transcript = read(bytes, "a.srt", None);
        assert_eq!(lines(&transcript), expected, "{said}");
        assert!(said.is_empty() || transcript.repairs[0].contains(said), "{:?}", transcript.repairs);
    }
    let russian = "Привет, друзья. Сегодня мы говорим о погоде и о том, почему она меняется. ".repeat(3);
    let (cyrillic, _, _) = encoding_rs::WINDOWS_1251.encode(&russian);
    assert!(read(&cyrillic, "a.txt", None).segments[0].text.starts_with("Привет, друзья."));
    let (declared, _, _) = encoding_rs::KOI8_R.encode(&russian);
    assert!(read(&declared, "text/plain; charset=koi8-r", None).segments[0].text.starts_with("Привет"));
    let mut damaged = format!("{russian}{russian}").into_bytes();
    damaged[10] = 0xff;
    assert!(read(&damaged, "a.txt", None).repairs[0].contains("UTF-8"));
}

#[test]
fn text_that_steers_or_hides_is_cleaned() {
    let text = srt(&[
        ("00:00:01,000", "00:00:02,000", "\u{202e}evil\u{202c} <script>alert(1)</script>&#x202E;shalom שלום\u{200f}."),
        ("00:00:02,000", "00:00:03,000", "<font color=\"#fff\">Colour</font> &lt;b&gt; 1 < 2 \u{0}\u{7}end\u{200b}ed."),
    ]);
    assert_eq!(
        lines(&read(text, "a.srt", None)),
        ["1.0-2.0 -| evil shalom שלום.", "2.0-3.0 -| Colour <b> 1 < 2 ended."]
    );
}

#[test]
fn what_is_no_transcript_is_named() {
    for (bytes, expected) in [
        (&b""[..], "transcript.empty"),
        (b" \r\n\t ", "transcript.empty"),
        (b"ID3\x03\0\0\0\0", "transcript.not_text"),
        (b"%PDF-1.7 x", "transcript.not_text"),
        (b"\x00\x01\x02binary\xff\xfe", "transcript.not_text"),
        (b"WEBVTT\n\n", "transcript.nothing_usable"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\n\n", "transcript.nothing_usable"),
        (b"<html><script>x</script></html>", "transcript.nothing_usable"),
        (b"[1, 2]", "transcript.nothing_usable"),
        (b"{\"segments\": [{\"start\": 0, \"te", "transcript.json"),
        (b"[]", "transcript.nothing_usable"),
        (b"{\"segments\": []}", "transcript.nothing_usable"),
    ] {
        assert_eq!(code(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
    }
    let fault = parse(b"{\"segments\": [\n{\"start\": 0, x}]}", None, None).expect_err("the JSON is broken");
    assert!(fault.message.starts_with("line 2 column 14"), "{fault}");
    let late = parse(b"1\n00:10:00,000 --> 00:10:01,000\nHi\n", None, Some(Seconds(60.0))).expect_err("all too late");
    assert!(late.message.contains("60.0 s"), "{late}");
}

#[test]
fn json_that_breaks_off_keeps_what_came_before() {
    let transcript = read(r#"{"segments":[{"startTime":1,"endTime":2,"body":"Kept."},{"startTime":2,"en"#, "", None);
    assert_eq!(lines(&transcript), ["1.0-2.0 -| Kept."]);
    assert!(transcript.repairs[0].contains("line 1 column"), "{:?}", transcript.repairs);
}

#[test]
fn deep_json_is_refused_or_skipped() {
    for bomb in ["[".repeat(200_000), "{\"segments\":".repeat(200_000), "{\"x\":".repeat(200_000)] {
        assert_eq!(code(bomb.as_bytes()), "transcript.json");
    }
    let beside = format!(r#"[{{"x":{}1{},"start":0,"end":1,"text":"Hi."}}]"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(lines(&read(beside, "", None)), ["0.0-1.0 -| Hi."]);
}

/// A cue's time, in every state of disorder.
fn time() -> impl Strategy<Value = f64> {
    prop_oneof![6 => 0.0..300.0, 1 => -50.0..0.0, 1 => Just(0.0), 1 => 1e5..1e9]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[A-Za-z]{1,9}[.,?!]?",
        1 => "\\PC{1,8}",
        1 => "(<v A>|</v>|<b|>|&amp;|&#1|-->|\\[Music\\]|\\(x\\)|- |>> |Anna:|你好。|\u{202e}|\\*\\*Bo:\\*\\*|<00:00:09\\.000>)"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), head in 0_usize..8) {
        let heads = ["", "WEBVTT\n\n", "1\n00:00:01,000 --> 00:00:02,000\n", "[{\"start\":1,\"text\":\"", "<p>", "**A:** ", "token|speaker|\n", "---\n"];
        let bytes = [heads[head].as_bytes(), &bytes].concat();
        for duration in [None, Some(20.0)] {
            if let Ok(transcript) = parse(&bytes, None, duration.map(Seconds)) {
                check(&transcript, duration);
            }
        }
    }

    #[test]
    fn arbitrary_cues_give_sorted_segments(
        cues in prop::collection::vec((time(), time(), prop::collection::vec(word(), 0..12)), 1..30),
        duration in prop::option::of(1.0..400.0),
        style in 0_u8..4,
    ) {
        let stamp = |t: f64| {
            let (sign, t) = if t < 0.0 { ("-", -t) } else { ("", t) };
            format!("{sign}{:02}:{:02}:{:06.3}", (t / 3600.0) as u64, (t / 60.0) as u64 % 60, t % 60.0)
        };
        let text: String = match style {
            0 => cues.iter().map(|(a, b, w)| format!("{} --> {}\n{}\n\n", stamp(*a), stamp(*b), w.join(" "))).collect(),
            1 => cues.iter().map(|(a, b, w)| format!("1\n{} --> {}\n{}\n", stamp(*a), stamp(*b), w.join("\n"))).collect(),
            2 => {
                let word = |(at, w): (usize, &String)| serde_json::json!({"start": at as f64 * 3.0, "end": at, "word": w});
                let segments: Vec<_> = cues.iter().map(|(a, b, w)| serde_json::json!({"start": a, "end": b, "text": w.join(" "),
                    "words": w.iter().enumerate().map(word).collect::<Vec<_>>()})).collect();
                serde_json::json!({"segments": segments}).to_string()
            }
            _ => cues.iter().map(|(a, _, w)| format!("[{}] {}\n", stamp(*a), w.join(" "))).collect(),
        };
        if let Ok(transcript) = parse(text.as_bytes(), None, duration.map(Seconds)) {
            check(&transcript, duration);
            prop_assert_eq!(&parse(text.as_bytes(), None, duration.map(Seconds)).expect("it parsed before"), &transcript);
        }
    }
}
