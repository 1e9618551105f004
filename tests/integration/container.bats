# SPDX-License-Identifier: Apache-2.0
# What a container is: its command, exit code, signals, user, files, network, and its end.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

setup_file() {
	[ -e "$BATS_SUITE_TMPDIR/skip" ] || "$NVBIND_SOURCE_ROOT/tests/roots/make-root" debian \
		"$BATS_SUITE_TMPDIR/roots/debian" >&2
}

ROOT="$BATS_SUITE_TMPDIR/roots/debian"

container() {
	on_host run --gpu none --rootfs "$ROOT" "$@"
}

# Runs a container with its state on a small file system of this option, filled up.
on_full_disk() {
	local small="$BATS_TEST_TMPDIR/small"
	mkdir "$small"
	run_out unshare -m sh -c "mount -t tmpfs -o $1,mode=700 tmpfs '$small' &&
		dd if=/dev/zero of='$small/fill' bs=4k 2>/dev/null;
		NVBIND_STATE_DIR='$small/state' '$NVBIND' run --gpu none --rootfs '$ROOT' -- $2;
		echo code=\$?; ls -A '$small/state/capsules' 2>/dev/null | grep -v .lock"
	[[ "$output" == "code="* && "$output" != "code=0"* ]]
	[ "${#lines[@]}" -eq 1 ]
}

@test "the exit code is the command's" {
	for code in 0 1 7 125 255; do
		run_out container -- /probe exit "$code"
		[ "$status" -eq "$code" ]
	done
	assert_clean
}

@test "a command that is not there, is a directory, is not executable" {
	run_out container -- nosuch
	[ "$status" -eq 127 ]
	[[ "$stderr" == *"'nosuch'"*hint:* ]]
	run_out container -- /no/such
	[ "$status" -eq 127 ]
	run_out container -- /etc
	[ "$status" -eq 126 ]
	run_out container -- /etc/passwd
	[ "$status" -eq 126 ]
	assert_clean
}

@test "a root without a shell names the shell" {
	run_out on_host run --gpu none --rootfs "$(root_of scratch)" -- sh -c true
	[ "$status" -eq 127 ]
	[[ "$stderr" == *"'sh'"* ]]
}

@test "a script whose interpreter is missing names the interpreter" {
	printf '#!/opt/none/python\n' >"$BATS_TEST_TMPDIR/script"
	chmod 755 "$BATS_TEST_TMPDIR/script"
	cp -a "$(root_of scratch)" "$BATS_TEST_TMPDIR/root"
	cp "$BATS_TEST_TMPDIR/script" "$BATS_TEST_TMPDIR/root/script"
	run_out on_host run --gpu none --rootfs "$BATS_TEST_TMPDIR/root" -- /script
	[ "$status" -eq 126 ]
	[[ "$stderr" == *"/opt/none/python"* ]]
}

@test "signals reach the command" {
	"$NVBIND" run --gpu none --rootfs "$ROOT" -- /probe signal >"$BATS_TEST_TMPDIR/out" 3>&- &
	local pid=$!
	for _ in $(seq 100); do
		grep -q . "$BATS_TEST_TMPDIR/out" && break
		sleep 0.05
	done
	kill -USR1 $pid
	sleep 0.2
	kill -TERM $pid
	local code=0
	wait $pid || code=$?
	cat "$BATS_TEST_TMPDIR/out"
	[ $code -eq 42 ]
	grep -q USR1 "$BATS_TEST_TMPDIR/out"
	assert_clean
}

@test "a signal before the command runs ends everything with 128 + n" {
	for delay in 0.002 0.005 0.01 0.015 0.02; do
		"$NVBIND" run --gpu none --rootfs "$ROOT" -- /probe exit 0 3>&- &
		local pid=$! code=0
		sleep $delay
		kill -TERM $pid 2>/dev/null || true
		wait $pid || code=$?
		[ $code -eq 143 ] || [ $code -eq 0 ]
	done
	assert_clean
}

@test "standard input is closed without -i and open with it" {
	run_out bash -c "echo hello | '$NVBIND' run --gpu none --rootfs '$ROOT' -- cat"
	[ "$output" = "" ]
	run_out bash -c "echo hello | '$NVBIND' run --gpu none -i --rootfs '$ROOT' -- cat"
	[ "$output" = hello ]
}

@test "a terminal with -t, none without one" {
	run_out container -- /probe tty
	[ "$output" = "tty 0 0 0" ]
	command -v script >/dev/null || skip "script(1) is not installed"
	run_out script -qec "'$NVBIND' run --gpu none -it --rootfs '$ROOT' -- /probe tty" /dev/null
	[[ "$output" == *"tty 1 1 1"* ]]
}

@test "environment: defaults, -e, values from ours" {
	export FROM_OURS=ours
	run_out container -e A=1 -e B= -e FROM_OURS -e HOME=/h -- env
	[[ "$output" == *A=1* && "$output" == *FROM_OURS=ours* && "$output" == *HOME=/h* ]]
	[[ "$output" == *PATH=/usr/local/sbin* && "$output" != *BATS_* ]]
}

@test "volumes: writable, read-only, missing" {
	mkdir "$BATS_TEST_TMPDIR/v"
	run_out container -v "$BATS_TEST_TMPDIR/v:/deep/er/v" -- sh -c 'echo x >/deep/er/v/f'
	[ "$status" -eq 0 ]
	[ "$(cat "$BATS_TEST_TMPDIR/v/f")" = x ]
	run_out container -v "$BATS_TEST_TMPDIR/v:/v:ro" -- sh -c 'echo y >/v/f'
	[ "$status" -ne 0 ]
	[ "$(cat "$BATS_TEST_TMPDIR/v/f")" = x ]
	run_out container -v "/no/such/dir:/v" -- true
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"/no/such/dir"* ]]
	[ ! -e "$ROOT/deep" ]
	[ ! -e "$ROOT/v" ]
	assert_clean
}

@test "user, working directory, host name" {
	run_out container -u 1234:99 -w /usr --hostname box -- sh -c '/probe id; pwd; cat /etc/hostname'
	[[ "$output" == *1234* && "$output" == *99* && "$output" == */usr* && "$output" == *box* ]]
	run_out container -u nosuchuser -- true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"'nosuchuser'"* ]]
}

@test "the image is never written to; --read-only forbids writing at all" {
	run_out container -- sh -c 'echo x >/etc/new && echo y >/newer && ls /etc/new'
	[ "$status" -eq 0 ]
	[ ! -e "$ROOT/etc/new" ]
	[ ! -e "$ROOT/newer" ]
	run_out container --read-only -- sh -c 'echo x >/etc/new'
	[ "$status" -ne 0 ]
}

@test "hosts, hostname and resolv.conf are files of the container's own, which it may replace" {
	run_out container --hostname box -- sh -c '
		grep -c " /etc/" /proc/mounts
		cat /etc/hostname; grep -c "127.0.1.1 box" /etc/hosts
		echo new >/etc/hosts.new && mv /etc/hosts.new /etc/hosts && cat /etc/hosts'
	[ "$output" = "0
box
1
new" ]
	run_out container --read-only -- sh -c 'cat /etc/hostname && echo x >/etc/hosts'
	[ "$status" -ne 0 ]
	[ "${#output}" -eq 12 ]
	run_out as_user "$NVBIND" run --gpu none --rootfs "$ROOT" --hostname box -- sh -c 'echo x >>/etc/hosts && cat /etc/hostname'
	[ "$output" = box ]
	assert_clean
}

@test "links of the image where hosts and resolv.conf would be: nothing outside is written" {
	local root="$BATS_TEST_TMPDIR/root" outside="$BATS_TEST_TMPDIR/outside"
	cp -a "$ROOT" "$root"
	mkdir "$outside"
	echo untouched >"$outside/file"
	rm -f "$root"/etc/hosts "$root"/etc/hostname "$root"/etc/resolv.conf
	ln -s "../../../../../../../../../..$outside/file" "$root/etc/hosts"
	ln -s ../run/systemd/stub.conf "$root/etc/resolv.conf"
	ln -s /dev/shm/hostname "$root/etc/hostname"
	run_out "$NVBIND" run --gpu none --rootfs "$root" --hostname box -- sh -c \
		'cat /etc/hostname && grep -c box /etc/hosts && readlink /etc/resolv.conf && ls /run/systemd'
	[ "$output" = "box
1
../run/systemd/stub.conf
stub.conf" ]
	[ "$(cat "$outside/file")" = untouched ]
	[ "$(ls -A "$outside")" = file ]
	assert_clean
}

@test "a volume wins over the container's own file of that name" {
	echo "the user's" >"$BATS_TEST_TMPDIR/hosts"
	run_out container -v "$BATS_TEST_TMPDIR/hosts:/etc/hosts" -- cat /etc/hosts
	[ "$output" = "the user's" ]
	mkdir "$BATS_TEST_TMPDIR/etc"
	run_out container -v "$BATS_TEST_TMPDIR/etc:/etc" -- ls -A /etc
	[ -z "$output" ]
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/etc")" ]
}

@test "the host sees of a running container its writable layer alone" {
	"$NVBIND" run --gpu none --rootfs "$ROOT" --name seen -- sh -c 'echo big >/data; exec /probe signal' \
		>"$BATS_TEST_TMPDIR/out" 3>&- &
	local pid=$! code=0 capsule="$NVBIND_STATE_DIR/capsules/seen"
	for _ in $(seq 100); do
		grep -q ready "$BATS_TEST_TMPDIR/out" && break
		sleep 0.05
	done
	[ "$(cd "$capsule" && echo *)" = "lock upper work" ]
	[ "$(cat "$capsule/upper/data")" = big ]
	[ "$(cd "$capsule/upper" && find . -mindepth 1)" = ./data ]
	run ! grep -F "$capsule" /proc/self/mountinfo
	kill -TERM $pid
	wait $pid || code=$?
	[ $code -eq 42 ]
	assert_clean
}

@test "--gpu none asks the machine for nothing" {
	mkdir "$BATS_TEST_TMPDIR/empty"
	NVBIND_DEBUG=inventory run_out "$NVBIND" --host-root "$BATS_TEST_TMPDIR/empty" run --gpu none --rootfs "$ROOT" -- /probe exit 3
	[ "$status" -eq 3 ]
	[ -z "$stderr" ]
	NVBIND_DEBUG=inventory run_out on_host run --gpu 0 --rootfs "$ROOT" -- /probe exit 0
	[[ "$stderr" == *inventory* ]]
}

@test "network none has no interface but loopback" {
	run_out container --network none -- cat /proc/net/dev
	[ "$(echo "$output" | grep -c :)" -eq 1 ]
}

@test "host: this machine's own system, with a layer of its own" {
	run_out on_host run --gpu 0 host sh -c 'ls /dev/nvidia0 && touch /usr/nvbind-was-here && ls -A /run'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = /dev/nvidia0 ]
	# Sockets of the machine's own services are not in reach.
	[[ "$output" != *dbus* && "$output" != *docker* && "$output" != *systemd* ]]
	[ ! -e /usr/nvbind-was-here ]
	run_out as_user "$NVBIND" --host-root "$HOST" run --gpu 0 host sh -c 'ls /dev/nvidia0 && touch /usr/nvbind-was-here'
	[ "$status" -eq 0 ]
	[ ! -e /usr/nvbind-was-here ]
	assert_clean
}

@test "a name is taken while its container runs" {
	"$NVBIND" run --gpu none --rootfs "$ROOT" --name one -- /probe sleep 5 3>&- &
	local pid=$!
	sleep 0.5
	run_out container --name one -- true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"'one'"* ]]
	kill -KILL $pid
	wait $pid || true
	run_out container --name one -- /probe exit 3
	[ "$status" -eq 3 ]
	run_out container --name ../x -- true
	[ "$status" -eq 2 ]
	assert_clean
}

@test "gc removes what killed containers left, and no living one's" {
	export NVBIND_STATE_DIR="$BATS_TEST_TMPDIR/state" NVBIND_LEASE_DIR="$BATS_TEST_TMPDIR/leases" \
		NVBIND_JOURNAL_DIR="$BATS_TEST_TMPDIR/journal"
	run_out "$NVBIND" gc
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 1 ]
	[ ! -e "$NVBIND_STATE_DIR" ]
	local name pids=()
	for name in dead alive; do
		setsid "$NVBIND" run --gpu none --rootfs "$ROOT" --name "$name" -- /probe sleep 20 3>&- &
		pids+=($!)
	done
	for _ in $(seq 100); do
		[ "$(find "$NVBIND_STATE_DIR/capsules" -maxdepth 2 -name lock | wc -l)" -lt 2 ] || break
		sleep 0.05
	done
	sleep 0.5
	kill -KILL -- "-${pids[0]}"
	wait "${pids[0]}" || true
	sleep 0.3
	run_out "$NVBIND" gc --dry-run
	[ "$output" = "what 1 killed container left would be removed" ]
	[ -d "$NVBIND_STATE_DIR/capsules/dead" ]
	run_out "$NVBIND" gc
	[ "$status" -eq 0 ]
	[ "${lines[1]}" = "what 1 killed container left is removed" ]
	[ ! -e "$NVBIND_STATE_DIR/capsules/dead" ]
	[ -d "$NVBIND_STATE_DIR/capsules/alive" ]
	[ -z "$(find /sys/fs/cgroup -maxdepth 2 -name 'nvbind-dead-*')" ]
	kill "${pids[1]}"
	wait "${pids[1]}" || true
	assert_clean
}

@test "a disk without room for a container: an error that says so, nothing left" {
	on_full_disk size=256k,nr_inodes=7 true
	[[ "$stderr" == "nvbind: "*"No space left"*"hint: "* ]]
}

@test "a full disk is the container's to meet, nothing left" {
	on_full_disk size=256k "sh -c 'echo text >/file'"
	[[ "$stderr" == *"No space left"* && "$stderr" != *nvbind:* ]]
}

@test "a limit of files is an error, not the end, and the container's to meet" {
	run_out bash -c 'ulimit -f 1; exec "$@"' - "$NVBIND" --host-root "$HOST" run --gpu none --rootfs "$ROOT" -- /bin/true
	[[ "$status" -eq 1 || "$status" -eq 125 ]]
	[[ "$stderr" == "nvbind: "*"File too large"* ]]
	run_out bash -c 'ulimit -f 1000; exec env --default-signal=XFSZ "$@"' - "$NVBIND" --host-root "$HOST" run --gpu none --rootfs "$ROOT" -- \
		sh -c 'grep SigIgn /proc/self/status'
	[ "$status" -eq 0 ]
	(((0x${output##*[[:space:]]} & 1 << 24) == 0))
	assert_clean
}

@test "many at once" {
	local pids=() failed=0
	for i in $(seq 12); do
		"$NVBIND" run --gpu none --rootfs "$ROOT" -- /probe exit "$i" >/dev/null 2>&1 3>&- &
		pids+=($!)
	done
	for i in $(seq 12); do
		local code=0
		wait "${pids[$((i - 1))]}" || code=$?
		[ "$code" -eq "$i" ] || failed=1
	done
	[ $failed -eq 0 ]
	assert_clean
}

@test "killed at random moments: the next command removes everything" {
	local runs="${NVBIND_KILL_RUNS:-40}" kills="${NVBIND_KILLS:-20}"
	run_out "$NVBIND_SOURCE_ROOT/tests/integration/kill-runs" "$NVBIND" "$HOST" "$ROOT" "$runs" "$kills"
	[ "$status" -eq 0 ]
	assert_clean
}
