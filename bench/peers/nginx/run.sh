#!/bin/sh
# nginx with nchan on 127.0.0.1:$1, in the foreground, with all its files below the folder $2. Ends by signal.
set -eu
mkdir -p "$2/$1"
sed "s/PORT/$1/" "$(dirname "$0")/nginx.conf.in" > "$2/$1/nginx.conf"
exec nginx -p "$2/$1" -c nginx.conf
