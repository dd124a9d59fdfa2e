//! The encoding of a feed: what its bytes say outweighs what its header says.
//!
//! Feeds that declare ISO-8859-1 and hold UTF-8 are as common as the reverse. Text that is valid
//! UTF-8 and not ASCII is next to never anything else, so each item is tried as UTF-8 first; one
//! badly pasted item does not garble the others.

use std::borrow::Cow;

use encoding_rs::{ISO_2022_JP, UTF_8, WINDOWS_1252};

/// What a feed declares.
#[derive(Clone, Copy)]
pub(super) struct Encoding(&'static encoding_rs::Encoding);

impl Default for Encoding {
    fn default() -> Self {
        Self(UTF_8)
    }
}

impl Encoding {
    /// The encoding named in the XML declaration of `head`, UTF-8 without one.
    pub(super) fn declared(head: &[u8]) -> Self {
        let start = &head[..head.len().min(1024)];
        let declared = || {
            let name = b"encoding";
            let at = start.windows(name.len()).position(|window| window == name)? + name.len();
            let value = start[at..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
            let (quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
            let end = value.iter().position(|byte| byte == quote)?;
            encoding_rs::Encoding::for_label(&value[..end])
        };
        // UTF-16 has been undone where the file was opened.
        let ascii_like =
            |encoding: &&'static encoding_rs::Encoding| encoding.is_ascii_compatible() || *encoding == ISO_2022_JP;
        Self(declared().filter(ascii_like).unwrap_or(UTF_8))
    }

    /// The text; what cannot be decoded becomes U+FFFD.
    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        // ISO-2022-JP looks like ASCII throughout.
        if self.0 != ISO_2022_JP
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return Cow::Borrowed(text);
        }
        let encoding = if self.0 == UTF_8 { WINDOWS_1252 } else { self.0 };
        encoding.decode_without_bom_handling(bytes).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_bytes_say_outweighs_the_header() {
        let latin = Encoding::declared(b"<?xml version='1.0' encoding='ISO-8859-1'?>");
        assert_eq!(latin.decode(b"caf\xe9"), "café");
        assert_eq!(latin.decode("café".as_bytes()), "café");
        let utf8 = Encoding::declared(b"<?xml version=\"1.0\" encoding = \"utf-8\"?>");
        assert_eq!(utf8.decode(b"caf\xe9"), "café");
        let none = Encoding::declared(b"<rss>");
        assert_eq!(none.decode(b"caf\xe9"), "café");
        let japanese = Encoding::declared(b"<?xml encoding=\"iso-2022-jp\"?>");
        assert_eq!(japanese.decode(b"\x1b$B%F%9%H\x1b(B"), "テスト");
        let wide = Encoding::declared(b"<?xml encoding=\"UTF-16\"?>");
        assert_eq!(wide.decode("café".as_bytes()), "café");
        assert_eq!(Encoding::declared(b"<?xml encoding=\"no-such\"?>").decode(b"a"), "a");
    }
}
