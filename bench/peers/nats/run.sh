#!/bin/sh
# nats-server with WebSockets on 127.0.0.1:$1, in the foreground, with all its files below the folder $2. Ends by signal.
set -eu
mkdir -p "$2/$1"
sed "s/PORT/$1/" "$(dirname "$0")/nats.conf.in" > "$2/$1/nats.conf"
exec nats-server -c "$2/$1/nats.conf"
