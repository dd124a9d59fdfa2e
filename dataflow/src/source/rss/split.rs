//! Cuts the bytes of a feed into its head and its items without parsing them.
//!
//! The cutter knows tags, CDATA, comments and nothing else, so it survives what stops a parser. It
//! works on bytes of any encoding in which ASCII is ASCII. Memory: one item, 8 MiB at most.

use std::io::{self, BufRead, Read};

/// Longest item that is kept whole, and longest head.
const LONGEST: usize = 8 << 20;

/// Bytes that are read at once at most: a token longer than this is passed on in parts.
const TOKEN: u64 = 64 << 10;

/// A part of a feed, in the order of the file.
pub(super) enum Piece {
    /// Everything before the first item.
    Head(Vec<u8>),
    /// One item from its start tag to its end tag.
    Item { bytes: Vec<u8>, line: u64, end: End },
    /// The end of the file, at `line`.
    Tail { line: u64, fault: Option<TailFault> },
}

/// How an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By its end tag, or by the start of the next item where that was forgotten.
    Whole,
    /// By the end of the file.
    Cut,
    /// It is longer than is kept; `bytes` holds its beginning.
    TooLong,
}

/// What is wrong with a feed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TailFault {
    /// Its root element is not closed: it was cut off between two items.
    Unclosed,
    /// It has neither a root element nor items.
    NoFeed,
}

impl TailFault {
    /// Code, message, remedy.
    pub(super) fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Unclosed => (
                "truncated",
                "the feed ends here before its closing tag; episodes behind this place are missing",
                "fetch the feed again",
            ),
            Self::NoFeed => ("not_a_feed", "the file holds no feed", "give an RSS or Atom feed"),
        }
    }
}

/// Inside of what the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Text,
    Tag,
    Data,
    Comment,
}

/// What a token means to the cutter.
enum Token {
    ItemStart,
    ItemEnd,
    Other,
    End,
}

/// The cutter.
pub(super) struct Split {
    reader: Box<dyn BufRead + Send>,
    mode: Mode,
    /// The token last read.
    token: Vec<u8>,
    /// Line of the next unread byte, from 1.
    line: u64,
    /// The item (or head) so far, its first line, whether it outgrew what is kept.
    piece: Vec<u8>,
    piece_line: u64,
    outgrown: bool,
    head_given: bool,
    in_item: bool,
    /// The item is of one tag (`<item/>`): whole as soon as it has begun.
    complete: bool,
    /// Items and roots seen, roots closed.
    items: u64,
    opened: bool,
    closed: bool,
}

impl Split {
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self {
            reader,
            mode: Mode::Text,
            token: Vec::new(),
            line: 1,
            piece: Vec::new(),
            piece_line: 1,
            outgrown: false,
            head_given: false,
            in_item: false,
            complete: false,
            items: 0,
            opened: false,
            closed: false,
        }
    }

    /// Line of the next unread byte, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next piece; after the tail, tails.
    pub(super) fn next(&mut self) -> io::Result<Piece> {
        loop {
            if std::mem::take(&mut self.complete) {
                return Ok(self.give(End::Whole));
            }
            let line = self.line;
            match self.read_token()? {
                Token::End if !self.head_given => return Ok(self.give_head()),
                Token::End if self.in_item => {
                    // Said once, by the item that was cut.
                    self.closed = true;
                    return Ok(self.give(End::Cut));
                }
                Token::End => {
                    let fault = match (self.opened, self.closed, self.items) {
                        (false, _, 0) => Some(TailFault::NoFeed),
                        (true, false, _) => Some(TailFault::Unclosed),
                        _ => None,
                    };
                    return Ok(Piece::Tail { line: self.line, fault });
                }
                Token::ItemStart if !self.head_given => {
                    let head = self.give_head();
                    self.begin(line);
                    return Ok(head);
                }
                Token::ItemStart if self.in_item => {
                    let item = self.give(End::Whole);
                    self.begin(line);
                    return Ok(item);
                }
                Token::ItemStart => self.begin(line),
                Token::ItemEnd if self.in_item => {
                    self.keep();
                    return Ok(self.give(End::Whole));
                }
                Token::ItemEnd | Token::Other if self.in_item || !self.head_given => self.keep(),
                Token::ItemEnd | Token::Other => {}
            }
        }
    }

    fn begin(&mut self, line: u64) {
        self.in_item = true;
        self.complete = self.token.ends_with(b"/>");
        self.items += 1;
        self.piece_line = line;
        self.keep();
    }

    fn keep(&mut self) {
        if self.piece.len() + self.token.len() <= LONGEST {
            self.piece.extend_from_slice(&self.token);
        } else {
            self.outgrown = true;
        }
    }

    fn give_head(&mut self) -> Piece {
        self.head_given = true;
        self.outgrown = false;
        Piece::Head(std::mem::take(&mut self.piece))
    }

    fn give(&mut self, end: End) -> Piece {
        self.in_item = false;
        let end = if std::mem::take(&mut self.outgrown) { End::TooLong } else { end };
        Piece::Item { bytes: std::mem::take(&mut self.piece), line: self.piece_line, end }
    }

    /// Reads text up to a `<`, or a tag up to its `>`, or a stretch of CDATA or comment.
    fn read_token(&mut self) -> io::Result<Token> {
        // Two bytes of the last token stay in sight: `]]>` may be cut by the token's limit.
        let tail = self.token[self.token.len().saturating_sub(2)..].to_vec();
        self.token.clear();
        let stop = if self.mode == Mode::Text { b'<' } else { b'>' };
        if self.mode == Mode::Tag {
            self.token.push(b'<');
        }
        let read = (&mut self.reader).take(TOKEN).read_until(stop, &mut self.token)?;
        self.line += self.token.iter().filter(|byte| **byte == b'\n').count() as u64;
        if read == 0 {
            self.mode = Mode::Text;
            return Ok(Token::End);
        }
        match self.mode {
            Mode::Text => {
                if self.token.ends_with(b"<") {
                    self.token.pop();
                    self.mode = Mode::Tag;
                }
                Ok(Token::Other)
            }
            Mode::Tag => Ok(self.tag()),
            Mode::Data | Mode::Comment => {
                let closing: &[u8] = if self.mode == Mode::Data { b"]]>" } else { b"-->" };
                let end = [tail.as_slice(), &self.token[self.token.len().saturating_sub(3)..]].concat();
                if end.ends_with(closing) {
                    self.mode = Mode::Text;
                }
                Ok(Token::Other)
            }
        }
    }

    fn tag(&mut self) -> Token {
        self.mode = Mode::Text;
        let open_ended =
            |start: &[u8], end: &[u8]| self.token.starts_with(start) && !self.token[start.len()..].ends_with(end);
        if open_ended(b"<![CDATA[", b"]]>") {
            self.mode = Mode::Data;
        } else if open_ended(b"<!--", b"-->") {
            self.mode = Mode::Comment;
        }
        if self.token.starts_with(b"<!") || self.token.starts_with(b"<?") {
            return Token::Other;
        }
        // A stray `<` in a text swallows what follows up to the next `>`: the last one counts.
        let start = self.token.iter().rposition(|byte| *byte == b'<').unwrap_or(0);
        let tag = &self.token[start..];
        let (closing, name) = name_of(tag);
        match name {
            b"item" | b"entry" if closing => Token::ItemEnd,
            b"item" | b"entry" => Token::ItemStart,
            b"rss" | b"feed" | b"rdf:RDF" | b"channel" => {
                self.opened |= !closing;
                self.closed |= closing;
                Token::Other
            }
            _ => Token::Other,
        }
    }
}

/// Whether a tag closes, and its name without the prefixes that feeds put before RSS and Atom.
fn name_of(tag: &[u8]) -> (bool, &[u8]) {
    let inner = tag.strip_prefix(b"<").unwrap_or(tag);
    let (closing, inner) = inner.strip_prefix(b"/").map_or((false, inner), |inner| (true, inner));
    let end = inner.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
    let name = &inner[..end.unwrap_or(inner.len())];
    let name = name.strip_prefix(b"rss:").or(name.strip_prefix(b"atom:")).unwrap_or(name);
    (closing, name)
}
