//! Whatever a transcript holds, reading it takes at most 64 MiB on top of its bytes, and its
//! sentences at most 64 MiB more. Measured with an allocator that counts; one test, so that
//! nothing else allocates meanwhile.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use hark_operators::transcript::{parse, sentences};
use hark_operators::units::Seconds;

/// The system's allocator, with the bytes in use and their peak.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// What the C library adds to each block, so that millions of small ones are not flattered.
const HEADER: usize = 16;

// SAFETY: every call is passed on unchanged; the counters touch no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size() + HEADER, Ordering::Relaxed) + layout.size() + HEADER;
        PEAK.fetch_max(used, Ordering::Relaxed);
        // SAFETY: as for `System`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size() + HEADER, Ordering::Relaxed);
        // SAFETY: as for `System`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LIMIT: usize = 64 << 20;

/// Peak of what `work` allocates beyond what was in use before, and its result.
fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = USED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = work();
    (PEAK.load(Ordering::Relaxed) - before, result)
}

/// Fills `bytes` with repeats of what `item` gives for 0, 1, 2, ...
fn fill(head: &str, bytes: usize, tail: &str, item: impl Fn(usize) -> String) -> Vec<u8> {
    let mut text = String::with_capacity(bytes + 256);
    text.push_str(head);
    for at in 0.. {
        if text.len() >= bytes - tail.len() - 200 {
            break;
        }
        text.push_str(&item(at));
    }
    text.push_str(tail);
    text.into_bytes()
}

fn same(item: &'static str) -> impl Fn(usize) -> String {
    move |_| item.to_owned()
}

fn stamp(seconds: usize) -> String {
    format!("{:02}:{:02}:{:02}.000", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Name, bytes, and the end of the expected code: empty where a transcript is expected.
fn poisons() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    const FULL: usize = 16 << 20;
    const HUGE: usize = 100_000_000;
    let cue = |at: usize| format!("{} --> {}\nword\n\n", stamp(at), stamp(at + 1));
    let day = |at: usize| format!(r#"{{"start":{at},"end":{},"word":" go"}},"#, at + 1);
    let mut wide = fill("", FULL / 2 - 8, "", same("a word and "));
    wide = wide.into_iter().flat_map(|byte| [byte, 0]).collect();
    vec![
        ("100 MB of one line", vec![b'x'; HUGE], "line_too_long"),
        ("100 MB of words in one line", fill("WEBVTT\n\n00:00.000 --> 00:01.000\n", HUGE, "", same("word ")), "line_too_long"),
        ("100 MB of JSON in one line", fill("[", HUGE, "{}]", same("{},")), "line_too_long"),
        ("100 MB of lines", fill("", HUGE, "", same("a line\n")), "too_large"),
        ("16 MiB of one line", vec![b'x'; FULL], "line_too_long"),
        ("lines of one letter", fill("", FULL, "", same("a\n")), "too_large"),
        ("one cue of one-letter lines", fill("WEBVTT\n\n00:00.000 --> 00:01.000\n", FULL, "", same("a\n")), "too_large"),
        ("tiny cues", fill("WEBVTT\n\n", FULL, "", cue), "too_large"),
        ("as many cues as there may be", fill("WEBVTT\n\n", 4_600_000, "", cue), ""),
        ("times and nothing else", fill("WEBVTT\n\n", FULL, "", same("00:00.000 --> 00:01.000\n")), "nothing_usable"),
        ("time tags", fill("WEBVTT\n\n00:00.000 --> 00:01.000\n", FULL, "", same("<00:00.100>a\n")), "too_large"),
        ("voices in one cue", fill("WEBVTT\n\n00:00.000 --> 00:01.000\n", FULL, "", same("<v A>a\n")), "too_large"),
        ("open tags", fill("WEBVTT\n\n00:00.000 --> 00:01.000\n", FULL, "", same("<a\n")), "too_large"),
        ("ampersands", fill("1\n00:00:00,000 --> 00:00:01,000\n", FULL, "", same("&\n")), "too_large"),
        ("empty segments", fill("[", FULL, "{}]", same("{},")), "nothing_usable"),
        ("tiny segments", fill("[", FULL, "{}]", same("{\"text\":\"a\"},")), "too_large"),
        ("segments of nothing but words", fill("[", FULL, "{}]", same("{\"words\":[{\"word\":\"a\"}]},")), "too_large"),
        ("a day of words in one segment", fill("[{\"start\":0,\"end\":9,\"text\":\"go\",\"words\":[", FULL, "{}]}]", day), ""),
        ("words beside nothing", fill("{\"words\":[", FULL, "{}]}", day), "too_large"),
        ("one long escaped string", fill("[{\"text\":\"", FULL, "\"}]", same("\\u0041")), "json"),
        ("one long number", fill("[{\"start\":1", FULL, "}]", same("0")), "json"),
        ("brackets", fill("[", FULL, "", same("[")), "json"),
        ("skipped brackets", fill("[{\"x\":[", FULL, "", same("[")), "json"),
        ("names at the top", fill("{", FULL, "\"x\":1}", |at| format!("\"k{at}\":1,")), "nothing_usable"),
        ("paragraphs", fill("<p>", FULL, "", same("<p>a")), "too_large"),
        ("nested elements", fill("<p>", FULL, "", same("<b>")), "nothing_usable"),
        ("attributes", fill("<p ", FULL, ">text</p>", |at| format!("a{at} ")), ""),
        ("blanks between tags", fill("<p>", FULL, "x", same(" <b>")), ""),
        ("comments", fill("<p>", FULL, "x", same("<!---->")), ""),
        ("open comments", fill("<p>x", FULL, "", same("<!--")), ""),
        ("open scripts", fill("<p>x", FULL, "", same("<script></scrip>")), ""),
        ("quotes that stay open", fill("<p>x", FULL, ">", same("<a b='c\" ")), ""),
        ("ideographs", fill("", FULL, "", same("你好。\n")), "too_large"),
        ("ideographs in lines", fill("", 700_000, "", same("你好吗我很好。\n\n")), ""),
        ("brackets in text", fill("", FULL, "", same("[music [\n")), "too_large"),
        ("links", fill("# x\n", FULL, "", same("[a](\n")), "too_large"),
        ("labels", fill("", FULL, "", |at| format!("Name {at}: yes.\n")), "too_large"),
        ("rows", fill("token|speaker|\n", FULL, "", same("a|1||\n")), "too_large"),
        ("wide text without a mark", wide, "line_too_long"),
        ("Latin letters of another encoding", fill("", FULL - 300, "", same("\u{e9}t\u{e9} \n")).into_iter().filter(|b| *b != 0xc3).collect(), "too_large"),
    ]
}

#[test]
fn no_transcript_takes_more_than_its_share_of_memory() {
    for (name, bytes, expected) in poisons() {
        for duration in [None, Some(Seconds(90_000.0))] {
            let begun = Instant::now();
            let (read, result) = peak(|| parse(&bytes, None, duration));
            let spent = begun.elapsed().as_secs_f64();
            let (more, outcome) = match &result {
                Ok(transcript) => {
                    let (more, list) = peak(|| sentences(transcript));
                    (more, format!("{} segments, {} sentences", transcript.segments.len(), list.len()))
                }
                Err(fault) => (0, format!("{}: {}", fault.code, fault.message)),
            };
            println!("{name}: {:.1} MiB, {spent:.3} s; sentences {:.1} MiB; {outcome}", mib(read), mib(more));
            assert!(read <= LIMIT && more <= LIMIT, "{name}: {read} and {more} bytes");
            let code = result.err().map(|fault| fault.code).unwrap_or_default();
            let expected = if expected.is_empty() { String::new() } else { format!("transcript.{expected}") };
            assert_eq!(code, expected, "{name}: {outcome}");
        }
    }
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
