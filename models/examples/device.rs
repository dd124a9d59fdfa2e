//! What the models do on a device: speed by batch and precision, accuracy against the processor in 32
//! bits, memory as planned and as the driver counts it, the largest batch.
//!
//! ```text
//! cargo run --release -p hark-models --example device -- cuda:0 [--only PART] [--lanes N] [TRANSCRIPT.srt ...]
//! ```
//!
//! A part is `speech`, `embeddings`, `ballast`, or one size of the last: `ballast:large`. So many lanes, one by
//! itself, run batches side by side with the same weights: while one prepares, another computes.
//! Prints Markdown. Windows are 29 s of generated sound, sentences come from the transcripts.

mod material;

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use hark_models::ModelError;
use hark_models::ballast::{Ballast, Size};
use hark_models::device::{Device, Placement, Precision, lane_thread_setup};
use hark_models::gauge::Gauge;
use hark_models::manifest::{Manifest, ModelFiles};
use hark_models::minilm::Embedder;
use hark_models::silero::SpeechDetector;

/// As `hark` has it, so that lanes allocate as they do there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seconds of audio per window: 28 fresh ones and one of context.
const WINDOW: usize = 29;

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_millis(2500);

/// Between looks at how busy the device is.
const LOOKS: Duration = Duration::from_millis(50);

const PRECISIONS: [Precision; 3] = [Precision::Bf16, Precision::F16, Precision::F32];

/// Batches beyond this are not tried.
const MOST: usize = 2048;

type Done<T> = Result<T, Box<dyn Error>>;

/// One measurement.
struct Figure {
    /// Batches, of all lanes together.
    per_second: f64,
    /// Of the device, while it ran; 0 to 1.
    utilisation: Option<f64>,
    /// By which the device's memory grew, bytes.
    grown: Option<usize>,
}

fn main() -> Done<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let only = option(&mut arguments, "--only");
    let lanes = option(&mut arguments, "--lanes").map_or(Ok(1), |lanes| lanes.parse())?;
    let device = if arguments.is_empty() { "auto".to_owned() } else { arguments.remove(0) };
    let device = Device::select(&device)?;
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let _lane = lane_thread_setup();
    let gauge = Gauge::open(device);
    if let Some(total) = gauge.as_ref().and_then(Gauge::total_bytes) {
        println!("{device}: {:.1} GB, {} in use before any model", total as f64 / 1e9, used(gauge.as_ref()));
    }
    let sound = sound(WINDOW * 16_000);
    let windows: Vec<&[i16]> = (0..64).map(|shift| &sound[shift..]).collect();
    if wanted("speech") {
        speech(device, lanes, gauge.as_ref(), &windows)?;
    }
    if wanted("embeddings") {
        embeddings(device, lanes, gauge.as_ref(), &material::sentences(&arguments)?)?;
    }
    let sizes: &[&str] = if device == Device::Cpu { &["tiny"] } else { &["small", "large"] };
    for size in sizes.iter().filter(|size| wanted("ballast") || wanted(&format!("ballast:{size}"))) {
        ballast(size.parse()?, device, lanes, gauge.as_ref(), &windows)?;
    }
    Ok(())
}

/// Takes an option and its value out of the arguments.
fn option(arguments: &mut Vec<String>, name: &str) -> Option<String> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.remove(at);
    (at < arguments.len()).then(|| arguments.remove(at))
}

/// One handle per lane to the weights of a model.
fn handles<M>(model: M, lanes: usize, share: impl Fn(&M) -> M) -> Vec<M> {
    let mut handles: Vec<M> = (1..lanes).map(|_| share(&model)).collect();
    handles.push(model);
    handles
}

fn weights(model: &str) -> Done<ModelFiles> {
    let home = std::env::var("HARK_HOME")?;
    Ok(Manifest::open(Path::new(&home)).verified(model)?)
}

fn speech(device: Device, lanes: usize, gauge: Option<&Gauge>, windows: &[&[i16]]) -> Done<()> {
    println!("\n## Speech\n");
    let files = weights("silero-vad")?;
    let wanted = SpeechDetector::load(&files, Device::Cpu)?.probabilities(windows)?.concat();
    head("windows/s");
    for precision in PRECISIONS {
        let model = SpeechDetector::load(&files, Placement { device, precision })?;
        let found = model.probabilities(windows)?.concat();
        let largest = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let flips = found.iter().zip(&wanted).filter(|(a, b)| (**a > 0.5) != (**b > 0.5)).count();
        let accuracy = format!("{largest:.1e}, {flips} of {} decisions differ", wanted.len());
        let weights = model.weight_bytes();
        let mut models = handles(model, lanes, SpeechDetector::share);
        rows(precision, weights, &accuracy, gauge, &[1, 8, 32, 128, 512], &mut models, |model, items| {
            model.probabilities(&cycled(windows, items)).map(drop)
        })?;
    }
    Ok(())
}

fn embeddings(device: Device, lanes: usize, gauge: Option<&Gauge>, sentences: &[String]) -> Done<()> {
    println!("\n## Embeddings\n");
    let files = weights("minilm")?;
    let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
    let reference: Vec<&str> = sentences.iter().copied().take(256).collect();
    let wanted = Embedder::load(&files, Device::Cpu)?.embed(&reference)?;
    head("sentences/s");
    for precision in PRECISIONS {
        let model = Embedder::load(&files, Placement { device, precision })?;
        let cosines = model.embed(&reference)?;
        let cosines = cosines.iter().zip(&wanted).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>());
        let accuracy = format!("cosine at least {:.6}", cosines.fold(f32::INFINITY, f32::min));
        let ((wanted, computed), weights) = (model.tokens(&sentences, device)?, model.weight_bytes());
        let padding = 100.0 * (1.0 - wanted as f64 / computed as f64);
        let mut models = handles(model, lanes, Embedder::share);
        rows(precision, weights, &accuracy, gauge, &[1, 32, 128, 512, 2048], &mut models, |model, items| {
            model.embed(&cycled(&sentences, items)).map(drop)
        })?;
        println!("\n{} sentences in one call: {padding:.1} % padding\n", sentences.len());
    }
    Ok(())
}

fn ballast(size: Size, device: Device, lanes: usize, gauge: Option<&Gauge>, windows: &[&[i16]]) -> Done<()> {
    println!("\n## Ballast\n\n{}, {:.2} TFLOP per window\n", size.name, size.operations() / 1e12);
    head("windows/s");
    for precision in PRECISIONS {
        let model = Ballast::new(size, Placement { device, precision })?;
        let weights = model.weight_bytes();
        let mut models = handles(model, lanes, Ballast::share);
        rows(precision, weights, "–", gauge, &[1, 8, 32, 128], &mut models, |model, items| {
            model.weigh(&cycled(windows, items)).map(drop)
        })?;
        if let [model] = &models[..] {
            let most = largest(|items| model.weigh(&cycled(windows, items)).map(drop))?;
            println!("\nlargest batch in {precision}: {most} windows, {} in use after it\n", used(gauge));
        }
    }
    Ok(())
}

/// So many of these, again and again.
fn cycled<'a, T: ?Sized>(of: &[&'a T], items: usize) -> Vec<&'a T> {
    of.iter().copied().cycle().take(items).collect()
}

fn head(unit: &str) {
    println!(
        "| precision | weights MB | batch | {unit} | utilisation | memory grew MB | against the processor in f32 |"
    );
    println!("|---|---|---|---|---|---|---|");
}

/// Measures batches of these sizes, one line each.
fn rows<M: Send>(
    precision: Precision,
    weights: usize,
    accuracy: &str,
    gauge: Option<&Gauge>,
    batches: &[usize],
    lanes: &mut [M],
    run: impl Fn(&M, usize) -> Result<(), ModelError> + Sync,
) -> Done<()> {
    for &items in batches {
        match measure(gauge, lanes, |model| run(model, items)) {
            Ok(Figure { per_second, utilisation, grown }) => println!(
                "| {precision} | {:.1} | {items} | {:.0} | {} | {} | {accuracy} |",
                weights as f64 / 1e6,
                per_second * items as f64,
                utilisation.map_or("–".to_owned(), |share| format!("{:.0} %", share * 100.0)),
                grown.map_or("–".to_owned(), |bytes| format!("{:.0}", bytes as f64 / 1e6)),
            ),
            Err(ModelError::OutOfMemory(_)) => println!("| {precision} | – | {items} | out of memory | – | – | – |"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Runs batches on all lanes, each after one to warm up.
fn measure<M: Send>(
    gauge: Option<&Gauge>,
    lanes: &mut [M],
    run: impl Fn(&M) -> Result<(), ModelError> + Sync,
) -> Result<Figure, ModelError> {
    let before = gauge.and_then(Gauge::used_bytes);
    lanes.iter().try_for_each(&run)?;
    let begin = Instant::now();
    let run = &run;
    let batches = |model: &mut M| {
        let _lane = lane_thread_setup();
        let mut batches = 0;
        while begin.elapsed() < MEASURED {
            run(model)?;
            batches += 1;
        }
        Ok::<u32, ModelError>(batches)
    };
    let (batches, shares) = std::thread::scope(|scope| {
        let lanes: Vec<_> = lanes.iter_mut().map(|model| scope.spawn(move || batches(model))).collect();
        let mut shares = Vec::new();
        while begin.elapsed() < MEASURED {
            std::thread::sleep(LOOKS);
            shares.extend(gauge.filter(|_| begin.elapsed() > MEASURED / 2).and_then(Gauge::utilisation));
        }
        let counts = lanes.into_iter().map(|lane| lane.join().expect("a lane does not panic"));
        (counts.sum::<Result<u32, ModelError>>(), shares)
    });
    let per_second = f64::from(batches?) / begin.elapsed().as_secs_f64();
    let grown = gauge.and_then(Gauge::used_bytes).zip(before).map(|(after, before)| after.saturating_sub(before));
    let utilisation = (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64);
    Ok(Figure { per_second, utilisation, grown })
}

/// The largest power of two of items for which there is memory.
fn largest(run: impl Fn(usize) -> Result<(), ModelError>) -> Result<usize, ModelError> {
    let mut most = 0;
    let mut items = 1;
    while items <= MOST {
        match run(items) {
            Ok(()) => most = items,
            Err(ModelError::OutOfMemory(_)) => break,
            Err(error) => return Err(error),
        }
        items *= 2;
    }
    Ok(most)
}

fn used(gauge: Option<&Gauge>) -> String {
    gauge.and_then(Gauge::used_bytes).map_or("–".to_owned(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6))
}

/// Sound that rises and falls, so that some of it passes for speech.
fn sound(samples: usize) -> Vec<i16> {
    let mut seed = 1_u32;
    let noise = |seed: &mut u32| {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from((*seed >> 16) as i16) / 32_768.0
    };
    let tone = |at: f64, hertz: f64| (at * hertz * std::f64::consts::TAU).sin();
    (0..samples + 64)
        .map(|at| {
            let at = at as f64 / 16_000.0;
            let voice = (1..12).map(|n| tone(at, 110.0 * f64::from(n)) / f64::from(n)).sum::<f64>();
            let swell = tone(at, 2.3).max(0.0) * tone(at, 0.11).abs();
            ((voice * swell * 0.3 + noise(&mut seed) * 0.02).clamp(-1.0, 1.0) * 20_000.0) as i16
        })
        .collect()
}
