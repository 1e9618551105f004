# SPDX-License-Identifier: Apache-2.0
# Limits on a container's share of a GPU: what is chosen, said and refused. A library of ours answers
# for the GPUs' sizes.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

setup() {
	export NVBIND_LEASE_DIR="$BATS_TEST_TMPDIR/leases" NVBIND_CONFIG=/dev/null
	chmod 755 "$BATS_TEST_TMPDIR"
}

machine() { # NAME [NODES]
	host="$BATS_TEST_TMPDIR/$1"
	"$NVBIND_SOURCE_ROOT/tests/hosts/make-host" --nodes "${2:-file}" "$1" "$host" >/dev/null
}

# GPU 0 has an instance of 40 GiB, and one of 40 GiB that two compute instances share.
divided() {
	machine a100-mig "$@"
	cp "$NVBIND_BUILD_ROOT/tests/fake/libnvidia-ml.so.1" "$host/usr/lib64/libnvidia-ml.so.535.183.01"
	local uuid=GPU-00000000-0000-0000-0000-000000000001 name="NVIDIA A100 80GB PCIe"
	uuid=$(sed -n 's/.*GPU UUID:[[:space:]]*//p' "$host/proc/driver/nvidia/gpus/0000:3b:00.0/information")
	printf '%s\n' "gpu	00000000:3B:00.0	$uuid	$name	85899345920	8.0" \
		"mig	1	0	MIG-00000000-0000-0000-0000-000000000010	$name MIG 3g.40gb	40192" \
		"mig	2	0	MIG-00000000-0000-0000-0000-000000000020	$name MIG 1c.3g.40gb	40192" \
		"mig	2	1	MIG-00000000-0000-0000-0000-000000000021	$name MIG 2c.3g.40gb	40192" \
		>"$host/usr/lib64/nvml.conf"
}

plan() {
	run_out "$NVBIND" --host-root "$host" run --dry-run --format json --rootfs / "$@" -- true
}

knob() { # NAME FIELD
	jq -r --arg name "$1" '.knobs[] | select(.name == $name) | .'"$2" <<<"$output"
}

@test "a limit chooses the MIG instance that has it, and nothing beside" {
	divided
	plan --gpu 0 --isolation virtual --config gpu_memory_limit=24GB --config compute_limit=30%
	[ "$status" -eq 0 ]
	[ "$(jq -r .isolation.status <<<"$output")" = enforced ]
	[ "$(knob gpu_memory_limit status)" = enforced ]
	[ "$(knob gpu_memory_limit mechanism)" = "MIG instance 0:0 (3g.40gb)" ]
	[ "$(knob gpu_memory_limit reason)" = "24576 MiB were asked for, the partition has 40192 MiB" ]
	[ "$(knob compute_limit reason)" = "30% were asked for, the partition has 42%" ]
	[ "$(jq -r .env.NVIDIA_VISIBLE_DEVICES <<<"$output")" = MIG-00000000-0000-0000-0000-000000000010 ]
	[ "$(jq '[.device_nodes[] | select(.path | test("nvidia-caps"))] | length' <<<"$output")" -eq 2 ]
	[ "$(knob gpu value)" = 0:0 ]
}

@test "a limit that nothing enforces starts no container, and each rung says why" {
	divided
	plan --gpu 0 --config gpu_memory_limit=8GB
	[ "$status" -eq 0 ]
	[ "$(knob gpu_memory_limit status)" = unsupported ]
	[ "$(jq -r .isolation.status <<<"$output")" = unsupported ]
	run_out "$NVBIND" --host-root "$host" run --gpu 0 --config gpu_memory_limit=8GB --rootfs / -- true
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"limit the container: gpu_memory_limit on GPU 0 cannot be enforced: MIG instance: "* ]]
	[[ "$stderr" == *"needs NVIDIA's driver 615, this is 535.183.01"* ]]
	[[ "$stderr" == *"allow_unenforced=true"* ]]
	plan --gpu 0 --config gpu_memory_limit=8GB --config allow_unenforced=true
	[ "$(knob gpu_memory_limit status)" = advisory ]
	[ "$(jq -r .isolation.status <<<"$output")" = applied ]
	[ "$(knob gpu value)" = 0 ]
}

@test "a limit above the GPU's size is never reached" {
	divided
	plan --gpu 0 --config gpu_memory_limit=100GB
	[ "$(knob gpu_memory_limit status)" = enforced ]
	[[ "$(knob gpu_memory_limit reason)" == *"it has 81920 MiB"* ]]
	[ "$(knob gpu value)" = 0 ]
}

@test "compute instances of one GPU instance share its memory" {
	divided
	plan --gpu 0:1 --config gpu_memory_limit=24GB
	[ "$(knob gpu_memory_limit status)" = unsupported ]
	[[ "$(knob gpu_memory_limit reason)" == *"share their memory"* ]]
}

@test "mig_enabled takes an instance that is there, and makes none" {
	divided
	plan --gpu 0 --config mig_enabled=true
	[ "$(knob mig_enabled status)" = enforced ]
	[ "$(knob gpu value)" = 0:0 ]
	plan --gpu 1 --config mig_enabled=true
	[ "$(knob mig_enabled status)" = unsupported ]
	[ "$(knob gpu value)" = 1 ]
}

@test "limits are refused where there is no mechanism" {
	machine wsl2
	plan --isolation virtual
	[ "$(jq -r .isolation.status <<<"$output")" = unsupported ]
	plan --config gpu_memory_limit=1GB
	[ "$(knob gpu_memory_limit status)" = unsupported ]
	machine geforce-desktop
	plan --config compute_limit=50%
	[ "$(knob compute_limit status)" = unsupported ]
	plan --config compute_limit=100%
	[ "$(knob compute_limit status)" = enforced ]
	for value in compute_limit=0% compute_limit=140% gpu_memory_limit=8XB gpu_memory_limit=-1 gpu_memory_limit=0; do
		plan --config "$value"
		[ "$status" -eq 2 ]
	done
}

# Instances: the library keeps those that it made beside itself.
mig() {
	run_out "$NVBIND" --host-root "$host" mig "$@"
}

made() {
	cat "$host/usr/lib64/mig.00000000:3B:00.0" 2>/dev/null || true
}

@test "mig list shows the instances, their sizes and their holders" {
	divided
	mig list --json
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.instances[] | [.gpu, .index, .gpu_instance, .compute_instance, .profile, .container]]' <<<"$output")" = \
		'[[0,0,1,0,"3g.40gb",null],[0,1,2,0,"1c.3g.40gb",null],[0,2,2,1,"2c.3g.40gb",null]]' ]
	mig list
	[[ "${lines[1]}" == "0:0     3g.40gb           40192 MiB     1/0          -" ]]
	mig list more
	[ "$status" -eq 2 ]
}

@test "mig create makes all or none, and destroy removes them" {
	divided
	mig create 0 1g.10gb
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"not in MIG mode"* ]]
	echo mig-mode >>"$host/usr/lib64/nvml.conf"
	mig create 0 1g.10gb --count 2 --dry-run
	[ "$status" -eq 0 ]
	[ "$output" = "2 of '1g.10gb' would be made on GPU 0; there is room for 7" ]
	[ -z "$(made)" ]
	mig create --count 2 0 1g.10gb
	[ "$output" = "GPU instance 1 of '1g.10gb' on GPU 0
GPU instance 2 of '1g.10gb' on GPU 0" ]
	[ "$(made)" = $'1 1 1\n2 1 1' ]
	mig create 0 3g.40gb --count 2
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"there is room for 1 of '3g.40gb', not for 2"* ]]
	mig create 0 3g.40gb --start 3
	[ "$status" -eq 0 ]
	mig create 0 1g.10gb --start 77
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"cannot start at 77"* ]]
	[ "$(made)" = $'1 1 1\n2 1 1\n3 3 1' ]
	mig destroy 0:0 --dry-run
	[ "$output" = "GPU instance 1 of GPU 0 would be destroyed" ]
	mig destroy 0:0
	[ "$status" -eq 0 ]
	[ "$(made)" = $'2 1 1\n3 3 1' ]
	mig destroy 0:0
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"destroy the instance 0:0"* ]]
}

@test "a failure of mig create leaves nothing behind" {
	divided
	cp "$host/usr/lib64/nvml.conf" "$BATS_TEST_TMPDIR/conf"
	for fault in 'mig-error 4' 'mig-error 999' mig-no-compute; do
		{ cat "$BATS_TEST_TMPDIR/conf"; printf 'mig-mode\n%s\n' "$fault"; } >"$host/usr/lib64/nvml.conf"
		mig create 0 1g.10gb --count 3
		[ "$status" -ne 0 ]
		[ -z "$(made)" ]
	done
	{ cat "$BATS_TEST_TMPDIR/conf"; printf 'mig-mode\nmig-error 4\n'; } >"$host/usr/lib64/nvml.conf"
	mig create 0 1g.10gb
	[ "$status" -eq 4 ]
	# The driver's own word for what is used by a process.
	echo '2 1 1' >"$host/usr/lib64/mig.00000000:3B:00.0"
	{ cat "$BATS_TEST_TMPDIR/conf"; printf 'mig-mode\nmig-error 19\n'; } >"$host/usr/lib64/nvml.conf"
	mig destroy 0:1
	[ "$status" -eq 5 ]
	[ "$(made)" = "2 1 1" ]
}

@test "mig create and destroy refuse bad words" {
	divided
	echo mig-mode >>"$host/usr/lib64/nvml.conf"
	for words in "" "0" "0 1g.10gb more" "0:0 1g.10gb" "all 1g.10gb" "0 1G.10GB" "0 1g/10" "0 1g.10gb --count 0" \
		"0 1g.10gb --count 17" "0 1g.10gb --start x" "0 1g.10gb --count 2 --start 0"; do
		# shellcheck disable=SC2086 # words
		mig create $words
		[ "$status" -eq 2 ]
	done
	mig create 0 9g.99gb
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"no profile '9g.99gb'"* ]]
	for words in "" "0" "all" "0:0 more"; do
		# shellcheck disable=SC2086 # words
		mig destroy $words
		[ "$status" -eq 2 ]
	done
	mig destroy 0:7
	[ "$status" -eq 3 ]
	[ -z "$(made)" ]
	machine radeon-x2
	mig create 0 1g.10gb
	[ "$status" -eq 1 ]
	mig
	[ "$status" -eq 2 ]
}

wait_for() {
	local tries
	for ((tries = 0; tries < 500; tries++)); do
		! "$@" 2>/dev/null || return 0
		sleep 0.02
	done
	echo "in vain: $*"
	return 1
}

# Containers of the built-in engine, until they are killed.
start() { # NAME ARG...
	local name=$1
	shift
	"$NVBIND" --host-root "$host" run --name "$name" --rootfs "$ROOT" "$@" -- /bin/sh -c 'echo up; exec sleep 1000' \
		>"$BATS_TEST_TMPDIR/$name.out" 2>"$BATS_TEST_TMPDIR/$name.err" 3>&- &
	PIDS+=("$!")
	disown "$!"
	wait_for grep -q up "$BATS_TEST_TMPDIR/$name.out"
}

teardown() {
	local pid
	for pid in "${PIDS[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait_for is_gone "$pid"
	done
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

@test "what a container holds is neither chosen nor destroyed nor divided" {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
	ROOT="$(root_of debian)"
	PIDS=()
	divided real
	echo mig-mode >>"$host/usr/lib64/nvml.conf"
	start web --gpu 0 --isolation virtual --config gpu_memory_limit=24GB
	mig list --json
	[ "$(jq -c '[.instances[].container]' <<<"$output")" = '["web",null,null]' ]
	run_out "$NVBIND" --host-root "$host" run --gpu 0 --config gpu_memory_limit=24GB --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"held by another container"* ]]
	mig destroy 0:0
	[ "$status" -eq 5 ]
	[[ "$stderr" == *"web"* ]]
	# Dividing the rest is allowed, unless one has all of it.
	mig create 0 1g.10gb --dry-run
	[ "$status" -eq 0 ]
	start all --gpu 0
	mig create 0 1g.10gb
	[ "$status" -eq 5 ]
	[[ "$stderr" == *"'all' holds all of it"* ]]
	[ -z "$(made)" ]
}
