#!/bin/bash
# Whether `make demo` and `make test` share their build: cargo compiles a crate, and all that stands on it, once
# for each set of its features, and tests bring features of their own.
. "$(dirname "$0")/step.sh"

# Crates with their versions and features.
crates() { cargo tree --locked --prefix none --format '{p} {f}' "$@" | sed 's/ (\*)$//' | sort -u; }

alone=$(crates --package hark-harness --edges normal,build)
alone=$(comm -23 <(printf '%s\n' "$alone") <(crates --workspace --edges all))
[ -z "$alone" ] || fail "tests build these a second time, with other features, and all that stands on them:
$alone" "name those features in Cargo.toml and the crates under [dependencies] in harness/Cargo.toml"
