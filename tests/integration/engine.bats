# SPDX-License-Identifier: Apache-2.0
# How the built-in engine behaves towards the machine and the caller: umask, signals of a process
# group, owners of files, other users' directories, what devices an image brings.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

setup_file() {
	[ -e "$BATS_SUITE_TMPDIR/skip" ] || root_of debian >/dev/null
}

ROOT="$BATS_SUITE_TMPDIR/roots/debian"

container() {
	"$NVBIND" run --gpu none --rootfs "$ROOT" "$@"
}

# Starts "probe signal" in a process group of its own, under the given command; waits for it.
start_group() {
	setsid "$@" "$NVBIND" run --gpu none --rootfs "$ROOT" -- /probe signal >"$BATS_TEST_TMPDIR/out" 3>&- &
	group=$!
	code=0
	for _ in $(seq 100); do
		grep -q ready "$BATS_TEST_TMPDIR/out" && break
		sleep 0.05
	done
}

@test "the caller's umask does not decide who can read in the container" {
	export NVBIND_STATE_DIR="$BATS_TEST_TMPDIR/state"
	run_out bash -c "umask 077; '$NVBIND' run --gpu none --rootfs '$ROOT' -u 1234 -- sh -c 'cat /etc/hosts /etc/hostname && umask'"
	[ "$status" -eq 0 ]
	[[ "$output" == *localhost*0022 ]]
}

@test "a parent that ignores the end of children does not stop us" {
	run_out timeout 20 python3 -c "
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])" "$NVBIND" run --gpu none --rootfs "$ROOT" -- /probe exit 7
	[ "$status" -eq 7 ]
}

@test "32-bit programs run" {
	run_out on_host run --gpu none --rootfs "$(root_of fedora-i686)" -- /probe32 exit 3
	[ "$status" -eq 3 ]
}

@test "/dev is not noexec: ROCm and SGX map device memory as code" {
	run_out container -- grep ' /dev ' /proc/mounts
	[[ "$output" == "tmpfs /dev "* && "$output" != *noexec* && "$output" == *nosuid* ]]
}

@test "files given as standard output keep their owner" {
	for runtime in runc crun; do
		command -v $runtime >/dev/null || continue
		NVBIND_OCI_RUNTIME=$runtime container -u 1234 -- sh -c 'echo hello' >"$BATS_TEST_TMPDIR/$runtime.out"
		[ "$(stat -c %u "$BATS_TEST_TMPDIR/$runtime.out")" -eq 0 ]
		[ "$(cat "$BATS_TEST_TMPDIR/$runtime.out")" = hello ]
	done
}

@test "a command that a volume does not bring: 127 and 126 as without one" {
	mkdir "$BATS_TEST_TMPDIR/v"
	cp "$ROOT/probe" "$BATS_TEST_TMPDIR/v/tool"
	cp "$ROOT/probe" "$BATS_TEST_TMPDIR/v/data"
	chmod 644 "$BATS_TEST_TMPDIR/v/data"
	for runtime in runc crun; do
		command -v $runtime >/dev/null || continue
		export NVBIND_OCI_RUNTIME=$runtime
		run_out container -v "$BATS_TEST_TMPDIR/v:/v" -- /v/tool exit 4
		[ "$status" -eq 4 ]
		run_out container -v "$BATS_TEST_TMPDIR/v:/v" -- nosuch
		[ "$status" -eq 127 ]
		[[ "$stderr" == *"'nosuch'"* ]]
		run_out container -v "$BATS_TEST_TMPDIR/v:/v" -- /v/nosuch
		[ "$status" -eq 127 ]
		run_out container -v "$BATS_TEST_TMPDIR/v:/v" -- /v/data
		[ "$status" -eq 126 ]
	done
	assert_clean
}

@test "directories that forbid writing, as Fedora's: also for an ordinary user" {
	local root="$BATS_TEST_TMPDIR/root"
	cp -a "$(root_of fedora)" "$root"
	chmod 555 "$root" "$root/usr" "$root/usr/lib64" "$root/etc"
	chmod 755 "$BATS_TEST_TMPDIR"
	run_out as_user "$NVBIND" --host-root "$HOST" run --gpu 0 --rootfs "$root" -- /probe dlopen libcuda.so.1
	[ "$status" -eq 0 ]
	[[ "$output" == *" OK "* ]]
	run_out on_host run --gpu 0 --rootfs "$root" -- /probe dlopen libcuda.so.1
	[[ "$output" == *" OK "* ]]
}

@test "a signal for the whole process group reaches the command once" {
	start_group
	kill -USR1 -- "-$group"
	sleep 0.3
	kill -TERM -- "-$group"
	wait "$group" || code=$?
	cat "$BATS_TEST_TMPDIR/out"
	[ "$(grep -c USR1 "$BATS_TEST_TMPDIR/out")" -eq 1 ]
	[ "$(grep -c TERM "$BATS_TEST_TMPDIR/out")" -eq 1 ]
	assert_clean
}

@test "nohup: a hang-up ends nothing" {
	start_group nohup
	kill -HUP -- "-$group"
	sleep 0.3
	kill -TERM -- "-$group"
	wait "$group" || code=$?
	cat "$BATS_TEST_TMPDIR/out"
	[ "$code" -eq 42 ]
	[ "$(grep -c HUP "$BATS_TEST_TMPDIR/out")" -eq 0 ]
}

@test "device nodes that an image brings do not open, or we say so" {
	local root="$BATS_TEST_TMPDIR/root"
	cp -a "$ROOT" "$root"
	mknod "$root/node" c 195 1
	chmod 666 "$root/node"
	for runtime in runc crun; do
		command -v $runtime >/dev/null || continue
		NVBIND_OCI_RUNTIME=$runtime run_out on_host run --gpu 0 --rootfs "$root" -- /probe open /node
		[[ "$output" == "open /node "@(EPERM|EACCES) || "$stderr" == *"warning: device nodes in the image"* ]]
	done
	NVBIND_OCI_RUNTIME=runc run_out on_host run --gpu 0 --rootfs "$root" -- /probe open /node
	[[ "$output" == "open /node "@(EPERM|EACCES) ]]
	chmod 755 "$BATS_TEST_TMPDIR"
	run_out as_user "$NVBIND" run --gpu none --rootfs "$root" -- /probe open /node
	[[ "$output" == "open /node "@(EPERM|EACCES) ]]
}

@test "two state directories may use one name at once" {
	"$NVBIND" run --gpu none --rootfs "$ROOT" --name same -- /probe signal >"$BATS_TEST_TMPDIR/out" 3>&- &
	local pid=$! code=0
	for _ in $(seq 100); do
		grep -q ready "$BATS_TEST_TMPDIR/out" && break
		sleep 0.05
	done
	NVBIND_STATE_DIR="$BATS_TEST_TMPDIR/other" run_out container --name same -- /probe exit 5
	[ "$status" -eq 5 ]
	kill -TERM $pid
	wait $pid || code=$?
	[ $code -eq 42 ]
	assert_clean
}

@test "root uses no state directory that another user could replace" {
	local dir="$BATS_TEST_TMPDIR/theirs"
	install -d -o "$USER_ID" "$dir"
	install -d -m 700 "$dir/state"
	NVBIND_STATE_DIR="$dir/state" run_out container -- /probe exit 0
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"'$dir'"*hint:* ]]
	chown root "$dir"
	chmod 777 "$dir"
	NVBIND_STATE_DIR="$dir/state" run_out container -- /probe exit 0
	[ "$status" -eq 4 ]
	chmod 1777 "$dir"
	NVBIND_STATE_DIR="$dir/state" run_out container -- /probe exit 0
	[ "$status" -eq 0 ]
}

@test "groups of the user come with him, unless a group is given" {
	local root="$BATS_TEST_TMPDIR/root"
	cp -a "$ROOT" "$root"
	echo 'me:x:1500:1500::/home:/bin/sh' >>"$root/etc/passwd"
	echo 'extra:x:777:me' >>"$root/etc/group"
	for user in me 1500; do
		run_out "$NVBIND" run --gpu none --rootfs "$root" -u $user -- grep Groups: /proc/self/status
		[[ "$output" == *777* ]]
	done
	run_out "$NVBIND" run --gpu none --rootfs "$root" -u me:100 -- grep Groups: /proc/self/status
	[[ "$output" != *777* ]]
}
