#!/bin/bash
# Weights of the neural models, as models/manifest.toml names them: .hark/models/NAME/VERSION/FILE.
. "$(dirname "$0")/step.sh"

manifest=$PWD/models/manifest.toml
laid=$hark/stamps/weights.files
files=("$laid")
[ ! -s "$laid" ] || mapfile -t files <"$laid"
up_to_date "$manifest" -- "${files[@]}" && exit 0

one_at_a_time
begin
room 400
wanted=$part/wanted.txt
logged "reading models/manifest.toml" "mend the manifest and run again" \
    "$python" harness/setup/weights.py wanted "$manifest" "$hark/models" "$wanted"
wheels=()
if [ -s "$wanted" ]; then
    say "fetching weights: $(cut -d' ' -f1 "$wanted" | paste -sd' ')"
    fetch "$wanted" --only-binary :all:
    wheels=("$hark"/downloads/*.whl)
fi
logged "unpacking the weights" "run again; if it stays so, the manifest's hashes are wrong" \
    "$python" harness/setup/weights.py lay "$manifest" "$hark/models" "$laid" "${wheels[@]}"
done_with "${wheels[@]}"
