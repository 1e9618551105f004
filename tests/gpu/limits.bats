# SPDX-License-Identifier: Apache-2.0
# On a machine with an NVIDIA GPU and its driver: limits as this driver has them. No mode and no
# instance of a GPU is changed.
# shellcheck disable=SC2154 # run_out sets stderr
bats_require_minimum_version 1.5.0

NVBIND="$NVBIND_BUILD_ROOT/nvbind"
export NVBIND_STATE_DIR="$BATS_FILE_TMPDIR/state" NVBIND_LEASE_DIR="$BATS_FILE_TMPDIR/leases" NVBIND_CONFIG=/dev/null

setup() {
	[ -e /proc/driver/nvidia/version ] || skip "no GPU: /proc/driver/nvidia/version is missing"
}

run_out() {
	status=0
	output="$("$@" 2>"$BATS_TEST_TMPDIR/stderr")" || status=$?
	stderr="$(cat "$BATS_TEST_TMPDIR/stderr")"
	printf 'status %s\nstdout: %s\nstderr: %s\n' "$status" "$output" "$stderr"
}

knob() { # NAME FIELD
	python3 -c '
import json, sys
print(next(k for k in json.load(sys.stdin)["knobs"] if k["name"] == sys.argv[1])[sys.argv[2]])' "$@" <<<"$output"
}

@test "the library tells the GPU's size" {
	run_out "$NVBIND" run --dry-run --format json --gpu 0 --config gpu_memory_limit=100000GB host true
	[ "$status" -eq 0 ]
	[ "$(knob gpu_memory_limit status)" = enforced ]
	[[ "$(knob gpu_memory_limit reason)" == *" MiB: the limit of "*" is never reached" ]]
}

@test "a limit is enforced by what this machine has, or starts no container" {
	run_out "$NVBIND" run --dry-run --format json --gpu 0 --config gpu_memory_limit=1GB host true
	[ "$status" -eq 0 ]
	case "$(knob gpu_memory_limit status)" in
	enforced) ;;
	unsupported)
		run_out "$NVBIND" run --gpu 0 --config gpu_memory_limit=1GB host true
		[ "$status" -eq 1 ]
		[[ "$stderr" == *"cannot be enforced"*"driver memory limit: "* ]]
		;;
	*) false ;;
	esac
}

@test "mig list shows the instances that nvidia-smi shows" {
	command -v nvidia-smi >/dev/null || skip "nvidia-smi is missing"
	run_out "$NVBIND" mig list --json
	[ "$status" -eq 0 ]
	[ "$(python3 -c 'import json, sys; print(len(json.load(sys.stdin)["instances"]))' <<<"$output")" -eq \
		"$(nvidia-smi -L | grep -c 'UUID: MIG-')" ]
}
