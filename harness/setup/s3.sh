#!/bin/bash
# S3Proxy, an S3-compatible store over a folder, for tests: plain jars, each checked against its SHA-256.
# It verifies signatures and keeps conditions of writes, which is what the tests are about. Nothing that
# ships needs it.
. "$(dirname "$0")/step.sh"

version=$(sed -n '/<artifactId>s3proxy/{n;s:.*<version>\(.*\)</version>.*:\1:p}' "$pins/s3/pom.xml")
up_to_date "$pins/s3/pom.xml" "$pins/s3/jars.sha256" -- "$hark/s3/lib/s3proxy-$version.jar" && exit 0

one_at_a_time
begin
room 100
say "fetching S3Proxy $version (22 MB)"
jars "$pins/s3"
rm -rf "$hark/s3"
mkdir "$hark/s3"
mv "$part/lib" "$hark/s3/"
done_with
