use hark_operators::record::TranscriptSource;

use super::{gzip, ids, sorted};

const FEED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:it="http://www.itunes.com/dtds/podcast-1.0.dtd">
<channel>
<image><title>not this</title></image>
<title> The
  Show </title><language>de-AT</language>
<item>
  <guid isPermaLink="false"> e-1 </guid><title>One &amp;
  only</title>
  <description><![CDATA[<p>Notes</p>]]></description>
  <pubDate>Mon, 13 Jul 2020 04:00:00 -0000</pubDate>
  <it:duration>1:02:03</it:duration>
  <enclosure url="cover.jpg" type="image/jpeg"/>
  <enclosure url=" audio/one.mp3 " type="audio/mpeg" length="1"/>
  <enclosure url="audio/one.opus" type="audio/opus" length="1"/>
  <podcast:transcript url="one.txt" type="text/plain"/>
  <podcast:transcript url="one.en.vtt" type="text/vtt" language="en"/>
  <podcast:transcript url="one.srt" type="application/srt" language="de"/>
</item>
<item><guid>e-2</guid></item>
</channel>
</rss>
"#;

#[test]
fn an_item_becomes_an_announcement() {
    let (good, bad) = sorted("feed.xml", FEED);
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(ids(&good), ["e-1", "e-2"]);
    let one = &good[0];
    assert_eq!(
        (one.show.as_str(), one.title.as_str(), one.description.as_str()),
        ("The Show", "One & only", "<p>Notes</p>")
    );
    assert_eq!(
        (one.published, one.declared_seconds, one.language.as_deref()),
        (1_594_612_800, Some(3723.0), Some("de-AT"))
    );
    assert_eq!(one.audio.as_deref(), Some("audio/one.mp3"));
    // Of the show's own language, whose times are the better.
    let transcript = TranscriptSource::At { uri: "one.srt".into(), media_type: Some("application/srt".into()) };
    assert_eq!(one.transcript, Some(transcript));
    assert_eq!((good[1].audio.as_deref(), good[1].show.as_str()), (None, "The Show"));
}

#[test]
fn ids_fall_back_to_audio_then_link_then_a_digest_that_stays() {
    let items = "<item><enclosure url='a.mp3'/><link>http://l</link></item><item><link>http://l</link></item>\
        <item><title>t</title></item><item><title>u</title></item>";
    let feed = format!("<rss><channel><title>S</title>{items}</channel></rss>");
    let (good, _) = sorted("feed.xml", &feed);
    let (again, _) = sorted("other.xml", &feed);
    assert_eq!(ids(&good), ids(&again));
    assert_eq!(ids(&good)[..2], ["a.mp3", "http://l"]);
    assert_eq!(ids(&good)[2], "item-5e6404fa3ebd4fcc8b56175faaf05ce7");
    assert_ne!(ids(&good)[2], ids(&good)[3]);
}

#[test]
fn one_malformed_item_costs_no_other() {
    let broken = [
        "<item><guid>b</guid><description><![CDATA[ x ]]</description></item>",
        "<item><guid>b</guid><!-- never ends </item>",
    ];
    // Both swallow what follows, in any reading; the items before stand.
    for item in broken {
        let (good, bad) =
            sorted("feed.xml", format!("<rss><channel>\n<item><guid>a</guid></item>\n{item}\n</channel></rss>"));
        assert_eq!(ids(&good), ["a"], "{item}");
        assert_eq!((bad[0].id.as_str(), bad[0].fault.code.as_str()), ("b", "source.truncated"), "{item}");
        assert!(bad[0].place.ends_with("feed.xml:3"), "{}", bad[0].place);
    }
    let tolerated = [
        "<item><guid>b</guid><title>1 < 2 & 3</title></item>",
        "<item><guid>b</guid><description>a<br>b</p></description></item>",
        "<item><guid>b</guid><x:y/></wrong></item>",
        "<item><guid>b</guid>",
        "<item><guid>b</guid><title>never closed</item>",
        "<rss:item><guid>b</guid></rss:item>",
    ];
    for item in tolerated {
        let feed =
            format!("<rss><channel><item><guid>a</guid></item>{item}<item><guid>c</guid></item></channel></rss>");
        let (good, bad) = sorted("feed.xml", feed);
        assert_eq!((ids(&good), bad), (vec!["a", "b", "c"], vec![]), "{item}");
    }
}

#[test]
fn a_feed_that_breaks_off_keeps_its_items_and_names_the_line() {
    let cut = |at: &str| &FEED[..FEED.find(at).unwrap()];
    let (good, bad) = sorted("feed.xml", cut("</guid></item>"));
    assert_eq!(ids(&good), ["e-1"]);
    assert_eq!((bad.len(), bad[0].fault.code.as_str(), bad[0].id.as_str()), (1, "source.truncated", "e-2"));
    assert!(bad[0].place.ends_with("feed.xml:20"), "{}", bad[0].place);
    assert_eq!(bad[0].original, b"<item><guid>e-2");

    let (good, bad) = sorted("feed.xml", cut("</channel>"));
    assert_eq!((ids(&good), bad.len()), (vec!["e-1", "e-2"], 1));
    assert!(bad[0].place.ends_with("feed.xml:21"), "{}", bad[0].place);
}

#[test]
fn encodings_junk_and_compression_are_undone() {
    let utf8 = FEED.replace("One", "Österreich");
    let latin = utf8.replace("UTF-8", "ISO-8859-1");
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(&latin);
    let mislabelled = utf8.replace("UTF-8", "ISO-8859-1").into_bytes();
    let (undeclared, _, _) = encoding_rs::WINDOWS_1252.encode(&utf8);
    let wide: Vec<u8> =
        format!("\u{feff}{}", utf8.replace("UTF-8", "UTF-16")).encode_utf16().flat_map(u16::to_be_bytes).collect();
    let narrow_label: Vec<u8> = utf8.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let junk =
        format!("\u{feff}\n<br />\n<b>Warning</b>: x <7 in <b>/a.php</b>\n{utf8}<!-- 0.1 s --><script>x<y</script>");
    let cases: [(&str, Vec<u8>); 8] = [
        ("utf8", utf8.clone().into_bytes()),
        ("latin1", latin.to_vec()),
        ("utf8 called latin1", mislabelled),
        ("latin1 called utf8", undeclared.to_vec()),
        ("utf16be", wide),
        ("utf16le without mark", narrow_label),
        ("junk", junk.clone().into_bytes()),
        ("gzip", gzip(junk.as_bytes())),
    ];
    for (name, bytes) in cases {
        let (good, bad) = sorted("feed", bytes);
        assert_eq!(bad, [], "{name}");
        assert_eq!(
            (good.len(), good[0].title.as_str(), good[0].show.as_str()),
            (2, "Österreich & only", "The Show"),
            "{name}"
        );
    }
}

#[test]
fn atom_entries_are_announcements_too() {
    let feed = r#"<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en" xml:base="https://a.example/p/"><title>S</title>
        <entry><id>x</id><title type="html">A &amp;amp; B</title><published>2020-07-13T04:00:00Z</published>
        <updated>2021-01-01T00:00:00Z</updated><link rel="alternate" href="page.html"/>
        <link rel="enclosure" type="audio/mpeg" href="a.mp3"/><content type="xhtml"><div>Hello <b>you</b></div></content></entry></feed>"#;
    let (good, bad) = sorted("feed.xml", feed);
    assert_eq!(bad, []);
    let entry = &good[0];
    assert_eq!((entry.key.episode.as_str(), entry.title.as_str(), entry.published), ("x", "A &amp; B", 1_594_612_800));
    assert_eq!((entry.audio.as_deref(), entry.language.as_deref()), (Some("a.mp3"), Some("en")));
    assert_eq!(entry.base, "https://a.example/p/");
    assert_eq!(entry.description.split_whitespace().collect::<Vec<_>>(), ["Hello", "you"]);
}

#[test]
fn a_monstrous_item_is_given_up_within_bounds() {
    let long = "x".repeat(9 << 20);
    let feed = format!(
        "<rss><channel><item><guid>a</guid><description>{long}</description></item><item><guid>b</guid></item></channel></rss>"
    );
    let (good, bad) = sorted("feed.xml", feed);
    assert_eq!(ids(&good), ["b"]);
    assert_eq!(
        (bad[0].id.as_str(), bad[0].fault.code.as_str(), bad[0].original.len()),
        ("a", "source.too_long", 65_536)
    );
}

#[test]
fn sections_longer_than_a_token_are_followed_to_their_end() {
    for pad in 65_500..65_560 {
        let feed = format!(
            "<rss><channel><item><guid>a</guid><![CDATA[{}<item>]]></item><item/></channel></rss>",
            "x".repeat(pad)
        );
        let (good, bad) = sorted("feed.xml", feed);
        assert_eq!((good.len(), bad.len()), (2, 0), "{pad}");
    }
}
