//! Which language a text is in, by whatlang's trigrams: no weights, some 10 us per passage.

/// A language that the text was recognised as.
#[derive(Clone, Debug, PartialEq)]
pub struct Identified {
    /// ISO 639-3 code, three lower-case letters.
    pub iso639_3: &'static str,
    /// Confidence in 0..=1.
    pub confidence: f64,
}

/// Bytes of text that are looked at: more changes no verdict and costs time.
pub const ENOUGH: usize = 2_000;
/// Letters below which trigrams say nothing.
const LEAST_LETTERS: usize = 20;

/// The language of `text`, or `None` where it is too short or too mixed to tell. Looks at the first
/// [`ENOUGH`] bytes.
pub fn identify(text: &str) -> Option<Identified> {
    let text = &text[..text.floor_char_boundary(ENOUGH)];
    if text.chars().filter(|c| c.is_alphabetic()).take(LEAST_LETTERS).count() < LEAST_LETTERS {
        return None;
    }
    let info = whatlang::detect(text).filter(whatlang::Info::is_reliable)?;
    Some(Identified { iso639_3: info.lang().code(), confidence: info.confidence() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<&'static str> {
        identify(text).map(|found| found.iso639_3)
    }

    #[test]
    fn a_sentence_is_recognised_in_several_scripts() {
        assert_eq!(code("Today we talk about the people who keep the old railway running every winter."), Some("eng"));
        assert_eq!(
            code("Heute sprechen wir über die Menschen, die im Winter die alte Bahn am Laufen halten."),
            Some("deu")
        );
        assert_eq!(
            code("Σήμερα μιλάμε για τους ανθρώπους που κρατούν το παλιό τρένο σε λειτουργία τον χειμώνα."),
            Some("ell")
        );
    }

    #[test]
    fn too_little_text_is_no_language() {
        assert_eq!(code(""), None);
        assert_eq!(code("OK, yes."), None);
        assert_eq!(code("12:30 -- 45 / 7 ... 2026 ### 000000000000000000000000000000"), None);
    }
}
