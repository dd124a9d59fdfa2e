#!/bin/bash
# cargo-deny, which checks deny.toml. Built from source only when `make check` asks for it.
. "$(dirname "$0")/step.sh"

version=0.20.2
[ "$("$hark/bin/cargo-deny" --version 2>/dev/null)" = "cargo-deny $version" ] && exit 0

one_at_a_time
begin
say "building cargo-deny $version (once; some minutes)"
logged "building cargo-deny" "see the lines above, then run again" \
    cargo install --locked --root "$hark" --version "$version" cargo-deny
rm -rf "$part"
