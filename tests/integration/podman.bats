# SPDX-License-Identifier: Apache-2.0
# nvbind-runtime under Podman, as root and as an ordinary user. The nodes are real and have no driver
# behind them: opening one says ENXIO where it is allowed.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture
load engines

setup_file() {
	engines_up here other other-v2
}

teardown_file() {
	engines_down
}

# The rig is in the test's name.
setup() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
	local programs=(podman runc)
	WHERE=here
	RIG=podman_root
	case "$BATS_TEST_DESCRIPTION" in "another podman with crun"*) WHERE=other-v2 programs=(podman crun) ;; "another podman"*) WHERE=other ;; esac
	case "$BATS_TEST_DESCRIPTION" in *"without root"*) RIG=podman_user programs+=(newuidmap) ;; esac
	need "$WHERE" "${programs[@]}"
	image debian "$RIG" "$WHERE" "$RUNTIME"
}

podman() {
	"$RIG" "$WHERE" "$RUNTIME" "$@"
}

# A container that ends; options and command as for podman run.
try() {
	run_out podman run --rm --network none "$@"
}

# Podman believes that no runtime but crun does without a cgroup, and goes by the name.
with_crun() {
	set_policy "$WHERE" "{\"host_root\": \"$HOST\", \"low_level_runtimes\": [\"crun\"]}"
	inside "$WHERE" tee /etc/containers/containers.conf >/dev/null <<-END
		[engine]
		runtime_supports_nocgroup = ["${RUNTIME##*/}"]
	END
}

exactly_one_gpu() {
	try -e NVIDIA_VISIBLE_DEVICES=1 debian sh -c '/probe open /dev/nvidia1; /probe open /dev/nvidiactl
		/probe open /dev/nvidia0; /probe ls /dev; /probe mknod /dev/nvidia0 195 0; /probe open /dev/nvidia0'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidiactl ENXIO" ]
	[ "${lines[2]}" = "open /dev/nvidia0 ENOENT" ]
	# With the right to make nodes, the device cgroup is what stops it.
	case "${lines[-2]}" in
	*" OK") [ "${lines[-1]}" = "open /dev/nvidia0 ${MADE_NODE:-EPERM}" ] ;;
	*) [ "${lines[-2]}" = "mknod /dev/nvidia0 EPERM" ] ;;
	esac
	[ "$(nodes)" = "1 " ]
	# The index is PCI order, not the device minor.
	try -e NVBIND_GPU=4,0 debian /probe ls /dev
	[ "$(nodes)" = "0 6 " ]
}

libcuda_loads() {
	local kind
	image fedora "$RIG" "$WHERE" "$RUNTIME"
	for kind in debian fedora; do
		try -e NVIDIA_VISIBLE_DEVICES=1 $kind sh -c \
			'/probe dlopen libcuda.so.1 libcuda.so libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1
			/probe cuinit; [ -x /usr/bin/nvidia-smi ] && echo smi'
		[ "$(grep -c '^dlopen .* OK' <<<"$output")" -eq 4 ]
		[ "${lines[-1]}" = smi ]
	done
}

box_has_gpu_1() {
	run_out podman exec box sh -c '/probe open /dev/nvidia1 rw; /probe open /dev/nvidia0; /probe dlopen libcuda.so.1'
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidia0 ENOENT" ]
	[[ "${lines[2]}" == "dlopen libcuda.so.1 OK"* ]]
}

stays_over_its_life() {
	podman run --detach --replace --name box --network none -e NVIDIA_VISIBLE_DEVICES=1 debian sleep 1000
	box_has_gpu_1
	podman restart -t 0 box
	box_has_gpu_1
	podman stop -t 0 box
	podman start box
	box_has_gpu_1
	podman rm --force -t 0 box
}

errors_are_one_sentence() {
	local try
	for try in "NVIDIA_VISIBLE_DEVICES=99|99" "NVIDIA_REQUIRE_CUDA=cuda>=99.0|cuda>=99.0"; do
		try -e NVIDIA_VISIBLE_DEVICES=0 -e "${try%|*}" debian true
		[ "$status" -eq 126 ]
		[[ "$stderr" == "Error: "*"${try#*|}"* ]]
		[ "$(wc -l <<<"$stderr")" -le 2 ]
	done
}

annotations_are_honoured() {
	local manager
	try --annotation cdi.k8s.io/device=nvidia.com/gpu=1 debian /probe ls /dev
	[ "$(nodes)" = "1 " ]
	# They win over the environment.
	try --annotation cdi.k8s.io/a=nvidia.com/gpu=2 --annotation cdi.k8s.io/b=nvidia.com/gpu=0 \
		-e NVIDIA_VISIBLE_DEVICES=all debian /probe ls /dev
	[ "$(nodes)" = "0 2 " ]
	# They may be the image's: the environment bounds them, and the image does not hide who runs it.
	for manager in libpod other; do
		try --annotation cdi.k8s.io/a=nvidia.com/gpu=all --annotation io.container.manager=$manager \
			-e NVIDIA_VISIBLE_DEVICES=1 debian /probe ls /dev
		[ "$(nodes)" = "1 " ]
	done
	try --annotation cdi.k8s.io/a=nvidia.com/gpu=all -e NVBIND_GPU=1 debian /probe ls /dev
	[ "$(nodes)" = "1 " ]
}

@test "podman: exactly the GPU asked for" {
	exactly_one_gpu
}

@test "podman: libcuda loads in Debian- and Fedora-like images" {
	libcuda_loads
}

@test "podman: a container keeps its GPU when it restarts, stops and starts" {
	stays_over_its_life
}

@test "podman: an error is one sentence for the user" {
	errors_are_one_sentence
}

@test "podman: annotations ask for devices" {
	annotations_are_honoured
}

@test "podman: an ordinary user, a read-only root, a volume over a driver file" {
	inside here sh -c 'echo mine >/tmp/mine'
	try --user 1000:1000 --read-only -v /tmp/mine:/usr/bin/nvidia-smi:ro -e NVIDIA_VISIBLE_DEVICES=1 debian \
		sh -c '/probe open /dev/nvidia1 rw; /probe dlopen libcuda.so.1; wc -c </usr/bin/nvidia-smi'
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[[ "${lines[1]}" == "dlopen libcuda.so.1 OK"* ]]
	[ "${lines[2]}" = 5 ]
}

@test "podman: a container that asks for nothing gets nothing" {
	try debian sh -c '/probe ls /dev; /probe dlopen libcuda.so.1'
	[ "$status" -eq 0 ]
	[[ "$output" != *nvidia* ]]
	[[ "${lines[-1]}" == "dlopen libcuda.so.1 FAIL"* ]]
}

@test "podman: pods share nothing but what each container asks for" {
	podman pod create --replace --name pod --infra=false --cgroup-parent "/$CGROUP"
	try --pod pod -e NVIDIA_VISIBLE_DEVICES=3 debian /probe ls /dev
	[ "$(nodes)" = "3 " ]
	try --pod pod debian /probe ls /dev
	[ "$status" -eq 0 ]
	[ "$(nodes)" = "" ]
	podman pod rm --force pod
}

@test "podman without root: exactly the GPU asked for" {
	exactly_one_gpu
}

@test "podman without root: libcuda loads in Debian- and Fedora-like images" {
	libcuda_loads
}

@test "podman without root: a container keeps its GPU when it restarts, stops and starts" {
	stays_over_its_life
}

@test "podman without root: an error is one sentence for the user" {
	errors_are_one_sentence
}

@test "podman without root: the user's own identity in the container" {
	try --userns keep-id -e NVIDIA_VISIBLE_DEVICES=1 debian sh -c 'id -u; /probe open /dev/nvidia1 rw; /probe dlopen libcuda.so.1'
	[ "${lines[0]}" = "$USER_ID" ]
	[ "${lines[1]}" = "open /dev/nvidia1 ENXIO" ]
	[[ "${lines[2]}" == "dlopen libcuda.so.1 OK"* ]]
}

@test "another podman: exactly the GPU asked for" {
	exactly_one_gpu
}

@test "another podman: libcuda loads in Debian- and Fedora-like images" {
	libcuda_loads
}

@test "another podman: a container keeps its GPU over its life and updates" {
	stays_over_its_life
	podman run --detach --replace --name box --network none -e NVIDIA_VISIBLE_DEVICES=1 debian sleep 1000
	podman update --memory 200m box
	box_has_gpu_1
	podman rm --force -t 0 box
}

@test "another podman: an error is one sentence for the user" {
	errors_are_one_sentence
}

@test "another podman: annotations ask for devices" {
	annotations_are_honoured
}

@test "another podman without root: exactly the GPU asked for" {
	exactly_one_gpu
}

@test "another podman without root: libcuda loads in Debian- and Fedora-like images" {
	libcuda_loads
}

@test "another podman without root: a container keeps its GPU when it restarts, stops and starts" {
	stays_over_its_life
}

@test "another podman with crun: exactly the GPU asked for, and libcuda loads" {
	with_crun
	MADE_NODE=ENXIO exactly_one_gpu
	libcuda_loads
}

@test "another podman with crun without root: exactly the GPU asked for, and libcuda loads" {
	with_crun
	exactly_one_gpu
	libcuda_loads
}
