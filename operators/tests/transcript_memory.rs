//! Whatever a transcript holds, reading it takes at most 64 MiB on top of its bytes, and its
//! sentences at most 64 MiB more. Measured with an allocator that counts; one test, so that
//! nothing else allocates meanwhile.

use std::alloc::{GlobalAlloc, Layout, System};
use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Makes a file when its turn comes: all of them together would fill a gibibyte.
type Make = Box<dyn FnOnce() -> Vec<u8>>;

/// A file of about `bytes` bytes: `head`, repeats of what `item` gives for 0, 1, 2, ..., `tail`.
fn fill(
    head: &'static str,
    bytes: usize,
    tail: &'static str,
    item: impl Fn(usize) -> Cow<'static, str> + 'static,
) -> Make {
    Box::new(move || {
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
    })
}

fn same(item: &'static str) -> impl Fn(usize) -> Cow<'static, str> {
    move |_| item.into()
}

fn stamp(seconds: usize) -> String {
    format!("{:02}:{:02}:{:02}.000", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Name, bytes, and the end of the expected code: empty where a transcript is expected.
fn poisons() -> Vec<(&'static str, Make, &'static str)> {
    const FULL: usize = 16 << 20;
    const HUGE: usize = 100_000_000;
    let cue = |at: usize| format!("{} --> {}\nword\n\n", stamp(at), stamp(at + 1)).into();
    let day = |at: usize| format!(r#"{{"start":{at},"end":{},"word":" go"}},"#, at + 1).into();
    let wide = || -> Make {
        Box::new(|| fill("", FULL / 2 - 8, "", same("a word and "))().into_iter().flat_map(|byte| [byte, 0]).collect())
    };
    let legacy = || -> Make {
        Box::new(|| {
            fill("", FULL - 300, "", same("\u{e9}t\u{e9} \n"))().into_iter().filter(|byte| *byte != 0xc3).collect()
        })
    };
    vec![
        ("100 MB of one line", Box::new(|| vec![b'x'; HUGE]), "line_too_long"),
        (
            "100 MB of words in one line",
            fill("WEBVTT\n\n00:00.000 --> 00:01.000\n", HUGE, "", same("word ")),
            "line_too_long",
        ),
        ("100 MB of JSON in one line", fill("[", HUGE, "{}]", same("{},")), "line_too_long"),
        ("100 MB of lines", fill("", HUGE, "", same("a line\n")), "too_large"),
        ("16 MiB of one line", Box::new(|| vec![b'x'; FULL]), "line_too_long"),
        ("lines of one letter", fill("", FULL, "", same("a\n")), "too_large"),
        (
            "one cue of one-letter lines",
            fill("WEBVTT\n\n00:00.000 --> 00:01.000\n", FULL, "", same("a\n")),
            "too_large",
        ),
        ("tiny cues", fill("WEBVTT\n\n", FULL, "", cue), "too_large"),
        ("as many cues as there may be", fill("WEBVTT\n\n", 4_300_000, "", cue), ""),
        ("times and nothing else", fill("WEBVTT\n\n", FULL, "", same("00:00.000 --> 00:01.000\n")), "nothing_usable"),
        ("time tags", fill("WEBVTT\n\n00:00.000 --> 00:01.000\n", FULL, "", same("<00:00.100>a\n")), "too_large"),
        ("voices in one cue", fill("WEBVTT\n\n00:00.000 --> 00:01.000\n", FULL, "", same("<v A>a\n")), "too_large"),
        ("open tags", fill("WEBVTT\n\n00:00.000 --> 00:01.000\n", FULL, "", same("<a\n")), "too_large"),
        ("ampersands", fill("1\n00:00:00,000 --> 00:00:01,000\n", FULL, "", same("&\n")), "too_large"),
        ("empty segments", fill("[", FULL, "{}]", same("{},")), "nothing_usable"),
        ("tiny segments", fill("[", FULL, "{}]", same("{\"text\":\"a\"},")), "too_large"),
        ("segments of nothing but words", fill("[", FULL, "{}]", same("{\"words\":[{\"word\":\"a\"}]},")), "too_large"),
        (
            "a day of words in one segment",
            fill("[{\"start\":0,\"end\":9,\"text\":\"go\",\"words\":[", FULL, "{}]}]", day),
            "",
        ),
        ("words beside nothing", fill("{\"words\":[", FULL, "{}]}", day), "too_large"),
        ("one long escaped string", fill("[{\"text\":\"", FULL, "\"}]", same("\\u0041")), ""),
        ("one long number", fill("[{\"start\":1", FULL, "}]", same("0")), "json"),
        ("brackets", fill("[", FULL, "", same("[")), "json"),
        ("skipped brackets", fill("[{\"x\":[", FULL, "", same("[")), "json"),
        ("names at the top", fill("{", FULL, "\"x\":1}", |at| format!("\"k{at}\":1,").into()), "nothing_usable"),
        ("paragraphs", fill("<p>", FULL, "", same("<p>a")), "too_large"),
        ("nested elements", fill("<p>", FULL, "", same("<b>")), "nothing_usable"),
        ("attributes", fill("<p ", FULL, ">text</p>", |at| format!("a{at} ").into()), ""),
        ("blanks between tags", fill("<p>", FULL, "x", same(" <b>")), ""),
        ("comments", fill("<p>", FULL, "x", same("<!---->")), ""),
        ("open comments", fill("<p>x", FULL, "", same("<!--")), "too_large"),
        ("open scripts", fill("<p>x", FULL, "", same("<script></scrip>")), ""),
        ("quotes that stay open", fill("<p>x", FULL, ">", same("<a b='c\" ")), ""),
        ("ideographs", fill("", FULL, "", same("你好。\n")), "too_large"),
        ("ideographs in lines", fill("", 700_000, "", same("你好吗我很好。\n\n")), ""),
        ("brackets in text", fill("", FULL, "", same("[music [\n")), "too_large"),
        ("links", fill("# x\n", FULL, "", same("[a](\n")), "too_large"),
        ("labels", fill("", FULL, "", |at| format!("Name {at}: yes.\n").into()), "too_large"),
        ("rows", fill("token|speaker|\n", FULL, "", same("a|1||\n")), "too_large"),
        ("wide text without a mark", wide(), "line_too_long"),
        ("Latin letters of another encoding", legacy(), "too_large"),
    ]
}

#[test]
fn no_transcript_takes_more_than_its_share_of_memory() {
    let mut wrong = Vec::new();
    for (name, make, expected) in poisons() {
        let bytes = make();
        // What is refused is refused before anybody asks how long the episode is.
        let durations = if expected.is_empty() { &[None, Some(Seconds(90_000.0))][..] } else { &[None] };
        for &duration in durations {
            let begun = cpu_seconds();
            let (read, result) = peak(|| parse(&bytes, None, duration));
            let spent = cpu_seconds() - begun;
            let (more, outcome) = match &result {
                Ok(transcript) => {
                    let (more, list) = peak(|| sentences(transcript));
                    (more, format!("{} segments, {} sentences", transcript.segments.len(), list.len()))
                }
                Err(fault) => (0, format!("{}: {}", fault.code, fault.message)),
            };
            println!("{name}: {:.1} MiB, {spent:.2} s of CPU; sentences {:.1} MiB; {outcome}", mib(read), mib(more));
            if read > LIMIT || more > LIMIT {
                wrong.push(format!("{name}: {read} and {more} bytes"));
            }
            let code = result.err().map(|fault| fault.code).unwrap_or_default();
            let expected = if expected.is_empty() { String::new() } else { format!("transcript.{expected}") };
            if code != expected {
                wrong.push(format!("{name}: {outcome}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// CPU time of this thread, printed for people to read; 0 where the kernel does not tell.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
