# SPDX-License-Identifier: Apache-2.0
# The GPUs asked for, and no other. The nodes are real and have no driver behind them: opening
# one says ENXIO where the device cgroup lets it through, and EPERM where it does not.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

container() {
	on_host run --gpu 0,2 --rootfs "$ROOT" -- "$@"
}

@test "selected GPUs answer, others are absent and cannot be made" {
	ROOT="$(root_of debian)"
	run_out container /probe open /dev/nvidia0
	[ "$output" = "open /dev/nvidia0 ENXIO" ]
	run_out container /probe open /dev/nvidia2
	[ "$output" = "open /dev/nvidia2 ENXIO" ]
	run_out container /probe open /dev/nvidia1
	[ "$output" = "open /dev/nvidia1 ENOENT" ]
	run_out container sh -c '/probe mknod /dev/nvidia1 195 1; /probe open /dev/nvidia1'
	[ "${lines[0]}" = "mknod /dev/nvidia1 OK" ]
	[ "${lines[1]}" = "open /dev/nvidia1 EPERM" ]
	assert_clean
}

@test "control nodes come with the GPUs, those of other capabilities do not" {
	ROOT="$(root_of debian)"
	run_out container /probe open /dev/nvidiactl
	[ "$output" = "open /dev/nvidiactl ENXIO" ]
	run_out container /probe open /dev/nvidia-modeset
	[ "$output" = "open /dev/nvidia-modeset ENOENT" ]
	run_out on_host run --gpu 0 --capabilities graphics --rootfs "$ROOT" -- /probe ls /dev/dri
	[[ "$output" == *"/dev/dri/renderD128 c 226:128"* ]]
	[[ "$output" != *renderD129* ]]
}

@test "none gives no node and no driver file" {
	ROOT="$(root_of debian)"
	run_out on_host run --gpu none --rootfs "$ROOT" -- sh -c '/probe ls /dev; /probe dlopen libcuda.so.1'
	[[ "$output" != *nvidia* ]]
	[[ "$output" == *"dlopen libcuda.so.1 FAIL"* ]]
}

@test "the index is PCI order, not the device minor" {
	ROOT="$(root_of debian)"
	run_out on_host run --gpu 4 --rootfs "$ROOT" -- /probe open /dev/nvidia6
	[ "$output" = "open /dev/nvidia6 ENXIO" ]
	run_out on_host run --gpu 4 --rootfs "$ROOT" -- /probe open /dev/nvidia4
	[ "$output" = "open /dev/nvidia4 ENOENT" ]
}

@test "an ordinary user gets the same" {
	ROOT="$(root_of debian)"
	for try in "open /dev/nvidia0|ENXIO" "open /dev/nvidia2|ENXIO" "open /dev/nvidia1|ENOENT" \
		"mknod /dev/nvidia1 195 1|EPERM"; do
		# shellcheck disable=SC2086 # words on purpose
		run_out as_user "$NVBIND" --host-root "$HOST" run --gpu 0,2 --rootfs "$ROOT" -- /probe ${try%|*}
		[[ "$output" == *" ${try#*|}" ]]
	done
	run_out as_user "$NVBIND" --host-root "$HOST" run --gpu 0,2 --rootfs "$ROOT" -- \
		/probe dlopen libcuda.so.1 libnvidia-ml.so.1
	[[ "${lines[0]}" == "dlopen libcuda.so.1 OK"* ]]
	[[ "${lines[1]}" == "dlopen libnvidia-ml.so.1 OK"* ]]
}

@test "crun without a cgroup of its own: nodes cannot be made" {
	[ -x /usr/bin/crun ] || skip "crun is not installed"
	ROOT="$(root_of debian)"
	NVBIND_OCI_RUNTIME=crun run_out container sh -c \
		'/probe open /dev/nvidia0; /probe mknod /dev/nvidia1 195 1; /probe open /dev/nvidia1'
	[ "${lines[0]}" = "open /dev/nvidia0 ENXIO" ]
	[[ "${lines[2]}" == "open /dev/nvidia1 "@(EPERM|ENOENT) ]]
	assert_clean
}

@test "only nvbind, the low-level runtime and the command are executed" {
	command -v strace >/dev/null || skip "strace is not installed"
	ROOT="$(root_of debian)"
	strace -f -e trace=execve -o "$BATS_TEST_TMPDIR/trace" \
		"$NVBIND" --host-root "$HOST" run --gpu 0,2 --rootfs "$ROOT" -- /probe cuinit
	run grep -oE 'execve\("[^"]+"' "$BATS_TEST_TMPDIR/trace"
	echo "$output"
	for program in "${lines[@]}"; do
		case "$program" in
		*"\"$NVBIND\"" | *'/runc"' | *'/crun"' | *'"/proc/self/exe"' | *'"/proc/self/fd/'* | *'"/probe"') ;;
		*) false ;;
		esac
	done
	[ "${#lines[@]}" -ge 3 ]
}
