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
    refused("threads = 1", "threads = 1\nmemory_mb = 0", "have no memory");
    assert_eq!(fused_with("max_items = 16", "max_items = 16\nprecision = \"bf16\"\ntarget_ms = 50"), "accepted");
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
    layout test.toml, line 1: no operator runs stage speech; add an [[operator]] for it
    layout test.toml, line 18: stage speech stands in several operators; keep it in one of them
    layout test.toml, line 10: operator fetch@gpu runs on lanes gpu, which do not exist; add [lanes.NAME], or use "worker"
    layout test.toml, line 18: operator pieces+speech+events+embed@cpu has max_items 0; give 1 to 4096
    layout test.toml, line 7: lanes cpu have 1000000 threads; give 1 to 256
    layout test.toml, line 14: operator decode+transcript@worker waits for the network, a disk or a child process on the worker's thread; put it on lanes
    layout test.toml, line 14: operator decode+transcript+pieces+speech+events+embed@cpu[b16] joins stages before and after an episode's audio and transcript meet; split it between transcript and pieces: what is known already ends there
    layout test.toml, line 18: operator pieces@cpu shares its lanes with models that wait for its windows; give pieces lanes without speech and events, or put the three into one operator
    layout test.toml, line 18: operator pieces+speech+events+embed+transcribe+select+cut@cpu joins stages before and after the pieces of an episode are gathered; split it between embed and transcribe
    "#);
    assert!(fused_with("max_items", "max_itmes").contains("line"), "a misspelt key names its line");
}
