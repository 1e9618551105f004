# SPDX-License-Identifier: Apache-2.0
# On a machine with an NVIDIA GPU and its driver: containers that compute.
# shellcheck disable=SC2154 # run_out sets stderr
bats_require_minimum_version 1.5.0

NVBIND="$NVBIND_BUILD_ROOT/nvbind"
VECTOR_ADD="$NVBIND_BUILD_ROOT/tests/gpu/vector-add"
export NVBIND_STATE_DIR="$BATS_FILE_TMPDIR/state"

setup_file() {
	[ -e /proc/driver/nvidia/version ] || return 0
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
}

setup() {
	[ -e /proc/driver/nvidia/version ] || skip "no GPU: /proc/driver/nvidia/version is missing"
}

run_out() {
	status=0
	output="$("$@" 2>"$BATS_TEST_TMPDIR/stderr")" || status=$?
	stderr="$(cat "$BATS_TEST_TMPDIR/stderr")"
	printf 'status %s\nstdout: %s\nstderr: %s\n' "$status" "$output" "$stderr"
}

# "GPU 0: NAME (UUID: GPU-...)", as nvidia-smi -L writes it.
listed_by_info() {
	"$NVBIND" info --json | python3 -c '
import json, sys
for gpu in json.load(sys.stdin)["gpus"]:
    if gpu["vendor"] == "nvidia" and gpu["state"] == "usable":
        print("GPU %d: %s (UUID: %s)" % (gpu["index"], gpu["name"], gpu["uuid"]))'
}

@test "nvidia-smi -L inside a container is what info says" {
	run_out "$NVBIND" run --gpu all host nvidia-smi -L
	[ "$status" -eq 0 ]
	[ "$(echo "$output" | grep '^GPU')" = "$(listed_by_info)" ]
}

@test "one GPU: nvidia-smi sees that one alone" {
	run_out "$NVBIND" run --gpu 0 host nvidia-smi -L
	[ "$(echo "$output" | grep -c '^GPU')" -eq 1 ]
	[ "${output%% (*}" = "$(listed_by_info | head -n 1 | sed 's/ (.*//')" ]
}

@test "a CUDA program adds two vectors on every GPU" {
	run_out "$NVBIND" run --gpu all -v "$VECTOR_ADD:/vector-add:ro" host /vector-add
	[ "$status" -eq 0 ]
	[ "$(echo "$output" | grep -c 'sums right')" -eq "$(listed_by_info | grep -c .)" ]
}

@test "an ordinary user computes too" {
	run_out setpriv --reuid 61234 --regid 61234 --clear-groups env -i HOME=/tmp PATH="$PATH" \
		NVBIND_STATE_DIR="/tmp/nvbind-gpu-$$" \
		"$NVBIND" run --gpu all -v "$VECTOR_ADD:/vector-add:ro" host /vector-add
	rm -rf "/tmp/nvbind-gpu-$$"
	[ "$status" -eq 0 ]
}

@test "none: the program finds no driver" {
	run_out "$NVBIND" run --gpu none -v "$VECTOR_ADD:/vector-add:ro" host /vector-add
	[ "$status" -ne 0 ]
}
