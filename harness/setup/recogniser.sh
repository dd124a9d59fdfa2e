#!/bin/bash
# PocketSphinx: C sources, which models/build.rs compiles, and the US English model.
. "$(dirname "$0")/step.sh"

release=pocketsphinx-5.1.1
up_to_date "$pins/recogniser.txt" -- "$hark/$release/model/en-us/en-us.lm.bin" && exit 0

one_at_a_time
begin
room 150
say "fetching PocketSphinx 5.1.1 (34 MB)"
# The back end comes from our environment, pinned, and only tells the name: nothing is compiled here.
fetch "$pins/recogniser.txt" --no-binary :all: --no-build-isolation
archive=$hark/downloads/$release.tar.gz
logged "unpacking PocketSphinx" "run again" \
    tar --extract --gzip --file "$archive" --directory "$part" --no-same-owner \
    "$release"/{LICENSE,AUTHORS,include,src,model/en-us}
rm -rf "${hark:?}/$release"
mv "$part/$release" "$hark/"
done_with "$archive"
