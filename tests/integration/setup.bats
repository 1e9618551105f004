# SPDX-License-Identifier: Apache-2.0
# nvbind setup with the engines themselves: what it writes is what they read.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031 # fixture.bash sets stderr; the namespace expands; run_out sets output
bats_require_minimum_version 1.5.0
load fixture
load engines

setup_file() {
	local name
	engines_up here other
	[ -e "$BATS_FILE_TMPDIR/here/pid" ] || return 0
	for name in here other; do
		start_dockerd "$name"
	done
}

teardown_file() {
	engines_down
}

setup() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
	WHERE=here
	[[ "$BATS_TEST_DESCRIPTION" != *"another"* ]] || WHERE=other
}

# The whole command line is that of the namespace: its /etc, its user.
set_up() {
	inside "$WHERE" env NVBIND_STATE_DIR=/run/state "$NVBIND" setup "$1" --runtime-path "$RUNTIME" "${@:2}"
}

# Any two runs of this give the same where nothing was changed, also owners, modes and times.
fingerprint() {
	inside "$WHERE" sh -c 'find /etc/docker /etc/containers /etc/containerd /etc/crio -exec stat -c "%n %a %u:%g %F" {} + 2>/dev/null | sort
		find /etc/docker /etc/containers /etc/containerd /etc/crio -type f -exec sha256sum {} + 2>/dev/null | sort'
}

# The command that the set-up printed last.
do_as_told() {
	case "${lines[-1]}" in
	*"it counts after: systemctl reload docker")
		inside "$WHERE" sh -c 'kill -HUP $(cat /run/docker.pid)'
		sleep 1 ;;
	*"it counts after: systemctl restart docker")
		stop_dockerd "$WHERE"
		start_dockerd "$WHERE" ;;
	*) false ;;
	esac
}

docker_reads_it() {
	need "$WHERE" docker dockerd
	local before
	# With another runtime, dockerd looks at the names again when it reads the file.
	inside "$WHERE" sh -c 'printf "{\n\t\"runtimes\": {\"other\": {\"path\": \"/usr/sbin/runc\"}}\n}" >/etc/docker/daemon.json && chmod 640 /etc/docker/daemon.json'
	before="$(fingerprint)"
	run_out set_up docker --default --dry-run
	[ "$status" -eq 0 ]
	[[ "$output" == *'+	"default-runtime": "nvbind"'* ]]
	[ "$(fingerprint)" = "$before" ]
	run_out set_up docker --default
	[ "$status" -eq 0 ]
	[[ "$output" == *"it counts after: systemctl reload docker" ]]
	inside "$WHERE" sh -c 'kill -HUP $(cat /run/docker.pid)'
	for _ in {1..50}; do
		run_out inside "$WHERE" docker info --format '{{.DefaultRuntime}} {{json .Runtimes}}'
		[[ "$output" != nvbind* ]] || break
		sleep 0.1
	done
	[[ "$output" == "nvbind "*"\"nvbind\":{\"path\":\"$RUNTIME\""* ]]
	run_out set_up docker --default
	[ "$output" = 'docker: nothing to do' ]
	run_out set_up docker --undo
	[ "$status" -eq 0 ]
	[ "$(fingerprint)" = "$before" ]
	do_as_told
	run_out inside "$WHERE" docker info --format '{{.DefaultRuntime}} {{json .Runtimes}}'
	[ "$status" -eq 0 ]
	[[ "$output" == "runc "*'"other":'* ]]
	[[ "$output" != *nvbind* ]]
	inside "$WHERE" rm /etc/docker/daemon.json
}

@test "docker reads it, and forgets it" {
	docker_reads_it
}

@test "another docker reads it, and forgets it" {
	docker_reads_it
}

@test "a container of docker has the GPU" {
	need "$WHERE" docker dockerd
	image debian docker_root "$WHERE"
	set_up docker
	inside "$WHERE" sh -c 'kill -HUP $(cat /run/docker.pid)'
	sleep 0.5
	run_out inside "$WHERE" docker run --rm --network none --pull never --runtime nvbind -e NVIDIA_VISIBLE_DEVICES=1 debian /probe ls /dev
	[ "$status" -eq 0 ]
	[ "$(grep -oE '^ls /dev/nvidia[0-9]+ ' <<<"$output" | sort -u | wc -l)" -eq 1 ]
	set_up docker --undo
}

nvidia_is_a_runtime() {
	need "$WHERE" docker dockerd
	image debian docker_root "$WHERE"
	# The links are made beside it.
	inside "$WHERE" sh -c "mkdir -p /run/bin && ln -sf '$RUNTIME' /run/bin/nvbind-runtime"
	RUNTIME=/run/bin/nvbind-runtime run_out set_up docker --nvidia-names
	[ "$status" -eq 0 ]
	do_as_told
	run_out inside "$WHERE" docker run --rm --network none --pull never --runtime nvidia -e NVIDIA_VISIBLE_DEVICES=1 debian /probe ls /dev
	[ "$status" -eq 0 ]
	[ "$(grep -oE '^ls /dev/nvidia[0-9]+ ' <<<"$output" | sort -u | wc -l)" -eq 1 ]
	run_out set_up docker --undo
	[ "$status" -eq 0 ]
	[ "$(inside "$WHERE" ls /run/bin)" = nvbind-runtime ]
	inside "$WHERE" test ! -e /etc/docker/daemon.json
	do_as_told
	run_out inside "$WHERE" docker info --format '{{json .Runtimes}}'
	[ "$status" -eq 0 ]
	[[ "$output" != *nvidia* && "$output" != *nvbind* ]]
}

@test "a container of docker names the runtime nvidia" {
	nvidia_is_a_runtime
}

@test "a container of another docker names the runtime nvidia" {
	nvidia_is_a_runtime
}

@test "another docker reads specifications as told, and no more" {
	need "$WHERE" docker dockerd
	image debian docker_root "$WHERE"
	inside "$WHERE" tee /etc/cdi/nvbind-test.json >/dev/null <<-END
		{"cdiVersion": "0.5.0", "kind": "example.com/thing", "devices": [{"name": "1", "containerEdits": {"env": ["SEEN=yes"]}}]}
	END
	run_out set_up docker --cdi
	[ "$status" -eq 0 ]
	do_as_told
	run_out inside "$WHERE" docker run --rm --network none --pull never --device example.com/thing=1 debian /probe env SEEN
	[ "$status" -eq 0 ]
	[[ "$output" == *yes* ]]
	run_out set_up docker --undo
	do_as_told
	run_out inside "$WHERE" docker run --rm --network none --pull never --device example.com/thing=1 debian /probe env SEEN
	[ "$status" -ne 0 ]
	inside "$WHERE" rm /etc/cdi/nvbind-test.json
}

@test "the file of another docker passes its own check" {
	need other dockerd
	inside other sh -c 'mkdir -p /run/x && echo "{\"features\": {\"buildkit\": true}}" >/run/x/daemon.json'
	set_up docker --config /run/x/daemon.json --default --cdi
	inside other dockerd --validate --config-file /run/x/daemon.json
	set_up docker --config /run/x/daemon.json --undo
	[ "$(inside other cat /run/x/daemon.json)" = '{"features": {"buildkit": true}}' ]
}

@test "docker before 25 is left without CDI" {
	need "$WHERE" dockerd
	[[ "$(inside "$WHERE" dockerd --version)" == *"version 2"[0-4].* ]] || skip 'Docker is newer'
	run_out set_up docker --cdi --dry-run
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"does not know CDI"* ]]
	[[ "$output" != *features* ]]
}

podman_reads_it() {
	need "$WHERE" podman
	local before
	before="$(fingerprint)"
	run_out set_up podman --default
	[ "$status" -eq 0 ]
	run_out inside "$WHERE" podman --root "$BATS_FILE_TMPDIR/$WHERE-podman" --storage-driver vfs --cgroup-manager cgroupfs \
		info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'
	[ "$output" = "nvbind $RUNTIME" ]
	# The runtimes that it knew are still there.
	run_out inside "$WHERE" podman --root "$BATS_FILE_TMPDIR/$WHERE-podman" --storage-driver vfs --cgroup-manager cgroupfs \
		--runtime runc info --format '{{.Host.OCIRuntime.Path}}'
	[[ "$output" == */runc ]]
	run_out set_up podman --undo
	[ "$status" -eq 0 ]
	[ "$(fingerprint)" = "$before" ]
}

@test "podman reads it" {
	podman_reads_it
}

@test "another podman reads it" {
	podman_reads_it
}

@test "podman without root reads it, and root's does not" {
	need "$WHERE" podman
	run_out inside_as_user "$WHERE" env NVBIND_STATE_DIR=/home/gpu/state "$NVBIND" setup podman --runtime-path "$RUNTIME"
	[ "$status" -eq 0 ]
	[[ "$output" == *"+++ /home/gpu/.config/containers/containers.conf.d/50-nvbind.conf"* ]]
	run_out inside_as_user "$WHERE" podman --root /home/gpu/storage --storage-driver vfs --cgroup-manager cgroupfs --runtime nvbind \
		info --format '{{.Host.OCIRuntime.Path}}'
	[ "$output" = "$RUNTIME" ]
	run_out inside "$WHERE" podman --root "$BATS_FILE_TMPDIR/$WHERE-podman" --storage-driver vfs --runtime nvbind info
	[ "$status" -ne 0 ]
	inside_as_user "$WHERE" env NVBIND_STATE_DIR=/home/gpu/state "$NVBIND" setup podman --undo
	[ -z "$(inside "$WHERE" find /home/gpu/.config -name '50-nvbind*')" ]
}

# The runtimes that containerd ends up with, and the default one.
containerd_has() {
	run_out inside "$WHERE" sh -c 'containerd -c /etc/containerd/config.toml config dump | grep -oE "runtimes\.[a-z]+\]|default_runtime_name = .*|sandbox_image = .*|BinaryName = .*|SystemdCgroup = true"'
	[ "$status" -eq 0 ]
}

containerd_reads_it() {
	need "$WHERE" containerd
	local before
	inside "$WHERE" sh -c 'rm -rf /etc/containerd && mkdir -p /etc/containerd/conf.d'
	# Without a file: the runtime that is built in stays.
	before="$(fingerprint)"
	set_up containerd --default
	containerd_has
	[[ "$output" == *'default_runtime_name = "nvbind"'*'runtimes.nvbind]'*"$RUNTIME"*'runtimes.runc]'* ]]
	set_up containerd --undo
	[ "$(fingerprint)" = "$before" ]
	# A file that is imported takes the place of the whole section: it is the one to edit.
	inside "$WHERE" sh -c 'cat >/etc/containerd/config.toml; cat >/etc/containerd/conf.d/cri.toml <<-X
		version = 2
		[plugins."io.containerd.grpc.v1.cri"]
		sandbox_image = "kept"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		runtime_type = "io.containerd.runc.v2"
		options = { SystemdCgroup = true }
	X' <<-END
		version = 2
		imports = ["/etc/containerd/conf.d/*.toml"]
		[plugins."io.containerd.grpc.v1.cri"]
		sandbox_image = "lost"
	END
	before="$(fingerprint)"
	set_up containerd
	containerd_has
	[[ "$output" == *'sandbox_image = "kept"'* ]]
	[[ "$output" == *'runtimes.nvbind]'*"$RUNTIME"*'SystemdCgroup = true'*'runtimes.runc]'*'SystemdCgroup = true'* ]]
	set_up containerd --undo
	[ "$(fingerprint)" = "$before" ]
}

@test "containerd reads it" {
	containerd_reads_it
}

@test "another containerd reads it" {
	containerd_reads_it
}

@test "a full disk leaves the file as it was" {
	run_out unshare --mount sh -c "
		mkdir -p '$BATS_TEST_TMPDIR/h/etc/docker' && cd '$BATS_TEST_TMPDIR'
		mount -t tmpfs -o size=64k,nr_inodes=20 small h/etc/docker
		echo '{\"debug\": true}' >h/etc/docker/daemon.json
		dd if=/dev/zero of=h/etc/docker/fill bs=1k 2>/dev/null
		NVBIND_STATE_DIR='$BATS_TEST_TMPDIR/state' '$NVBIND' --host-root h setup docker --runtime-path /r 2>&1; echo \"exit \$?\"
		cat h/etc/docker/daemon.json; ls -A h/etc/docker"
	[[ "$output" == *"write '/etc/docker/daemon.json': No space left on device"* ]]
	[[ "$output" == *"exit 1"$'\n'"{\"debug\": true}"$'\n'"daemon.json"$'\n'"fill" ]]
}

@test "killed at any moment, the file is the old or the new one" {
	local dir="$BATS_TEST_TMPDIR" n old new now killed=0 status paths
	command -v strace >/dev/null || skip 'strace is not installed'
	mkdir -p "$dir/h/etc/docker"
	old='{"debug": true}'
	echo "$old" >"$dir/h/etc/docker/daemon.json"
	export NVBIND_STATE_DIR="$dir/state"
	on_small() {
		"$NVBIND" --host-root "$dir/h" setup docker "$@" >/dev/null
	}
	on_small --runtime-path /r
	new="$(cat "$dir/h/etc/docker/daemon.json")"
	for call in openat renameat fchmod write; do
		# The first two only where they concern these directories.
		paths=(-P "$dir/h/etc/docker" -P "$dir/state/setup")
		[ "$call" = openat ] || [ "$call" = renameat ] || paths=()
		for n in {1..6}; do
			echo "$old" >"$dir/h/etc/docker/daemon.json"
			rm -rf "$dir/state"
			status=0
			strace -qq -o /dev/null ${paths[@]+"${paths[@]}"} -e trace="$call" -e inject="$call:signal=KILL:when=$n" \
				"$NVBIND" --host-root "$dir/h" setup docker --runtime-path /r >/dev/null 2>&1 || status=$?
			[ "$status" -ne 137 ] || killed=$((killed + 1))
			now="$(cat "$dir/h/etc/docker/daemon.json")"
			[ "$now" = "$old" ] || [ "$now" = "$new" ]
			on_small --undo --runtime-path /r
			[ "$(cat "$dir/h/etc/docker/daemon.json")" = "$old" ]
		done
	done
	[ "$killed" -ge 8 ]
}

@test "without the right to write it says so, and changes nothing" {
	run_out as_user "$NVBIND" --host-root "$HOST" setup docker
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"hint: run it as root: sudo nvbind setup docker"* ]]
	[ ! -e "$HOST/etc/docker" ]
}

@test "on the disk before it takes the name" {
	local calls
	command -v strace >/dev/null || skip 'strace is not installed'
	mkdir -p "$BATS_TEST_TMPDIR/h/etc/docker"
	NVBIND_STATE_DIR="$BATS_TEST_TMPDIR/state" strace -qq -o "$BATS_TEST_TMPDIR/calls" -e trace=fsync,renameat \
		"$NVBIND" --host-root "$BATS_TEST_TMPDIR/h" setup docker --runtime-path /r >/dev/null
	calls="$(sed 's/(.*//' "$BATS_TEST_TMPDIR/calls" | tr '\n' ' ')"
	[ "$calls" = 'fsync renameat fsync fsync renameat fsync ' ]
}

@test "a file that is mounted by itself cannot be replaced" {
	run_out unshare --mount sh -c "
		mkdir -p '$BATS_TEST_TMPDIR/h/etc/docker' && cd '$BATS_TEST_TMPDIR'
		echo '{}' >theirs && touch h/etc/docker/daemon.json
		mount --bind theirs h/etc/docker/daemon.json
		NVBIND_STATE_DIR='$BATS_TEST_TMPDIR/state' '$NVBIND' --host-root h setup docker --runtime-path /r 2>&1; echo \"exit \$?\"
		cat h/etc/docker/daemon.json; ls -A h/etc/docker"
	[[ "$output" == *"write '/etc/docker/daemon.json': Device or resource busy"*"hint: a file that is mounted by itself"* ]]
	[[ "$output" == *$'\n'"{}"$'\n'"daemon.json" ]]
}

@test "what to write by hand is told in lines" {
	mkdir -p "$BATS_TEST_TMPDIR/h/etc/docker"
	echo '{"runtimes": []}' >"$BATS_TEST_TMPDIR/h/etc/docker/daemon.json"
	run_out "$NVBIND" --host-root "$BATS_TEST_TMPDIR/h" setup docker --runtime-path /r
	[ "$status" -ne 0 ]
	[[ "$stderr" == *$'\n        {\n          "runtimes": {\n'* ]]
	[[ "$stderr" != *'\x0a'* ]]
}

@test "words on the command line" {
	run_out "$NVBIND" setup
	[ "$status" -eq 2 ]
	run_out "$NVBIND" setup lxd
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"known are docker, podman, containerd, crio"* ]]
	run_out "$NVBIND" setup docker podman
	[ "$status" -eq 2 ]
	run_out "$NVBIND" setup docker --undo --default
	[ "$status" -eq 2 ]
	run_out "$NVBIND" setup docker --json
	[ "$status" -eq 2 ]
	run_out "$NVBIND" setup --check --cdi
	[ "$status" -eq 2 ]
	run_out "$NVBIND" setup docker --dry-run --config ''
	[ "$status" -eq 2 ]
	run_out "$NVBIND" setup docker --dry-run --runtime-path=
	[ "$status" -eq 2 ]
	run_out "$NVBIND" --host-root "$HOST" setup docker --dry-run --config daemon.json
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"'--config': with --host-root"* ]]
}

@test "--check says so where a file cannot be read" {
	mkdir -p "$BATS_TEST_TMPDIR/h/etc/docker"
	echo '{' >"$BATS_TEST_TMPDIR/h/etc/docker/daemon.json"
	run_out "$NVBIND" --host-root "$BATS_TEST_TMPDIR/h" setup --check
	[ "$status" -eq 1 ]
	[[ "$output" == *"  problem     read '/etc/docker/daemon.json'"* ]]
	run_out "$NVBIND" --host-root "$BATS_TEST_TMPDIR/h" setup --check --json
	[ "$status" -eq 1 ]
	run_out "$NVBIND" --host-root "$BATS_TEST_TMPDIR/h" setup podman --check
	[ "$status" -eq 0 ]
}

@test "--check tells what is set" {
	need "$WHERE" podman dockerd
	set_up podman --default
	run_out inside "$WHERE" "$NVBIND" setup --check --json
	[ "$status" -eq 0 ]
	echo "$output" | python3 -c '
import json, sys
engines = {e["engine"]: e for e in json.load(sys.stdin)["engines"]}
assert engines["podman"]["runtime"] == sys.argv[1] and engines["podman"]["is_default"], engines
assert engines["podman"]["version"][0].isdigit() and engines["podman"]["cdi"] is True
assert engines["docker"]["installed"] and engines["docker"]["missing"] in ([], ["nvbind setup docker"], ["nvbind cdi generate"])
assert not engines["crio"]["installed"] and engines["crio"]["version"] is None
' "$RUNTIME"
	run_out inside "$WHERE" "$NVBIND" setup podman --check
	[[ "$output" == "podman: /usr/bin/podman, version "* ]]
	[[ "$output" != *docker* ]]
	set_up podman --undo
}
