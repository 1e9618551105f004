# SPDX-License-Identifier: Apache-2.0
# nvbind-runtime under Docker. The nodes are real and have no driver behind them: opening one says
# ENXIO where the device cgroup lets it through, and EPERM where it does not.
# shellcheck disable=SC2154,SC2016 # fixture.bash sets stderr; a container expands
bats_require_minimum_version 1.5.0
load fixture
load engines

KNOWN_RUNTIMES="\"runtimes\": {\"nvbind\": {\"path\": \"$RUNTIME\"}, \"spy\": {\"path\": \"/usr/bin/spy\"}}"

setup_file() {
	local name
	engines_up here here-v2 other
	[ -e "$BATS_FILE_TMPDIR/here/pid" ] || return 0
	# Keeps the configuration that the runtime was handed.
	inside here install -m 755 /dev/stdin /usr/bin/spy <<-END
		#!/bin/sh
		for word; do
			[ "\$last" = --bundle ] && cp "\$word/config.json" /tmp/handed.json
			last=\$word
		done
		exec "$RUNTIME" "\$@"
	END
	for name in here here-v2 other; do
		[ ! -e "$BATS_FILE_TMPDIR/$name/pid" ] || configure_dockerd "$name" "{$KNOWN_RUNTIMES}"
		start_dockerd "$name"
	done
}

teardown_file() {
	engines_down
}

setup() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
	WHERE=here
	case "$BATS_TEST_DESCRIPTION" in
	"another docker"*) WHERE=other ;;
	"cgroups of version 2"*) WHERE=here-v2 ;;
	esac
	need "$WHERE" docker dockerd
	image debian docker_root "$WHERE"
}

teardown() {
	[ ! -e "$BATS_FILE_TMPDIR/here/pid" ] || set_policy here "{\"host_root\": \"$HOST\"}"
}

docker() {
	inside "$WHERE" docker "$@"
}

# A container that ends; options and command as for docker run.
try() {
	run_out docker run --rm --network none --runtime nvbind "$@"
}

# A container that stays, called box.
start_box() {
	docker rm --force box >/dev/null 2>&1 || true
	docker run --detach --name box --network none --runtime nvbind "$@" debian sleep 1000
}

# GPU 1 answers and GPU 0 is neither there nor reachable, asked in the container box.
box_has_gpu_1() {
	run_out docker exec box sh -c '/probe open /dev/nvidia1; /probe open /dev/nvidiactl rw; rm -f /dev/nvidia0
		/probe mknod /dev/nvidia0 195 0; /probe open /dev/nvidia0; /probe dlopen libcuda.so.1'
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidiactl ENXIO" ]
	[ "${lines[2]}" = "mknod /dev/nvidia0 OK" ]
	[ "${lines[3]}" = "open /dev/nvidia0 EPERM" ]
	[[ "${lines[4]}" == "dlopen libcuda.so.1 OK"* ]]
}

bundle_of_box() {
	echo "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/$(docker inspect -f '{{.Id}}' box)"
}

uuid_of() {
	on_host info --gpus --format json | python3 -c 'import json, sys; print(json.load(sys.stdin)[int(sys.argv[1])]["uuid"])' "$1"
}

exactly_one_gpu() {
	try -e NVIDIA_VISIBLE_DEVICES=1 debian sh -c '/probe open /dev/nvidia1; /probe open /dev/nvidiactl
		/probe open /dev/nvidia0; /probe ls /dev; /probe mknod /dev/nvidia0 195 0; /probe open /dev/nvidia0'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidiactl ENXIO" ]
	[ "${lines[2]}" = "open /dev/nvidia0 ENOENT" ]
	[ "${lines[-2]}" = "mknod /dev/nvidia0 OK" ]
	[ "${lines[-1]}" = "open /dev/nvidia0 EPERM" ]
	[ "$(nodes)" = "1 " ]
	# The index is PCI order, not the device minor.
	try -e NVIDIA_VISIBLE_DEVICES=4,0 debian /probe ls /dev
	[ "$(nodes)" = "0 6 " ]
}

libcuda_loads() {
	local kind
	image fedora docker_root "$WHERE"
	for kind in debian fedora; do
		try -e NVIDIA_VISIBLE_DEVICES=1 $kind sh -c \
			'/probe dlopen libcuda.so.1 libcuda.so libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1
			/probe cuinit; [ -x /usr/bin/nvidia-smi ] && echo smi'
		[ "$(grep -c '^dlopen .* OK' <<<"$output")" -eq 4 ]
		[ "${lines[-1]}" = smi ]
	done
}

stays_over_its_life() {
	start_box -e NVIDIA_VISIBLE_DEVICES=1
	box_has_gpu_1
	docker restart -t 0 box
	box_has_gpu_1
	docker stop -t 0 box
	docker start box
	box_has_gpu_1
	docker pause box
	docker unpause box
	box_has_gpu_1
}

# What systemd does at daemon-reload, and runc at an update: the rules that the configuration holds
# are written again, and what was allowed behind its back is lost.
rewrite_device_rules() {
	local pid group directory
	[ -e /sys/fs/cgroup/devices ] || return 0 # version 2 has no files for them
	pid="$(docker inspect -f '{{.State.Pid}}' box)"
	group="$(inside "$WHERE" sed -n 's/^[0-9]*:devices://p' "/proc/$pid/cgroup")"
	[[ "$group" == "/$CGROUP/"* ]]
	directory="/sys/fs/cgroup/devices$group"
	echo a >"$directory/devices.deny"
	echo 'c *:* m' >"$directory/devices.allow" # runc's own
	inside "$WHERE" cat "$(bundle_of_box)/config.json" | python3 -c '
import json, sys
for rule in json.load(sys.stdin)["linux"]["resources"]["devices"]:
    if rule["allow"]:
        number = ["*" if rule.get(key, -1) < 0 else str(rule[key]) for key in ("major", "minor")]
        print(rule.get("type", "a"), ":".join(number), rule.get("access", "rwm"))
' | while read -r rule; do
		echo "$rule" >"$directory/devices.allow"
	done
}

survives_updates() {
	start_box -e NVIDIA_VISIBLE_DEVICES=1
	docker update --memory 200m --memory-swap 300m --cpus 1.5 box
	box_has_gpu_1
	docker update --cpu-shares 100 --pids-limit 500 box
	box_has_gpu_1
	rewrite_device_rules
	box_has_gpu_1
	docker restart -t 0 box
	box_has_gpu_1
}

errors_are_one_sentence() {
	local try
	for try in "NVIDIA_VISIBLE_DEVICES=99|99" "NVIDIA_VISIBLE_DEVICES=GPU-00000000-0000-0000-0000-000000000000|GPU-0000" \
		"NVIDIA_REQUIRE_CUDA=cuda>=99.0|cuda>=99.0" "NVIDIA_DRIVER_CAPABILITIES=teleport|teleport" \
		"NVIDIA_MIG_CONFIG_DEVICES=all|NVIDIA_MIG_CONFIG_DEVICES" $'NVBIND_GPU=0\n1|0\\x0a1'; do
		try -e NVIDIA_VISIBLE_DEVICES=0 -e "${try%|*}" debian true
		[ "$status" -eq 125 ]
		[[ "$stderr" == *"OCI runtime create failed: "*"${try#*|}"* ]]
		[[ "$stderr" != *"unable to retrieve"* ]]
		# docker itself may add that it does not wait any more.
		[ "$(grep -cv '^time=' <<<"$stderr")" -eq 1 ]
	done
	[ -z "$(docker ps --all --quiet --filter status=created)" ]
	try -e NVIDIA_VISIBLE_DEVICES=0 -e NVIDIA_REQUIRE_CUDA='cuda>=99.0' -e NVIDIA_DISABLE_REQUIRE=1 debian true
	[ "$status" -eq 0 ]
}

@test "exactly the GPU asked for" {
	exactly_one_gpu
}

@test "libcuda loads in Debian- and Fedora-like images" {
	libcuda_loads
}

@test "a container keeps its GPU when it restarts, stops, starts and pauses" {
	stays_over_its_life
}

@test "a container that is always restarted has its GPU when the daemon comes back" {
	start_box -e NVIDIA_VISIBLE_DEVICES=1 --restart always --stop-timeout 1
	stop_dockerd here
	start_dockerd here
	for _ in {1..50}; do
		[ "$(docker inspect -f '{{.State.Running}}' box)" != true ] || break
		sleep 0.1
	done
	box_has_gpu_1
	docker rm --force box
}

@test "cgroups of version 2: exactly the GPU asked for, over the container's life" {
	exactly_one_gpu
	stays_over_its_life
}

@test "updates of limits and a rewrite of the device rules leave the GPU" {
	survives_updates
}

@test "an error is one sentence for the user" {
	errors_are_one_sentence
}

@test "NVBIND_GPU and the capabilities asked for" {
	try -e NVBIND_GPU=2 debian /probe ls /dev
	[ "$(nodes)" = "2 " ]
	# An image's does not widen what the user asks for, nor the other way about.
	try -e NVBIND_GPU=all -e NVIDIA_VISIBLE_DEVICES=1 debian /probe ls /dev
	[ "$(nodes)" = "1 " ]
	try -e NVBIND_GPU=2 -e NVIDIA_VISIBLE_DEVICES=all debian /probe ls /dev
	[ "$(nodes)" = "2 " ]
	try -e NVIDIA_VISIBLE_DEVICES=1 -e NVIDIA_DRIVER_CAPABILITIES=utility debian \
		/probe dlopen libnvidia-ml.so.1 libcuda.so.1
	[[ "${lines[0]}" == "dlopen libnvidia-ml.so.1 OK"* ]]
	[[ "${lines[1]}" == "dlopen libcuda.so.1 FAIL"* ]]
	try -e NVIDIA_VISIBLE_DEVICES=1 -e NVIDIA_DRIVER_CAPABILITIES=graphics debian /probe ls /dev/dri
	[[ "$output" == *"/dev/dri/renderD129 c 226:129"* ]]
	[[ "$output" != *renderD128* ]]
}

@test "none gives the driver without a GPU, void and no variable give nothing" {
	try -e NVIDIA_VISIBLE_DEVICES=none debian sh -c '/probe ls /dev; /probe dlopen libnvidia-ml.so.1'
	[ "$(nodes)" = "" ]
	[[ "${lines[-1]}" == "dlopen libnvidia-ml.so.1 OK"* ]]
	for value in void ""; do
		try -e NVIDIA_VISIBLE_DEVICES=$value debian sh -c '/probe ls /dev; /probe dlopen libnvidia-ml.so.1'
		[[ "$output" != */dev/nvidia* ]]
		[[ "${lines[-1]}" == "dlopen libnvidia-ml.so.1 FAIL"* ]]
	done
}

@test "an environment file, as compose writes it" {
	inside here tee /tmp/env <<'END' >/dev/null
NVIDIA_VISIBLE_DEVICES=1,3
NVIDIA_DRIVER_CAPABILITIES=compute,utility
NVIDIA_REQUIRE_CUDA=cuda>=11.0 brand=tesla,driver>=450
UNRELATED=a=b "c"
END
	try --env-file /tmp/env debian sh -c '/probe ls /dev; /probe dlopen libcuda.so.1; echo "$UNRELATED"'
	[ "$(nodes)" = "1 3 " ]
	[[ "${lines[-2]}" == "dlopen libcuda.so.1 OK"* ]]
	[ "${lines[-1]}" = 'a=b "c"' ]
}

@test "a container that asks for nothing gets the configuration that Docker wrote" {
	docker rm --force box >/dev/null 2>&1 || true
	run_out docker run --detach --name box --network none --runtime spy debian sleep 1000
	inside here cmp /tmp/handed.json "$(bundle_of_box)/config.json"
	docker rm --force box
	run_out docker run --detach --name box --network none --runtime spy -e NVIDIA_VISIBLE_DEVICES=0 debian sleep 1000
	run inside here cmp /tmp/handed.json "$(bundle_of_box)/config.json"
	[ "$status" -eq 1 ]
}

@test "as the default runtime: images without a request, with one, and a build" {
	docker_root here import --change 'ENV NVIDIA_VISIBLE_DEVICES=all' - wants-all < <(tar -C "$(root_of debian)" -c .)
	configure_dockerd here "{$KNOWN_RUNTIMES, \"default-runtime\": \"nvbind\"}"
	for _ in {1..50}; do
		[ "$(docker info -f '{{.DefaultRuntime}}')" != nvbind ] || break
		sleep 0.1
	done
	run_out docker run --rm --network none debian sh -c '/probe ls /dev; /probe dlopen libcuda.so.1'
	[ "$status" -eq 0 ]
	[[ "$output" != *nvidia* ]]
	run_out docker run --rm --network none wants-all /probe ls /dev
	[ "$(nodes)" = "0 1 2 3 4 5 6 7 " ]
	# What the user says wins over the image.
	run_out docker run --rm --network none -e NVIDIA_VISIBLE_DEVICES=2 wants-all /probe ls /dev
	[ "$(nodes)" = "2 " ]
	DOCKER_BUILDKIT=0 run_out docker build --network none - <<'END'
FROM wants-all
RUN ["/probe", "open", "/dev/nvidia3"]
END
	[[ "$output" == *"open /dev/nvidia3 ENXIO"* ]]
	configure_dockerd here "{$KNOWN_RUNTIMES, \"default-runtime\": \"runc\"}"
}

@test "privileged: every node that Docker gives, and the driver" {
	local node all=(--privileged)
	# A machine that lacks a capability itself cannot give them all.
	docker run --rm --network none --privileged debian true || all=(--cap-add SYS_ADMIN)
	[ "${#all[@]}" -eq 1 ] || for node in 0 1 2 ctl; do all+=(--device "/dev/nvidia$node"); done
	try "${all[@]}" -e NVIDIA_VISIBLE_DEVICES=1 debian \
		sh -c '/probe open /dev/nvidia1; /probe dlopen libcuda.so.1; /probe open /dev/nvidia2'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[[ "${lines[1]}" == "dlopen libcuda.so.1 OK"* ]]
	[ "${lines[2]}" = "open /dev/nvidia2 ENXIO" ]
}

@test "an ordinary user, a read-only root, a tmpfs" {
	try --user 1000:1000 --read-only --tmpfs /tmp:rw,size=1m --security-opt no-new-privileges \
		-e NVIDIA_VISIBLE_DEVICES=1 debian \
		sh -c '/probe open /dev/nvidia1 rw; /probe dlopen libcuda.so.1; echo x >/tmp/x && cat /tmp/x; touch /x'
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[[ "${lines[1]}" == "dlopen libcuda.so.1 OK"* ]]
	[ "${lines[2]}" = x ]
	[[ "$stderr" == *"Read-only file system"* ]]
}

@test "a volume of the user wins over a driver file" {
	inside here sh -c 'echo mine >/tmp/mine'
	try -v /tmp/mine:/usr/lib/x86_64-linux-gnu/libcuda.so.1:ro -v /tmp/mine:/usr/bin/nvidia-smi:ro \
		-e NVIDIA_VISIBLE_DEVICES=1 debian \
		sh -c 'for file in /usr/lib/x86_64-linux-gnu/libcuda.so.1 /usr/bin/nvidia-smi; do wc -c <$file; done
		/probe dlopen libnvidia-ml.so.1'
	[ "${lines[0]}" = 5 ]
	[ "${lines[1]}" = 5 ]
	[[ "${lines[2]}" == "dlopen libnvidia-ml.so.1 OK"* ]]
}

@test "a volume of the user over a directory of the driver's: it starts, and nothing is put there" {
	local mode
	inside here mkdir -p /tmp/theirs
	for mode in ro rw; do
		try -v "/tmp/theirs:/run:$mode" -v "/tmp/theirs:/usr/lib/firmware:$mode" -e NVIDIA_VISIBLE_DEVICES=1 debian \
			sh -c '/probe open /dev/nvidia1; /probe dlopen libcuda.so.1'
		[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
		[[ "${lines[1]}" == "dlopen libcuda.so.1 OK"* ]]
		run inside here ls -A /tmp/theirs
		[ -z "$output" ]
	done
}

@test "an image made of a container holds no driver, and works again" {
	docker rm --force box >/dev/null 2>&1 || true
	run_out docker run --name box --network none --runtime nvbind -e NVIDIA_VISIBLE_DEVICES=1 debian /probe dlopen libcuda.so.1
	[[ "$output" == "dlopen libcuda.so.1 OK"* ]]
	docker commit box committed
	run_out docker run --rm --network none committed /probe dlopen libcuda.so.1
	[[ "$output" == "dlopen libcuda.so.1 FAIL"* ]]
	run_out docker run --rm --network none committed sh -c \
		'find / -xdev -type f \( -name "lib*cuda*" -o -name "libnvidia*" -o -name "nvidia-*" \) -size +0'
	[ -z "$output" ]
	# The variable is in the image now.
	run_out docker run --rm --network none --runtime nvbind committed sh -c '/probe open /dev/nvidia1; /probe dlopen libcuda.so.1'
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[[ "${lines[1]}" == "dlopen libcuda.so.1 OK"* ]]
}

@test "with user namespaces" {
	make_namespace remapped /
	start_dockerd remapped --add-runtime nvbind="$RUNTIME" --userns-remap gpu
	WHERE=remapped
	image debian docker_root remapped
	try -e NVIDIA_VISIBLE_DEVICES=1 debian sh -c 'cat /proc/self/uid_map; /probe open /dev/nvidia1 rw
		/probe open /dev/nvidia0; /probe mknod /dev/nvidia0 195 0; /probe dlopen libcuda.so.1'
	[[ "${lines[0]}" == *6400000* ]]
	[ "${lines[1]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[2]}" = "open /dev/nvidia0 ENOENT" ]
	[ "${lines[3]}" = "mknod /dev/nvidia0 EPERM" ]
	[[ "${lines[4]}" == "dlopen libcuda.so.1 OK"* ]]
}

@test "hostile images: refused in one sentence or started, and nothing of the machine is touched" {
	local kind
	inside here sh -c 'ls -laR --time-style=full-iso /etc /usr/bin /usr/lib/x86_64-linux-gnu >/run/before'
	for kind in hostile-usrlib hostile-libdir hostile-proc hostile-loop hostile-file hostile-target; do
		image $kind docker_root here
		try -e NVIDIA_VISIBLE_DEVICES=1 -e NVIDIA_DRIVER_CAPABILITIES=all $kind /probe open /dev/nvidia1
		case $status in
		0) [ "$output" = "open /dev/nvidia1 ENXIO" ] ;;
		*) [[ "$stderr" == *"nvbind: place the driver's files in the container: "* ]] ;;
		esac
	done
	inside here sh -c 'ls -laR --time-style=full-iso /etc /usr/bin /usr/lib/x86_64-linux-gnu | cmp /run/before -'
}

@test "containerd: environment and annotations" {
	local request name=docker.io/library/debian:latest
	local ctr=(inside here ctr --address /run/docker/containerd/containerd.sock)
	docker tag debian "$name"
	docker save "$name" | "${ctr[@]}" images import -
	for request in --env=NVIDIA_VISIBLE_DEVICES=1 --annotation=cdi.k8s.io/test=nvidia.com/gpu=1; do
		run_out "${ctr[@]}" run --rm --cgroup "/$CGROUP/box" --runc-binary "$RUNTIME" "$request" "$name" box \
			sh -c '/probe open /dev/nvidia1; /probe open /dev/nvidia0; /probe dlopen libcuda.so.1'
		[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
		[ "${lines[1]}" = "open /dev/nvidia0 ENOENT" ]
		[[ "${lines[2]}" == "dlopen libcuda.so.1 OK"* ]]
	done
}

@test "the policy says which requests count" {
	set_policy here "{\"host_root\": \"$HOST\", \"accept_environment\": \"privileged\", \"accept_volume_mounts\": \"always\"}"
	try -e NVIDIA_VISIBLE_DEVICES=1 debian /probe ls /dev
	[ "$status" -eq 0 ]
	[ "$(nodes)" = "" ]
	try -e NVIDIA_VISIBLE_DEVICES=1 -v /dev/null:/var/run/nvidia-container-devices/3 debian /probe ls /dev
	[ "$(nodes)" = "3 " ]
	try --cap-add SYS_ADMIN -e NVIDIA_VISIBLE_DEVICES=1 debian /probe ls /dev
	[ "$(nodes)" = "1 " ]
}

@test "a swarm's resource stands for the variable" {
	set_policy here "{\"host_root\": \"$HOST\", \"swarm_resources\": [\"DOCKER_RESOURCE_GPU\"]}"
	try -e NVIDIA_VISIBLE_DEVICES=1 -e DOCKER_RESOURCE_GPU="$(uuid_of 2)" debian /probe ls /dev
	[ "$(nodes)" = "2 " ]
	try -e NVIDIA_VISIBLE_DEVICES=1 debian /probe ls /dev
	[ "$(nodes)" = "1 " ]
}

@test "another docker: exactly the GPU asked for" {
	exactly_one_gpu
}

@test "another docker: libcuda loads in Debian- and Fedora-like images" {
	libcuda_loads
}

@test "another docker: a container keeps its GPU when it restarts, stops, starts and pauses" {
	stays_over_its_life
}

@test "another docker: updates of limits and a rewrite of the device rules leave the GPU" {
	survives_updates
}

@test "another docker: an error is one sentence for the user" {
	errors_are_one_sentence
}
