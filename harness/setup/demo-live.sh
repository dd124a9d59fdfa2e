#!/bin/bash
# `make demo-live`: a broker, a job that reads and writes its topics, the example feed announced to it.
# Everything ends with this script; what was made stays under out/demo-live.
. "$(dirname "$0")/step.sh"

program=${1:?the hark command}
out=$PWD/out/demo-live
ports=($(python3 -c '
import socket
taken = [socket.socket() for _ in range(3)]
for one in taken: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in taken))'))
brokers=127.0.0.1:${ports[0]}
java=(java -Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$hark/kafka/lib/*")

rm -rf "$out"
mkdir -p "$out"
cat >"$out/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${ports[1]}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://$brokers,CONTROLLER://127.0.0.1:${ports[1]}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$out/broker
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
END

stop() { kill "${hark_pid-}" 2>/dev/null && wait "$hark_pid" 2>/dev/null; kill -9 "${broker_pid-}" 2>/dev/null; }
trap stop EXIT

logged "formatting the broker's folder" "see the lines above" \
    "${java[@]}" kafka.tools.StorageTool format -t "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d =)" \
    -c "$out/server.properties"
"${java[@]}" kafka.Kafka "$out/server.properties" >"$out/broker.log" 2>&1 </dev/null &
broker_pid=$!
say "broker at $brokers (log: out/demo-live/broker.log)"
topic() {
    "${java[@]}" org.apache.kafka.tools.TopicCommand --bootstrap-server "$brokers" "$@"
}
for _ in $(seq 60); do
    (: <>"/dev/tcp/127.0.0.1/${ports[0]}") 2>/dev/null && break
    sleep 0.5
done
logged "making the topic of announcements" "see out/demo-live/broker.log" topic --create --topic announcements --partitions 3

"$program" run --brokers "$brokers" --announcements announcements --previews previews --outcomes-topic outcomes \
    --output "$out" --allow-root "$PWD/examples" --listen "127.0.0.1:${ports[2]}" 2>"$out/hark.log" &
hark_pid=$!
"$program" announce --brokers "$brokers" --topic announcements --input examples/feed.xml || [ $? -eq 3 ]
metric() { curl -s "http://127.0.0.1:${ports[2]}/metrics" | awk -v name="$1" '$1 ~ "^" name "($|{)" { sum += $2 } END { print sum + 0 }'; }
say "making previews"
while kill -0 "$hark_pid" 2>/dev/null; do
    waiting=$(metric hark_source_lag_messages)
    [ "$(metric hark_announcements_total)" -gt 0 ] && [ "$waiting" = 0 ] && [ "$(metric hark_in_flight_episodes)" = 0 ] && break
    sleep 1
done
kill "$hark_pid" && wait "$hark_pid" || fail "hark did not drain" "see out/demo-live/hark.log"

read_topic() {
    "${java[@]}" org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$brokers" --from-beginning \
        --timeout-ms 4000 --property print.key=true --topic "$1" 2>/dev/null
}
for name in previews outcomes announcements.dlq; do
    read_topic "$name" >"$out/$name.txt" || true
    say "$(wc -l <"$out/$name.txt") messages of the topic $name: out/demo-live/$name.txt"
done
say "open out/demo-live/index.html in a browser"
