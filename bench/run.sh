#!/bin/sh
# The two benches of `make bench`: the engine alone, then a whole fleet.
#
# usage: bench/run.sh BUILD_FOLDER BIN_FOLDER
set -eu
"$1/bench/engine"
echo
CONVOY_BIN=$2 /usr/bin/python3 "$(dirname "$0")/fleet.py"
