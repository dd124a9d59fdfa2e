use proptest::prelude::*;

use super::super::{Input, read};
use super::parquet::{table, texts};
use super::{file, gzip};

/// Reads the bytes as each kind of input; the only claim is that it ends.
fn read_as_everything(bytes: &[u8]) {
    let (_folder, path) = file("x", bytes);
    let opened = Input::open(&path).ok();
    for input in [Input::Rss(path.clone()), Input::JsonLines(path.clone()), Input::Parquet(path.clone())]
        .into_iter()
        .chain(opened)
    {
        if let Ok(entries) = read(&input) {
            assert!(entries.take(100_000).count() < 100_000);
        }
    }
}

const SNIPPETS: [&str; 24] = [
    "<rss>",
    "<channel>",
    "<item>",
    "</item>",
    "<entry/>",
    "<guid>a</guid>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "&#x0;",
    "&amp",
    "</",
    "<?",
    ">",
    "\"",
    "<enclosure url=",
    "xmlns:it='itunes.com/dtds'",
    "{\"id\":\"a\"}\n",
    "{\"id\":",
    "\u{feff}",
    "é",
    "<title>",
    "\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        read_as_everything(&bytes);
        read_as_everything(&gzip(&bytes));
    }

    #[test]
    fn any_order_of_markup_is_survived(order in proptest::collection::vec(0..SNIPPETS.len(), 0..60)) {
        let text: String = order.into_iter().map(|index| SNIPPETS[index]).collect();
        read_as_everything(text.as_bytes());
    }

    #[test]
    fn utf16_of_any_parity_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_as_everything(&[b"\xff\xfe".as_slice(), &bytes].concat());
        read_as_everything(&[b"<\0".as_slice(), &bytes].concat());
    }

    #[test]
    fn a_parquet_file_with_any_bytes_changed_is_survived(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = table("message m { optional binary id (UTF8); optional binary title (UTF8); }", 2, |_, group| {
            texts(group, &[Some("a"), None, Some("c")]);
            texts(group, &[None, Some("long enough to be a page of its own"), None]);
        });
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_as_everything(&bytes);
    }
}
