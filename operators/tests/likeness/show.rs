//! Two made-up episodes of one show: different talk, the same intro, outro and three adverts.

use std::path::Path;

use hark_operators::likeness::acoustic::Print;
use hark_operators::units::Span;

use super::sound::{RATE, count, load, print_of_copy};

/// One episode: its print, and where the shared parts lie in it, in the order of [`PARTS`].
pub struct Episode {
    pub print: Print,
    pub parts: Vec<Span>,
}

/// The shared parts: file, start, seconds. Intro, three adverts, outro.
const PARTS: [(&str, f64, f64); 5] = [
    ("Weavercast__Song_Of_The_Windy_Mountains.mp3", 20.0, 18.0),
    ("podcast_scraper__p02_e04.mp3", 10.0, 30.0),
    ("silero-vad__aepyx_8k.wav", 40.0, 45.0),
    ("columbia_reenc.opus", 30.0, 60.0),
    ("data__Kevin_MacLeod_-_Vibe_Ace.hq.ogg", 5.0, 25.0),
];

/// The episode whose talk is `file`, cut by the adverts after `stops` seconds of it, then encoded. The
/// parts are taken `later` seconds further on in their files.
pub fn episode(audio: &Path, file: &str, stops: [f64; 4], later: f64, encode: &[&str]) -> Episode {
    let talk = load(&audio.join(file), RATE, 60.0, stops[3]);
    let (mut sound, mut parts, mut said) = (Vec::new(), Vec::new(), 0);
    for (n, (part, from, seconds)) in PARTS.into_iter().enumerate() {
        if n > 0 {
            let until = count(stops[n - 1]).min(talk.len());
            sound.extend_from_slice(&talk[said..until]);
            said = until;
        }
        let start = sound.len() as f64 / f64::from(RATE);
        sound.extend(load(&audio.join(part), RATE, from + later, seconds));
        parts.push(Span::new(start, sound.len() as f64 / f64::from(RATE)));
    }
    Episode { print: print_of_copy(&sound, encode), parts }
}
