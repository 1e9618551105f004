# SPDX-License-Identifier: Apache-2.0
# Who gets a GPU when several containers want it, and what is left of them when something is killed.
# shellcheck disable=SC2154,SC2030,SC2031,SC2016 # fixture.bash sets stderr; each test is a shell of its own; a shell expands
bats_require_minimum_version 1.5.0
load fixture

RUNTIME="$NVBIND_BUILD_ROOT/nvbind-runtime"

setup() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
	ROOT="$(root_of debian)"
	export NVBIND_LEASE_DIR="$BATS_TEST_TMPDIR/leases" NVBIND_HOST_ROOT="$HOST" NVBIND_OCI_RUNTIME=runc
	export NVBIND_RUNTIME_CONFIG="$BATS_TEST_TMPDIR/runtime.json"
	echo '{}' >"$NVBIND_RUNTIME_CONFIG"
	PIDS=()
	BOXES=()
}

teardown() {
	local pid box
	for pid in "${PIDS[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait_for is_gone "$pid"
	done
	for box in "${BOXES[@]}"; do
		runc --root "$BATS_TEST_TMPDIR/runc" delete --force "$box" 2>/dev/null || true
	done
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

# Container $1 of the built-in engine runs until it is killed; $NVBIND_PID is its nvbind.
start_bolt() {
	local name=$1
	shift
	"$NVBIND" run --name "$name" --rootfs "$ROOT" "$@" -- /bin/sh -c 'echo up; exec sleep 1000' \
		>"$BATS_TEST_TMPDIR/$name.out" 2>"$BATS_TEST_TMPDIR/$name.err" 3>&- &
	NVBIND_PID=$!
	disown "$NVBIND_PID"
	PIDS+=("$NVBIND_PID")
	wait_for grep -q up "$BATS_TEST_TMPDIR/$name.out"
}

# The same through nvbind-runtime, as an engine does it: create with a pid-file, then start.
start_oci() {
	local name=$1 bundle="$BATS_TEST_TMPDIR/bundle-$1"
	shift
	make_bundle "$bundle" "$name" "$@"
	"$RUNTIME" --root "$BATS_TEST_TMPDIR/runc" create --bundle "$bundle" --pid-file "$bundle/pid" "$name" \
		>/dev/null 2>"$BATS_TEST_TMPDIR/$name.err" </dev/null 3>&- || return
	BOXES+=("$name")
	"$RUNTIME" --root "$BATS_TEST_TMPDIR/runc" start "$name" 3>&-
	INIT_PID="$(cat "$bundle/pid")"
}

make_bundle() {
	local bundle=$1 name=$2
	shift 2
	rm -rf "$bundle"
	mkdir -p "$bundle"
	(cd "$bundle" && runc spec)
	jq -c --arg root "$ROOT" --arg group "/nvbind-lease-$BATS_TEST_NUMBER-$name" '.process.terminal = false |
		.process.args = ["/bin/sleep", "1000"] | .root = {"path": $root} | .linux.cgroupsPath = $group |
		.process.env += $ARGS.positional' "$bundle/config.json" --args -- "$@" >"$bundle/new"
	mv "$bundle/new" "$bundle/config.json"
}

need() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
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

# The process that the kernel made the container's keeper.
keeper_of() {
	pgrep -P "$1"
}

# "container state" of every lease that holds something.
held() {
	on_host lease list --json | jq -r '.leases[] | select(.state != "ended" and .state != "released") |
		"\(.index) \(.container) \(.engine) \(.mode) \(.state)"'
}

assert_held() {
	local now
	now="$(held)"
	[ "$now" = "$1" ] || { echo "held: $now"; echo "not: $1"; return 1; }
}

# An attempt to have GPU 1 alone; it ends at once if it gets it.
alone_bolt() {
	run_out on_host run --name taker --isolation exclusive --gpu "${1:-1}" --rootfs "$ROOT" -- /bin/true
}

alone_oci() {
	need runc jq
	make_bundle "$BATS_TEST_TMPDIR/bundle-taker" taker "NVBIND_GPU=${1:-1}" NVBIND_ISOLATION=exclusive
	jq -c '.process.args = ["/bin/true"]' "$BATS_TEST_TMPDIR/bundle-taker/config.json" >"$BATS_TEST_TMPDIR/new"
	mv "$BATS_TEST_TMPDIR/new" "$BATS_TEST_TMPDIR/bundle-taker/config.json"
	run_out "$RUNTIME" --root "$BATS_TEST_TMPDIR/runc" run --bundle "$BATS_TEST_TMPDIR/bundle-taker" taker
}

assert_refused() {
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"container '$1' of '$2' holds it as $3"* ]]
}

@test "shared containers stand beside each other, an exclusive one alone" {
	start_bolt first --gpu 1
	start_bolt second --gpu 1,2
	assert_held $'1 first bolt shared held\n1 second bolt shared held\n2 second bolt shared held'
	alone_bolt
	[ "$status" -eq 5 ]
	assert_refused first bolt shared
	[[ "$stderr" == *"take 'GPU 1'"*"nvbind lease list"* ]]
	alone_bolt 3
	[ "$status" -eq 0 ]
	[[ "$(held)" != *taker* ]]
}

@test "built-in engine against built-in engine" {
	start_bolt owner --gpu 1 --isolation exclusive
	alone_bolt
	[ "$status" -eq 5 ]
	assert_refused owner bolt exclusive
	run_out on_host run --gpu 1 --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 5 ]
	run_out on_host run --gpu all --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 5 ]
	run_out on_host run --gpu none --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 0 ]
}

@test "built-in engine against nvbind-runtime, and the other way round" {
	need runc jq
	start_bolt owner --gpu 1 --isolation exclusive
	alone_oci
	assert_refused owner bolt exclusive
	start_oci box NVBIND_GPU=2 NVBIND_ISOLATION=exclusive
	assert_held $'1 owner bolt exclusive held\n2 box oci exclusive held'
	alone_bolt 2
	[ "$status" -eq 5 ]
	assert_refused box oci exclusive
	alone_oci 2
	assert_refused box oci exclusive
	run_out on_host run --gpu 2 --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 5 ]
}

@test "a container that ends gives its GPU back" {
	need runc jq
	alone_bolt
	[ "$status" -eq 0 ]
	alone_oci
	[ "$status" -eq 0 ]
	alone_bolt
	[ "$status" -eq 0 ]
	start_oci box NVBIND_GPU=1 NVBIND_ISOLATION=exclusive
	runc --root "$BATS_TEST_TMPDIR/runc" kill box KILL
	wait_for alone_is_free
	assert_held ''
}

alone_is_free() {
	alone_bolt >/dev/null
	[ "$status" -eq 0 ]
}

@test "nvbind is killed: the container ends with it, and so does the lease" {
	start_bolt owner --gpu 1 --isolation exclusive
	kill -KILL "$NVBIND_PID"
	wait_for alone_is_free
	assert_held ''
	assert_clean
}

@test "the keeper is killed" {
	start_bolt owner --gpu 1 --isolation exclusive
	kill -KILL "$(keeper_of "$NVBIND_PID")"
	wait_for alone_is_free
	assert_held ''
}

@test "nvbind and the keeper are stopped: still held" {
	start_bolt owner --gpu 1 --isolation exclusive
	kill -STOP "$NVBIND_PID" "$(keeper_of "$NVBIND_PID")"
	alone_bolt
	assert_refused owner bolt exclusive
	kill -KILL "$NVBIND_PID"
	wait_for alone_is_free
}

@test "the container's first process is killed" {
	need runc jq
	start_oci box NVBIND_GPU=1 NVBIND_ISOLATION=exclusive
	kill -KILL "$INIT_PID"
	wait_for alone_is_free
	assert_held ''
}

@test "what is left in the control group holds the GPU" {
	need runc jq
	local bundle="$BATS_TEST_TMPDIR/bundle-box" child
	make_bundle "$bundle" box NVBIND_GPU=1 NVBIND_ISOLATION=exclusive
	# Of the machine's own process namespace: the end of the first process is not that of others.
	jq -c '.process.args = ["/bin/sh", "-c", "sleep 1000 & wait"] | .linux.namespaces |= map(select(.type != "pid"))' \
		"$bundle/config.json" >"$bundle/new"
	mv "$bundle/new" "$bundle/config.json"
	"$RUNTIME" --root "$BATS_TEST_TMPDIR/runc" create --bundle "$bundle" --pid-file "$bundle/pid" box >/dev/null </dev/null 3>&-
	BOXES+=(box)
	"$RUNTIME" --root "$BATS_TEST_TMPDIR/runc" start box 3>&-
	wait_for pgrep -P "$(cat "$bundle/pid")"
	child="$(pgrep -P "$(cat "$bundle/pid")")"
	PIDS+=("$child")
	kill -KILL "$(cat "$bundle/pid")"
	wait_for orphaned
	alone_bolt
	[ "$status" -eq 5 ]
	[[ "$stderr" == *"its monitor is gone, its processes are not"* ]]
	kill -KILL "$child"
	wait_for alone_is_free
}

orphaned() {
	[ "$(held)" = "1 box oci exclusive orphaned" ]
}

# "create" as an engine does it, with what else is given. Not run_out: the container keeps its output open.
create_quietly() {
	status=0
	"$@" >/dev/null 2>"$BATS_TEST_TMPDIR/stderr" </dev/null 3>&- || status=$?
	stderr="$(cat "$BATS_TEST_TMPDIR/stderr")"
	echo "status $status: $stderr"
}

# Without a pid-file.
create_plain() {
	BOXES+=("$1")
	create_quietly "$RUNTIME" --root "$BATS_TEST_TMPDIR/runc" create --bundle "$BATS_TEST_TMPDIR/bundle-$1" "$1"
}

drop_cgroup() {
	local config="$BATS_TEST_TMPDIR/bundle-$1/config.json"
	jq -c 'del(.linux.cgroupsPath)' "$config" >"$BATS_TEST_TMPDIR/new"
	mv "$BATS_TEST_TMPDIR/new" "$config"
}

@test "nobody gets a GPU alone of whom nothing would tell that he lives" {
	need runc jq
	make_bundle "$BATS_TEST_TMPDIR/bundle-one" one NVBIND_GPU=1 NVBIND_ISOLATION=exclusive
	drop_cgroup one
	create_plain one
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"neither a pid-file nor a control group"*"give --pid-file"* ]]
	assert_held ''
	make_bundle "$BATS_TEST_TMPDIR/bundle-two" two NVBIND_GPU=1
	drop_cgroup two
	create_plain two
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"warning: container 'two' has neither a pid-file nor a control group"* ]]
	# A control group alone is one, until the low-level runtime is told to make none.
	make_bundle "$BATS_TEST_TMPDIR/bundle-three" three NVBIND_GPU=2 NVBIND_ISOLATION=exclusive
	create_plain three
	[ "$status" -eq 0 ]
	alone_bolt 2
	assert_refused three oci exclusive
	make_bundle "$BATS_TEST_TMPDIR/bundle-four" four NVBIND_GPU=3 NVBIND_ISOLATION=exclusive
	create_quietly "$RUNTIME" --cgroup-manager=disabled create --bundle "$BATS_TEST_TMPDIR/bundle-four" four
	[[ "$stderr" == *"neither a pid-file nor a control group"* ]]
}

# A low-level runtime that makes another control group than it is told, as one that may make none.
make_stray_runtime() {
	cat >"$BATS_TEST_TMPDIR/stray" <<-'EOF'
		#!/bin/sh
		[ "$3" != create ] || sed -i 's|"/nvbind-lease-[^"]*"|"/nvbind-stray"|' "$BUNDLE/config.json"
		exec runc "$@"
	EOF
	chmod 755 "$BATS_TEST_TMPDIR/stray"
	export NVBIND_OCI_RUNTIME="$BATS_TEST_TMPDIR/stray"
}

@test "a container outside of its control group keeps its GPU" {
	need runc jq
	local name
	make_stray_runtime
	for name in one two; do
		export BUNDLE="$BATS_TEST_TMPDIR/bundle-$name"
		make_bundle "$BUNDLE" "$name" NVBIND_GPU=1 NVBIND_ISOLATION=exclusive
		BOXES+=("$name")
		create_quietly "$RUNTIME" --root "$BATS_TEST_TMPDIR/runc" create --bundle "$BUNDLE" \
			--pid-file "$BUNDLE/pid" "$name"
		[ "$name" = two ] || [ "$status" -eq 0 ]
	done
	grep -q nvbind-stray "/proc/$(cat "$BATS_TEST_TMPDIR/bundle-one/pid")/cgroup"
	assert_refused one oci exclusive
	[[ "$stderr" == *"it cannot be told whether it lives"* ]]
	runc --root "$BATS_TEST_TMPDIR/runc" delete --force one
	alone_bolt
	[ "$status" -eq 0 ]
}

@test "who looks from another process namespace ends no lease" {
	need runc jq
	start_oci box NVBIND_GPU=1 NVBIND_ISOLATION=exclusive
	on_host lease list >"$BATS_TEST_TMPDIR/noted"
	# Not even a pid-file or a control group that it does not see.
	rm "$BATS_TEST_TMPDIR/bundle-box/pid"
	unshare -mpfC --mount-proc sh -c 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"' sh \
		"$NVBIND" --host-root "$HOST" lease gc
	assert_held '1 box oci exclusive held'
	unshare -mpfC --mount-proc "$NVBIND" --host-root "$HOST" lease list --json |
		jq -e '.leases[0].witness == "unknown"'
	alone_bolt
	assert_refused box oci exclusive
}

@test "the policy says who may have a GPU alone" {
	need runc jq
	echo '{"accept_exclusive": "never"}' >"$NVBIND_RUNTIME_CONFIG"
	alone_oci
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"the policy does not let this container ask for it"*accept_exclusive* ]]
	echo '{"accept_exclusive": "privileged"}' >"$NVBIND_RUNTIME_CONFIG"
	alone_oci
	[ "$status" -ne 0 ]
	# What does not let it ask for GPUs does not let it ask for them alone.
	echo '{"accept_environment": "never", "accept_annotations": "always"}' >"$NVBIND_RUNTIME_CONFIG"
	make_bundle "$BATS_TEST_TMPDIR/bundle-box" box NVBIND_ISOLATION=exclusive
	jq -c '.annotations["cdi.k8s.io/x"] = "nvidia.com/gpu=1"' "$BATS_TEST_TMPDIR/bundle-box/config.json" \
		>"$BATS_TEST_TMPDIR/new"
	mv "$BATS_TEST_TMPDIR/new" "$BATS_TEST_TMPDIR/bundle-box/config.json"
	create_plain box
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"the policy does not let this container ask for it"* ]]
	assert_held ''
}

@test "who is refused leaves the container's root as it was" {
	need runc jq
	start_bolt owner --gpu 1 --isolation exclusive
	ROOT="$BATS_TEST_TMPDIR/root"
	"$NVBIND_SOURCE_ROOT/tests/roots/make-root" debian "$ROOT"
	(cd "$ROOT" && find . -printf '%p %l %T@\n' | sort) >"$BATS_TEST_TMPDIR/before"
	alone_oci
	assert_refused owner bolt exclusive
	(cd "$ROOT" && find . -printf '%p %l %T@\n' | sort) | diff "$BATS_TEST_TMPDIR/before" -
}

@test "a lease is released by name, by GPU, and of the living by force only" {
	start_bolt owner --gpu 1,2 --isolation exclusive
	run_out on_host lease release owner
	[ "$status" -eq 5 ]
	[[ "$stderr" == *"'owner' is alive"*"--force"* ]]
	run_out on_host lease release 2 --force
	[ "$status" -eq 0 ]
	[ "$output" = "1 lease released" ]
	assert_held '1 owner bolt exclusive held'
	alone_bolt 2
	[ "$status" -eq 0 ]
	run_out on_host lease release owner --force
	[ "$output" = "1 lease released" ]
	assert_held ''
	run_out on_host lease release owner
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"nobody holds it"* ]]
	run_out on_host lease release
	[ "$status" -eq 2 ]
}

@test "a list for people and for programs" {
	run_out on_host lease list
	[ "$status" -eq 0 ]
	start_bolt owner --gpu 1 --isolation exclusive
	run_out on_host lease list
	[[ "${lines[0]}" == "GPU  CONTAINER  ENGINE  MODE"*"SINCE"*"STATE"*"PID" ]]
	[[ "${lines[1]}" == "1    owner      bolt    exclusive  "*" s "*"held   "* ]]
	run_out on_host lease list --json
	jq -e '.leases | length == 1 and (.[0] | .index == 1 and .partition == null and .witness == "lock" and
		(.uuid | startswith("GPU-")) and (.pid | type) == "number")' <<<"$output"
	kill -KILL "$NVBIND_PID"
	wait_for alone_is_free
	run_out on_host lease gc
	[ "$status" -eq 0 ]
}

@test "what has ended is listed on demand" {
	start_bolt owner --gpu 1 --isolation exclusive
	kill -KILL "$NVBIND_PID"
	ended() {
		on_host lease list --all --json | jq -e '[.leases[].state] == ["ended"]' >/dev/null
	}
	wait_for ended
	run_out on_host lease list
	[ "${#lines[@]}" -eq 1 ]
	run_out on_host lease list --json
	jq -e '.leases == []' <<<"$output"
	run_out on_host lease list --all
	[[ "${lines[1]}" == *"owner"*"ended"* ]]
	mkdir "$(dirname "$(find "$NVBIND_LEASE_DIR" -type f | head -n 1)")/0000:ff:00.0"
	run_out on_host lease list
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"'0000:ff:00.0': it is not a regular file"* ]]
}

@test "who uses the GPU without a lease is named" {
	mkdir -p "$HOST/proc/4242/fd"
	echo 'blender' >"$HOST/proc/4242/comm"
	ln -sfn /dev/nvidia1 "$HOST/proc/4242/fd/7"
	alone_bolt
	rm -rf "$HOST/proc/4242"
	[ "$status" -eq 5 ]
	[[ "$stderr" == *"process 4242 (blender) has '/dev/nvidia1' open"* ]]
	alone_bolt
	[ "$status" -eq 0 ]
}

@test "a full or strange directory is told, and nothing starts" {
	mkdir -m 755 "$NVBIND_LEASE_DIR"
	run_out on_host run --gpu 1 --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"others may enter '$NVBIND_LEASE_DIR'"* ]]
	chmod 700 "$NVBIND_LEASE_DIR"
	unshare -m sh -c 'mount -t tmpfs -o size=4k,mode=700 none "$1" && echo >"$1/full" && shift && exec "$@"' sh \
		"$NVBIND_LEASE_DIR" "$NVBIND" run --gpu 1 --rootfs "$ROOT" -- /bin/true 2>"$BATS_TEST_TMPDIR/err" && return 1
	grep -q 'No space left on device' "$BATS_TEST_TMPDIR/err"
	on_host run --gpu 1 --rootfs "$ROOT" -- /bin/true
}

@test "an ordinary user has leases of his own" {
	local run="$BATS_TEST_TMPDIR/run"
	chmod 755 "$BATS_TEST_TMPDIR"
	install -d -m 700 -o "$USER_ID" -g "$USER_ID" "$run"
	as_user true
	setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups env -i PATH="$PATH" XDG_RUNTIME_DIR="$run" \
		HOME="$BATS_SUITE_TMPDIR/users/$USER_ID" "$NVBIND" --host-root "$HOST" run --name mine --gpu 1 \
		--isolation exclusive --rootfs "$ROOT" -- /bin/sh -c 'echo up; exec sleep 1000' \
		>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	PIDS+=($!)
	disown $!
	wait_for grep -q up "$BATS_TEST_TMPDIR/out"
	run_out as_user XDG_RUNTIME_DIR="$run" "$NVBIND" --host-root "$HOST" run --gpu 1 --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 5 ]
	[[ "$stderr" == *"container 'mine' of 'bolt'"* ]]
	run_out as_user "$NVBIND" --host-root "$HOST" run --gpu 1 --rootfs "$ROOT" -- /bin/true
	[ "$status" -eq 0 ]
	run_out as_user "$NVBIND" --host-root "$HOST" run --isolation exclusive --gpu 1 --rootfs "$ROOT" -- /bin/true
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"no XDG_RUNTIME_DIR"* ]]
}
