# SPDX-License-Identifier: Apache-2.0
# nvbind-runtime in front of runc and crun: bundles as engines make them, on the simulated host.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

RUNTIME="$NVBIND_BUILD_ROOT/nvbind-runtime"
BUNDLE="$BATS_TEST_TMPDIR/bundle"
CONFIG="$BUNDLE/config.json"
LOG="$BATS_TEST_TMPDIR/log.json"
USER_NAMESPACE='.linux.namespaces += [{"type": "user"}] |
	.linux.uidMappings = [{"containerID": 0, "hostID": 0, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'

setup_file() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || return 0
	"$NVBIND_SOURCE_ROOT/tests/roots/make-root" debian "$BATS_SUITE_TMPDIR/roots/runtime-debian" >&2
}

setup() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
	ROOT="$BATS_SUITE_TMPDIR/roots/runtime-debian"
	export NVBIND_HOST_ROOT="$HOST" NVBIND_OCI_RUNTIME=runc NVBIND_RUNTIME_CONFIG="$BATS_TEST_TMPDIR/runtime.json"
	echo '{}' >"$NVBIND_RUNTIME_CONFIG"
}

need() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

# A bundle whose container runs a command, with more changes of the configuration: jq's.
bundle() {
	local filter=$1
	shift
	need runc jq
	rm -rf "$BUNDLE" "$LOG"
	mkdir -p "$BUNDLE"
	(cd "$BUNDLE" && runc spec)
	jq -c --arg root "$ROOT" '.process.terminal = false | .process.args = $ARGS.positional | .root = {"path": $root} |
		.process.env = ["PATH=/usr/bin:/bin", "B=2", "A=1"] | '"$filter" "$CONFIG" --args -- "$@" >"$BUNDLE/new"
	mv "$BUNDLE/new" "$CONFIG"
	cp -p "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
}

# The same for a container that wants a GPU.
gpu_bundle() {
	local filter=$1
	shift
	bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES=1"] | '"$filter" "$@"
}

oci() {
	run_out "$RUNTIME" --log "$LOG" --log-format json "$@"
	[ ! -s "$LOG" ] || cat "$LOG"
}

container() {
	oci run --bundle "$BUNDLE" "nvbind-test-$$-$BATS_TEST_NUMBER"
}

# Without a container: what the configuration becomes.
edit() {
	NVBIND_OCI_RUNTIME=/bin/true oci create --bundle "$BUNDLE" --pid-file "$BATS_TEST_TMPDIR/pid" x
}

# The answer to each question on the configuration is true.
assert_config() {
	local question
	for question in "$@"; do
		jq -e "$question" "$CONFIG" >/dev/null || { echo "not true: $question"; jq -c . "$CONFIG"; return 1; }
	done
}

identity() {
	stat -c '%i %Y %Z %s %a %u %g' "$CONFIG"
	sha256sum <"$CONFIG"
}

# The last line of the log, as containerd reads it.
logged() {
	jq -rs 'map(select(.level == "'"$1"'")) | last | .msg' "$LOG"
}

# A root of the test's own, which a container may change.
own_root() {
	OWN_ROOT="$BATS_TEST_TMPDIR/root"
	cp -a "$(root_of debian)" "$OWN_ROOT"
	OWN_LIBRARIES="$OWN_ROOT/usr/lib/x86_64-linux-gnu"
	find "$OWN_LIBRARIES" \( -name '*nvidia*' -o -name 'libcuda*' \) -delete
}

# Starts one in it, which loads the library by all its names.
start_in_own_root() {
	gpu_bundle '.root.path = "'"$OWN_ROOT"'"' /bin/sh -c '/probe dlopen libcuda.so.1 libcuda.so libnvidia-ml.so.1 | grep -c " OK "'
	container
	[ "$output" = 3 ]
}

listing() {
	(cd "$OWN_ROOT" && find . ! -type d -printf '%p %y %l %s\n' | sort)
}

@test "GPU 1 and no other" {
	gpu_bundle . /probe open /dev/nvidia1
	container
	[ "$output" = "open /dev/nvidia1 ENXIO" ]
	gpu_bundle . /probe open /dev/nvidiactl
	container
	[ "$output" = "open /dev/nvidiactl ENXIO" ]
	for n in 0 2 7; do
		gpu_bundle . /probe open /dev/nvidia$n
		container
		[ "$output" = "open /dev/nvidia$n ENOENT" ]
	done
}

@test "a node that the container makes itself opens nothing" {
	gpu_bundle '.process.capabilities |= map_values(. + ["CAP_MKNOD"]) | .process.args = ["/bin/sh", "-c",
		"/probe mknod /dev/shm/n0 195 0; /probe open /dev/shm/n0; /probe mknod /dev/n0 195 0; /probe open /dev/n0"]'
	container
	[ "${lines[2]}" = "mknod /dev/n0 OK" ]
	[ "${lines[3]}" = "open /dev/n0 EPERM" ]
}

@test "libcuda loads, also in a read-only root" {
	for root in false true; do
		gpu_bundle ".root.readonly = $root" /probe dlopen libcuda.so.1
		container
		[[ "$output" == "dlopen libcuda.so.1 OK "* ]]
	done
}

@test "in a user namespace: nodes are bound" {
	gpu_bundle "$USER_NAMESPACE" /probe open /dev/nvidia1
	container
	[ "$output" = "open /dev/nvidia1 ENXIO" ]
	assert_config '[.mounts[].destination] | index("/dev/nvidia1")' \
		'[.linux.resources.devices[] | select(.major == 195 and .minor == 1)] == [{"allow": true, "type": "c", "major": 195, "minor": 1, "access": "rw"}]'
	gpu_bundle "$USER_NAMESPACE" /probe open /dev/nvidia0
	container
	[ "$output" = "open /dev/nvidia0 ENOENT" ]
	gpu_bundle "$USER_NAMESPACE" /probe dlopen libcuda.so.1
	container
	[[ "$output" == "dlopen libcuda.so.1 OK "* ]]
}

# A bundle of an ordinary user: one id, no cgroup.
user_bundle() {
	gpu_bundle '.linux.namespaces += [{"type": "user"}] | del(.linux.resources) |
		.linux.uidMappings = [{"containerID": 0, "hostID": '"$USER_ID"', "size": 1}] | .linux.gidMappings = .linux.uidMappings |
		.mounts |= [.[] | select(.type != "cgroup" and .type != "devpts") |
			if .type == "sysfs" then {"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "ro"]} else . end]' "$@"
	chmod 755 "$BATS_TEST_TMPDIR"
	# Places for mounts are made in the root: it must be the user's.
	[ -d "$BATS_TEST_TMPDIR/root" ] || cp -a "$ROOT" "$BATS_TEST_TMPDIR/root"
	sed -i "s|$ROOT|$BATS_TEST_TMPDIR/root|" "$CONFIG"
	chown -R "$USER_ID:$USER_ID" "$BUNDLE" "$BATS_TEST_TMPDIR/root"
	install -d -o "$USER_ID" -g "$USER_ID" "$BATS_TEST_TMPDIR/user"
}

run_as_user() {
	run_out as_user XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/user" NVBIND_HOST_ROOT="$HOST" NVBIND_OCI_RUNTIME="$1" \
		"$RUNTIME" --root "$BATS_TEST_TMPDIR/user/$1" "${@:2}" run --bundle "$BUNDLE" rootless
}

@test "without root: runc" {
	user_bundle /probe open /dev/nvidia1
	run_as_user runc
	[ "$output" = "open /dev/nvidia1 ENXIO" ]
	user_bundle /probe dlopen libcuda.so.1
	run_as_user runc
	[[ "$output" == "dlopen libcuda.so.1 OK "* ]]
}

# crun makes no container in the hybrid layout: a mount namespace with cgroup2 alone.
in_cgroup2() {
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		"$@"
	else
		# shellcheck disable=SC2016 # expanded there
		unshare -m sh -c 'mount --make-rprivate / && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh "$@"
	fi
}

@test "without root: crun" {
	need crun
	for question in "open /dev/nvidia1" "dlopen libcuda.so.1"; do
		# shellcheck disable=SC2086 # words
		user_bundle /probe $question
		run_out in_cgroup2 setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups env -i PATH="$PATH" \
			XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/user" NVBIND_HOST_ROOT="$HOST" NVBIND_OCI_RUNTIME=crun \
			"$RUNTIME" --root "$BATS_TEST_TMPDIR/user/crun" --cgroup-manager=disabled run --bundle "$BUNDLE" rootless
		[[ "$output" == "$question ENXIO" || "$output" == "$question OK "* ]]
	done
}

@test "crun takes the configuration" {
	need crun
	gpu_bundle 'del(.linux.resources)' /probe open /dev/nvidia1
	NVBIND_OCI_RUNTIME=crun run_out in_cgroup2 "$RUNTIME" --root "$BATS_TEST_TMPDIR/crun" run --bundle "$BUNDLE" crun-test
	# Programs that guard devices need a right that a container's root may lack.
	[[ "$stderr" != *RLIM_MEMLOCK* && "$stderr" != *bpf* ]] || skip "crun cannot guard devices here"
	[ "$output" = "open /dev/nvidia1 ENXIO" ]
}

@test "a container that asks for nothing is not touched" {
	local before
	for env in '' '"NVIDIA_VISIBLE_DEVICES="' '"NVIDIA_VISIBLE_DEVICES=void"' '"NVBIND_GPU=none", "NVIDIA_VISIBLE_DEVICES=void"'; do
		bundle ".process.env += [$env]" /probe exit 7
		before="$(identity)"
		container
		[ "$status" -eq 7 ]
		[ "$(identity)" = "$before" ]
	done
}

@test "with a request, only what a GPU is made of differs" {
	# Not by jq: it knows no 64-bit numbers.
	gpu_bundle '.unknown = {"b": 1, "a": [null, "max"]} | .process.unknown = "min" | .linux.devices = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438}]' /probe exit 0
	sed -i 's/"min"/-9223372036854775808/; s/"max"/18446744073709551615/; s/^{/{"half":1.50,/' "$CONFIG"
	cp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
	chmod 640 "$CONFIG"
	chown "$USER_ID:$USER_ID" "$CONFIG"
	edit
	[ "$status" -eq 0 ]
	[ "$(stat -c '%a %u %g' "$CONFIG")" = "640 $USER_ID $USER_ID" ]
	grep -qF '"half":1.50,' "$CONFIG"
	grep -qF '"a":[null,18446744073709551615]' "$CONFIG"
	grep -qF '"unknown":-9223372036854775808' "$CONFIG"
	local rest='del(.linux.devices, .linux.resources.devices, .mounts) | .process.env |= map(select(startswith("NVIDIA_DRIVER_CAPABILITIES=") | not))'
	[ "$(jq -c "$rest" "$CONFIG")" = "$(jq -c "$rest" "$BATS_TEST_TMPDIR/before.json")" ]
	jq -e --slurpfile old "$BATS_TEST_TMPDIR/before.json" '
		(.process.env[:4] == $old[0].process.env) and (.process.env | length == 5) and
		(.mounts[:($old[0].mounts | length)] == $old[0].mounts) and
		(.linux.devices[0] == $old[0].linux.devices[0]) and
		([.linux.devices[1:][].path] == ["/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia1", "/dev/nvidiactl"]) and
		(.linux.resources.devices[0] == $old[0].linux.resources.devices[0]) and
		([.linux.resources.devices[1:][] | [.major, .minor]] == [.linux.devices[1:][] | [.major, .minor]])' "$CONFIG"
	[ "$(find "$BUNDLE" -type f)" = "$CONFIG" ]
}

@test "the same bundle again: nothing is there twice" {
	local question
	gpu_bundle . /probe exit 0
	edit
	cp "$CONFIG" "$BATS_TEST_TMPDIR/once.json"
	edit
	[ "$status" -eq 0 ]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/once.json"
	# All that a specification may bring.
	mkdir -p "$HOST/etc/cdi"
	echo '{"cdiVersion": "1.1.0", "kind": "example.com/dev", "devices": [{"name": "0", "containerEdits": {"env": ["FOREIGN=1"],
		"deviceNodes": [{"path": "/dev/none", "type": "c", "major": 240, "minor": 1}], "additionalGids": [7],
		"mounts": [{"hostPath": "/etc", "containerPath": "/foreign", "options": ["ro", "bind"]}], "intelRdt": {"closID": "gold"},
		"netDevices": [{"hostInterfaceName": "eth7", "name": "net0"}],
		"hooks": [{"hookName": "createContainer", "path": "/bin/true", "args": ["true", "x"], "env": ["A=1"], "timeout": 5},
			{"hookName": "poststop", "path": "/bin/true"}]}}]}' >"$HOST/etc/cdi/example.json"
	bundle '.annotations["cdi.k8s.io/test"] = "nvidia.com/gpu=1,example.com/dev=0"' /probe exit 0
	edit
	[ "$status" -eq 0 ]
	cp "$CONFIG" "$BATS_TEST_TMPDIR/once.json"
	edit
	edit
	rm "$HOST/etc/cdi/example.json"
	[ "$status" -eq 0 ]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/once.json"
	assert_config '.hooks.createContainer == [{"path": "/bin/true", "args": ["true", "x"], "env": ["A=1"], "timeout": 5}]' \
		'.hooks.poststop | length == 1' '[.mounts[].destination] | index("/foreign")' '.process.user.additionalGids == [7]'
}

@test "further names are links, which a second start and a copy of the root take as they are" {
	local file first
	own_root
	start_in_own_root
	file="$(readlink "$OWN_LIBRARIES/libcuda.so.1")"
	[[ "$file" == libcuda.so.[0-9]*.* ]]
	[ "$(readlink "$OWN_LIBRARIES/libcuda.so")" = "$file" ]
	assert_config '[.mounts[].destination | select(test("/libcuda[.]so"))] == ["/usr/lib/x86_64-linux-gnu/'"$file"'"]' \
		'[.mounts[] | select(.destination | test("/libcuda[.]so"))][0].options == ["ro", "nosuid", "nodev", "bind"]'
	first="$(listing)"
	start_in_own_root
	[ "$(listing)" = "$first" ]
	# As an image that was made of the container: without a GPU it starts too, and has no library.
	bundle '.root.path = "'"$OWN_ROOT"'"' /probe dlopen libcuda.so.1
	container
	[[ "$output" == "dlopen libcuda.so.1 "* ]]
	[[ "$output" != *" OK "* ]]
	[ "$(listing)" = "$first" ]
}

@test "links of an older driver are replaced, its files are covered" {
	local file
	own_root
	# What a start left: links, and the empty file that was the place of a mount, or not even that.
	ln -s libcuda.so.470.256.02 "$OWN_LIBRARIES/libcuda.so.1"
	ln -s libcuda.so.470.256.02 "$OWN_LIBRARIES/libcuda.so"
	: >"$OWN_LIBRARIES/libcuda.so.470.256.02"
	ln -s libnvidia-ml.so.470.256.02 "$OWN_LIBRARIES/libnvidia-ml.so.1"
	start_in_own_root
	file="$(readlink "$OWN_LIBRARIES/libcuda.so.1")"
	[[ "$file" == libcuda.so.* ]]
	[ "$file" != libcuda.so.470.256.02 ]
	[ "$(readlink "$OWN_LIBRARIES/libcuda.so")" = "$file" ]
	[[ "$(readlink "$OWN_LIBRARIES/libnvidia-ml.so.1")" != *470* ]]
	[ ! -s "$OWN_LIBRARIES/libcuda.so.470.256.02" ]
	assert_config '[.mounts[].destination | select(test("470"))] == []'
	# What the image brought itself stays as it is, below a mount.
	ln -sf libcuda.so.470.256.02 "$OWN_LIBRARIES/libcuda.so.1"
	echo old >"$OWN_LIBRARIES/libcuda.so.470.256.02"
	start_in_own_root
	[ "$(readlink "$OWN_LIBRARIES/libcuda.so.1")" = libcuda.so.470.256.02 ]
	[ "$(cat "$OWN_LIBRARIES/libcuda.so.470.256.02")" = old ]
}

@test "where no link can be made, the name is a mount" {
	own_root
	start_in_own_root
	# Places of mounts, as an earlier version left them.
	find "$OWN_LIBRARIES" -type l -name '*.so*' -lname 'lib*nvidia*' -exec rm {} \; -exec touch {} \;
	rm "$OWN_LIBRARIES/libcuda.so.1" "$OWN_LIBRARIES/libcuda.so"
	touch "$OWN_LIBRARIES/libcuda.so.1" "$OWN_LIBRARIES/libcuda.so"
	start_in_own_root
	[ ! -L "$OWN_LIBRARIES/libcuda.so.1" ]
	assert_config '[.mounts[].destination] | index("/usr/lib/x86_64-linux-gnu/libcuda.so.1")'
	# A link that leads elsewhere in a root that cannot be written.
	ln -sf libcuda.so.470.256.02 "$OWN_LIBRARIES/libcuda.so"
	: >"$OWN_LIBRARIES/libcuda.so.470.256.02"
	mount --bind "$OWN_ROOT" "$OWN_ROOT"
	mount -o remount,bind,ro "$OWN_ROOT"
	start_in_own_root || { umount "$OWN_ROOT"; return 1; }
	umount "$OWN_ROOT"
	[ "$(readlink "$OWN_LIBRARIES/libcuda.so")" = libcuda.so.470.256.02 ]
	assert_config '[.mounts[].destination] | index("/usr/lib/x86_64-linux-gnu/libcuda.so.470.256.02")'
}

@test "no link is made in what is mounted in the root, nor with what hides it" {
	own_root
	mkdir "$BATS_TEST_TMPDIR/machine"
	cp -a "$OWN_LIBRARIES/." "$BATS_TEST_TMPDIR/machine"
	mount --bind "$BATS_TEST_TMPDIR/machine" "$OWN_LIBRARIES"
	gpu_bundle '.root.path = "'"$OWN_ROOT"'"' /probe exit 0
	edit
	umount "$OWN_LIBRARIES"
	[ "$status" -eq 0 ]
	[ "$(find "$BATS_TEST_TMPDIR/machine" -name 'libcuda*')" = "" ]
	assert_config '[.mounts[].destination] | index("/usr/lib/x86_64-linux-gnu/libcuda.so.1")'
	gpu_bundle '.root.path = "'"$OWN_ROOT"'" | .mounts += [{"destination": "/usr/lib", "type": "tmpfs", "source": "tmpfs"}]' /probe exit 0
	edit
	[ "$status" -eq 0 ]
	[ "$(find "$OWN_LIBRARIES" -name 'libcuda*')" = "" ]
	assert_config '[.mounts[].destination] | index("/usr/lib/x86_64-linux-gnu/libcuda.so.1") > index("/usr/lib")'
}

@test "a container whose mounts spread gets none that spreads" {
	gpu_bundle '.linux.rootfsPropagation = "shared"' /bin/sh -c "grep -F '/libcuda.so' /proc/self/mountinfo"
	container
	[ -n "$output" ]
	[[ "$output" != *" shared:"* ]]
	gpu_bundle . /bin/sh -c "grep -F '/libcuda.so' /proc/self/mountinfo"
	container
	[ -n "$output" ]
	[[ "$output" != *" shared:"* ]]
}

@test "create, start, state and delete go through" {
	local id="nvbind-test-$$-life"
	gpu_bundle . /probe sleep 30
	"$RUNTIME" create --bundle "$BUNDLE" "$id" >/dev/null 2>&1 </dev/null 3>&-
	run_out "$RUNTIME" state "$id"
	[ "$(jq -r .status <<<"$output")" = created ]
	run_out "$RUNTIME" start "$id"
	run_out "$RUNTIME" exec "$id" /probe open /dev/nvidia1
	[ "$output" = "open /dev/nvidia1 ENXIO" ]
	run_out "$RUNTIME" exec "$id" /probe open /dev/nvidia0
	[ "$output" = "open /dev/nvidia0 ENOENT" ]
	"$RUNTIME" delete --force "$id"
}

@test "an update of the container's limits keeps its GPU" {
	local id="nvbind-test-$$-update"
	gpu_bundle . /probe sleep 30
	"$RUNTIME" run --detach --bundle "$BUNDLE" "$id" >/dev/null 2>&1 </dev/null 3>&-
	run_out "$RUNTIME" update --pids-limit 100 "$id"
	[ "$status" -eq 0 ]
	run_out "$RUNTIME" exec "$id" /probe open /dev/nvidia1
	[ "$output" = "open /dev/nvidia1 ENXIO" ]
	"$RUNTIME" delete --force "$id"
}

@test "the environment stays; what it says of GPUs stays true" {
	gpu_bundle '.process.env += ["NVIDIA_DRIVER_CAPABILITIES=utility", "B=3"]' /probe exit 0
	edit
	assert_config '.process.env == ["PATH=/usr/bin:/bin", "B=2", "A=1", "NVIDIA_VISIBLE_DEVICES=1", "NVIDIA_DRIVER_CAPABILITIES=utility", "B=3"]'
	# The GPU comes from elsewhere: what an image says for all machines is no longer true.
	bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES=all", "NVBIND_GPU=1"]' /probe exit 0
	edit
	assert_config '[.linux.devices[].path] | index("/dev/nvidia1") and (index("/dev/nvidia0") | not)' \
		'.process.env[3] | startswith("NVIDIA_VISIBLE_DEVICES=GPU-")'
}

@test "an image's NVBIND_GPU does not widen what the user gave" {
	local bound
	# Whoever wrote which: the order tells nothing.
	bundle '.process.env += ["NVBIND_GPU=all", "NVIDIA_VISIBLE_DEVICES=1"]' /bin/sh -c '/probe open /dev/nvidia1; /probe open /dev/nvidia0'
	container
	[ "$output" = "open /dev/nvidia1 ENXIO
open /dev/nvidia0 ENOENT" ]
	assert_config '[.process.env[] | select(startswith("NVIDIA_VISIBLE_DEVICES="))] | length == 1 and (.[0] | test("=GPU-[^,]*$"))'
	for bound in void '' ' ' ','; do
		bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES='"$bound"'", "NVBIND_GPU=all"]' /probe exit 0
		edit
		[ "$status" -eq 0 ]
		cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
		[[ "$(logged warning)" == *"NVIDIA_VISIBLE_DEVICES leaves none of the GPUs that NVBIND_GPU asks for" ]]
	done
	# The driver stays, as where "none" is the request itself.
	bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES=none", "NVBIND_GPU=all"]' /probe exit 0
	edit
	assert_config '[.linux.devices[].path] | index("/dev/nvidiactl")' \
		'[.linux.devices[].path | select(test("nvidia[0-9]"))] == []' \
		'[.mounts[].destination | select(test("libcuda.so"))] | length > 0'
	bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES=1,99", "NVBIND_GPU=all"]' /probe exit 0
	edit
	assert_config '[.linux.devices[].path | select(test("nvidia[0-9]"))] == ["/dev/nvidia1"]'
	[[ "$(logged warning)" == *"NVIDIA_VISIBLE_DEVICES names a GPU that cannot be given: select GPU '99'"* ]]
	bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES=1", "NVBIND_GPU=0,2"]' /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *"select GPUs by NVBIND_GPU: none of them is among those of NVIDIA_VISIBLE_DEVICES"* ]]
}

@test "an image's annotations do not widen what the user gave" {
	local manager
	bundle '.annotations["cdi.k8s.io/evil"] = "nvidia.com/gpu=all" | .process.env += ["NVBIND_GPU=1"]' /probe exit 0
	edit
	assert_config '[.linux.devices[].path | select(test("nvidia[0-9]"))] == ["/dev/nvidia1"]'
	# Other kinds of a GPU's vendor are GPUs too.
	mkdir -p "$HOST/etc/cdi"
	echo '{"cdiVersion": "0.6.0", "kind": "management.nvidia.com/gpu", "devices": [{"name": "all", "containerEdits": {"env": ["EVIL=1"]}}]}' \
		>"$HOST/etc/cdi/management.json"
	bundle '.annotations["cdi.k8s.io/evil"] = "management.nvidia.com/gpu=all"' /probe exit 0
	edit
	assert_config '.process.env | index("EVIL=1")'
	bundle '.annotations["cdi.k8s.io/evil"] = "management.nvidia.com/gpu=all" | .process.env += ["NVBIND_GPU=none"]' /probe exit 0
	edit
	[ "$status" -eq 0 ]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
	[[ "$(logged warning)" == *"NVBIND_GPU leaves 'management.nvidia.com/gpu=all' out"* ]]
	bundle '.annotations["cdi.k8s.io/evil"] = "management.nvidia.com/gpu=all" | .process.env += ["NVBIND_GPU=1"]' /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *"NVBIND_GPU does not name it"* ]]
	# What Podman starts is bound by the vendors' lists too, whatever an image says of its manager.
	for manager in libpod cri-o; do
		bundle '.annotations += {"cdi.k8s.io/evil": "nvidia.com/gpu=all", "io.container.manager": "'$manager'"} |
			.linux.cgroupsPath = "/libpod_parent/libpod-1a2b" | .process.env += ["NVIDIA_VISIBLE_DEVICES=1"]' /probe exit 0
		edit
		assert_config '[.linux.devices[].path | select(test("nvidia[0-9]"))] == ["/dev/nvidia1"]'
	done
	rm "$HOST/etc/cdi/management.json"
	echo '{"accept_environment": "privileged"}' >"$NVBIND_RUNTIME_CONFIG"
	bundle '.annotations["cdi.k8s.io/evil"] = "nvidia.com/gpu=all"' /probe exit 0
	edit
	[ "$status" -eq 0 ]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
	echo '{"accept_environment": "privileged", "accept_annotations": "always"}' >"$NVBIND_RUNTIME_CONFIG"
	edit
	assert_config '[.linux.devices[].path] | index("/dev/nvidia7")'
}

@test "an environment names no device of just any kind" {
	mkdir -p "$HOST/etc/cdi"
	echo '{"cdiVersion": "0.6.0", "kind": "acme.com/host", "devices": [{"name": "root", "containerEdits": {"mounts": [{"hostPath": "/", "containerPath": "/mnt"}]}}]}' \
		>"$HOST/etc/cdi/acme.json"
	bundle '.process.env += ["NVBIND_GPU=acme.com/host=root"]' /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *"'NVBIND_GPU'"*"kind 'acme.com/host'"*environment_kinds* ]]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
	echo '{"environment_kinds": ["acme.com/host"]}' >"$NVBIND_RUNTIME_CONFIG"
	edit
	rm "$HOST/etc/cdi/acme.json"
	[ "$status" -eq 0 ]
	assert_config '[.mounts[].destination] | index("/mnt")'
}

@test "a directory of the image in a driver file's place" {
	cp -a "$ROOT" "$BATS_TEST_TMPDIR/root"
	rm -f "$BATS_TEST_TMPDIR/root/usr/bin/nvidia-smi"
	mkdir "$BATS_TEST_TMPDIR/root/usr/bin/nvidia-smi"
	gpu_bundle '.root.path = "'"$BATS_TEST_TMPDIR"'/root"' /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == "nvbind: mount '"*"' on the container's '/usr/bin/nvidia-smi': there it is a directory" ]]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test "a volume over the directory of the libraries: one warning" {
	mkdir "$BATS_TEST_TMPDIR/volume"
	gpu_bundle '.mounts += [{"destination": "/usr/lib/x86_64-linux-gnu", "type": "bind", "source": "'"$BATS_TEST_TMPDIR"'/volume", "options": ["rbind"]}]' /probe exit 0
	edit
	[ "$status" -eq 0 ]
	[ "$(grep -c "are left out" "$LOG")" -eq 1 ]
	[[ "$(jq -r .msg "$LOG")" == *" files are left out, '"*"' the first: the container's own mount on '/usr/lib/x86_64-linux-gnu' has no place for them"* ]]
}

@test "a hook of NVIDIA's is taken out, others stay" {
	gpu_bundle '.hooks.prestart = [{"path": "/usr/bin/nvidia-container-runtime-hook", "args": ["nvidia-container-runtime-hook", "prestart"]}, {"path": "/bin/true"}]' /probe open /dev/nvidia1
	container
	[ "$output" = "open /dev/nvidia1 ENXIO" ]
	assert_config '.hooks == {"prestart": [{"path": "/bin/true"}]}'
	bundle '.hooks.prestart = [{"path": "/usr/bin/nvidia-container-runtime-hook"}]' /probe exit 0
	edit
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
}

@test "the container's own mounts win, and none is covered" {
	mkdir "$BATS_TEST_TMPDIR/volume"
	echo mine >"$BATS_TEST_TMPDIR/volume/file"
	gpu_bundle '.mounts += [{"destination": "/usr/bin/nvidia-smi", "type": "bind", "source": "'"$BATS_TEST_TMPDIR"'/volume/file", "options": ["bind", "ro"]},
		{"destination": "/run", "type": "tmpfs", "source": "tmpfs"}]' /bin/sh -c 'cat /usr/bin/nvidia-smi; ls -d /run/nvidia-persistenced/socket'
	container
	[ "${lines[0]}" = mine ]
	[ "${lines[1]}" = /run/nvidia-persistenced/socket ]
	[[ "$(logged warning)" == *"'/usr/bin/nvidia-smi' stays"* ]]
}

@test "nothing is made in a directory of the user's" {
	local volume="$BATS_TEST_TMPDIR/volume" options
	mkdir -p "$volume/nvidia-persistenced"
	for options in '"rbind"' '"bind", "ro"'; do
		gpu_bundle '.mounts += [{"destination": "/run", "type": "none", "source": "'"$volume"'", "options": ['"$options"']}]' /probe open /dev/nvidia1
		container
		[ "$output" = "open /dev/nvidia1 ENXIO" ]
		[ "$(find "$volume" -type f)" = "" ]
		[[ "$(logged warning)" == *"on '/run' has no place for "* ]]
	done
	# Where there is a place, it is taken.
	touch "$volume/nvidia-persistenced/socket"
	edit
	assert_config '[.mounts[].destination] | index("/run/nvidia-persistenced/socket") > index("/run")'
}

@test "the container's own node stays" {
	gpu_bundle '.linux.devices = [{"path": "/dev/nvidia1", "type": "c", "major": 1, "minor": 3, "fileMode": 438}]' /probe open /dev/nvidia1
	edit
	assert_config '[.linux.devices[] | select(.path == "/dev/nvidia1")] == [{"path": "/dev/nvidia1", "type": "c", "major": 1, "minor": 3, "fileMode": 438}]'
	[[ "$(logged warning)" == *"'/dev/nvidia1' stays: it is not 195:1" ]]
}

@test "a group that the user namespace does not have is left out" {
	gpu_bundle '.process.env += ["NVIDIA_DRIVER_CAPABILITIES=all"]' /probe exit 0
	chgrp 44 "$HOST/dev/dri/renderD129"
	chmod 660 "$HOST/dev/dri/renderD129"
	edit
	assert_config '.process.user.additionalGids == [44]'
	gpu_bundle '.process.env += ["NVIDIA_DRIVER_CAPABILITIES=all"] | .linux.namespaces += [{"type": "user"}] |
		.linux.gidMappings = [{"containerID": 7, "hostID": 40, "size": 10}]' /probe exit 0
	edit
	assert_config '.process.user.additionalGids == [11]'
	gpu_bundle '.process.env += ["NVIDIA_DRIVER_CAPABILITIES=all"] | .linux.namespaces += [{"type": "user"}] |
		.linux.gidMappings = [{"containerID": 0, "hostID": 1000, "size": 10}]' /probe exit 0
	edit
	assert_config '.process.user | has("additionalGids") | not'
	grep -q 'group 44 of a device node' "$LOG"
	chgrp 0 "$HOST/dev/dri/renderD129"
}

@test "a CDI name of others" {
	mkdir -p "$HOST/etc/cdi"
	echo '{"cdiVersion": "0.6.0", "kind": "example.com/dev", "devices": [{"name": "0", "containerEdits": {"env": ["FOREIGN=1", "A=spec"]}}]}' \
		>"$HOST/etc/cdi/example.json"
	bundle '.annotations["cdi.k8s.io/test"] = "example.com/dev=0"' /probe env FOREIGN
	container
	rm "$HOST/etc/cdi/example.json"
	[ "$output" = "env FOREIGN=1" ]
	assert_config '.process.env | index("A=1") and (index("A=spec") | not)'
	grep -qF "the container's 'A=1' stays" "$LOG"
	bundle '.annotations["cdi.k8s.io/test"] = "example.com/dev=1"' /probe exit 0
	container
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *"'example.com/dev=1'"* ]]
}

@test "a machine of another vendor" {
	"$NVBIND_SOURCE_ROOT/tests/hosts/make-host" radeon-x2 "$BATS_TEST_TMPDIR/amd"
	NVBIND_HOST_ROOT="$BATS_TEST_TMPDIR/amd"
	local before variable
	for variable in AMD_VISIBLE_DEVICES=1 NVBIND_GPU=1; do
		bundle '.process.env += ["'$variable'"]' /probe exit 0
		edit
		assert_config '[.linux.devices[].path] == ["/dev/dri/renderD129", "/dev/kfd"]'
	done
	# It only narrows down what a container has: it has all of what the machine has.
	bundle '.process.env += ["ROCR_VISIBLE_DEVICES=0"]' /probe exit 0
	edit
	assert_config '[.linux.devices[].path | select(startswith("/dev/dri/render"))] | length == 2'
	NVBIND_HOST_ROOT="$HOST"
	bundle '.process.env += ["ROCR_VISIBLE_DEVICES=0"]' /probe exit 0
	before="$(identity)"
	edit
	[ "$status" -eq 0 ]
	[ "$(identity)" = "$before" ]
	# An image for another machine.
	bundle '.process.env += ["AMD_VISIBLE_DEVICES=0"]' /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == "nvbind: read 'AMD_VISIBLE_DEVICES': select GPU '0': no such GPU; this machine has no AMD GPU" ]]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
}

@test "the driver without a GPU; devices beside the GPUs" {
	bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES=none"]' /probe dlopen libcuda.so.1
	container
	[[ "$output" == "dlopen libcuda.so.1 OK "* ]]
	assert_config '[.linux.devices[].path] | index("/dev/nvidiactl") and (index("/dev/nvidia0") | not)'
	gpu_bundle '.process.env += ["NVIDIA_NVSWITCH=enabled", "NVIDIA_GDS=no"]' /probe exit 0
	edit
	[ "$status" -eq 0 ]
	assert_config '[.linux.devices[].path] | index("/dev/nvidia-nvswitchctl")'
	gpu_bundle '.process.env += ["NVIDIA_MIG_CONFIG_DEVICES=all"]' /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *privilege* ]]
}

@test "the policy forbids the environment" {
	echo '{"accept_environment": "privileged"}' >"$NVBIND_RUNTIME_CONFIG"
	gpu_bundle . /probe open /dev/nvidia1
	container
	[ "$output" = "open /dev/nvidia1 ENOENT" ]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
	[[ "$(logged warning)" == *ignored* ]]
	gpu_bundle '.process.capabilities.bounding += ["CAP_SYS_ADMIN"]' /probe open /dev/nvidia1
	container
	[ "$output" = "open /dev/nvidia1 ENXIO" ]
	# Docker's --gpus leaves NVIDIA's hook: who wrote that means to have a GPU.
	gpu_bundle '.hooks.prestart = [{"path": "/usr/bin/nvidia-container-runtime-hook"}]' /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == "nvbind: start a container with GPUs: "*"NVIDIA_VISIBLE_DEVICES"*"privileged containers alone"* ]]
}

@test "root of a user namespace is not privileged" {
	echo '{"accept_environment": "privileged"}' >"$NVBIND_RUNTIME_CONFIG"
	gpu_bundle '.process.capabilities.bounding += ["CAP_SYS_ADMIN"] | '"$USER_NAMESPACE" /probe exit 0
	edit
	[ "$status" -eq 0 ]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
	[[ "$(logged warning)" == *ignored* ]]
	echo '{}' >"$NVBIND_RUNTIME_CONFIG"
	gpu_bundle '.process.capabilities.bounding += ["CAP_SYS_ADMIN"] | .process.env += ["NVIDIA_MIG_CONFIG_DEVICES=all"] |
		'"$USER_NAMESPACE" /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *"'NVIDIA_MIG_CONFIG_DEVICES': the container is not privileged"*"no user namespace"* ]]
}

@test "what has no effect is said" {
	bundle '.process.capabilities.bounding += ["CAP_SYS_ADMIN"] |
		.process.env += ["NVIDIA_VISIBLE_DEVICES=none", "NVIDIA_MIG_CONFIG_DEVICES=all"]' /probe exit 0
	edit
	[ "$status" -eq 0 ]
	[ "$(logged warning)" = "nvbind: mig_config 'all' has no effect: no NVIDIA GPU is selected" ]
	# Who names no part, misses none.
	gpu_bundle '.process.env += ["NVIDIA_DRIVER_CAPABILITIES=all"]' /probe exit 0
	edit
	[ ! -s "$LOG" ]
}

@test "without a log, warnings go to standard error" {
	echo '{"accept_environment": "never"}' >"$NVBIND_RUNTIME_CONFIG"
	gpu_bundle . /probe exit 0
	NVBIND_OCI_RUNTIME=/bin/true run_out "$RUNTIME" create --bundle "$BUNDLE" x
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[[ "$stderr" == "nvbind: warning: "*NVIDIA_VISIBLE_DEVICES*"is ignored: "* ]]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	edit
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
}

@test "a MIG UUID: the library is asked, and what it says is in the log" {
	local library uuid=MIG-1a2b3c4d-1111-2222-3333-444455556666
	NVBIND_HOST_ROOT="$BATS_TEST_TMPDIR/mig"
	chmod 755 "$BATS_TEST_TMPDIR"
	"$NVBIND_SOURCE_ROOT/tests/hosts/make-host" a100-mig "$NVBIND_HOST_ROOT"
	library="$NVBIND_HOST_ROOT/usr/lib64"
	cp "$NVBIND_BUILD_ROOT/tests/fake/libnvidia-ml.so.1" "$library/libnvidia-ml.so.535.183.01"
	printf 'gpu\t00000000:3b:00.0\tGPU-3b19b502-684b-4c0b-ab7e-faada1f2bfa1\tNVIDIA A100 80GB PCIe\t85899345920\t8.0\nmig\t2\t0\t%s\tMIG 1g.10gb\t9728\n' \
		"$uuid" >"$library/nvml.conf"
	bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES='$uuid'"]' /probe exit 0
	edit
	[ "$status" -eq 0 ]
	assert_config '[.linux.devices[].path | select(test("nvidia-cap[0-9]"))] | length == 2'
	echo 'init-error 9' | tr ' ' '\t' >"$library/nvml.conf"
	bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES='$uuid'"]' /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *"no partition has this UUID"* ]]
	[[ "$(logged warning)" == *nvmlInit* ]]
}

@test "a broken policy stops new containers, not the care of old ones" {
	local id="nvbind-test-$$-policy"
	gpu_bundle . /probe sleep 30
	"$RUNTIME" run --detach --bundle "$BUNDLE" "$id" >/dev/null 2>&1 </dev/null 3>&-
	echo '{"accept_enviroment": "never"}' >"$NVBIND_RUNTIME_CONFIG"
	unset NVBIND_OCI_RUNTIME
	container
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *accept_environment* ]]
	run_out "$RUNTIME" state "$id"
	[ "$(jq -r .status <<<"$output")" = running ]
	"$RUNTIME" delete --force "$id"
}

@test "an image's requirement" {
	gpu_bundle '.process.env += ["NVIDIA_REQUIRE_CUDA=cuda>=99.0"]' /probe exit 0
	container
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *"cuda>=99.0"* ]]
	gpu_bundle '.process.env += ["NVIDIA_REQUIRE_CUDA=cuda>=99.0", "NVIDIA_DISABLE_REQUIRE=1"]' /probe exit 0
	container
	[ "$status" -eq 0 ]
	gpu_bundle '.process.env += ["NVIDIA_REQUIRE_CUDA=cuda>=11.0 brand=tesla,driver>=1"]' /probe exit 0
	container
	[ "$status" -eq 0 ]
	# A driver from after this program serves what the last known one serves.
	sed 's/535\.183\.01/999.10.01/' "$NVBIND_SOURCE_ROOT/tests/hosts/descriptions/a100-mig.toml" >"$BATS_TEST_TMPDIR/newer.toml"
	"$NVBIND_SOURCE_ROOT/tests/hosts/make-host" "$BATS_TEST_TMPDIR/newer.toml" "$BATS_TEST_TMPDIR/newer"
	NVBIND_HOST_ROOT="$BATS_TEST_TMPDIR/newer"
	gpu_bundle '.process.env += ["NVIDIA_REQUIRE_CUDA=cuda>=12.0"]' /probe exit 0
	edit
	[ "$status" -eq 0 ]
	[ ! -s "$LOG" ]
	gpu_bundle '.process.env += ["NVIDIA_REQUIRE_CUDA=cuda<12.0"]' /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *" or newer"* ]]
}

@test "an error is one sentence, in the log and on standard error" {
	bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES=9"]' /probe exit 0
	container
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[[ "$stderr" == "nvbind: "*"'9'"* ]]
	[ "$(logged error)" = "$stderr" ]
	jq -e '.time | fromdate' "$LOG"
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
	rm "$LOG"
	run_out "$RUNTIME" --log="$LOG" run --bundle "$BUNDLE" x
	[[ "$(cat "$LOG")" == 'time="'*'" level=error msg="nvbind: '*'"' ]]
}

# What is no configuration at all, and what is one to runc alone.
@test "bad input: a configuration that is none" {
	bundle . /probe exit 0
	# Only what may hold a request is read closely; the rest is the low-level runtime's to refuse.
	for text in '' '{' '[]' '{"process": 7}' '{"process": {"env": "A=1"}}' '{"mounts": [1]}' 'null'; do
		printf '%s' "$text" >"$CONFIG"
		container
		[ "$status" -ne 0 ]
		[[ "$(logged error)" != "nvbind: "* ]]
		[ "$(cat "$CONFIG")" = "$text" ]
		rm -f "$LOG"
	done
	for text in '{"NVBIND_GPU=' '["NVBIND_GPU=0"]' '{"process": 7, "x": "NVBIND_GPU=0"}' '{"process": {"env": "NVBIND_GPU=0"}}' \
		'{"mounts": [1], "x": "NVBIND_GPU=0"}' '"NVBIND_GPU=0"'; do
		printf '%s' "$text" >"$CONFIG"
		container
		[ "$status" -eq 1 ]
		[[ "$(logged error)" == "nvbind: "*"$CONFIG"* ]]
		[ "$(cat "$CONFIG")" = "$text" ]
		rm -f "$LOG"
	done
	rm "$CONFIG"
	container
	[[ "$(logged error)" == *"$CONFIG': No such file"* ]]
	mkdir "$CONFIG"
	container
	[[ "$(logged error)" == *"not a regular file"* ]]
	rmdir "$CONFIG"
	mkfifo "$CONFIG"
	container
	[[ "$(logged error)" == *"not a regular file"* ]]
}

@test "bad input: a GPU that does not exist" {
	local name
	for name in zzz GPU-none MIG-none; do
		bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES='$name'"]' /probe exit 0
		edit
		[ "$status" -eq 1 ]
		[[ "$(logged error)" == "nvbind: select GPU '$name': no such GPU, and no CDI specification defines it; this machine has 0 ("* ]]
	done
	# Of a kind of others, the specifications know.
	bundle '.annotations["cdi.k8s.io/test"] = "example.com/gpu=zzz"' /probe exit 0
	edit
	[[ "$(logged error)" == *"'example.com/gpu=zzz' is not defined"* ]]
}

@test "bad input: no bundle, no process, no root, a root that is not there" {
	run_out "$RUNTIME" --log "$LOG" --log-format json create --bundle "$BATS_TEST_TMPDIR/none" x
	[ "$status" -eq 1 ]
	[ "$(logged error)" = "nvbind: open the bundle '$BATS_TEST_TMPDIR/none': No such file or directory" ]
	bundle 'del(.process)' /probe
	container
	[ "$status" -eq 1 ]
	[[ "$stderr" == *process* ]]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
	gpu_bundle 'del(.root)' /probe
	container
	[[ "$(logged error)" == *"'root.path' is missing" ]]
	gpu_bundle '.root.path = "none"' /probe
	container
	[[ "$(logged error)" == "nvbind: open the container's root '$BUNDLE/none': No such file or directory" ]]
	gpu_bundle '.root.path = "config.json"' /probe
	container
	[[ "$(logged error)" == *"Not a directory" ]]
}

@test "bad input: an id that leads elsewhere is the low-level runtime's to refuse" {
	gpu_bundle . /probe exit 0
	for id in ../x a/b '' '-x'; do
		oci create --bundle "$BUNDLE" "$id"
		[ "$status" -ne 0 ]
		[[ "$stderr" != nvbind:* ]]
	done
}

@test "bad input: 20 MB, and too much" {
	gpu_bundle . /probe open /dev/nvidia1
	python3 - "$CONFIG" <<-'END'
		import json, sys
		config = json.load(open(sys.argv[1]))
		config['annotations'] = {'x%d' % i: 'y' * 1000 for i in range(20000)}
		json.dump(config, open(sys.argv[1], 'w'))
	END
	[ "$(stat -c %s "$CONFIG")" -gt 20000000 ]
	edit
	[ "$status" -eq 0 ]
	assert_config '[.linux.devices[].path] | index("/dev/nvidia1")' '.annotations | length == 20000'
	truncate -s 65M "$CONFIG"
	edit
	[[ "$(logged error)" == *"it has more than 64 MiB" ]]
}

@test "bad input: a bundle that cannot be written" {
	gpu_bundle . /probe exit 0
	# shellcheck disable=SC2016 # expanded there
	run_out unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" --log "$3" --log-format json create --bundle "$1" x' \
		sh "$BUNDLE" "$RUNTIME" "$LOG"
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == "nvbind: write '$CONFIG': Read-only file system" ]]
	cmp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
}

@test "bad input: environment with newlines and without '='" {
	gpu_bundle '.process.env += ["NOTHING", "A=b\nc", "", "=x", "NVIDIA_VISIBLE_DEVICES"]' /probe open /dev/nvidia1
	cp "$CONFIG" "$BATS_TEST_TMPDIR/before.json"
	edit
	[ "$status" -eq 0 ]
	assert_config '.process.env[4:9] == ["NOTHING", "A=b\nc", "", "=x", "NVIDIA_VISIBLE_DEVICES"]' \
		'[.linux.devices[].path] | index("/dev/nvidia1")'
	bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES=1\n0"]' /probe exit 0
	edit
	[ "$status" -eq 1 ]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
}

@test "no low-level runtime, and none but itself" {
	gpu_bundle . /probe exit 0
	NVBIND_OCI_RUNTIME=/none/runc oci state x
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == "nvbind: find the low-level runtime '/none/runc': it is not installed ("* ]]
	ln -s "$RUNTIME" "$BATS_TEST_TMPDIR/runc"
	ln "$RUNTIME" "$BATS_TEST_TMPDIR/crun" || cp "$RUNTIME" "$BATS_TEST_TMPDIR/crun"
	for name in "$RUNTIME" "$BATS_TEST_TMPDIR/runc" "$BATS_TEST_TMPDIR/crun"; do
		NVBIND_OCI_RUNTIME="$name" oci state x
		[ "$status" -eq 1 ]
		[[ "$(logged error)" == *"itself"* || "$(logged error)" == *"started nvbind-runtime again"* ]]
	done
	printf '#!/bin/sh\nexec "%s" "$@"\n' "$RUNTIME" >"$BATS_TEST_TMPDIR/wrapper"
	chmod 755 "$BATS_TEST_TMPDIR/wrapper"
	NVBIND_OCI_RUNTIME="$BATS_TEST_TMPDIR/wrapper" oci create --bundle "$BUNDLE" x
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *"started nvbind-runtime again"* ]]
	# One that forks has another process number each time.
	printf '#!/bin/sh\necho started >>"%s"\n"%s" "$@"\nexit $?\n' "$BATS_TEST_TMPDIR/chain" "$RUNTIME" >"$BATS_TEST_TMPDIR/wrapper"
	NVBIND_OCI_RUNTIME="$BATS_TEST_TMPDIR/wrapper" oci state x
	[ "$status" -eq 1 ]
	[[ "$(logged error)" == *"started nvbind-runtime again"* ]]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/chain")" -eq 8 ]
}

@test "--version as engines read it, --help" {
	run_out "$RUNTIME" --version
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == "nvbind-runtime "[0-9]* ]]
	[ "$(tail -n +2 <<<"$output")" = "$(runc --version)" ]
	run_out "$RUNTIME" --help
	[[ "$output" == "Usage: nvbind-runtime "* ]]
}

@test "under the name that it replaces" {
	ln -s "$RUNTIME" "$BATS_TEST_TMPDIR/nvidia-container-runtime"
	gpu_bundle . /probe open /dev/nvidia1
	run_out "$BATS_TEST_TMPDIR/nvidia-container-runtime" run --bundle "$BUNDLE" x
	[ "$output" = "open /dev/nvidia1 ENXIO" ]
}

# The peak includes the program that is executed afterwards.
@test "no more than 4 MB of memory" {
	! ldd "$RUNTIME" | grep -q 'lib[a-z]*san\.' || skip "built with a sanitizer"
	gpu_bundle '.process.env += ["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all"]' /probe exit 0
	NVBIND_OCI_RUNTIME=/bin/true run_out "$NVBIND_BUILD_ROOT/tests/bench/peak-memory" "$RUNTIME" create --bundle "$BUNDLE" x
	[ "$status" -eq 0 ]
	[ "$output" -le 4096 ]
}

# What systemd does at daemon-reload to containers whose devices it guards, on version 1: everything is denied, then
# the rules that it was told of are allowed. Those of the configuration, as far as the jq filter selects them.
rewrite_device_rules() {
	local pid directory rule
	pid="$(runc state "$1" | jq .pid)"
	directory="/sys/fs/cgroup/devices$(sed -n 's/^[0-9]*:devices://p' "/proc/$pid/cgroup")"
	[[ "$directory" == */"$1" ]]
	echo a >"$directory/devices.deny"
	# runc's own, and the configuration's.
	{
		echo 'c *:* m'
		echo 'c 1:3 rwm'
		jq -r '.linux.resources.devices[] | select(.allow) | select('"$2"') | "\(.type) \(.major):\(.minor) \(.access)"' "$CONFIG"
	} | while read -r rule; do
		echo "$rule" >"$directory/devices.allow"
	done
}

@test "systemd's rewrite of the device rules keeps the GPU" {
	local id="nvbind-test-$$-reload"
	[ -e /sys/fs/cgroup/devices/devices.allow ] || skip "no device cgroup of version 1"
	gpu_bundle '.process.capabilities |= map_values(. + ["CAP_MKNOD"])' /probe sleep 30
	"$RUNTIME" run --detach --bundle "$BUNDLE" "$id" >/dev/null 2>&1 </dev/null 3>&-
	"$RUNTIME" exec "$id" /probe mknod /dev/n0 195 0
	for filter in true '.major != 195' true; do
		rewrite_device_rules "$id" "$filter"
		for node in nvidia1 nvidiactl; do
			run_out "$RUNTIME" exec "$id" /probe open "/dev/$node"
			[ "$output" = "open /dev/$node $([ "$filter" = true ] && echo ENXIO || echo EPERM)" ]
		done
		run_out "$RUNTIME" exec "$id" /probe open /dev/n0
		[ "$output" = "open /dev/n0 EPERM" ]
	done
	"$RUNTIME" delete --force "$id"
}

# Runs nvbind-runtime on this machine, whose /dev, /run and CDI specification are the test's own; says where the links
# of both nodes lead afterwards.
links_after() {
	# shellcheck disable=SC2016 # expanded there
	NVBIND_HOST_ROOT=/ NVBIND_OCI_RUNTIME=/bin/true run_out unshare "$@" sh -c '
		mount --make-rprivate / && mount -t tmpfs none /run && mkdir /run/cdi && cp "$1" /run/cdi/example.json || exit 9
		mkdir /run/dev /run/dev/caps && touch /run/dev/null && mount --bind /dev/null /run/dev/null || exit 9
		for node in gpu caps/cap; do touch /run/dev/$node && mount --bind /dev/zero /run/dev/$node || exit 9; done
		[ -z "$2" ] || { mkdir /run/dev/char && ln -s "$2" /run/dev/char/1:5; } || exit 9
		mount --rbind /run/dev /dev || exit 9
		shift 2
		"$@" >&2 || exit 8
		readlink /dev/char/1:5 || echo none' sh "$BATS_TEST_TMPDIR/example.json" "$LINK" "$RUNTIME" "${OPTIONS[@]}" \
		create --bundle "$BUNDLE" x
}

@test "device numbers lead to nodes where systemd guards them" {
	echo '{"cdiVersion": "0.6.0", "kind": "example.com/dev", "devices": [{"name": "0", "containerEdits":
		{"deviceNodes": [{"path": "/dev/gpu"}]}}, {"name": "1", "containerEdits": {"deviceNodes": [{"path": "/dev/caps/cap"}]}}]}' \
		>"$BATS_TEST_TMPDIR/example.json"
	for case in "0||--systemd-cgroup|../gpu" "1||--cgroup-manager=systemd|../caps/cap" "0|../null|--systemd-cgroup|../gpu" \
		"0|/dev/caps/cap|--systemd-cgroup|/dev/caps/cap" "0||--cgroup-manager=cgroupfs|none" "0||--root=/r|none"; do
		IFS='|' read -r device LINK option expected <<<"$case"
		OPTIONS=("$option")
		bundle '.annotations["cdi.k8s.io/test"] = "example.com/dev='"$device"'"' /probe exit 0
		links_after -m
		[ "$status" -eq 0 ]
		[ "$output" = "$expected" ]
		[ -z "$stderr" ]
	done
	# Of a user namespace's root it is not the business.
	OPTIONS=(--systemd-cgroup) LINK=
	bundle '.annotations["cdi.k8s.io/test"] = "example.com/dev=0"' /probe exit 0
	links_after -mUr
	[ "$status" -eq 0 ]
	[ "$output" = none ]
}

@test "in a user namespace: no node that is not there" {
	echo '{"cdiVersion": "0.6.0", "kind": "example.com/dev", "devices": [{"name": "0", "containerEdits": {"deviceNodes":
		[{"path": "/dev/none", "type": "c", "major": 240, "minor": 1}], "env": ["FOREIGN=1"]}}]}' >"$BATS_TEST_TMPDIR/example.json"
	mkdir -p "$HOST/etc/cdi"
	cp "$BATS_TEST_TMPDIR/example.json" "$HOST/etc/cdi/example.json"
	bundle '.annotations["cdi.k8s.io/test"] = "example.com/dev=0"' /probe open /dev/none
	container
	[ "$output" = "open /dev/none ENXIO" ]
	bundle '.annotations["cdi.k8s.io/test"] = "example.com/dev=0" | '"$USER_NAMESPACE" /probe env FOREIGN
	container
	[ "$output" = "env FOREIGN=1" ]
	[[ "$(logged warning)" == *"'/dev/none' is not on this machine"* ]]
	user_bundle /probe env FOREIGN
	jq -c '.annotations["cdi.k8s.io/test"] = "example.com/dev=0"' "$CONFIG" >"$BUNDLE/new"
	mv "$BUNDLE/new" "$CONFIG"
	chown "$USER_ID:$USER_ID" "$CONFIG"
	run_as_user runc
	rm "$HOST/etc/cdi/example.json"
	[ "$output" = "env FOREIGN=1" ]
	assert_config '[.linux.devices[]?.path] | all(. != "/dev/none")'
}

@test "a limit of files is an error, not the end" {
	gpu_bundle . /bin/true
	NVBIND_OCI_RUNTIME=/bin/true run_out bash -c 'ulimit -f 4; exec "$@"' - "$RUNTIME" create --bundle "$BUNDLE" x
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"File too large"* ]]
	cmp "$BATS_TEST_TMPDIR/before.json" "$CONFIG"
	# The low-level runtime has what we had.
	cat >"$BATS_TEST_TMPDIR/low" <<-'END'
		#!/bin/sh
		grep -E 'SigIgn' /proc/self/status
	END
	chmod 755 "$BATS_TEST_TMPDIR/low"
	bundle . /bin/true
	NVBIND_OCI_RUNTIME="$BATS_TEST_TMPDIR/low" run_out env --default-signal=XFSZ "$RUNTIME" create --bundle "$BUNDLE" x
	[[ "$output" == *SigIgn* ]]
	(((0x${output##*[[:space:]]} & 1 << 24) == 0))
	NVBIND_OCI_RUNTIME="$BATS_TEST_TMPDIR/low" run_out env --ignore-signal=XFSZ "$RUNTIME" create --bundle "$BUNDLE" x
	(((0x${output##*[[:space:]]} & 1 << 24) != 0))
}
