//! A linear scanner of tags, for HTML pages and for the markup inside cues.
//!
//! An HTML5 parser would keep every attribute and compare each with each, which a hostile tag
//! turns into hours, and would build a tree that no transcript needs. This one keeps a tag's name
//! and the raw rest, gives text as slices, and looks at every byte a bounded number of times.
//! What is no tag (`a < b`, `<3`) stays text; comments and the contents of scripts and styles go.

use super::clock;

/// Bytes within which a quoted attribute value must close to be taken as one.
const QUOTE_REACH: usize = 64 << 10;

/// One piece of a marked-up text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text between tags, entities not yet decoded.
    Text(&'a str),
    /// A tag's name and what follows it inside the brackets.
    Open(&'a str, &'a str),
    /// A closing tag's name.
    Close(&'a str),
}

/// The pieces of a text in order.
pub(super) struct Pieces<'a> {
    text: &'a str,
    at: usize,
    /// Past here no tag can close, so every `<` is text.
    last_close: usize,
}

impl<'a> Pieces<'a> {
    /// Scans `text` from its start.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, last_close: text.rfind('>').unwrap_or(0) }
    }

    /// Bytes scanned so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The tag at `at`, if it is one: the piece (`None` for what is skipped) and where it ends.
    fn tag(&self, at: usize) -> Option<(Option<Piece<'a>>, usize)> {
        if at >= self.last_close {
            return None;
        }
        let rest = &self.text[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            let length = comment.find("-->").map_or(self.text.len() - at, |found| found + 7);
            return Some((None, at + length));
        }
        let (closing, body) = match rest.strip_prefix('/') {
            Some(body) => (true, body),
            None => (false, rest),
        };
        let first = body.chars().next()?;
        let declaration = !closing && matches!(first, '!' | '?');
        if !declaration && !first.is_ascii_alphanumeric() {
            return None;
        }
        let inside = &body[..tag_length(body)?];
        let end = at + 1 + usize::from(closing) + inside.len() + 1;
        if declaration {
            return Some((None, end));
        }
        let name_end = inside.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(inside.len());
        let (name, attributes) = inside.split_at(name_end);
        if first.is_ascii_digit() && clock::parse_colons(name).is_none() {
            return None;
        }
        Some((Some(if closing { Piece::Close(name) } else { Piece::Open(name, attributes) }), end))
    }

    /// Where the content of a raw-text element that opens before `at` ends.
    fn raw_end(&self, name: &str, at: usize) -> usize {
        let mut from = at;
        while let Some(found) = self.text[from..].find("</") {
            let tail = from + found + 2;
            let ends = self.text.get(tail..tail + name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name));
            if ends {
                return from + found;
            }
            from = tail;
        }
        self.text.len()
    }
}

/// Bytes up to the `>` that closes a tag, quoted attribute values skipped.
fn tag_length(body: &str) -> Option<usize> {
    let bytes = body.as_bytes();
    let mut at = 0;
    loop {
        at += bytes[at..].iter().position(|byte| b">\"'".contains(byte))?;
        if bytes[at] == b'>' {
            return Some(at);
        }
        let quoted = at > 0 && bytes[at - 1] == b'=';
        let reach = &bytes[at + 1..bytes.len().min(at + 1 + QUOTE_REACH)];
        at += match reach.iter().position(|byte| *byte == bytes[at]) {
            Some(length) if quoted => length + 2,
            _ => 1,
        };
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let mut start = self.at;
        let mut from = start;
        while let Some(found) = self.text[from..].find('<') {
            let open = from + found;
            let Some((piece, end)) = self.tag(open) else {
                from = open + 1;
                continue;
            };
            if open > start {
                self.at = open;
                return Some(Piece::Text(&self.text[start..open]));
            }
            self.at = end;
            if let Some(Piece::Open(name, _)) = piece
                && ["script", "style"].iter().any(|raw| name.eq_ignore_ascii_case(raw))
            {
                self.at = self.raw_end(name, end);
            }
            if piece.is_some() {
                return piece;
            }
            (start, from) = (self.at, self.at);
        }
        if start == self.text.len() {
            return None;
        }
        self.at = self.text.len();
        Some(Piece::Text(&self.text[start..]))
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, Pieces};

    fn text(marked: &str) -> String {
        let texts = Pieces::new(marked).filter_map(|piece| match piece {
            Piece::Text(text) => Some(text),
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn tags_go_and_text_stays() {
        for (marked, plain) in [
            ("<b>bold</b> word", "bold word"),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
            ("I <3 you", "I <3 you"),
            ("<3 > 2", "<3 > 2"),
            ("<img alt=\"a > b\">x", "x"),
            ("<a title='it's'>x</a>", "x"),
            ("<script>alert('<b>')</script>y", "y"),
            ("<!-- a <b> c -->z", "z"),
            ("<!doctype html><p>q", "q"),
            ("cut <b", "cut <b"),
            ("<00:00:01.000>w", "w"),
            ("a<!-- b", "a<!-- b"),
            ("<style>x", ""),
            ("<>é</>", "<>é</>"),
        ] {
            assert_eq!(text(marked), plain, "{marked}");
        }
    }

    #[test]
    fn comments_in_a_row_need_no_stack() {
        let marked = "<!---->".repeat(200_000);
        assert_eq!(text(&marked), "");
    }
}
