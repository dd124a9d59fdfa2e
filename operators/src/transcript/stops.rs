//! Whether a word ends a sentence.

/// Marks that end a sentence in any script.
const ALWAYS: [char; 9] = ['。', '！', '？', '｡', '؟', '۔', '।', '॥', '։'];

/// Abbreviations after which a sentence goes on.
const GOES_ON: [&str; 52] = [
    "mr", "mrs", "ms", "mx", "dr", "prof", "st", "fr", "rev", "hon", "gen", "col", "lt", "sgt", "capt", "cmdr", "maj",
    "gov", "sen", "rep", "pres", "messrs", "mme", "mlle", "sra", "srta", "hr", "herr", "vs", "e.g", "i.e", "z.b",
    "d.h", "u.a", "bzw", "ca", "cf", "approx", "fig", "vol", "pp", "op", "ed", "eds", "art", "sec", "ch", "mt", "ft",
    "nr", "tel", "incl",
];

/// Abbreviations that may also stand at the end of a sentence.
const MAY_END: [&str; 35] = [
    "etc", "inc", "ltd", "co", "corp", "llc", "jr", "sr", "dept", "est", "al", "usw", "no", "jan", "feb", "mar", "apr",
    "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mon", "tue", "wed", "thu", "fri", "sat", "min", "max",
    "ave", "blvd",
];

/// Words that begin sentences far more often than they follow an abbreviation.
const STARTERS: [&str; 58] = [
    "a", "an", "and", "any", "are", "as", "at", "because", "but", "by", "can", "did", "do", "does", "for", "from",
    "he", "her", "here", "his", "how", "however", "i", "i'm", "if", "in", "is", "it", "it's", "its", "just", "let's",
    "my", "no", "not", "now", "of", "on", "or", "our", "she", "so", "some", "that", "that's", "the", "then", "there",
    "these", "they", "this", "those", "to", "we", "what", "when", "yes", "you",
];

/// Whether a sentence ends after `word` when `next` follows. `lowercase` is true for texts that
/// begin sentences without capitals.
pub(super) fn ends(word: &str, next: &str, lowercase: bool) -> bool {
    let bare = word.trim_end_matches(is_closer);
    let Some(last) = bare.chars().next_back() else { return false };
    if ALWAYS.contains(&last) {
        return true;
    }
    if !matches!(last, '.' | '!' | '?' | '…') {
        return false;
    }
    let opening = next.trim_start_matches(|c: char| !c.is_alphanumeric());
    let goes_on = opening.starts_with(char::is_lowercase) && !lowercase;
    if last != '.' || bare.ends_with("..") {
        return !goes_on;
    }
    let core = bare[..bare.len() - 1].trim_start_matches(|c: char| !c.is_alphanumeric());
    !goes_on && full_stop(core, opening)
}

/// Whether the word has a mark that could end a sentence, before any second thought.
pub(super) fn has_mark(word: &str) -> bool {
    let bare = word.trim_end_matches(is_closer);
    bare.ends_with(['.', '!', '?', '…']) || bare.ends_with(ALWAYS)
}

fn is_closer(c: char) -> bool {
    "\"”“’'»›)]}」』）】〉》*_".contains(c)
}

/// Whether the stop after `core` is a full stop rather than part of an abbreviation.
fn full_stop(core: &str, next: &str) -> bool {
    let lower = core.to_lowercase();
    if GOES_ON.contains(&lower.as_str()) {
        return false;
    }
    let numbered = lower == "no" && next.starts_with(|c: char| c.is_ascii_digit());
    let initial = core.chars().count() == 1 && core.starts_with(char::is_uppercase);
    let dotted = core.contains('.')
        && core.split('.').all(|piece| piece.chars().count() <= 2 && piece.chars().all(char::is_alphabetic));
    if numbered {
        return false;
    }
    if initial || dotted || MAY_END.contains(&lower.as_str()) && lower != "no" {
        let word: String = next.chars().take_while(|c| c.is_alphanumeric() || *c == '\'').collect();
        return STARTERS.contains(&word.to_lowercase().as_str()) && next.starts_with(char::is_uppercase)
            || next.is_empty();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::ends;

    #[test]
    fn stops_are_told_from_abbreviations() {
        for (word, next) in [
            ("done.", "Then"),
            ("done.\"", "Then"),
            ("really?!", "Yes"),
            ("1995.", "We"),
            ("U.S.", "We"),
            ("etc.", "The"),
            ("I.", "We"),
            ("wait...", "What"),
            ("吗？", "是"),
            ("no.", "Next"),
            ("p.m.", "Then"),
            ("them.)", "“So"),
            ("said…", "Well"),
        ] {
            assert!(ends(word, next, false), "{word} {next}");
        }
        for (word, next) in [
            ("Mr.", "Smith"),
            ("e.g.", "Rust"),
            ("U.S.", "Army"),
            ("J.", "Bach"),
            ("3.5", "Is"),
            ("www.x.com", "The"),
            ("Yahoo!", "is"),
            ("No.", "5"),
            ("wait...", "what"),
            ("St.", "The"),
            ("Inc.", "Magazine"),
            ("\"What?\"", "he"),
            ("word", "Next"),
            ("Ph.D.", "Smith"),
        ] {
            assert!(!ends(word, next, false), "{word} {next}");
        }
        assert!(ends("done.", "then", true));
    }
}
