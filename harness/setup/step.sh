# What every step of the set-up shares (sourced): where things lie, how a step speaks, and how it
# knows that it is done.
#
#   .hark/stamps/STEP   SHA-256 of the pins that STEP was last completed with
#   .hark/downloads/    verified archives, kept until their step is complete: a second try goes on there
#   .hark/part/STEP/    what a step is laying; moved into place whole, so a half-laid tree is never seen
#   .hark/log/STEP.log  what the tools said
#
# A step that is up to date says nothing and opens no connection.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
step=$(basename "$0" .sh)
hark=$PWD/.hark
pins=$PWD/harness/setup/pins
log=$hark/log/$step.log
python=$hark/venv/bin/python
mkdir -p "$hark/log" "$hark/stamps" "$hark/downloads" "$hark/part"

say() { printf 'setup: %s: %s\n' "$step" "$*"; }

# fail WHAT REMEDY
fail() {
    printf 'setup: %s: %s\n  remedy: %s\n' "$step" "$1" "$2" >&2
    exit 1
}

# logged WHAT REMEDY COMMAND...: runs the command into the log; shows the log's end if it fails.
logged() {
    local what=$1 remedy=$2
    shift 2
    if ! "$@" >>"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" | sed 's/^/  | /' >&2
        fail "$what failed (all of it: .hark/log/$step.log)" "$remedy"
    fi
}

# up_to_date PINS... -- FILE...: whether the step was completed with these pins and its work stands.
up_to_date() {
    local inputs=()
    while [ "$1" != -- ]; do inputs+=("$1") && shift; done
    shift
    stamp=$(cat "${inputs[@]}" | sha256sum | cut -d' ' -f1)
    [ "$(cat "$hark/stamps/$step" 2>/dev/null)" = "$stamp" ] || return 1
    for file in "$@"; do [ -e "$file" ] || return 1; done
}

# Two set-ups in one checkout take turns; the lock goes with the process.
one_at_a_time() {
    exec 9>"$hark/lock"
    flock -n 9 || { say "waiting for another set-up in this checkout" && flock 9; }
}

# begin: an empty place to lay things and an empty log.
begin() {
    part=$hark/part/$step
    rm -rf "$part"
    mkdir -p "$part"
    : >"$log"
}

# done_with DOWNLOAD...: marks the step complete and drops the archives it was made from.
done_with() {
    rm -rf "$part" "$@"
    printf '%s\n' "$stamp" >"$hark/stamps/$step.new"
    mv "$hark/stamps/$step.new" "$hark/stamps/$step"
}

# room MEBIBYTES: refuses to start what the disk cannot hold.
room() {
    local free
    free=$(df -Pm "$hark" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$1" ] ||
        fail "needs $1 MB of disk below $hark, $free MB are free" "make room, or clone onto a larger disk"
}

# fetch PINS-FILE PIP-OPTION...: downloads what the file pins, each checked against its SHA-256, from
# whatever package index this machine is set up with. Archives that are there already stay.
fetch() {
    local requirements=$1
    shift
    logged "the download" "check the network and run the same command again; it goes on where it stopped" \
        "$python" -m pip download --no-input --disable-pip-version-check --no-cache-dir --no-deps \
        --require-hashes --retries 5 --dest "$hark/downloads" "$@" --requirement "$requirements"
}

# jars FOLDER: fetches by Maven what FOLDER/pom.xml names into $part/lib, exactly the files of
# FOLDER/jars.sha256, each as it was when it was pinned. Maven only downloads; what it needs to do so it may
# keep in its own cache.
jars() {
    logged "the download" "check the network and run the same command again; it goes on where it stopped" \
        mvn --batch-mode --quiet --file "$1/pom.xml" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$part/lib"
    diff <(cd "$part/lib" && LC_ALL=C ls) <(awk '{ print $2 }' "$1/jars.sha256" | LC_ALL=C sort) >>"$log" ||
        fail "other files came than ${1#"$PWD/"} names" "see .hark/log/$step.log"
    (cd "$part/lib" && sha256sum --check --quiet "$1/jars.sha256" >>"$log" 2>&1) ||
        fail "a file has another SHA-256 than ${1#"$PWD/"} names" \
            "remove it from ~/.m2, see .hark/log/$step.log, and run again"
}
