# hark's commands. Each first does what set-up is missing (.hark/, git-ignored); when nothing is, that
# takes a blink and opens no connection. docs/decisions/0001-setup.md says what is laid and why.

SHELL := /bin/bash
# Where rustup puts cargo, for a shell that was opened before it was installed.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

setup_steps := rust python libtorch weights recogniser
built := $(or $(CARGO_TARGET_DIR),target)/release

.PHONY: help demo demo-live build test chaos check audit bench setup setup-tests clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

demo: build ## previews of the example feed under out/demo
	@HARK_HOME="$(CURDIR)/.hark" $(built)/hark batch --input examples/feed.xml --output out/demo || \
		{ code=$$?; [ $$code -eq 3 ] || exit $$code; \
		echo "Some episodes failed, as they should: the example feed holds a file that is no audio and two teasers that miss a gate."; }
	@echo "Open out/demo/index.html in a browser."

demo-live: build setup-tests ## announcements, previews and outcomes through a Kafka broker on this machine
	@HARK_HOME="$(CURDIR)/.hark" harness/setup/demo-live.sh $(built)/hark

build: setup ## the hark command, target/release/hark, and its decoder
	@cargo build --release --locked --package hark-harness --bins

# What continuous integration tells cargo besides.
CARGO_CONFIG :=

test: setup-tests ## the whole test-suite
	@cargo test --release --locked --tests $(CARGO_CONFIG)

chaos: setup-tests ## faults for longer than in the test-suite: docs/reliability.md
	@set -o pipefail; HARK_CHAOS=1 cargo test --release --locked --test hark -- \
		--nocapture --test-threads 1 \
		cluster:: faults:: hour:: kafka:: live:: material:: objects:: oracle:: partition:: postgres:: rescale:: 2>&1 | \
		awk -f harness/setup/table.awk

check: setup ## format, lints, one build for all, dependency rules and licences
	@cargo fmt --all --check
	@cargo clippy --release --locked --workspace --all-targets -- -D warnings
	@harness/setup/one-build.sh
	@harness/setup/deny.sh
	@.hark/bin/cargo-deny --locked check bans licenses sources

# Apart from check: it fetches today's advisories, so the same tree may fail tomorrow.
audit: setup ## known advisories against our dependencies
	@harness/setup/deny.sh
	@.hark/bin/cargo-deny --locked check advisories

bench: setup ## benchmarks, each beside its baseline
	@cargo bench --locked --package hark-benches

setup: ## system packages, Rust, libtorch, weights, recogniser
	@harness/setup/system.sh
	@for step in $(setup_steps); do harness/setup/$$step.sh || exit; done

setup-tests:
	@harness/setup/system.sh tests
	@for step in $(setup_steps) kafka s3; do harness/setup/$$step.sh || exit; done

clean: ## removes what was built and published; keeps .hark, what was downloaded
	@rm -rf target out
