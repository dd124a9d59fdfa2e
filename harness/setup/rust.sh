#!/bin/bash
# The Rust toolchain that rust-toolchain.toml pins. An existing cargo of that version or an existing
# rustup is used as it is; otherwise rustup is installed in the usual place (~/.cargo, ~/.rustup)
# without touching shell profiles: the Makefile finds it there.
. "$(dirname "$0")/step.sh"

rustup_version=1.28.2
rustup_sha256=20a06e644b0d9bd2fbdbfd52d42540bdde820ea7df86e92e533c073da0cdd43c

export PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)

# Asked for by name, so that rustup neither installs anything by itself nor picks another toolchain.
works() {
    local tool
    for tool in "cargo --version" "rustc --version" "cargo fmt --version" "cargo clippy --version"; do
        RUSTUP_AUTO_INSTALL=0 $tool >/dev/null 2>&1 || return 1
    done
    [[ "$(RUSTUP_AUTO_INSTALL=0 rustc --version 2>/dev/null)" == "rustc $channel "* ]]
}
works && exit 0

one_at_a_time
begin
if ! command -v rustup >/dev/null; then
    room 1200
    say "installing rustup $rustup_version (the installer asks nothing; about 15 MB)"
    from=${RUSTUP_UPDATE_ROOT:-https://static.rust-lang.org/rustup}
    logged "fetching the Rust installer" "check the network, or install Rust $channel by hand, and run again" \
        curl --proto '=https' --tlsv1.2 --fail --silent --show-error --location --retry 3 \
        --output "$part/rustup-init" \
        "$from/archive/$rustup_version/x86_64-unknown-linux-gnu/rustup-init"
    printf '%s  %s\n' "$rustup_sha256" "$part/rustup-init" | sha256sum --check --status ||
        fail "the Rust installer has another SHA-256 than rustup $rustup_version" \
            "run again; if it stays so, install Rust $channel from a source that you trust"
    chmod +x "$part/rustup-init"
    logged "the Rust installer" "see the lines above, then run again" \
        "$part/rustup-init" -y --no-modify-path --profile minimal --default-toolchain none
fi
say "installing Rust $channel with rustfmt and clippy (about 250 MB)"
logged "installing Rust $channel" "check the network and run again" \
    rustup toolchain install "$channel" --profile minimal --component rustfmt --component clippy
rm -rf "$part"
works || fail "cargo of Rust $channel still does not run" \
    "see which one is found first: PATH=$PATH"
