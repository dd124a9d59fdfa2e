#!/bin/bash
# A Python of the set-up's own: pip to download, nothing of the product. The build back end is here
# because pip asks an archive of sources for its name before it hands it out.
. "$(dirname "$0")/step.sh"

up_to_date "$pins/python.txt" -- "$python" && "$python" -c '' 2>/dev/null && exit 0

one_at_a_time
begin
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$(python3 --version) is too old, 3.11 is needed" "install a newer python3 and run again"
say "making the set-up's virtual environment (.hark/venv)"
# A try that was broken off may leave an environment without pip: only one with pip is kept.
"$python" -m pip --version >/dev/null 2>&1 ||
    logged "python3 -m venv" "install python3-venv and run again" python3 -m venv --clear "$hark/venv"
logged "installing pip" "check the network and run again" \
    "$python" -m pip install --no-input --disable-pip-version-check --no-cache-dir --no-deps \
    --only-binary :all: --require-hashes --requirement "$pins/python.txt"
done_with
