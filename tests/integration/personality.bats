# SPDX-License-Identifier: Apache-2.0
# nvbind-runtime under the names of the hook and the command line that it takes the place of: called
# as dockerd, runc, enroot, LXC and Apptainer call them.
# shellcheck disable=SC2154 # fixture.bash sets output and stderr
# shellcheck disable=SC2030,SC2031 # each test has its own root
# shellcheck disable=SC2016 # inner shells
bats_require_minimum_version 1.5.0
load fixture
load engines
load hook

LIBRARIES=/usr/lib/x86_64-linux-gnu

setup_file() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || return 0
	local name
	mkdir "$BATS_FILE_TMPDIR/bin"
	for name in nvidia-container-cli nvidia-container-runtime-hook nvidia-container-toolkit; do
		ln -s "$RUNTIME" "$BATS_FILE_TMPDIR/bin/$name"
	done
	engines_up here other other-v2
	for name in here other; do
		[ ! -e "$BATS_FILE_TMPDIR/$name/pid" ] ||
			inside "$name" ln -s "$RUNTIME" /usr/bin/nvidia-container-runtime-hook
		start_dockerd "$name" --storage-driver vfs --add-runtime nvbind="$RUNTIME"
	done
}

teardown_file() {
	[ -e "$BATS_SUITE_TMPDIR/skip" ] || engines_down
}

CLI() {
	NVBIND_HOST_ROOT="$HOST" "$BATS_FILE_TMPDIR/bin/nvidia-container-cli" "$@"
}

HOOK() {
	NVBIND_NO_CACHE=1 NVBIND_HOST_ROOT="$HOST" "$BATS_FILE_TMPDIR/bin/nvidia-container-runtime-hook" "$@"
}

# A bundle in $bundle with a root of this kind, one hook, and a command. Others edit it with jq.
make_bundle() {
	bundle="$BATS_TEST_TMPDIR/bundle"
	mkdir -p "$bundle"
	root="$bundle/rootfs"
	mv "$(copy_of "$1")" "$root"
	runc spec --bundle "$bundle"
	edit '.process.terminal = false | .root.readonly = false |
		.process.args = ["/bin/sh", "-c", $command] |
		(.process.capabilities[] |= (. + ["CAP_MKNOD"] | unique)) |
		.process.env += ["NVIDIA_VISIBLE_DEVICES=1"] |
		.linux.cgroupsPath = "/" + $cgroup |
		.hooks.prestart = [{"path": $hook, "args": ["nvidia-container-runtime-hook", "prestart"], "env": ["NVBIND_NO_CACHE=1", "NVBIND_HOST_ROOT=" + $host]}]' \
		--arg command "$2" --arg hook "$BATS_FILE_TMPDIR/bin/nvidia-container-runtime-hook" \
		--arg host "$HOST" --arg cgroup "$CGROUP-$BATS_TEST_NUMBER"
}

edit() {
	jq "${@:2}" "$1" "$bundle/config.json" >"$bundle/edited" && mv "$bundle/edited" "$bundle/config.json"
}

run_bundle() {
	run_out runc --root "$BATS_TEST_TMPDIR/runc" run --bundle "$bundle" "$CGROUP-$BATS_TEST_NUMBER"
}

# GPU 1 opens (its driver is absent: ENXIO), GPU 0 does not, not even where somebody makes its node.
PROBES='/probe open /dev/nvidia1 rw; /probe open /dev/nvidiactl; /probe open /dev/nvidia0
	/probe mknod /dev/other 195 0 >/dev/null; /probe open /dev/other; /probe dlopen libcuda.so.1 libnvidia-ml.so.1'
assert_gpu_1() {
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidiactl ENXIO" ]
	[ "${lines[2]}" = "open /dev/nvidia0 ENOENT" ]
	[ "${lines[3]}" = "open /dev/other EPERM" ]
	# A mount of that name, or a link to the mounted file.
	[[ "${lines[4]}" == "dlopen libcuda.so.1 OK path=${1:-$LIBRARIES}/libcuda.so."* ]]
	[[ "${lines[5]}" == "dlopen libnvidia-ml.so.1 OK "* ]]
}

# A test goes on after "! command".
refute() {
	! "$@"
}

assert_no_mounts() {
	refute grep -F "$BATS_TEST_TMPDIR" /proc/self/mountinfo
}

@test "hook: exactly the GPU asked for, and libcuda loads" {
	make_bundle debian "$PROBES"
	run_bundle
	assert_gpu_1
	assert_no_mounts
}

@test "hook: in a Fedora-like root, under its other name, as createRuntime" {
	make_bundle fedora "$PROBES"
	edit '.hooks.createRuntime = [.hooks.prestart[0] | .path |= sub("[^/]*$"; "nvidia-container-toolkit") |
		.args = ["nvidia-container-toolkit", "-config=/none", "createRuntime"]] | del(.hooks.prestart)'
	run_bundle
	assert_gpu_1 /usr/lib64
}

@test "hook: a request that the policy does not take is no container without a GPU" {
	make_bundle debian "$PROBES"
	echo '{"accept_environment": "privileged"}' >"$BATS_TEST_TMPDIR/policy.json"
	edit '.hooks.prestart[0].env += ["NVBIND_RUNTIME_CONFIG=" + $policy]' --arg policy "$BATS_TEST_TMPDIR/policy.json"
	run_bundle
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"nvidia-container-runtime-hook: start a container with GPUs: "*"(NVIDIA_VISIBLE_DEVICES)"*"privileged containers alone"* ]]
	edit '.process.env -= ["NVIDIA_VISIBLE_DEVICES=1"]'
	run_bundle
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENOENT" ]
}

@test "hook: cgroups of version 2" {
	make_bundle debian "$PROBES"
	run_out unshare --mount sh -c '
		umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
		exec runc --root "$1" run --bundle "$2" "$3"' \
		sh "$BATS_TEST_TMPDIR/runc" "$bundle" "$CGROUP-$BATS_TEST_NUMBER"
	assert_gpu_1
	# Without our rules the same container is refused: it was they that let it in.
	edit '.hooks.prestart[0] |= (.path = "/bin/sh" | .args = ["sh", "-c", $command])' --arg command \
		"exec $BATS_FILE_TMPDIR/bin/nvidia-container-cli configure --no-cgroups --device=1 --pid=\$(jq .pid) $root"
	run_out unshare --mount sh -c '
		umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
		exec runc --root "$1" run --bundle "$2" "$3"' \
		sh "$BATS_TEST_TMPDIR/runc" "$bundle" "$CGROUP-$BATS_TEST_NUMBER"
	[ "${lines[0]}" = "open /dev/nvidia1 EPERM" ]
}

@test "hook: a container in a user namespace" {
	make_bundle debian '/probe open /dev/nvidia1 rw; /probe open /dev/nvidia0; /probe dlopen libcuda.so.1; /probe mounts /dev/nvidia1'
	edit '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] |
		.linux.gidMappings = .linux.uidMappings'
	chown -R 100000:100000 "$root"
	chmod 755 "$BATS_TEST_TMPDIR" "$bundle"
	run_bundle
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidia0 ENOENT" ]
	[[ "${lines[2]}" == "dlopen libcuda.so.1 OK "* ]]
	# What was made in the root belongs to it.
	[ "$(stat -c %u "$root$LIBRARIES/libcuda.so.1")" = 100000 ]
}

@test "hook: a container that asks for nothing stays as it is" {
	local before
	make_bundle debian '/probe open /dev/nvidia1'
	edit '.process.env -= ["NVIDIA_VISIBLE_DEVICES=1"] | .hooks.prestart[0].env += ["NVIDIA_VISIBLE_DEVICES=all"]'
	before="$(tree_of "$root$LIBRARIES")"
	run_bundle
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENOENT" ]
	[ "$(tree_of "$root$LIBRARIES")" = "$before" ]
}

@test "hook: what a runtime of ours has given is not given twice" {
	make_bundle debian '/probe open /dev/nvidia1 rw; /probe mounts '$LIBRARIES/libcuda.so.550.163.01
	cp "$bundle/config.json" "$bundle/original"
	echo "{\"host_root\": \"$HOST\", \"low_level_runtimes\": [\"$(command -v true)\"]}" >"$BATS_TEST_TMPDIR/policy"
	NVBIND_RUNTIME_CONFIG="$BATS_TEST_TMPDIR/policy" "$RUNTIME" create --bundle "$bundle" x
	[ "$(jq '.hooks.prestart | length' "$bundle/config.json")" = 0 ]
	edit '.hooks = $original[0].hooks' --slurpfile original "$bundle/original"
	run_bundle
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[-1]}" = "mounts $LIBRARIES/libcuda.so.550.163.01 1" ]
}

@test "hook: what a container that is made cannot get is named" {
	make_bundle debian '/probe open /dev/nvidia1'
	mkdir -p "$BATS_TEST_TMPDIR/driver" && cp -a "$HOST/." "$BATS_TEST_TMPDIR/driver" && mkdir -p "$BATS_TEST_TMPDIR/driver/etc/cdi"
	jq -n '{"cdiVersion": "1.0.0", "kind": "example.com/card", "devices": [{"name": "x", "containerEdits":
		{"env": ["FOREIGN=1", "OWN=1"], "additionalGids": [7], "hooks": [{"hookName": "createContainer", "path": "/bin/true"}]}}]}' \
		>"$BATS_TEST_TMPDIR/driver/etc/cdi/example.json"
	edit '.process.env += ["OWN=1"] | .annotations["cdi.k8s.io/x"] = "example.com/card=x,nvidia.com/gpu=1" |
		.hooks.prestart[0] |= (.path = "/bin/sh" | .args = ["sh", "-c", $command])' --arg command \
		"NVBIND_HOST_ROOT=$BATS_TEST_TMPDIR/driver exec $BATS_FILE_TMPDIR/bin/nvidia-container-runtime-hook prestart 2>$BATS_TEST_TMPDIR/said"
	run_bundle
	cat "$BATS_TEST_TMPDIR/said"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "$(grep -c 'does not get' "$BATS_TEST_TMPDIR/said")" = 1 ]
	grep -F "does not get: the variable 'FOREIGN=1', the hook '/bin/true', group 7" "$BATS_TEST_TMPDIR/said"
}

@test "hook: an error is one sentence, and the container does not start" {
	make_bundle debian 'echo started'
	edit '.process.env += ["NVIDIA_REQUIRE_CUDA=cuda>=99.0"]'
	run_bundle
	[ "$status" -ne 0 ]
	[[ "$output" != *started* ]]
	[[ "$stderr" == *"nvidia-container-runtime-hook: meet the image's requirement 'cuda>=99.0'"* ]]
	edit '(.process.env[] | select(startswith("NVIDIA_VISIBLE"))) = "NVIDIA_VISIBLE_DEVICES=17"'
	run_bundle
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"nvidia-container-runtime-hook: "*17* ]]
}

@test "hook: bad states and bundles" {
	local text
	mkdir "$BATS_TEST_TMPDIR/bundle"
	for text in '' '{' '[]' 'null' '{}' '{"pid": 1}' '{"bundle": "relative", "pid": 1}' '{"bundle": "/", "pid": 0}' \
		'{"bundle": "/", "pid": -1}' '{"bundle": "/", "pid": "1"}' '{"bundle": 1, "pid": 1}' \
		'{"bundle": "/no/such", "pid": 1}' "{\"bundle\": \"$BATS_TEST_TMPDIR/bundle\", \"pid\": 1}"; do
		run_out HOOK prestart <<<"$text"
		[ "$status" -eq 1 ]
		[[ "$stderr" == "nvidia-container-runtime-hook: "* ]]
	done
	mkfifo "$BATS_TEST_TMPDIR/bundle/config.json"
	run_out timeout 10 "$BATS_FILE_TMPDIR/bin/nvidia-container-runtime-hook" prestart \
		<<<"{\"bundle\": \"$BATS_TEST_TMPDIR/bundle\", \"pid\": 1}"
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"not a regular file"* ]]
	# 5 MiB of state.
	run_out HOOK prestart < <(printf '{"x": "'; head -c 5242880 /dev/zero | tr '\0' x; printf '"}')
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"more than 4 MiB"* ]]
}

@test "hook: its command line" {
	local command
	for command in poststart poststop; do
		run_out HOOK "$command" </dev/null
		[ "$status" -eq 0 ]
		[ -z "$output$stderr" ]
	done
	run_out HOOK -version
	[[ "$status $output" == "0 NVIDIA Container Runtime Hook"* ]]
	for command in '' nonsense -bogus -config; do
		# shellcheck disable=SC2086 # nothing, too
		run_out HOOK $command </dev/null
		[ "$status" -eq 2 ]
		[[ "$stderr" == "Usage: "* ]]
	done
}

# The namespace of a caller, in which the root is a mount; then the command line, then the probes.
in_caller() {
	run_out unshare --mount "${FLAGS[@]}" sh -c '
		root="$1"; shift
		mount --rbind "$root" "$root" || exit
		mount -t tmpfs tmpfs "$root/dev" || exit
		"$@" "$root" || exit
		for n in 1 0 ctl; do chroot "$root" /probe open /dev/nvidia$n; done
		chroot "$root" /probe dlopen libcuda.so.1 libnvidia-ml.so.1
		grep -c " $root" /proc/self/mountinfo' sh "$root" "$@"
}

assert_attached() {
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidia0 ENOENT" ]
	[ "${lines[2]}" = "open /dev/nvidiactl ENXIO" ]
	[[ "${lines[3]}" == "dlopen libcuda.so.1 OK "* ]]
	[[ "${lines[4]}" == "dlopen libnvidia-ml.so.1 OK "* ]]
	[ "${lines[5]}" -gt 10 ]
	assert_no_mounts
}

@test "command line: as enroot's hook calls it" {
	root="$(copy_of debian)"
	export NVBIND_HOST_ROOT="$HOST"
	FLAGS=()
	in_caller "$BATS_FILE_TMPDIR/bin/nvidia-container-cli" --user configure --no-cgroups --ldconfig=@/sbin/ldconfig \
		--device=1 --compute --compat32 --display --graphics --utility --video '--require=cuda>=11.0 brand=tesla,driver>=470'
	assert_attached
	[ -z "$stderr" ] || [[ "$stderr" == "nvidia-container-cli: warning: "* ]]
}

@test "command line: as enroot's hook calls it, by an ordinary user" {
	root="$(copy_of debian)"
	chown -R "$USER_ID:$USER_ID" "$root"
	chmod 755 "$BATS_TEST_TMPDIR"
	export NVBIND_HOST_ROOT="$HOST"
	run_out setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups unshare --user --map-root-user --mount sh -c '
		root="$1"; shift
		mount --rbind "$root" "$root" && mount -t tmpfs tmpfs "$root/dev" || exit
		"$@" "$root" || exit
		for n in 1 0 ctl; do chroot "$root" /probe open /dev/nvidia$n; done
		chroot "$root" /probe dlopen libcuda.so.1 libnvidia-ml.so.1
		grep -c " $root" /proc/self/mountinfo' sh "$root" \
		"$BATS_FILE_TMPDIR/bin/nvidia-container-cli" --user configure --no-cgroups --ldconfig=@/sbin/ldconfig \
		--device=1 --utility --compute
	assert_attached
}

@test "command line: as LXC's hook calls it" {
	root="$(copy_of debian)"
	export NVBIND_HOST_ROOT="$HOST"
	FLAGS=(--user --map-root-user)
	in_caller "$BATS_FILE_TMPDIR/bin/nvidia-container-cli" --debug="$BATS_TEST_TMPDIR/nvidia.log" --user configure \
		--no-cgroups --ldconfig=@/sbin/ldconfig --device=1 --compute --utility
	assert_attached
	grep -q 'ldconfig' "$BATS_TEST_TMPDIR/nvidia.log"
}

@test "command line: as Apptainer calls it" {
	root="$(copy_of debian)"
	export NVBIND_HOST_ROOT="$HOST"
	FLAGS=()
	in_caller "$BATS_FILE_TMPDIR/bin/nvidia-container-cli" configure --no-cgroups --device=1 --compute --utility \
		--ldconfig=@/sbin/ldconfig
	assert_attached
	[ -z "$stderr" ]
}

@test "command line: as the toolkit's hook calls it" {
	make_bundle debian "$PROBES"
	edit '.hooks.prestart[0] |= (.path = "/bin/sh" | .args = ["sh", "-c", $command])' --arg command \
		"exec $BATS_FILE_TMPDIR/bin/nvidia-container-cli --load-kmods --no-pivot --debug=$BATS_TEST_TMPDIR/log configure \
		--cuda-compat-mode=ldconfig --ldconfig=@/sbin/ldconfig.real --device=1 --compute --utility \
		'--require=cuda>=11.0' --pid=\$(jq .pid) $root"
	run_bundle
	assert_gpu_1
}

@test "command line: nodes, sockets and firmware can be left out" {
	root="$(copy_of debian)"
	run_out unshare --mount sh -c 'NVBIND_HOST_ROOT="$3"; export NVBIND_HOST_ROOT
		mount --bind "$1" "$1" && "$2" configure --no-cgroups --no-devbind --no-persistenced --no-gsp-firmware \
			--device=1 --utility "$1" && ls "$1/dev" && chroot "$1" /probe dlopen libnvidia-ml.so.1 &&
		! grep -E "persistenced/socket|gsp" /proc/self/mountinfo' \
		sh "$root" "$BATS_FILE_TMPDIR/bin/nvidia-container-cli" "$HOST"
	[ "$status" -eq 0 ]
	[[ "$output" == "dlopen libnvidia-ml.so.1 OK "* ]]
}

@test "command line: shared propagation spreads nothing to the host" {
	root="$(copy_of debian)"
	export NVBIND_HOST_ROOT="$HOST"
	run_out unshare --mount --propagation shared sh -c '
		mount --bind "$1" "$1" && mount --make-shared "$1"
		before=$(grep -c . /proc/self/mountinfo)
		unshare --mount --propagation unchanged sh -c "\"\$2\" configure --no-cgroups --device=1 --compute \"\$1\" &&
			chroot \"\$1\" /probe dlopen libcuda.so.1" sh "$1" "$2"
		echo "more mounts: $(($(grep -c . /proc/self/mountinfo) - before))"' \
		sh "$root" "$BATS_FILE_TMPDIR/bin/nvidia-container-cli"
	[[ "${lines[0]}" == "dlopen libcuda.so.1 OK "* ]]
	[ "${lines[1]}" = "more mounts: 0" ]
}

# The nodes that a container gets for one value of --device; the error for a bad one.
nodes_of() {
	root="$(copy_of debian)"
	run_out unshare --mount sh -c 'mount --bind "$1" "$1" && export NVBIND_HOST_ROOT="$3" &&
		"$2" configure --no-cgroups --utility "$4" "$1" && cd "$1/dev" && echo *' \
		sh "$root" "$BATS_FILE_TMPDIR/bin/nvidia-container-cli" "$HOST" "$1"
	rm -rf "$root"
}

@test "command line: what --device may say" {
	local uuid value
	uuid="$(on_host info --gpus --format json | jq -r '.[3].uuid')"
	while read -r value expected; do
		nodes_of "--device=$value"
		[ "$status" -eq 0 ]
		[ "$output" = "$expected" ]
	done <<-END
		0 nvidia0 nvidiactl
		0,1 nvidia0 nvidia1 nvidiactl
		$uuid nvidia3 nvidiactl
		$uuid,3 nvidia3 nvidiactl
		0000:1b:00.0 nvidia0 nvidiactl
		all nvidia0 nvidia1 nvidia2 nvidia3 nvidia4 nvidia5 nvidia6 nvidia7 nvidiactl
		none nvidiactl
		void *
	END
	# Without the option: the driver alone.
	nodes_of --no-cgroups
	[ "$output" = nvidiactl ]
	for value in 8 -1 0x0 '0 1' ../../dev 'GPU-none' 'MIG-none' $'0\n1' "$(printf '%05000d' 0)"; do
		nodes_of "--device=$value"
		[ "$status" -eq 1 ]
		[[ "$stderr" == "nvidia-container-cli: "* ]]
	done
}

@test "command line: list" {
	run_out CLI list
	[ "$status" -eq 0 ]
	for path in /dev/nvidiactl /dev/nvidia-uvm /dev/nvidia0 /dev/nvidia7 /usr/bin/nvidia-smi \
		"$LIBRARIES/libcuda.so.550.163.01" "$LIBRARIES/libnvidia-ml.so.550.163.01" \
		/run/nvidia-persistenced/socket; do
		grep -qx "$path" <<<"$output"
	done
	# Nothing but paths, each as the driver's own system sees it, each once.
	refute grep -v '^/' <<<"$output"
	refute grep -F "$HOST" <<<"$output"
	[ "$(sort <<<"$output" | uniq -d)" = "" ]
	while read -r path; do
		[ -e "$HOST$path" ] || [ -L "$HOST$path" ] || { echo "no $path"; return 1; }
	done <<<"$output"
	run_out CLI list --device=1
	[ "$(grep -c '^/dev/nvidia[0-9]' <<<"$output")" = 1 ]
	refute grep -v '^/dev/nvidia' <<<"$output"
	run_out CLI list --binaries --libraries
	refute grep '^/dev' <<<"$output"
	run_out CLI list -i --no-persistenced
	[[ "$output" != *persistenced* ]]
}

@test "command line: info" {
	run_out CLI info
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "NVRM version:   550.163.01" ]
	[ "${lines[1]}" = "CUDA version:   12.4" ]
	[ "${lines[2]}" = "" ]
	[ "${lines[3]}" = "Device Index:   0" ]
	[[ "${lines[5]}" == "Model:          NVIDIA H100"* ]]
	[[ "$output" == *"Bus Location:   00000000:1b:00.0"* ]]
	[ "$(grep -c '^GPU UUID:       GPU-' <<<"$output")" = 8 ]
	run_out CLI info --csv
	[ "${lines[0]}" = "NVRM version,CUDA version" ]
	[ "${lines[1]}" = "550.163.01,12.4" ]
	[ "${lines[3]}" = "Device Index,Device Minor,Model,Brand,GPU UUID,Bus Location,Architecture" ]
	[ "${#lines[@]}" -eq 12 ]
	[ "$(awk -F, 'NR > 4 && NF != 7' <<<"$output")" = "" ]
	mkdir "$BATS_TEST_TMPDIR/empty"
	run_out CLI --root "$BATS_TEST_TMPDIR/empty" info
	[ "$status" -eq 1 ]
	[[ "$stderr" == "nvidia-container-cli: there is no NVIDIA driver on this machine"* ]]
}

# The root leads everywhere: nothing outside of it changes, nothing hangs, nothing runs.
@test "attack: a root full of links, FIFOs and files in the wrong place" {
	local attack outside="$BATS_TEST_TMPDIR/outside" before
	mkdir -p "$outside/lib" "$outside/dev"
	echo precious >"$outside/lib/libcuda.so.1"
	before="$(tree_of "$outside") $(find /etc /usr/lib -maxdepth 1 -printf '%p %i %T@\n' | sort | sha256sum)"
	for attack in \
		"rm -rf dev && ln -s $outside/dev dev" \
		"rm -rf dev && ln -s ../../../../../../../../..$outside/dev dev" \
		"rm -rf dev && echo x >dev" \
		"rm -rf dev && ln -s /proc/self/root/dev dev" \
		"mkfifo dev/nvidia1" \
		"mkdir dev/nvidiactl" \
		"ln -s $outside/lib/libcuda.so.1 .$LIBRARIES/libcuda.so.1" \
		"ln -s libcuda.so.1 .$LIBRARIES/libcuda.so.1" \
		"mkfifo .$LIBRARIES/libcuda.so.1" \
		"mkdir .$LIBRARIES/libcuda.so.1" \
		"mv .$LIBRARIES elsewhere && ln -s ../../elsewhere .$LIBRARIES" \
		"mv usr/lib elsewhere && ln -s ../../../../../../../../elsewhere usr/lib" \
		"rm -rf usr/bin etc && ln -s $outside etc && ln -s $outside usr/bin" \
		"rm -rf etc && ln -s /dev etc" \
		"printf '#!/bin/sh\ntouch $outside/ran\n' >sbin/ldconfig && chmod 755 sbin/ldconfig"; do
		root="$(copy_of debian)"
		(cd "$root" && eval "$attack")
		run_out timeout 20 unshare --mount sh -c 'mount --rbind "$1" "$1" && export NVBIND_HOST_ROOT="$3" &&
			"$2" configure --no-cgroups --device=1 --compute --utility "$1"' \
			sh "$root" "$BATS_FILE_TMPDIR/bin/nvidia-container-cli" "$HOST"
		echo "$attack"
		[ "$status" -lt 2 ]
		[ "$(tree_of "$outside") $(find /etc /usr/lib -maxdepth 1 -printf '%p %i %T@\n' | sort | sha256sum)" = "$before" ]
		assert_no_mounts
		rm -rf "$root"
	done
}

@test "attack: directories that turn into links while the container gets its GPU" {
	local outside="$BATS_TEST_TMPDIR/outside"
	mkdir -p "$outside"
	root="$(copy_of debian)"
	run_out "$BATS_TEST_DIRNAME/attach-race" 60 "$root" "$outside" "$BATS_FILE_TMPDIR/bin/nvidia-container-cli" "$HOST"
	[ "$status" -eq 0 ]
	[ -z "$(ls -A "$outside")" ]
	assert_no_mounts
}

# All that it made, or nothing of it. Each line of the caller's mounts is "DESTINATION".
mounts_of() {
	awk '{ print $5 }' "/proc/$1/mountinfo" | sort
}

# A process with a mount namespace of its own, in which $1 is a mount.
sleeper() {
	unshare --mount sh -c 'mount --rbind "$1" "$1" && exec sleep 100' sh "$1" >/dev/null 2>&1 3>&- &
	sleeper=$!
	for _ in {1..100}; do
		[ "$(cat /proc/$sleeper/comm)" != sleep ] || break
		sleep 0.02
	done
}

# The process that works in the container sees that its parent is gone, and undoes its work. A
# parent that is killed after its last word has done it all.
@test "killed at any moment, it leaves all of its work in the container or nothing, and no mount on the host" {
	local delay cli="$BATS_FILE_TMPDIR/bin/nvidia-container-cli" before files done_mounts
	local options=(configure --no-cgroups --device=1 --compute --utility)
	export NVBIND_HOST_ROOT="$HOST"
	root="$(copy_of debian)"
	sleeper "$root"
	"$cli" "${options[@]}" --pid=$sleeper "$root"
	grep -F "$root$LIBRARIES/libcuda.so.1" "/proc/$sleeper/mountinfo"
	done_mounts="$(mounts_of $sleeper)"
	kill "$sleeper"

	done_mounts="${done_mounts//"$root"/ROOT}"
	root="$(copy_of debian)"
	done_mounts="${done_mounts//ROOT/"$root"}"
	sleeper "$root"
	before="$(mounts_of $sleeper)"
	files="$(cd "$root" && find . | sort)"
	# Only the first process is killed: --foreground spares the others of its group.
	for delay in 0.001 0.003 0.005 0.007 0.009 0.011 0.013 0.015 0.02 0.03; do
		run_out timeout --foreground --signal KILL "$delay" "$cli" "${options[@]}" --pid=$sleeper "$root"
		[ "$status" -ne 0 ] || break
		[ "$status" -eq 137 ] || [ "$status" -eq 124 ]
		for _ in {1..250}; do
			pgrep -f "$cli" >/dev/null || break
			sleep 0.02
		done
		refute pgrep -f "$cli"
		assert_no_mounts
		[ "$(mounts_of $sleeper)" != "$done_mounts" ] || break
		[ "$(mounts_of $sleeper)" = "$before" ]
		[ "$(cd "$root" && find . | sort)" = "$files" ]
	done
	kill "$sleeper"
}

# Docker finds the hook by its name and adds it for --gpus.
docker_gpus() {
	need "$1" dockerd
	image debian docker_root "$1"
	run_out docker_root "$1" run --rm --network none --gpus '"device=1"' debian /bin/sh -c "$PROBES"
	assert_gpu_1
	# An image's variable is no more than a wish.
	run_out docker_root "$1" run --rm --network none --gpus '"device=1"' -e NVBIND_GPU=all debian /bin/sh -c "$PROBES"
	assert_gpu_1
	run_out docker_root "$1" run --rm --network none --gpus 'all,capabilities=utility' debian /bin/sh -c \
		'ls /dev | grep -c "nvidia[0-9]"; /probe dlopen libcuda.so.1 libnvidia-ml.so.1'
	[ "${lines[0]}" = 8 ]
	[[ "${lines[1]}" == "dlopen libcuda.so.1 FAIL"* ]]
	[[ "${lines[2]}" == "dlopen libnvidia-ml.so.1 OK "* ]]
	run_out docker_root "$1" run --rm --network none --gpus all -e 'NVIDIA_REQUIRE_CUDA=cuda>=99' debian true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"nvidia-container-runtime-hook: meet the image's requirement 'cuda>=99'"* ]]
}

@test "docker run --gpus" {
	docker_gpus here
	run_out docker_root here run --rm --read-only --user 1000 --network none --gpus '"device=1"' debian /bin/sh -c \
		'/probe open /dev/nvidia1 rw; /probe dlopen libcuda.so.1'
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[[ "${lines[1]}" == "dlopen libcuda.so.1 OK "* ]]
	inside here docker run --detach --name keeps --network none --gpus '"device=1"' debian sleep 1000
	inside here docker restart -t 0 keeps
	run_out inside here docker exec keeps /bin/sh -c '/probe open /dev/nvidia1; /probe open /dev/nvidia0; /probe dlopen libcuda.so.1'
	inside here docker rm -f keeps
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidia0 ENOENT" ]
	[[ "${lines[2]}" == "dlopen libcuda.so.1 OK "* ]]
}

@test "docker run --gpus with our runtime: given once" {
	need here dockerd
	image debian docker_root here
	run_out docker_root here run --rm --network none --runtime nvbind --gpus '"device=1"' debian /bin/sh -c \
		"$PROBES; /probe mounts $LIBRARIES/libcuda.so.550.163.01"
	assert_gpu_1
	[ "${lines[-1]}" = "mounts $LIBRARIES/libcuda.so.550.163.01 1" ]
}

# containerd's own client runs the command line as a hook, by way of containerd.
@test "ctr run --gpus" {
	local name=docker.io/library/debian:latest
	local ctr=(inside here ctr --address /run/docker/containerd/containerd.sock)
	need here dockerd ctr containerd
	image debian docker_root here
	inside here ln -sf "$RUNTIME" /usr/bin/nvidia-container-cli
	docker_root here tag debian "$name"
	inside here docker save "$name" | "${ctr[@]}" images import -
	run_out "${ctr[@]}" run --rm --cgroup "/$CGROUP/box" --gpus 1 "$name" box sh -c \
		'/probe open /dev/nvidia1; /probe open /dev/nvidia0; /probe dlopen libcuda.so.1'
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidia0 ENOENT" ]
	[[ "${lines[2]}" == "dlopen libcuda.so.1 OK "* ]]
}

# Podman runs the hooks of a directory: for containers of root, and in a user namespace for others'.
hooks_directory() {
	local dir="$BATS_FILE_TMPDIR/hooks.d"
	mkdir -p "$dir"
	jq -n --arg path "$BATS_FILE_TMPDIR/bin/nvidia-container-runtime-hook" '{"version": "1.0.0",
		"hook": {"path": $path, "args": ["nvidia-container-runtime-hook", "prestart"]},
		"when": {"always": true}, "stages": ["prestart"]}' >"$dir/oci-nvidia-hook.json"
	echo "$dir"
}

# Rig, namespace, low-level runtime.
podman_hooks() {
	need "$2" podman "$3"
	image debian "$@"
	run_out "$@" run --rm --network none --hooks-dir "$(hooks_directory)" -e NVIDIA_VISIBLE_DEVICES=1 debian /bin/sh -c \
		'/probe open /dev/nvidia1 rw; /probe open /dev/nvidia0; /probe dlopen libcuda.so.1'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidia0 ENOENT" ]
	[[ "${lines[2]}" == "dlopen libcuda.so.1 OK "* ]]
}

@test "podman with a directory of hooks" {
	podman_hooks podman_root here runc
}

@test "podman with a directory of hooks, without root" {
	podman_hooks podman_user here runc
}

@test "another podman with crun and a directory of hooks" {
	podman_hooks podman_root other-v2 crun
}

@test "another podman with crun and a directory of hooks, without root" {
	podman_hooks podman_user other-v2 crun
}

@test "another docker: docker run --gpus" {
	docker_gpus other
}
