#!/bin/sh
# The demo of `make demo`: a broker and two workers on free loopback ports
# classify a drawn cat; everything that was started is stopped again.
#
# usage: [UNDER=EMULATOR] etc/demo.sh BIN_FOLDER
set -eu
bin=$1
under=${UNDER:-}
etc=$(dirname "$0")
temp=$(mktemp -d)
started=
finish() {
    for process in $started; do kill "$process" 2>/dev/null || :; done
    for process in $started; do wait "$process" 2>/dev/null || :; done
    rm -rf "$temp"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
trap 'exit 141' PIPE # somebody read the first lines only

# Wait until a file's first line begins with a word; show why it did not.
await() { # file word process what
    tries=0
    until grep -q "^$2" "$1" 2>/dev/null; do
        tries=$((tries + 1))
        if [ $tries -gt 300 ] || ! kill -0 "$3" 2>/dev/null; then
            echo "make demo: $4 did not start:" >&2
            cat "$temp"/*.err >&2
            exit 1
        fi
        sleep 0.1
    done
    grep "^$2" "$1"
}

# The demo's own config, on ports that are free.
sed -e "s|tcp://127.0.0.1:557[01]|tcp://127.0.0.1:0|" \
    -e "s|\"emoji10\.|\"$(cd "$etc" && pwd)/emoji10.|" \
    "$etc/pipeline.cfg" >"$temp/pipeline.cfg"
chmod 600 "$temp/pipeline.cfg"

echo "\$ broker -c etc/pipeline.cfg"
$under "$bin/broker" -c "$temp/pipeline.cfg" >"$temp/broker.out" \
    2>"$temp/broker.err" &
broker=$!
started=$broker
ready=$(await "$temp/broker.out" ready "$broker" "the broker")
echo "  $ready"
clients=$(echo "$ready" | sed 's/.*clients=\([^ ]*\).*/\1/')
workers=$(echo "$ready" | sed 's/.*workers=\([^ ]*\).*/\1/')

for part in 0 1; do
    echo "\$ worker --part $part"
    $under "$bin/worker" --part $part --broker "$workers" --name "demo-$part" \
        --cache "$temp/cache" >"$temp/worker-$part.out" \
        2>"$temp/worker-$part.err" &
    started="$started $!"
    echo "  $(await "$temp/worker-$part.out" ready $! "worker $part")"
done

echo "\$ client --top 5 --log-level info --image etc/demo/cat.png"
$under "$bin/client" --broker "$clients" --top 5 --log-level info \
    --image "$etc/demo/cat.png"
