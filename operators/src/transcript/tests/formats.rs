//! Each format as it is meant to be, in small files of our own.

use super::{Format, Timing, lines, parse, read, sentences};

#[test]
fn webvtt_keeps_voices_and_word_times() {
    let transcript = read(
        "WEBVTT - a show\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE made by hand\nover two lines\n\nintro\n00:01.000 --> 00:04.000 align:start position:0%\n<v.loud Anna Lee>Hello <00:02.000>there, <b>dear</b> <00:03.000>listeners.</v>\n\n00:00:04.000 --> 00:00:06.500\n<v Bo>Hi &amp; welcome.\n<v Anna Lee>Thanks!\n",
        "text/vtt",
        None,
    );
    insta::assert_json_snapshot!(lines(&transcript), @r#"
    [
      "1.0-4.0 Anna Lee| Hello there, dear listeners.",
      "4.0-5.6 Bo| Hi & welcome.",
      "5.6-6.5 Anna Lee| Thanks!"
    ]
    "#);
    let words: Vec<_> =
        transcript.segments[0].words.iter().map(|word| (word.span.start.0, word.text.as_str())).collect();
    assert_eq!((words[0], words[1].1, words[3]), ((1.0, "Hello"), "there,", (3.0, "listeners.")));
    assert_eq!(words[1].0, 2.0);
}

#[test]
fn a_file_with_a_time_for_every_word_says_so() {
    let cue = |at: u32| {
        format!(
            "00:{at:02}.000 --> 00:{:02}.900\nword{at}<00:{at:02}.300><c> two</c><00:{at:02}.600><c> three</c>\n\n",
            at
        )
    };
    let text = format!("WEBVTT\n\n{}", (0..20).map(cue).collect::<String>());
    let transcript = read(&text, "a.vtt", None);
    assert_eq!(transcript.timing, Timing::Words);
    assert_eq!(transcript.segments[3].words[1].span.start.0, 3.3);
    assert_eq!(read(text.replace("<00:", "<x:"), "a.vtt", None).timing, Timing::Segments);
}

#[test]
fn subrip_labels_hold_until_the_next_one() {
    let transcript = read(
        "1\n00:00:00,500 --> 00:00:02,000\nTravis: When you start\n\n2\n00:00:02,000 --> 00:00:04,000\nremember this: keep going.\n\n3\n00:00:04.000 --> 00:00:06.000\n{\\an8}Gilon: Why?\n\n4\n00:00:06,000 --> 00:00:08,000\nTravis: Because\\NI say so.\n\n5\n00:00:08,000 --> 00:00:09,000\n[applause]\n\n6\n00:00:09,000 --> 00:00:10,000\nGilon: <i>Good.</i>\n",
        "application/x-subrip",
        None,
    );
    assert_eq!(transcript.format, Format::Srt);
    insta::assert_json_snapshot!(lines(&transcript), @r#"
    [
      "0.5-2.0 Travis| When you start",
      "2.0-4.0 Travis| remember this: keep going.",
      "4.0-6.0 Gilon| Why?",
      "6.0-8.0 Travis| Because I say so.",
      "9.0-10.0 Gilon| Good."
    ]
    "#);
}

#[test]
fn one_cue_may_hold_a_dialogue() {
    let transcript = read("1\n00:00:00,000 --> 00:00:04,000\n- Are you sure?\n- Quite sure.\n", "a.srt", None);
    insta::assert_json_snapshot!(lines(&transcript), @r#"
    [
      "0.0-2.2 -| Are you sure?",
      "2.2-4.0 -| Quite sure."
    ]
    "#);
}

#[test]
fn podcasting_json_of_single_words_is_joined() {
    let word = |(at, (speaker, word)): (usize, (&str, &str))| {
        format!(
            r#"{{"speaker":"{speaker}","startTime":{},"endTime":{},"body":"{word}"}}"#,
            at as f64 * 0.5,
            at as f64 * 0.5 + 0.25
        )
    };
    let words = [("A", "I"), ("A", "am"), ("A", "here."), ("B", "So"), ("B", "am"), ("B", "I.")];
    let list: Vec<String> = words.into_iter().enumerate().map(word).collect();
    let transcript =
        read(format!(r#"{{"version":"1.0.0","segments":[{}]}}"#, list.join(",")), "application/json", None);
    assert_eq!((transcript.format, transcript.timing), (Format::PodcastJson, Timing::Words));
    assert_eq!(lines(&transcript), ["0.0-1.2 A| I am here.", "1.5-2.8 B| So am I."]);
}

#[test]
fn recogniser_json_keeps_its_words() {
    let json = r#"[{"id":0,"start":1.0,"end":4.0,"text":" Hi multi-part you.","tokens":[1,[2,[3]]],
        "words":[{"start":1.1,"end":1.3,"word":" Hi","probability":0.9},{"start":1.3,"end":1.9,"word":" multi"},
        {"start":1.9,"end":2.2,"word":"-part"},{"start":3.0,"end":3.4,"word":" you."}]},
        {"start":"5.0","end":"6.5s","text":"No words."}, {"start":7,"end":8,"text":"Yes &amp; <b>no</b>."}]"#;
    let transcript = read(json, "", None);
    let first: Vec<_> = transcript.segments[0]
        .words
        .iter()
        .map(|word| (word.span.start.0, word.span.end.0, word.text.as_str()))
        .collect();
    assert_eq!(first, [(1.1, 1.3, "Hi"), (1.3, 2.2, "multi-part"), (3.0, 3.4, "you.")]);
    assert_eq!(lines(&transcript)[1..], ["5.0-6.5 -| No words.", "7.0-8.0 -| Yes & no."]);
    let beside = r#"{"text":"x","words":[{"word":"Well","start":0.1,"end":0.4},{"word":"then.","start":1.5,"end":1.9}],
        "segments":[{"start":0,"end":1,"text":"Well"},{"start":1,"end":2,"text":"then."}]}"#;
    assert_eq!(read(beside, "", None).timing, Timing::Words);
    let cpp = r#"{"systeminfo":"x","transcription":[{"timestamps":{"from":"00:00:01,500","to":"00:00:02,500"},"offsets":{"from":1500},"text":" Hm."}]}"#;
    assert_eq!(lines(&read(cpp, "", None)), ["1.5-2.5 -| Hm."]);
}

#[test]
fn html_with_cite_and_time_is_timed_by_its_marks() {
    let html = "<!DOCTYPE html><html><head><title>No</title><style>p{}</style></head><body>\n<cite>Kevin:</cite>\n<time>0:00</time>\n<p>We have an update on the story that we started last week, planning for it.</p>\n<cite>Alban:</cite>\n<time>0:09</time>\n<p>Yes &mdash; the <em>last</em> week<br>was long.</p><script>var x = '<p>no</p>';</script>\n<cite>Kevin:</cite><time>0:15</time><p>Indeed.</p></body></html>";
    let transcript = read(html, "text/html", Some(20.0));
    assert_eq!((transcript.format, transcript.timing), (Format::Html, Timing::Segments));
    insta::assert_json_snapshot!(lines(&transcript), @r#"
    [
      "0.0-9.0 Kevin| We have an update on the story that we started last week, planning for it.",
      "9.0-15.0 Alban| Yes — the last week was long.",
      "15.0-16.8 Kevin| Indeed."
    ]
    "#);
    let plain = read("<div><p>One two three.</p><p>Four five.</p></div>", "a.html", Some(5.0));
    assert_eq!(plain.timing, Timing::Estimated);
    assert_eq!(plain.segments.last().map(|last| last.span.end.0), Some(5.0));
}

#[test]
fn text_without_times_is_spread_over_the_audio() {
    let text =
        "Anna: This is the first thing that we say today.\n\nBo: And a second.\nwrapped line.\n\nAnna: Good. Bye.\n";
    let transcript = read(text, "text/plain", Some(10.0));
    assert_eq!((transcript.format, transcript.timing), (Format::Plain, Timing::Estimated));
    let speakers: Vec<_> = transcript.segments.iter().map(|segment| segment.speaker.as_deref()).collect();
    assert_eq!(speakers, [Some("Anna"), Some("Bo"), Some("Anna")]);
    assert_eq!(transcript.segments[2].span.end.0, 10.0);
    let unknown = read(text, "text/plain", None);
    let words: usize = unknown.segments.iter().map(|segment| segment.words.len()).sum();
    assert!((unknown.segments[2].span.end.0 - words as f64 / 2.6).abs() < 1e-6);
}

#[test]
fn text_with_a_time_before_each_turn_is_timed_by_them() {
    for text in [
        "Anna Lee  0:03\nHello and welcome to all of you.\n\nBo  0:08\nThank you.\n\nAnna Lee  0:12\nBye.\n",
        "Anna Lee (00:03):\nHello and welcome to all of you.\n\nBo (00:08):\nThank you.\n\nAnna Lee (00:12):\nBye.\n",
        "[00:00:03] Anna Lee: Hello and welcome to all of you.\n[00:00:08] Bo: Thank you.\n[00:00:12] Anna Lee: Bye.\n",
    ] {
        let transcript = read(text, "a.txt", Some(60.0));
        assert_eq!(transcript.timing, Timing::Segments, "{text}");
        assert_eq!(
            lines(&transcript),
            [
                "3.0-8.0 Anna Lee| Hello and welcome to all of you.",
                "8.0-10.7 Bo| Thank you.",
                "12.0-13.8 Anna Lee| Bye."
            ],
            "{text}"
        );
    }
}

#[test]
fn markdown_drops_what_is_not_spoken() {
    let text = "---\ntitle: x\n---\n\n# Heading\n\n**Mat Ryer:** Hello \\[laughter\\] and see [the page](https://x.org).\n\nSecond *paragraph*.\n\n**Break:** \\[00:20\\]\n\n**Jaana B. Dogan**: Hi!\n";
    let transcript = read(text, "a.md", Some(30.0));
    insta::assert_json_snapshot!(lines(&transcript), @r#"
    [
      "0.0-5.2 Mat Ryer| Hello and see the page.",
      "14.3-17.0 Mat Ryer| Second paragraph.",
      "20.0-21.8 Jaana B. Dogan| Hi!"
    ]
    "#);
    assert_eq!((transcript.format, transcript.timing), (Format::Markdown, Timing::Estimated));
}

#[test]
fn rev_tables_are_read_by_columns() {
    let text = "token|speaker|ts|endTs|punctuation|prepunctuation|case|tags|wer_tags|confidence\nWelcome|1|1.00|1.40|||UC|[]|[]|\nback|1|1.40|1.80|.||LC|[]|[]|\nHi|2|2.00|2.40|,||UC|[]|[]|\nyou|2|2.40|2.60|?|\"|LC|[]|[]|\n";
    let transcript = read(text, "a.nlp", None);
    assert_eq!(transcript.timing, Timing::Words);
    assert_eq!(lines(&transcript), ["1.0-1.8 Speaker 1| Welcome back.", "2.0-2.6 Speaker 2| Hi, \"you?"]);
    let untimed = read(
        text.replace("|1.00|1.40|", "||||")
            .replace("|1.40|1.80", "||")
            .replace("|2.00|2.40|", "|||")
            .replace("|2.40|2.60", "||"),
        "a.nlp",
        Some(9.0),
    );
    assert_eq!(untimed.timing, Timing::Estimated);
}

#[test]
fn content_is_believed_before_the_hint() {
    let vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\nHello.\n";
    assert_eq!(read(vtt, "application/json", None).format, Format::WebVtt);
    assert_eq!(read("1\n00:00:01,000 --> 00:00:02,000\nHello.\n", "text/html", None).format, Format::Srt);
    assert_eq!(read("[Anna]: Hello. How are you?\n", "application/json", None).format, Format::Plain);
    assert_eq!(read("<p>Hello.</p>", "text/plain", None).format, Format::Html);
}

#[test]
fn sentences_cross_cues_and_keep_their_words() {
    let transcript = read(
        "WEBVTT\n\n00:00.000 --> 00:02.000\n<v A>Dr. Smith paid\n\n00:02.000 --> 00:04.000\n<v A>3.5 dollars. \"Why?\" he asked. Then\n\n00:04.000 --> 00:05.000\n<v A>he left\n\n00:05.000 --> 00:06.000\n<v B>Oh no. Really\n\n00:09.000 --> 00:10.000\n<v B>He did.\n",
        "a.vtt",
        None,
    );
    let found: Vec<_> = sentences(&transcript)
        .into_iter()
        .map(|s| format!("{:.2}-{:.2} {} {}", s.span.start.0, s.span.end.0, s.speaker.unwrap_or_default(), s.text))
        .collect();
    insta::assert_json_snapshot!(found, @r#"
    [
      "0.00-2.67 A Dr. Smith paid 3.5 dollars.",
      "2.84-3.60 A \"Why?\" he asked.",
      "3.78-5.00 A Then he left",
      "5.00-5.35 B Oh no.",
      "5.59-6.00 B Really",
      "9.00-10.00 B He did."
    ]
    "#);
}

#[test]
fn chapters_are_not_a_transcript() {
    let fault = parse(br#"{"version":"1.2.0","chapters":[{"startTime":0,"title":"Intro"}]}"#, None, None)
        .expect_err("no segments");
    assert_eq!(fault.code, "transcript.nothing_usable");
    assert!(fault.message.contains("chapters"), "{fault}");
}
