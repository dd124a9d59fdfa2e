//! Claims about whole transcripts; each format's small rules are tested beside them.

mod disorder;
mod formats;
mod real;
mod text;

use super::{Format, Transcript, parse, sentences};
use crate::record::piece::Timing;
use crate::units::Seconds;

/// Checks what every transcript promises, and that its sentences hold its words.
fn check(transcript: &Transcript, duration: Option<f64>) {
    let mut latest = 0.0;
    let limit = duration.unwrap_or(f64::MAX);
    assert!(!transcript.segments.is_empty());
    for segment in &transcript.segments {
        let span = segment.span;
        assert!(span.start.0.is_finite() && span.end.0.is_finite() && span.start.0 >= 0.0, "{segment:?}");
        assert!(latest <= span.start.0 && span.start.0 <= span.end.0 && span.end.0 <= limit, "{latest} {segment:?}");
        latest = span.start.0;
        assert!(!segment.text.is_empty() && !segment.words.is_empty(), "{segment:?}");
        assert_eq!(segment.text, segment.text.split_whitespace().collect::<Vec<_>>().join(" "));
        let spelt: String = segment.words.iter().map(|word| word.text.replace(' ', "")).collect();
        assert_eq!(spelt, segment.text.replace(' ', ""));
        let mut said = span.start.0;
        for word in &segment.words {
            let at = word.span;
            assert!(said <= at.start.0 && at.start.0 <= at.end.0 && at.end.0 <= span.end.0, "{word:?} in {span:?}");
            said = at.start.0;
        }
    }
    let sentences = sentences(transcript);
    let words: usize = transcript.segments.iter().map(|segment| segment.words.len()).sum();
    assert_eq!(sentences.iter().map(|sentence| sentence.words.len()).sum::<usize>(), words);
    for pair in sentences.windows(2) {
        assert!(pair[0].span.start.0 <= pair[1].span.start.0, "{pair:?}");
    }
    assert!(transcript.repairs.len() < 32 && transcript.repairs.iter().all(|line| line.len() < 400));
}

/// Parses and checks.
fn read(bytes: impl AsRef<[u8]>, hint: &str, duration: Option<f64>) -> Transcript {
    let transcript = parse(bytes.as_ref(), Some(hint), duration.map(Seconds)).expect("the transcript is usable");
    check(&transcript, duration);
    transcript
}

/// `speaker| text` of each segment.
fn lines(transcript: &Transcript) -> Vec<String> {
    let line = |segment: &super::Segment| {
        format!(
            "{:.1}-{:.1} {}| {}",
            segment.span.start.0,
            segment.span.end.0,
            segment.speaker.as_deref().unwrap_or("-"),
            segment.text
        )
    };
    transcript.segments.iter().map(line).collect()
}

/// The code of the fault that `bytes` end in.
fn code(bytes: &[u8]) -> String {
    parse(bytes, None, None).expect_err("the bytes are no transcript").code
}
