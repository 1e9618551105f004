# SPDX-License-Identifier: Apache-2.0
# Our specs under the engines that read them: exactly the GPU asked for, and a libcuda that loads.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture
load engines

setup_file() {
	local name
	engines_up here other other-v2
	[ -e "$BATS_FILE_TMPDIR/here/pid" ] || return 0
	"$NVBIND" --host-root "$HOST" cdi generate --output "$BATS_FILE_TMPDIR/cdi" --vendor nvidia >&2
	for name in here other other-v2; do
		[ ! -e "$BATS_FILE_TMPDIR/$name/pid" ] || inside "$name" sh -c "cp '$BATS_FILE_TMPDIR'/cdi/* /etc/cdi/"
	done
	# Docker reads specifications since version 25.
	[ ! -e "$BATS_FILE_TMPDIR/other/pid" ] ||
		inside other sh -c 'echo "{\"features\": {\"cdi\": true}, \"experimental\": true}" >/etc/docker/daemon.json'
	start_dockerd other
}

teardown_file() {
	engines_down
}

# What a container with these devices answers. Image, CDI devices, commands, the rig.
ask() {
	local kind=$1 devices=() device commands=$3
	for device in $2; do
		devices+=(--device "$device")
	done
	shift 3
	image "$kind" "$@"
	run_out "$@" run --rm --network none ${USER_FLAG:+--user "$USER_FLAG"} "${devices[@]}" "$kind" sh -c "$commands"
	[ "$status" -eq 0 ]
}

exactly_one_gpu() {
	ask debian nvidia.com/gpu=1 '/probe open /dev/nvidia1; /probe open /dev/nvidiactl; /probe open /dev/nvidia0
		/probe mknod /dev/nvidia0 195 0; /probe open /dev/nvidia0; /probe ls /dev; /probe ls /dev/dri' "$@"
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidiactl ENXIO" ]
	[ "${lines[2]}" = "open /dev/nvidia0 ENOENT" ]
	# With the right to make nodes, the device cgroup is what stops it.
	case "${lines[3]}" in
	*" OK") [ "${lines[4]}" = "open /dev/nvidia0 ${MADE_NODE:-EPERM}" ] ;;
	*) [ "${lines[3]}" = "mknod /dev/nvidia0 EPERM" ] ;;
	esac
	[ "$(grep -cE '^ls /dev/nvidia[0-9]+ c 195:' <<<"$output")" -le 2 ]
	run grep -E '^ls /dev/(nvidia[2-7]|dri/card[013-8]|dri/renderD(128|13[0-5])) ' <<<"$output"
	[ "$status" -eq 1 ]
	# The index is PCI order, not the device minor.
	ask debian "nvidia.com/gpu=4 nvidia.com/gpu=0" '/probe ls /dev' "$@"
	[ "$(grep -oE '^ls /dev/nvidia[0-9]+ ' <<<"$output" | tr -d '\n')" = "ls /dev/nvidia0 ls /dev/nvidia6 " ]
}

libcuda_loads() {
	local kind
	for kind in debian fedora; do
		ask $kind nvidia.com/gpu=1 '/probe dlopen libcuda.so.1 libcuda.so libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1
			/probe cuinit; [ -x /usr/bin/nvidia-smi ] && echo smi' "$@"
		[ "$(grep -c '^dlopen .* OK' <<<"$output")" -eq 4 ]
		[[ "$output" == *smi ]]
	done
}

@test "podman: exactly the GPU asked for" {
	need here podman runc
	exactly_one_gpu podman_root here runc
}

@test "podman: libcuda loads in Debian- and Fedora-like images" {
	need here podman runc
	libcuda_loads podman_root here runc
}

@test "podman: an ordinary user of the container opens the nodes too" {
	need here podman runc
	# shellcheck disable=SC2016 # expanded in the container
	USER_FLAG=1000:1000 ask debian nvidia.com/gpu=1 \
		'for node in nvidia1 nvidia-uvm dri/renderD129; do /probe open /dev/$node rw; done' \
		podman_root here runc
	# Neither node has a driver here.
	[ "$output" = "open /dev/nvidia1 ENXIO
open /dev/nvidia-uvm ENXIO
open /dev/dri/renderD129 ENXIO" ]
}

@test "podman without root: exactly the GPU asked for" {
	need here podman runc newuidmap
	exactly_one_gpu podman_user here runc
}

@test "podman without root: libcuda loads in Debian- and Fedora-like images" {
	need here podman runc newuidmap
	libcuda_loads podman_user here runc
}

@test "another podman: exactly the GPU asked for" {
	need other podman runc
	exactly_one_gpu podman_root other runc
}

@test "another podman: libcuda loads in Debian- and Fedora-like images" {
	need other podman runc
	libcuda_loads podman_root other runc
}

@test "another podman without root: exactly the GPU asked for" {
	need other podman runc newuidmap
	exactly_one_gpu podman_user other runc
}

@test "another podman without root: libcuda loads in Debian- and Fedora-like images" {
	need other podman runc newuidmap
	libcuda_loads podman_user other runc
}

@test "another podman with crun: exactly the GPU asked for, and libcuda loads" {
	need other-v2 podman crun
	# No cgroup, so nothing but the capability keeps nodes from being made.
	MADE_NODE=ENXIO exactly_one_gpu podman_root other-v2 crun
	libcuda_loads podman_root other-v2 crun
}

@test "another podman with crun without root: exactly the GPU asked for, and libcuda loads" {
	need other-v2 podman crun newuidmap
	exactly_one_gpu podman_user other-v2 crun
	libcuda_loads podman_user other-v2 crun
}

@test "docker: exactly the GPU asked for, and libcuda loads" {
	need other docker dockerd
	exactly_one_gpu docker_root other
	libcuda_loads docker_root other
}
