//! Layouts that make no graph are refused with the place and the remedy.

use super::super::SHIPPED;
use super::*;

fn fused_with(from: &str, to: &str) -> String {
    let (_, text) = SHIPPED[0];
    assert!(text.contains(from), "the shipped layout holds {from}");
    Layout::parse("test.toml", &text.replacen(from, to, 1))
        .map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
}

#[test]
fn what_devices_cannot_do_is_refused_too() {
    let refused = |from: &str, to: &str, said: &str| {
        let found = fused_with(from, to);
        assert!(found.contains(said) && found.contains("line"), "{found}");
    };
    refused("max_items = 64", "max_items = 64\nprecision = \"bf16\"", "no model that knows one");
    refused("max_items = 16", "max_items = 16\nprecision = \"f8\"", "f8");
    refused("max_items = 16", "max_items = 16\ntarget_ms = 0", "target_ms out of range");
    refused("threads = 1", "threads = 1\nmemory_mb = 0", "have 0 MB");
    refused("threads = 1", "threads = 1\nmemory_mb = 9223372036854775807", "MB of memory");
    refused("threads = 1", "threads = 1\ndevice = \"banana\"", "no device that there is, \"banana\"");
    refused("threads = 1", "threads = 1\ndevice = \"cuda:-1\"", "no device that there is");
    refused("max_items = 16", "max_items = 16\ntarget_ms = 50", "takes whole episodes one by one");
    refused("max_items = 16", "max_items = 16\nmax_wait_ms = 5", "takes whole episodes one by one");
    refused("\"speech\"", "\"speech\", \"speech\"", "twice in one");
    assert_eq!(fused_with("max_items = 16", "max_items = 16\nprecision = \"bf16\""), "accepted");
    let cut = "stages = [\"pieces\"]\non = \"media\"";
    assert!(changed("split", cut, &format!("{cut}\nmax_wait_ms = 5")).contains("takes whole episodes one by one"));
    let split = changed("split", "max_items = 32", "max_items = 32\nprecision = \"bf16\"\ntarget_ms = 50");
    assert_eq!(split, "split");
}

#[test]
fn limits_of_a_batch_are_within_reason_and_where_they_mean_something() {
    let refused = |from: &str, to: &str, said: &str| {
        let found = fused_with(from, to);
        assert!(found.contains(said) && found.contains("line") && found.contains("leave it out"), "{found}");
    };
    refused("max_items = 16", "max_items = 16\nmax_audio_seconds = 0.5", "max_audio_seconds out of range");
    refused("max_items = 16", "max_items = 16\nmax_audio_seconds = nan", "max_audio_seconds out of range");
    refused("max_items = 64", "max_items = 64\nmax_audio_seconds = 60", "takes no audio");
    refused("max_items = 16", "max_items = 16\nmax_tokens = 0", "max_tokens out of range");
    refused("max_items = 64", "max_items = 64\nmax_tokens = 512", "reads no passages");
    assert_eq!(fused_with("max_items = 16", "max_items = 16\nmax_audio_seconds = 60\nmax_tokens = 4096"), "accepted");
}

#[test]
fn impossible_layouts_are_refused_with_the_place_and_the_remedy() {
    insta::assert_snapshot!([
        fused_with("\"speech\", ", ""),
        fused_with("stages = [\"fetch\"]", "stages = [\"fetch\", \"speech\"]"),
        fused_with("on = \"io\"", "on = \"gpu\""),
        fused_with("max_items = 16", "max_items = 0"),
        fused_with("threads = 1", "threads = 1000000"),
        fused_with("on = \"cpu\"", "on = \"worker\""),
        fused_with("\"transcript\"]\non = \"cpu\"\n\n[[operator]]\nstages = [\"pieces\"", "\"transcript\", \"pieces\""),
        fused_with("[\"pieces\", \"speech\"", "[\"pieces\"]\non = \"cpu\"\n\n[[operator]]\nstages = [\"speech\""),
        fused_with("\"embed\"]\non = \"cpu\"\nmax_items = 16\n\n[[operator]]\nstages = [", "\"embed\", "),
    ]
    .join("\n"), @r#"
    layout test.toml, line 1, column 1: no operator runs stage speech; add an [[operator]] for it
    layout test.toml, line 19, column 1: stage speech stands in several operators, or twice in one; keep one of them
    layout test.toml, line 12, column 1: operator fetch@gpu runs on lanes gpu, which do not exist; add [lanes.NAME], or use "worker"
    layout test.toml, line 21, column 1: operator pieces+speech+events+embed@cpu has max_items 0; give 1 to 4096
    layout test.toml, line 8, column 1: lanes cpu have 1000000 threads; give 1 to 256
    layout test.toml, line 16, column 1: operator decode+transcript@worker waits for the network, a disk or a child process on the worker's thread; put it on lanes
    layout test.toml, line 15, column 1: operator decode+transcript+pieces+speech+events+embed@cpu[b16] joins stages before and after an episode's audio and transcript meet; split it between transcript and pieces: what is known already ends there
    layout test.toml, line 20, column 1: operator pieces@cpu shares its lanes with models that wait for its windows; give pieces lanes without speech and events, or put the three into one operator
    layout test.toml, line 19, column 1: operator pieces+speech+events+embed+transcribe+select+cut@cpu joins stages before and after the pieces of an episode are gathered; split it between embed and transcribe
    "#);
    assert!(fused_with("max_items", "max_itmes").contains("line"), "a misspelt key names its line");
}

/// The shipped layout of that name with one thing changed: accepted, or why not.
fn changed(name: &str, from: &str, to: &str) -> String {
    let (_, text) = SHIPPED.into_iter().find(|(known, _)| *known == name).expect("it is shipped");
    assert!(text.contains(from), "{name} holds {from}");
    Layout::parse("test.toml", &text.replacen(from, to, 1)).map_or_else(|error| error.to_string(), |layout| layout.name)
}

#[test]
fn a_layout_on_a_modelled_device_says_so_in_its_name() {
    assert_eq!(changed("throughput", "\"auto\"", "\"modelled:h100\""), "throughput (modelled)");
    assert_eq!(changed("throughput", "\"auto\"", "\"cpu\""), "throughput");
}

#[test]
fn what_a_curve_cannot_stand_in_for_is_refused() {
    let refused = |name: &str, from: &str, to: &str, said: &str| {
        let modelled = "device = \"modelled:h100\"";
        let found = changed(name, from, &to.replace("MODELLED", modelled));
        assert!(found.contains(said) && found.contains("line"), "{found}");
    };
    let shared = "shared = true";
    refused("throughput", "device = \"auto\"", "device = \"modelled:h900\"", "cannot be read, h900");
    refused("throughput", "device = \"auto\"", "device = \"modelled:../Cargo.toml\"", "a curve");
    refused("by-family", "[lanes.media]", "[lanes.media]\nMODELLED", "puts decode on lanes that are modelled");
    refused("by-family", "[lanes.audio]", "[lanes.audio]\nMODELLED", "does not know events in f32");
    refused("throughput", shared, "shared = true\nmemory = 3", "memory");
    let modelled = SHIPPED[5].1.replace("\"auto\"", "\"modelled:h100\"");
    let said = |from: &str, to: &str| {
        assert!(modelled.contains(from), "the layout holds {from}");
        Layout::parse("test.toml", &modelled.replacen(from, to, 1)).expect_err("it is refused").to_string()
    };
    let found = said("max_items = 128", "max_items = 129");
    assert!(found.contains("speech in batches of up to 128, not of 129") && found.contains("line"), "{found}");
    let found = said("max_items = 128", "max_items = 128\nprecision = \"bf16\"");
    assert!(found.contains("does not know speech in bf16"), "{found}");
}

#[test]
fn models_take_turns_on_a_modelled_device_only_if_its_curve_says_how_long_they_load() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_, h100) = super::super::CURVES[0];
    std::fs::write(folder.path().join("old.toml"), h100.replace("load_seconds", "# load_seconds")).expect("writable");
    let on = |curve: &str| {
        let sequential = Layout::open("sequential").expect("shipped").says;
        let text = sequential.replacen("\"auto\"", &format!("\"modelled:{curve}\""), 1);
        assert_ne!(text, sequential);
        let parsed = Layout::parse(&folder.path().join("mine.toml").display().to_string(), &text);
        parsed.map_or_else(|error| error.to_string(), |layout| layout.name)
    };
    assert_eq!(on("h100"), "sequential (modelled)");
    let refused = on("old.toml");
    assert!(
        refused.contains("how long it takes to load the model of speech") && refused.contains("`load_seconds`"),
        "{refused}"
    );
}

#[test]
fn pools_that_name_the_same_modelled_device_share_it() {
    let layout = |device: &str| {
        let text = SHIPPED[5].1.replace("\"auto\"", "\"modelled:h100\"");
        let pool = format!("[lanes.language]\nthreads = 1\nshared = true\ndevice = \"{device}\"\n\n[lanes.gpu]");
        let text = text.replacen("[lanes.gpu]", &pool, 1);
        let text = text.replacen("[\"embed\"]\non = \"gpu\"", "[\"embed\"]\non = \"language\"", 1);
        Layout::parse("test.toml", &text).expect("it is possible")
    };
    let one_device = |device: &str| {
        let layout = layout(device);
        let curves: Vec<_> = layout.curves().collect();
        assert_eq!(curves.len(), 2);
        std::ptr::eq(curves[0], curves[1])
    };
    assert!(one_device("modelled:h100") && one_device("modelled:h100:0"));
    assert!(!one_device("modelled:h100:1"), "another one of the kind");
}

#[test]
fn models_that_take_turns_need_one_lane_and_room_for_each_operator() {
    let refused = |from: &str, to: &str, said: &str| {
        let found = changed("sequential", from, to);
        assert!(found.contains(said) && found.contains("line"), "{found}");
    };
    refused("resident = 1", "resident = 0", "no model resident");
    refused("shared = true", "shared = false", "several of them would hold models");
    refused("threads = 1 # whose", "threads = 2 # whose", "several of them would hold models");
    let both =
        SHIPPED[0].1.replacen("[lanes.cpu]", "[lanes.gpu]\nthreads = 1\nshared = true\nresident = 1\n\n[lanes.cpu]", 1);
    let both = both.replacen("\"embed\"]\non = \"cpu\"", "\"embed\"]\non = \"gpu\"", 1);
    let found = Layout::parse("test.toml", &both).expect_err("two models share an operator").to_string();
    assert!(found.contains("has 2 models, more than are `resident`") && found.contains("split it"), "{found}");
}

#[test]
fn a_routing_needs_something_to_route() {
    for routing in ["least_backlog", "by_length"] {
        let routed = format!("routing = \"{routing}\"");
        assert_eq!(changed("split", "routing = \"spread\"", &routed), "split");
        let found = changed("fused", "max_items = 16", &format!("max_items = 16\n{routed}"));
        assert!(found.contains("takes in no pieces") && found.contains("line 22, column 1"), "{found}");
    }
    let found = changed("split", "on = \"cpu\"\nrouting = \"spread\"", "on = \"worker\"\nrouting = \"least_backlog\"");
    assert!(found.contains("nothing waits") && found.contains("line"), "{found}");
    let found = changed("split", "\"spread\"", "\"nearest\"");
    assert!(found.contains("nearest") && found.contains("by_length"), "an unknown one names the known: {found}");
}
