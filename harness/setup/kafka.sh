#!/bin/bash
# Apache Kafka as a broker for tests and `make demo-live`: plain jars, each checked against its SHA-256.
# Nothing that ships needs it.
. "$(dirname "$0")/step.sh"

version=$(sed -n 's:.*<version>\(3\..*\)</version>.*:\1:p' "$pins/kafka/pom.xml" | head -n 1)
up_to_date "$pins/kafka/pom.xml" "$pins/kafka/jars.sha256" -- "$hark/kafka/lib/kafka_2.13-$version.jar" && exit 0

one_at_a_time
begin
room 200
say "fetching Apache Kafka $version (46 MB)"
jars "$pins/kafka"
rm -rf "$hark/kafka"
mkdir "$hark/kafka"
mv "$part/lib" "$hark/kafka/"
done_with
