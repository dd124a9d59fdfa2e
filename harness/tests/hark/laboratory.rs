//! `hark layout` and `hark bench`: what a researcher types.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::chromium;
use crate::command::{examples, hark, path, root, write_episodes};

#[test]
fn an_impossible_layout_is_refused_with_its_line_and_the_remedy_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shipped = root().join("dataflow/layouts/throughput.toml");
    let text = std::fs::read_to_string(shipped).expect("it is committed");
    let refused = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "the layout holds {from}");
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, &changed).expect("the folder is writable");
        let line = 1 + changed.lines().position(|line| line.contains(to)).expect("it was put in");
        let said = hark(&["layout", "check", path(&file)]);
        assert_eq!(said.code, 1, "{}", said.err);
        (line, said.err)
    };
    // A key that nobody knows, a number out of range: the line of the key.
    let (line, said) = refused("max_wait_ms = 50", "max_wait_msec = 50");
    assert!(said.contains(&format!("line {line}")) && said.contains("max_wait_msec"), "{said}");
    let (line, said) = refused("max_items = 128", "  max_items = 0");
    assert!(said.contains(&format!("line {line}, column 3")) && said.contains("give 1 to 4096"), "{said}");
}

#[test]
fn a_layout_whose_models_do_not_fit_is_refused_with_the_model_and_the_missing_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shipped = root().join("dataflow/layouts/throughput.toml");
    let text = std::fs::read_to_string(shipped).expect("it is committed");
    let file = folder.path().join("small.toml");
    let small = text.replacen("shared = true", "shared = true\nmemory_mb = 50", 1);
    std::fs::write(&file, small).expect("the folder is writable");
    let input = root().join("examples/feed.xml");
    let output = folder.path().join("out");
    let said = hark(&[
        "batch",
        "--input",
        path(&input),
        "--output",
        path(&output),
        "--layout",
        path(&file),
        "--device",
        "cpu",
    ]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("too few for the model of embed") && said.err.contains("memory_mb"), "{}", said.err);
}

/// A layout in this folder that runs its models on an H100 that is not there.
fn modelled(folder: &Path) -> PathBuf {
    on_a_curve(folder, "h100")
}

fn on_a_curve(folder: &Path, curve: &str) -> PathBuf {
    let shipped = std::fs::read_to_string(root().join("dataflow/layouts/throughput.toml")).expect("it is committed");
    let file = folder.join("modelled.toml");
    let text = shipped.replacen("device = \"auto\"", &format!("device = \"modelled:{curve}\""), 1);
    assert_ne!(text, shipped);
    std::fs::write(&file, text).expect("the folder is writable");
    file
}

#[test]
fn nobody_can_publish_from_a_layout_with_a_modelled_device() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (layout, output) = (modelled(folder.path()), folder.path().join("out"));
    let input = root().join("examples/feed.xml");
    let job = ["--input", path(&input), "--output", path(&output), "--layout", path(&layout)];
    for (command, more) in [("batch", &[][..]), ("run", &["--embedded"])] {
        let said = hark(&[&[command][..], more, &job[..]].concat());
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains("modelled") && said.err.contains("hark bench"), "{}", said.err);
    }
    let said = hark(&[&["batch", "--allow-modelled"][..], &job[..]].concat());
    assert_eq!(said.code, 2, "without --measure it is wrong use: {}", said.err);
    assert!(!output.join("previews.jsonl").exists());
}

#[test]
fn a_device_that_is_too_small_for_its_models_is_refused_whoever_bounds_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let h100 = std::fs::read_to_string(root().join("dataflow/curves/h100.toml")).expect("it is committed");
    let small = h100.replacen("memory_mb = 80000", "memory_mb = 2550", 1);
    assert_ne!(small, h100);
    std::fs::write(folder.path().join("small.toml"), small).expect("the folder is writable");
    let (layout, output) = (on_a_curve(folder.path(), "small.toml"), folder.path().join("out"));
    let input = root().join("examples/feed.xml");
    let command = ["bench", "--layouts", path(&layout), "--input", path(&input), "--output", path(&output)];
    let said = hark(&[&command[..], &["--repeat", "1"]].concat());
    assert_eq!(said.code, 1, "{}", said.err);
    // A batch of speech takes 1,248 MB on each of two lanes, weights 2 and 91.
    let missing = "modelled:small.toml has 2550.0 MB of memory, 39.0 MB too few for the model of embed on lanes gpu";
    assert!(said.err.contains(missing), "{}", said.err);
}

#[test]
fn a_modelled_device_is_compared_and_marked_wherever_it_is_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (layout, output, examples_at) = (modelled(folder.path()), folder.path().join("out"), root().join("examples"));
    let input = folder.path().join("episodes.jsonl");
    write_episodes(&input, examples(&["small-wonders-3", "counter-talk-3"]));
    let layouts = format!("throughput,{}", path(&layout));
    let command = ["bench", "--layouts", &layouts, "--input", path(&input), "--output", path(&output), "--repeat", "1"];
    let ran = hark(&[&command[..], &["--", "--accept-gates", "--allow-root", path(&examples_at)]].concat());
    assert_eq!(ran.code, 0, "real runs are compared among themselves: {}", ran.err);
    assert!(ran.out.contains("throughput (modelled), 1 worker"), "{}", ran.out);
    assert!(ran.out.contains("MODELLED") && ran.out.contains("H100"), "{}", ran.out);
    let report = std::fs::read_to_string(output.join("bench.json")).expect("the report is there");
    let report: Value = serde_json::from_str(&report).expect("it is JSON");
    let (real, modelled) = (&report["arms"][0], &report["arms"][1]);
    assert_eq!(real["arm"]["modelled"], Value::Array(Vec::new()));
    assert!(modelled["arm"]["modelled"][0].as_str().is_some_and(|told| told.contains("docs/gpu.md")), "{modelled}");
    assert_eq!(modelled["runs"][0]["published"], 2, "each episode goes the light way");
    let embeds = |operator: &&Value| operator["name"].as_str().is_some_and(|name| name.starts_with("embed"));
    let operators = modelled["runs"][0]["operators"].as_array().expect("operators");
    let embed = operators.iter().find(embeds).expect("it embeds");
    assert_eq!((&embed["weight_bytes"], &embed["activation_bytes"]), (&91_000_000.into(), &1_160_000_000.into()));
    let page = std::fs::read_to_string(output.join("bench.html")).expect("the page is there");
    assert!(page.contains("throughput (modelled) ×1") && page.contains("Modelled: the lanes of"), "plots name it, too");
}

#[test]
fn one_process_and_two_do_the_same_however_numbers_are_written_between_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (output, examples_at) = (folder.path().join("out"), root().join("examples"));
    let input = folder.path().join("episodes.jsonl");
    write_episodes(&input, examples(&["small-wonders-1", "small-wonders-2", "small-wonders-3", "counter-talk-3"]));
    let shipped = std::fs::read_to_string(root().join("dataflow/layouts/low-latency.toml")).expect("it is committed");
    let encoded = ["plain", "abomonated"].map(|encoding| {
        let file = folder.path().join(format!("{encoding}.toml"));
        let (_, rest) = shipped.split_once('\n').expect("its name comes first");
        std::fs::write(&file, format!("name = \"{encoding}\"\nexchange = \"{encoding}\"\n{rest}"))
            .expect("the folder is writable");
        file
    });
    let [plain, abomonated] = encoded.each_ref().map(|file| path(file));
    let layouts = ["--layouts", "low-latency", plain, abomonated];
    let what = ["--processes", "1,2", "--repeat", "1", "--input", path(&input)];
    let more = ["--output", path(&output), "--", "--accept-gates", "--allow-root", path(&examples_at)];
    let ran = hark(&[&["bench"][..], &layouts, &what, &more].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    for layout in ["low-latency", "plain", "abomonated"] {
        assert!(ran.out.contains(&format!("{layout}, 2 processes of 1 worker")), "{}", ran.out);
    }
    let report = std::fs::read_to_string(output.join("bench.json")).expect("the report is there");
    let report: Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(report["same_outcomes"], true);
    let (one, two) = (&report["arms"][0]["runs"][0], &report["arms"][1]["runs"][0]);
    assert_eq!((&one["episodes"], &one["published"]), (&two["episodes"], &two["published"]));
    let away = |run: &Value| -> u64 {
        run["operators"].as_array().expect("operators").iter().filter_map(|one| one["bytes_away"].as_u64()).sum()
    };
    assert!(away(one) == 0 && away(two) > 0, "what goes to the other process is counted: {two}");
}

/// The report in a browser.
fn looks_whole(page: &str, folder: &Path) {
    let probe = include_str!("report_probe.js");
    let opened = folder.join("opened.html");
    std::fs::write(&opened, page.replacen("<title>", &format!("<script>{probe}</script><title>"), 1))
        .expect("the folder is writable");
    let Some(dom) = chromium::dump(&opened, folder, false) else { return };
    let report = chromium::reported(&dom);
    assert_eq!(report["errors"], json!([]), "{report}");
    assert_eq!(report["wider"], json!([]), "nothing is wider than the window: {report}");
    assert_eq!(report["spoilt"], 0, "every mark has a place: {report}");
    let plots = report["plots"].as_array().expect("plots");
    // Four of all, one of the stages of each layout.
    assert!(plots.len() == 6 && plots.iter().all(|plot| plot[0].as_u64() > Some(200)), "{report}");
    assert!(report["marks"].as_u64() > Some(20) && report["tables"].as_array().map(Vec::len) == Some(5), "{report}");
}

/// What the same measurements foretell.
fn planned(profile: &Path) {
    let plan =
        |more: &[&str]| hark(&[&["plan", "--episodes-per-day", "300000", "--profile", path(profile)], more].concat());
    let said = plan(&["--audio-minutes", "40"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for told in ["layout fused", "3.47 a second", "machines ", "p99 ", "cost: ", "saturates first: "] {
        assert!(said.out.contains(told), "it tells {told}: {}", said.out);
    }
    let machines = |out: &str| -> f64 {
        let told = out.lines().find_map(|line| line.strip_prefix("machines "));
        told.and_then(|told| told.split(',').next()?.parse().ok()).expect("it tells how many machines")
    };
    let more = plan(&["--audio-minutes", "400"]);
    assert!(machines(&more.out) >= 4.0 * machines(&said.out), "ten times the audio: {}\n{}", said.out, more.out);
    let wrong = plan(&["--layout", "split"]);
    assert!(wrong.code == 1 && wrong.err.contains("fused, low-latency"), "{}", wrong.err);
}

#[test]
fn two_layouts_are_compared_run_by_run_and_do_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder_of_examples = root().join("examples");
    let input = folder.path().join("episodes.jsonl");
    write_episodes(&input, examples(&["small-wonders-3", "counter-talk-3"]));
    let output = folder.path().join("out");
    let ran = hark(&[
        "bench",
        "--layouts",
        "fused,low-latency",
        "--input",
        path(&input),
        "--output",
        path(&output),
        "--repeat",
        "2",
        "--arrivals",
        "poisson:4/s",
        "--",
        "--accept-gates",
        "--allow-root",
        path(&folder_of_examples),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("fused, 1 worker") && ran.out.contains("low-latency, 1 worker"), "{}", ran.out);
    let report = std::fs::read_to_string(output.join("bench.json")).expect("the report is there");
    let report: Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(report["same_outcomes"], true);
    for arm in report["arms"].as_array().expect("two arms") {
        for run in arm["runs"].as_array().expect("two runs") {
            assert_eq!((&run["episodes"], &run["published"]), (&2.into(), &2.into()), "{}", arm["arm"]);
            let heard = run["operators"].as_array().expect("operators").iter().any(|operator| {
                operator["name"].as_str().is_some_and(|name| name.contains("speech")) && operator["items"] != 0
            });
            assert!(heard && run["peak_bytes"].as_u64().is_some_and(|bytes| bytes > 50_000_000), "{run}");
        }
        assert_eq!(arm["runs"].as_array().map(Vec::len), Some(2));
    }
    let page = std::fs::read_to_string(output.join("bench.html")).expect("the page is there");
    assert!(page.contains("<svg") && !page.contains("http://") && !page.contains("<script"), "it needs no network");
    looks_whole(&page, folder.path());
    planned(&output.join("bench.json"));
    let left: Vec<_> =
        std::fs::read_dir(&output).expect("it is readable").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 2, "nothing else is left: {left:?}");
}
