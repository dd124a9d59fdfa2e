//! A small tree of one item's elements, built from markup that need not be well-formed.
//!
//! Tolerated: stray `<` and `&`, HTML entities, end tags without start and the reverse, undeclared
//! prefixes, HTML inside texts, attributes without quotes. Not tolerated: a CDATA section, comment
//! or tag that never ends, because what it swallowed cannot be known.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::resolve_html5_entity;
use quick_xml::events::{BytesStart, Event};

/// Elements deeper than this are left out, their texts kept: nobody means them.
const DEPTH: usize = 32;

/// An element, with the prefix of its name as written.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) prefix: String,
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    content: Vec<Content>,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Element(Element),
}

/// Where and why parsing stopped.
#[derive(Debug)]
pub(super) struct Fault {
    /// Byte position in the text, approximately where it is damaged.
    pub(super) at: usize,
    pub(super) what: String,
}

impl Element {
    fn begin(tag: &BytesStart<'_>) -> Self {
        let name = tag.name();
        let (local, prefix) = name.decompose();
        let attributes = tag
            .html_attributes()
            .with_checks(false)
            .filter_map(Result::ok)
            .map(|attribute| (attribute.key.as_ref().to_owned(), unescape(&attribute.value).into_owned()))
            .collect();
        Self {
            prefix: prefix.map_or_else(String::new, |prefix| prefix.as_ref().to_owned()),
            name: local.as_ref().to_owned(),
            attributes,
            content: Vec::new(),
        }
    }

    /// Its child elements in order.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|content| match content {
            Content::Element(element) => Some(element),
            Content::Text(_) => None,
        })
    }

    /// The value of an attribute, trimmed; `None` if absent or empty.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(key, _)| key == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// Names and values of its attributes, as written.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All text in it, that of inner elements set off by spaces, trimmed.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.append_to(&mut text);
        text.trim().to_owned()
    }

    fn append_to(&self, text: &mut String) {
        for content in &self.content {
            match content {
                Content::Text(part) => text.push_str(part),
                Content::Element(element) => {
                    text.push(' ');
                    element.append_to(text);
                    text.push(' ');
                }
            }
        }
    }
}

/// The elements of `text` under a nameless root, and where it is damaged beyond repair. What came
/// before the damage is in the tree.
pub(super) fn parse(text: &str) -> (Element, Option<Fault>) {
    let text = without_stray_brackets(text);
    let mut reader = Reader::from_str(&text);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.allow_unmatched_ends = true;
    config.check_end_names = false;
    config.check_comments = false;

    let mut open = vec![Element::default()];
    let mut fault = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) if open.len() < DEPTH => open.push(Element::begin(&tag)),
            Ok(Event::Empty(tag)) if open.len() < DEPTH => add(&mut open, Content::Element(Element::begin(&tag))),
            Ok(Event::End(tag)) => close(&mut open, tag.name().as_ref()),
            Ok(Event::Text(part)) => add(&mut open, Content::Text(part.into_inner().into_owned())),
            Ok(Event::CData(part)) => add(&mut open, Content::Text(part.into_inner().into_owned())),
            Ok(Event::GeneralRef(name)) => {
                add(&mut open, Content::Text(unescape(&format!("&{};", &*name)).into_owned()))
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => {
                let at = usize::try_from(reader.error_position()).unwrap_or(text.len());
                fault = Some(Fault { at, what: error.to_string() });
                break;
            }
        }
    }
    while open.len() > 1 {
        fold(&mut open);
    }
    (open.pop().unwrap_or_default(), fault)
}

fn add(open: &mut [Element], content: Content) {
    if let Some(top) = open.last_mut() {
        top.content.push(content);
    }
}

/// Ends the innermost open element and hands it to the one around it.
fn fold(open: &mut Vec<Element>) {
    if let Some(element) = open.pop() {
        add(open, Content::Element(element));
    }
}

/// Ends the innermost open element of this name with all inside it (`<p>` without end, `<br>`); an
/// end tag that nothing opened is ignored.
fn close(open: &mut Vec<Element>, name: &str) {
    let named = |element: &Element| match name.split_once(':') {
        Some((prefix, local)) => element.prefix == prefix && element.name == local,
        None => element.prefix.is_empty() && element.name == name,
    };
    if let Some(at) = open.iter().skip(1).rposition(named) {
        while open.len() > at + 1 {
            fold(open);
        }
    }
}

/// `<` becomes `&lt;` where no markup can begin (`a < b`, `I <3 radio`), outside CDATA and comments.
fn without_stray_brackets(text: &str) -> Cow<'_, str> {
    let mut repaired = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let rest = &text[start..];
        let skip_to = |end: &str| rest.find(end).map_or(rest.len(), |found| found + end.len());
        at = start
            + match rest.as_bytes().get(1) {
                _ if rest.starts_with("<![CDATA[") => skip_to("]]>"),
                _ if rest.starts_with("<!--") => skip_to("-->"),
                Some(byte)
                    if byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!' | b'?' | b'_') || *byte >= 0x80 =>
                {
                    1
                }
                _ => {
                    repaired.push_str(&text[copied..start]);
                    repaired.push_str("&lt;");
                    copied = start + 1;
                    1
                }
            };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    repaired.push_str(&text[copied..]);
    Cow::Owned(repaired)
}

/// Resolves the entities that are known (XML, HTML, numbers) and leaves every other `&` as it is.
fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let resolved = rest.find(';').filter(|end| *end <= 32).and_then(|end| Some((end, entity(&rest[..end])?)));
        match resolved {
            Some((end, value)) => {
                text.push_str(&value);
                rest = &rest[end + 1..];
            }
            None => text.push('&'),
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

fn entity(name: &str) -> Option<Cow<'static, str>> {
    let Some(number) = name.strip_prefix('#') else {
        return resolve_html5_entity(name).map(Cow::Borrowed);
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code).filter(|c| *c != '\0').map(|c| Cow::Owned(c.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(text: &str) -> String {
        let (root, fault) = parse(text);
        assert!(fault.is_none(), "{fault:?}");
        let item = root.elements().next().expect("an item");
        item.elements().find(|element| element.name == "title").map(Element::text).unwrap_or_default()
    }

    #[test]
    fn markup_that_no_parser_should_accept_is_read() {
        let cases = [
            ("<item><title>a &amp; b</title></item>", "a & b"),
            ("<item><title>a & b</title></item>", "a & b"),
            ("<item><title>a &nbsp;&eacute;&#233;&#xe9; &nosuch; b</title></item>", "a \u{a0}ééé &nosuch; b"),
            ("<item><title>I <3 radio < tv</title></item>", "I <3 radio < tv"),
            ("<item><title><![CDATA[a < b & <b>c</b>]]> d</title></item>", "a < b & <b>c</b> d"),
            ("<item><title>one<br>two</title><x/></item>", "one two"),
            ("<item></b><title>a</title></item>", "a"),
            ("<item><title>a", "a"),
            ("<item><undeclared:x>b</undeclared:x><title>a</title></item>", "a"),
            ("<item><title><!-- <title> --->a</title></item>", "a"),
        ];
        for (text, expected) in cases {
            assert_eq!(title(text), expected, "{text}");
        }
    }

    #[test]
    fn attributes_keep_ampersands_that_are_not_escaped() {
        let (root, _) = parse("<enclosure url=\"http://a.example/x?b=1&c=2&amp;d=3\" type='audio/mpeg' length=12/>");
        let element = root.elements().next().expect("the enclosure");
        assert_eq!(element.attribute("url"), Some("http://a.example/x?b=1&c=2&d=3"));
        assert_eq!(element.attribute("type"), Some("audio/mpeg"));
        assert_eq!(element.attribute("absent"), None);
    }

    #[test]
    fn a_million_open_tags_do_not_overflow_the_stack() {
        let (root, _) = parse(&"<a>".repeat(1_000_000));
        assert_eq!(root.elements().count(), 1);
    }

    #[test]
    fn an_unending_section_is_a_fault_with_its_place() {
        let (_, fault) = parse("<item>\n<title>a</title>\n<description><![CDATA[ never ends </description></item>");
        assert!(fault.expect("a fault").at >= 31);
    }
}
