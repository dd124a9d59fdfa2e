//! A job on topics of a real broker, and what must hold of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::command::{hark, objects, outcomes, path, recorded, write_episodes};
use crate::live::states;
use crate::running::Running;

/// A day so many days from now, UTC.
pub fn day(from_now: i64) -> String {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.checked_add(jiff::Span::new().days(from_now)).expect("a day").to_string()
}

/// Words of an episode's own, so that no two are alike; enough of them for a preview.
pub fn words(id: &str) -> String {
    let things = ["river", "bridge", "engine", "garden", "letter", "winter", "harbour", "violin", "market", "lantern"];
    let verbs = ["carries", "follows", "mends", "forgets", "paints", "opens", "weighs", "answers"];
    // FNV-1a, then each choice from the next state of a generator (splitmix64).
    let mut seed = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut pick = |from: &[&'static str]| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        from[((mixed ^ (mixed >> 31)) % from.len() as u64) as usize]
    };
    let mut sentence = |at: u32| {
        let [first, second, third, fourth, last] = std::array::from_fn(|_| pick(&things));
        let [does, goes, also, then] = std::array::from_fn(|_| pick(&verbs));
        format!(
            "The {first} {does} {second} and {third} {at} times, {goes} {fourth} of {id} and {also} her {last} {then} it. "
        )
    };
    (0..45).map(&mut sentence).collect()
}

/// An episode of such words.
pub fn talk(id: &str, published: u64) -> Value {
    let transcript = json!({"text": words(id), "media_type": "text/plain"});
    json!({"id": id, "show": "s", "title": id, "published": published, "transcript": transcript})
}

fn message(episode: &Value) -> (&str, Option<Vec<u8>>) {
    (episode["id"].as_str().expect("an id"), Some(episode.to_string().into_bytes()))
}

/// A job on the topics `NAME-ann`, `NAME-previews` and `NAME-outcomes` in the name of `NAME`.
pub struct Job<'a> {
    pub broker: &'a Broker,
    name: &'static str,
    pub folder: tempfile::TempDir,
}

impl<'a> Job<'a> {
    /// With its topic of announcements.
    pub fn new(broker: &'a Broker, name: &'static str) -> Self {
        let job = Self { broker, name, folder: tempfile::tempdir().expect("a temporary folder") };
        broker.topic(&job.of("ann"), 3, &[]);
        job
    }

    /// Its topic of a kind.
    pub fn of(&self, kind: &str) -> String {
        format!("{}-{kind}", self.name)
    }

    /// Where its outcomes and previews go.
    pub fn output(&self) -> std::path::PathBuf {
        self.folder.path().join("out")
    }

    /// What `hark run` is told of all this.
    pub fn args(&self) -> Vec<String> {
        let (address, output, ann) = (self.broker.address(), self.output(), self.of("ann"));
        let (previews, told) = (self.of("previews"), self.of("outcomes"));
        let args = [
            &["--brokers", &address, "--announcements", &ann, "--previews", &previews],
            &["--outcomes-topic", &told, "--group", self.name, "--output", path(&output)],
            &["--accept-gates", "--allow-root", path(self.folder.path())][..],
        ];
        args.concat().into_iter().map(str::to_owned).collect()
    }

    /// Starts it.
    pub fn run(&self) -> Running {
        self.run_with(&[])
    }

    /// Starts it, told more.
    pub fn run_with(&self, more: &[&str]) -> Running {
        let args = self.args();
        Running::launch(&args.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// Announces episodes.
    pub fn send(&self, episodes: &[Value]) {
        self.broker.send(&self.of("ann"), episodes.iter().map(message));
    }

    /// Waits until the table holds so many outcomes.
    pub fn wait_for(&self, run: &Running, count: usize) {
        run.wait_until("all to have ended", |run| run.metric("hark_rows_compared") == 1.0 && self.listed() >= count);
    }

    /// How many outcomes the table holds.
    pub fn listed(&self) -> usize {
        recorded(&self.output(), "TRUE")
    }

    /// Outcomes as their topic tells them last, by episode.
    pub fn told(&self) -> BTreeMap<String, Value> {
        let told = self.broker.compacted(&self.of("outcomes"));
        told.into_iter().map(|(id, text)| (id, serde_json::from_str(&text).expect("it is JSON"))).collect()
    }

    /// What the same announcements give in a batch, and that all of it is the same here.
    pub fn is_as_a_batch_of(&self, all: &[Value]) {
        self.is_as_a_batch_with(all, &[]);
    }

    /// The same of a batch that is told more.
    pub fn is_as_a_batch_with(&self, all: &[Value], more: &[&str]) {
        let calm = tempfile::tempdir().expect("a temporary folder");
        let (input, output) = (self.folder.path().join("batch.jsonl"), calm.path().join("out"));
        write_episodes(&input, all.iter().cloned());
        let args = ["batch", "--input", path(&input), "--output", path(&output), "--accept-gates"];
        let ran = hark(&[&args[..], more].concat());
        assert!([0, 3].contains(&ran.code), "{}", ran.err);
        assert_eq!(states(&outcomes(&self.output())), states(&outcomes(&output)));
        assert_eq!(objects(&self.output()), objects(&output), "the same previews, byte by byte");
        let lines = std::fs::read_to_string(output.join("previews.jsonl")).expect("a batch leaves them");
        let timeless = |line: &str| line.split(",\"ingested_at\"").next().expect("a line").to_owned() + "}";
        let of_batch: BTreeMap<String, String> = lines
            .lines()
            .map(|line| {
                let preview: Value = serde_json::from_str(line).expect("each line is JSON");
                (preview["episode"].as_str().expect("an id").to_owned(), timeless(line))
            })
            .collect();
        assert!(!of_batch.is_empty());
        assert_eq!(self.broker.compacted(&self.of("previews")), of_batch, "the same messages, byte by byte");
    }

    /// All that was announced is committed.
    pub fn all_is_committed(&self) {
        let (next, end) = self.broker.committed(self.name, &self.of("ann"));
        assert_eq!(next, end);
    }
}
