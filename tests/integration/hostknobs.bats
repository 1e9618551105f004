# SPDX-License-Identifier: Apache-2.0
# What a container changes of the machine is the machine's again after it, however it ends.
# shellcheck disable=SC2154,SC2030,SC2031 # fixture.bash sets stderr; each test is a shell of its own
bats_require_minimum_version 1.5.0
load fixture

setup_file() {
	"$NVBIND_SOURCE_ROOT/tests/hosts/make-host" radeon-x2 "$BATS_FILE_TMPDIR/host"
	[ "$(id -u)" = 0 ] || echo "needs root" >"$BATS_FILE_TMPDIR/skip"
}

setup() {
	[ ! -e "$BATS_FILE_TMPDIR/skip" ] || skip "$(cat "$BATS_FILE_TMPDIR/skip")"
	ROOT="$(root_of debian)"
	export NVBIND_HOST_ROOT="$BATS_FILE_TMPDIR/host" NVBIND_JOURNAL_DIR="$BATS_TEST_TMPDIR/journal"
	PIDS=()
	POLICY="$NVBIND_HOST_ROOT/sys/devices/system/cpu/cpufreq/policy0"
	PAGES="$NVBIND_HOST_ROOT/sys/kernel/mm/hugepages/hugepages-2048kB"
	mkdir -p "$POLICY" "$PAGES"
	echo powersave >"$POLICY/scaling_governor"
	echo 'performance powersave' >"$POLICY/scaling_available_governors"
	echo 0 >"$PAGES/nr_hugepages"
	LEVELS=()
	for gpu in 0 1; do
		device="$(gpu_device "$gpu")"
		LEVELS[gpu]="$device/power_dpm_force_performance_level"
		rm -f "${LEVELS[gpu]}"
		echo auto >"${LEVELS[gpu]}"
	done
}

teardown() {
	local pid
	for pid in "${PIDS[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait_for is_gone "$pid"
	done
}

# The directory of GPU $1's device.
gpu_device() {
	echo "$NVBIND_HOST_ROOT/sys/bus/pci/devices/$("$NVBIND" info --json |
		jq -r --argjson index "$1" '.gpus[] | select(.index == $index) | .pci_address')"
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

wait_for() {
	local tries
	for ((tries = 0; tries < 500; tries++)); do
		! "$@" 2>/dev/null || return 0
		sleep 0.02
	done
	echo "never true: $*"
	return 1
}

# Container $1 with these options runs until it is killed; $NVBIND_PID is its nvbind.
start() {
	local name=$1
	shift
	# The first process of a container has no default action for signals.
	"$NVBIND" run --name "$name" --rootfs "$ROOT" "$@" -- /bin/sh -c 'trap "exit 0" TERM; echo up; sleep 1000 & wait' \
		>"$BATS_TEST_TMPDIR/$name.out" 2>"$BATS_TEST_TMPDIR/$name.err" 3>&- &
	NVBIND_PID=$!
	disown "$NVBIND_PID"
	PIDS+=("$NVBIND_PID")
	wait_for grep -q up "$BATS_TEST_TMPDIR/$name.out"
}

# The file $1 holds $2.
holds() {
	local value
	value="$(cat "$1")"
	[ "$value" = "$2" ] || { echo "$1 holds '$value', not '$2'"; return 1; }
}

no_change_is_noted() {
	[ -z "$(find "$NVBIND_JOURNAL_DIR" -type f ! -name .lock 2>/dev/null)" ]
}

@test "power, governor and huge pages are changed while the container runs, and then as before" {
	start box --gpu 0 --config power_profile=maximum --config cpu_governor=performance --config huge_pages=8
	holds "${LEVELS[0]}" high
	holds "${LEVELS[1]}" auto
	holds "$POLICY/scaling_governor" performance
	holds "$PAGES/nr_hugepages" 8
	kill -TERM "$NVBIND_PID"
	wait_for is_gone "$NVBIND_PID"
	holds "${LEVELS[0]}" auto
	holds "$POLICY/scaling_governor" powersave
	holds "$PAGES/nr_hugepages" 0
	no_change_is_noted
}

@test "a command that cannot be started leaves no change" {
	run_out "$NVBIND" run --gpu 0 --config power_profile=maximum --rootfs "$ROOT" -- /no/such/command
	[ "$status" -ne 0 ]
	holds "${LEVELS[0]}" auto
	no_change_is_noted
}

@test "what a killed nvbind left, the next run takes back" {
	start box --gpu 0 --config power_profile=maximum
	holds "${LEVELS[0]}" high
	kill -KILL "$NVBIND_PID"
	wait_for is_gone "$NVBIND_PID"
	holds "${LEVELS[0]}" high
	run_out "$NVBIND" run --gpu 1 --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 0 ]
	holds "${LEVELS[0]}" auto
	no_change_is_noted
}

@test "gc shows it, takes it back, and leaves what living containers have" {
	start dead --gpu 0 --config power_profile=maximum
	kill -KILL "$NVBIND_PID"
	wait_for is_gone "$NVBIND_PID"
	"$NVBIND" doctor --host-root / >"$BATS_TEST_TMPDIR/doctor" || true
	grep -q 'left 1 setting of the machine changed' "$BATS_TEST_TMPDIR/doctor"
	run_out "$NVBIND" gc --dry-run
	[[ "$output" == *"would get back 'auto'"* ]]
	holds "${LEVELS[0]}" high
	start alive --gpu 1 --config power_profile=maximum
	holds "${LEVELS[0]}" auto
	run_out "$NVBIND" gc
	[ "${lines[0]}" = "0 changes of the machine taken back" ]
	holds "${LEVELS[1]}" high
	run_out "$NVBIND" gc --dry-run
	[[ "$output" == *"is 'high' for container 'alive', was 'auto'"* ]]
	kill -KILL "$NVBIND_PID"
	wait_for is_gone "$NVBIND_PID"
	run_out "$NVBIND" gc
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "1 change of the machine taken back" ]
	holds "${LEVELS[1]}" auto
}

@test "the last of two takes it back, and a contradicting one is told who has it" {
	start first --gpu 0 --config power_profile=maximum
	local first=$NVBIND_PID
	start second --gpu 0 --config power_profile=maximum
	local second=$NVBIND_PID
	run_out "$NVBIND" run --gpu 0 --config power_profile=power-saver --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"does not become 'low': it is 'high' for container 'first'"* ]]
	kill -KILL "$first"
	wait_for is_gone "$first"
	run_out "$NVBIND" gc
	holds "${LEVELS[0]}" high
	kill -TERM "$second"
	wait_for is_gone "$second"
	holds "${LEVELS[0]}" auto
	no_change_is_noted
}

@test "what somebody else set meanwhile stays" {
	start box --gpu 0 --config power_profile=maximum
	echo manual >"${LEVELS[0]}"
	kill -TERM "$NVBIND_PID"
	wait_for is_gone "$NVBIND_PID"
	holds "${LEVELS[0]}" manual
	grep -q "set to 'manual' by others" "$BATS_TEST_TMPDIR/box.err"
}

# A machine whose GPU 0 has a library that knows power limits; its directory is $LIBRARY.
make_boards() {
	local machine library
	machine="$(mktemp -d "$BATS_TEST_TMPDIR/boards.XXXXXX")"
	"$NVBIND_SOURCE_ROOT/tests/hosts/make-host" --nodes file geforce-desktop "$machine" >/dev/null
	library="$(find "$machine" -name 'libnvidia-ml.so.*.*' -path '*64*' | head -n 1)"
	LIBRARY="$(dirname "$library")"
	cp "$NVBIND_BUILD_ROOT/tests/fake/libnvidia-ml.so.1" "$library"
	export NVBIND_HOST_ROOT="$machine"
	BOARD="$("$NVBIND" info --json --no-nvml | jq -r '.gpus[0].pci_address')"
	printf '%s\n' "gpu	0000$BOARD	GPU-0	board	1073741824	8.9" "$@" >"$LIBRARY/nvml.conf"
}

@test "a power limit is set through the driver's library, and is as before at the end" {
	make_boards "power	100000	300000	350000"
	start box --gpu 0 --config power_profile=maximum
	holds "$LIBRARY"/power.* 350000
	run_out "$NVBIND" run --gpu 0 --config power_profile=power-saver --rootfs "$ROOT" -- /bin/true
	[[ "$stderr" == *"does not become 'min': it is 'max' for container 'box'"* ]]
	kill -TERM "$NVBIND_PID"
	wait_for is_gone "$NVBIND_PID"
	holds "$LIBRARY"/power.* 300000
	no_change_is_noted
	start saver --gpu 0 --config power_profile=power-saver
	holds "$LIBRARY"/power.* 100000
	kill -KILL "$NVBIND_PID"
	wait_for is_gone "$NVBIND_PID"
	NVBIND_HOST_ROOT=/ run_out "$NVBIND" gc
	[ "${lines[0]}" = "0 changes of the machine taken back" ]
	run_out "$NVBIND" gc
	[ "${lines[0]}" = "1 change of the machine taken back" ]
	holds "$LIBRARY"/power.* 300000
}

@test "a board without a power limit says so, and the container runs" {
	make_boards
	run_out "$NVBIND" run --gpu 0 --config power_profile=maximum --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"power_profile: read the power limit of the GPU at '$BOARD'"* ]]
	no_change_is_noted
}

@test "a driver's library that refuses, or crashes, leaves no power limit behind" {
	make_boards "power	100000	300000	350000" "power-error 4"
	run_out "$NVBIND" run --gpu 0 --config power_profile=maximum --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"power_profile: set the power limit of the GPU at '$BOARD'"* ]]
	no_change_is_noted
	make_boards "power	100000	300000	350000" "power-crash"
	run_out "$NVBIND" run --gpu 0 --config power_profile=maximum --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"signal 11"* ]]
	run_out "$NVBIND" gc
	holds "$LIBRARY"/power.* 300000
	no_change_is_noted
}

@test "cpu_set is the container's cpuset" {
	run_out "$NVBIND" run --gpu none --config cpu_set=0 --rootfs "$ROOT" --dry-run -- /bin/true
	[[ "$output" == *"cpu_set"*"enforced: cpuset"* ]] || skip "no control group here"
	run_out env NVBIND_HOST_ROOT=/ "$NVBIND" run --gpu none --config cpu_set=0 --rootfs "$ROOT" \
		-- sh -c 'grep Cpus_allowed_list: /proc/self/status'
	[[ "$output" == Cpus_allowed_list:*0 ]]
	run_out env NVBIND_HOST_ROOT=/ "$NVBIND" run --gpu none --config cpu_set=8191 --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"CPU 8191 is not online"* ]]
}

@test "an ordinary user is told that only root may, and the container runs" {
	run_out as_user NVBIND_HOST_ROOT=/ NVBIND_CONFIG=/dev/null "$NVBIND" run --dry-run --gpu none \
		--config huge_pages=1048576 --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 0 ]
	[[ "$output" == *"huge_pages"*"unsupported: "* ]]
}
