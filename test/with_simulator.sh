#!/bin/bash
# Run a command with a simulator of the API beside it, which it finds through
# MP_SIMULATOR_PORT, MP_SIMULATOR and MP_SIMCTL:
#
#	test/with_simulator.sh COMMAND [ARGUMENT...]
set -eu

. "$(dirname "$0")/lib.sh"

make_room
start_simulator --username-suffix false
"$@"
