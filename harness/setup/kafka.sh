#!/bin/bash
# Apache Kafka as a broker for tests and `make demo-live`: plain jars, each checked against its SHA-256.
# Nothing that ships needs it. Maven only downloads; what it needs to do so it may keep in its own cache.
. "$(dirname "$0")/step.sh"

version=$(sed -n 's:.*<version>\(3\..*\)</version>.*:\1:p' "$pins/kafka/pom.xml" | head -n 1)
up_to_date "$pins/kafka/pom.xml" "$pins/kafka/jars.sha256" -- "$hark/kafka/lib/kafka_2.13-$version.jar" && exit 0

one_at_a_time
begin
room 200
say "fetching Apache Kafka $version (46 MB)"
logged "the download" "check the network and run the same command again; it goes on where it stopped" \
    mvn --batch-mode --quiet --file "$pins/kafka/pom.xml" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$part/lib"
# Exactly the files that are named, each as it was when it was pinned.
diff <(cd "$part/lib" && ls) <(awk '{ print $2 }' "$pins/kafka/jars.sha256" | LC_ALL=C sort) >>"$log" ||
    fail "other files came than harness/setup/pins/kafka names" "see .hark/log/kafka.log"
(cd "$part/lib" && sha256sum --check --quiet "$pins/kafka/jars.sha256" >>"$log" 2>&1) ||
    fail "a file of Kafka has another SHA-256" "remove it from ~/.m2, see .hark/log/kafka.log, and run again"
rm -rf "$hark/kafka"
mkdir "$hark/kafka"
mv "$part/lib" "$hark/kafka/"
done_with
