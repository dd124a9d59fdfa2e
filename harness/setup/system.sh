#!/bin/bash
# Debian packages that the build, the previews and (with the word `tests`) the tests of pages, Kafka,
# Postgres, networks and object stores need. Each is looked for by what it gives, not by its name, so that another
# distribution or a tool installed by hand serves as well; only what is missing is installed.
. "$(dirname "$0")/step.sh"

[ "$(uname -s)/$(uname -m)" = Linux/x86_64 ] ||
    fail "hark is built on Linux x86_64 only, this is $(uname -s) $(uname -m)" \
        "use a Linux x86_64 machine or container (Debian 12 is what we test)"

missing=()
has() { command -v "$1" >/dev/null; }
need() { missing+=("$1"); }

has c++ && has cc || need g++                   # libtorch's bindings are C++, codecs and SQLite are C
[ -e /usr/include/stdlib.h ] || need libc6-dev  # headers, where a compiler came without them
has cmake && has make || need cmake             # builds libopus
has make || need make
[ -e /usr/include/openssl/ssl.h ] || need libssl-dev # TLS to Kafka
[ -e /usr/include/zlib.h ] || need zlib1g-dev   # gzip batches of Kafka
has pkg-config || need pkg-config               # finds these two for their bindings
has git || need git
has curl || need curl                           # fetches the Rust installer
[ -s /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates
has python3 || need python3                     # a tool of the set-up only
python3 -c 'import ensurepip, venv' 2>/dev/null || need python3-venv
has ffmpeg || need ffmpeg                       # encodes the clips
if [ "${1-}" = tests ]; then
    # The tests of outcomes in Postgres start servers of their own.
    { has initdb && has postgres && has psql; } || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
        need postgresql
    has chromium || has chromium-browser || has google-chrome || need chromium # opens the result page
    has java || need openjdk-17-jre-headless # runs the broker and the object store that tests speak to
    has mvn || need maven                    # fetches them
    has ip || need iproute2                  # makes the network that a test cuts
fi
[ "${#missing[@]}" -gt 0 ] || exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
has apt-get ||
    fail "missing on this system: ${missing[*]} (Debian's names)" "install them with your package manager"
if [ "$(id -u)" -ne 0 ]; then
    has sudo && sudo -v ||
        fail "missing: ${missing[*]}; installing them needs root" \
            "run as root: apt-get update && ${install[*]}"
    install=(sudo DEBIAN_FRONTEND=noninteractive "${install[@]}")
    update=(sudo apt-get update)
else
    install=(env DEBIAN_FRONTEND=noninteractive "${install[@]}")
    update=(apt-get update)
fi

one_at_a_time
: >"$log"
# Debian's package makes a database cluster and starts it, unless it is told not to.
cluster=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql "* ]] && [ ! -e "$cluster" ]; then
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" mkdir -p "${cluster%/*}"
    echo "create_main_cluster = false" | "${root[@]}" tee "$cluster" >/dev/null
fi
say "installing by apt: ${missing[*]}"
logged "apt-get update" "check the network and /etc/apt/sources.list, then run again" "${update[@]}"
logged "apt-get install" "see the lines above, then run again" "${install[@]}"
