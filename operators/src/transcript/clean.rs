//! Raw text to clean text: entities decoded, what cannot be seen removed, whitespace collapsed.

use html_escape::decode_html_entities;

use super::markup::{Piece, Pieces};

/// Longest bracketed remark that is looked at.
const REMARK: usize = 48;

/// First words of remarks that recognisers and captioners put in brackets for what is not speech.
const SOUNDS: [&str; 33] = [
    "alert",
    "applause",
    "audio",
    "background",
    "beep",
    "blank_audio",
    "break",
    "cheering",
    "chuckle",
    "chuckles",
    "clears",
    "cough",
    "coughs",
    "crosstalk",
    "foreign",
    "inaudible",
    "indistinct",
    "intro",
    "jingle",
    "laugh",
    "laughing",
    "laughs",
    "laughter",
    "music",
    "noise",
    "outro",
    "pause",
    "silence",
    "sigh",
    "sighs",
    "sound",
    "unintelligible",
    "upbeat",
];

/// What becomes of a character.
enum Fate {
    Keep,
    Space,
    Drop,
}

/// Characters that steer, hide or reorder text are dropped: a bidi override can make a title read
/// as another. Joiners stay, because Persian, Indic scripts and emoji need them.
fn fate(c: char) -> Fate {
    match c {
        ' '..='~' => Fate::Keep,
        _ if c.is_whitespace() => Fate::Space,
        _ if c.is_control() => Fate::Drop,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => Fate::Drop,
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' => Fate::Drop,
        '\u{e0000}'..='\u{e007f}' | '\u{fdd0}'..='\u{fdef}' => Fate::Drop,
        _ if u32::from(c) & 0xfffe == 0xfffe => Fate::Drop,
        _ => Fate::Keep,
    }
}

/// Cleans text that holds no tags.
pub(super) fn plain(raw: &str) -> String {
    let decoded = decode_html_entities(raw);
    let mut clean = String::with_capacity(decoded.len());
    let mut space = false;
    for c in decoded.chars() {
        match fate(c) {
            Fate::Drop => {}
            Fate::Space => space = true,
            Fate::Keep if c == ' ' => space = true,
            Fate::Keep => {
                if space && !clean.is_empty() {
                    clean.push(' ');
                }
                space = false;
                clean.push(c);
            }
        }
    }
    if clean.contains(['[', '(', '♪', '♫', '*']) { without_sounds(&clean) } else { clean }
}

/// Cleans text that may hold tags, which end words where they break lines.
pub(super) fn marked(raw: &str) -> String {
    if !raw.contains('<') {
        return plain(raw);
    }
    let mut text = String::with_capacity(raw.len());
    for piece in Pieces::new(raw) {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Open(name, _) | Piece::Close(name) if breaks(name) => text.push('\n'),
            Piece::Open(..) | Piece::Close(_) => {}
        }
    }
    plain(&text)
}

/// Whether a tag begins a new line.
pub(super) fn breaks(name: &str) -> bool {
    const BREAKS: [&str; 22] = [
        "address",
        "article",
        "blockquote",
        "br",
        "cite",
        "dd",
        "div",
        "dt",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "p",
        "section",
        "td",
        "time",
        "tr",
        "ul",
    ];
    BREAKS.iter().any(|tag| name.eq_ignore_ascii_case(tag))
}

/// A speaker's name: cleaned, without brackets and colon, of bounded length.
pub(super) fn name(raw: &str) -> String {
    let decoded = plain(raw);
    let name = decoded.trim_matches(|c: char| c.is_whitespace() || ":[]()-*<>".contains(c));
    name[..name.floor_char_boundary(super::limits::MAX_NAME)].trim_end().to_owned()
}

/// Removes `[laughter]`, `♪` and, where nothing else is said, a remark of any kind in brackets.
fn without_sounds(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['[', '♪', '♫']) {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let mark = rest.chars().next().map_or(1, char::len_utf8);
        let reach = &rest[..rest.floor_char_boundary(REMARK)];
        let remark = reach
            .find(']')
            .filter(|end| mark == 1 && is_sound(&reach[1..*end]) && !rest[end + 1..].starts_with([':', '(']));
        match remark {
            Some(end) => rest = &rest[end + 1..],
            None if mark == 1 => {
                kept.push('[');
                rest = &rest[1..];
            }
            None => rest = &rest[mark..],
        }
    }
    kept.push_str(rest);
    let collapsed: Vec<&str> = kept.split_ascii_whitespace().collect();
    let kept = collapsed.join(" ");
    if is_whole_remark(&kept) { String::new() } else { kept }
}

fn is_sound(remark: &str) -> bool {
    let remark = remark.trim_end_matches('\\').to_lowercase();
    remark.split([' ', ',']).any(|word| SOUNDS.contains(&word))
}

/// `(phone rings)`, `[Musik]`, `*door closes*`: nothing outside, and no sentence inside.
fn is_whole_remark(text: &str) -> bool {
    let inside = [('[', ']'), ('(', ')'), ('*', '*')]
        .iter()
        .find_map(|(open, close)| text.strip_prefix(*open).and_then(|rest| rest.strip_suffix(*close)));
    inside.is_some_and(|inside| {
        inside.split(' ').count() <= 4
            && !inside.contains(['[', ']', '(', ')', '*'])
            && !inside.ends_with(['.', '!', '?'])
    })
}

#[cfg(test)]
mod tests {
    use super::{marked, plain};

    #[test]
    fn what_cannot_be_seen_is_removed() {
        assert_eq!(plain("a\u{202e}b\u{0}c\u{feff} \t\n d\u{a0}e&#x202E;f"), "abc d ef");
        assert_eq!(plain("می\u{200c}خواهم"), "می\u{200c}خواهم");
        assert_eq!(plain("R&amp;D &lt;b&gt; &#8217;s &nbsp; AT&T &bogus; x"), "R&D <b> ’s AT&T &bogus; x");
    }

    #[test]
    fn remarks_on_sounds_go_and_other_brackets_stay() {
        assert_eq!(plain("[Music] Hello [upbeat music] you"), "Hello you");
        assert_eq!(plain("[laughter\\] Right"), "Right");
        assert_eq!(plain("♪ la la ♪"), "la la");
        assert_eq!(plain("(phone rings)"), "");
        assert_eq!(plain("(Yes.)"), "(Yes.)");
        assert_eq!(plain("call f(x[0]) now"), "call f(x[0]) now");
    }

    #[test]
    fn tags_that_break_lines_end_words() {
        assert_eq!(marked("one<br>two<b>three</b>"), "one twothree");
    }
}
