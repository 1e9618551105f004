# SPDX-License-Identifier: Apache-2.0
# The hook of portable CDI specs, under real runtimes, with NVIDIA's real libraries mounted under
# their file names alone: what makes them loadable is the hook.
# shellcheck disable=SC2154 # fixture.bash sets output and stderr
# shellcheck disable=SC2030,SC2031 # each test has its own root
bats_require_minimum_version 1.5.0
load fixture
load hook

@test "runc: the driver loads in every glibc root" { loads_everywhere runc; }
@test "crun: the driver loads in every glibc root" { loads_everywhere crun; }
@test "runc: the same in a user namespace" { loads_everywhere runc --userns; }
@test "crun: the same in a user namespace" { loads_everywhere crun --userns; }
@test "runc: the same in a read-only container" { loads_everywhere runc --read-only; }
@test "crun: the same in a read-only container" { loads_everywhere crun --read-only; }

@test "without the hook, a Fedora-like root does not find them" {
	root="$(copy_of fedora)"
	hook_run runc --hook-arg=--help "$root" /probe dlopen libcuda.so.1
	[[ "$output" == *"dlopen libcuda.so.1 FAIL"* ]]
}

@test "glibc's own ldconfig understands the cache, and what it writes itself loads too" {
	for kind in debian-cache fedora; do
		root="$(copy_of $kind)"
		hook_run runc --driver "$HOST" "$root" /probe exit 0
		[ "$status" -eq 0 ]
		run_out "$(type -P ldconfig || echo /sbin/ldconfig)" -p -C "$root/etc/ld.so.cache"
		[ "$status" -eq 0 ]
		[[ "$output" == *"libcuda.so.1 (libc6,x86-64) => $FOLDER/libcuda.so.1"* ]]
		[[ "$output" == *"libcuda.so (libc6,x86-64) => $FOLDER/libcuda.so"* ]]
	done
}

@test "the image's own entries stay, and those for one kind of CPU" {
	root="$(copy_of debian)"
	hwcaps="$FOLDER/glibc-hwcaps/x86-64-v2"
	mkdir -p "$root$hwcaps"
	cp "$root$FOLDER/libgcc_s.so.1" "$root$hwcaps/libgcc_s.so.1"
	PATH="$PATH:/sbin:/usr/sbin" ldconfig -r "$root"
	run_out ldconfig_p "$root"
	grep ' => ' <<<"$output" | sort >"$BATS_TEST_TMPDIR/before"
	grep -F 'hwcap: "x86-64-v2"' "$BATS_TEST_TMPDIR/before"
	hook_run runc --driver "$HOST" "$root" /probe dlopen libcuda.so.1 libgcc_s.so.1
	[[ "${lines[0]}" == *" OK "* ]]
	[ "${lines[1]}" = "dlopen libgcc_s.so.1 OK path=$hwcaps/libgcc_s.so.1" ] ||
		[ "${lines[1]}" = "dlopen libgcc_s.so.1 OK path=/lib/${hwcaps#/usr/lib/}/libgcc_s.so.1" ]
	run_out ldconfig_p "$root"
	grep ' => ' <<<"$output" | sort >"$BATS_TEST_TMPDIR/after"
	[ -z "$(comm -23 "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after")" ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/after")" -gt "$(wc -l <"$BATS_TEST_TMPDIR/before")" ]
}

@test "a package manager's ldconfig in the container keeps the driver" {
	root="$(copy_of debian-cache)"
	hook_run runc --driver "$HOST" "$root" sh -c \
		'rm /etc/ld.so.cache; /sbin/ldconfig && /probe dlopen libcuda.so.1 libcuda.so'
	[[ "${lines[0]}" == "dlopen libcuda.so.1 OK "* && "${lines[1]}" == "dlopen libcuda.so OK "* ]]
}

@test "a second start changes nothing" {
	root="$(copy_of debian-cache)"
	hook_run runc --driver "$HOST" "$root" /probe exit 0
	before="$(tree_of "$root")"
	hook_run crun --driver "$HOST" "$root" /probe exit 0
	[ "$status" -eq 0 ]
	[ "$(tree_of "$root")" = "$before" ]
}

@test "a leftover driver in the image does not win" {
	for runtime in runc crun; do
		hook_run $runtime --driver "$HOST" "$(copy_of debian-leftover)" /probe cuinit
		[[ "$output" == "cuinit 100 "* ]]
	done
}

@test "forward compatibility: a newer libcuda of the image wins, an older one does not" {
	local compat=(--hook-arg=--cuda-compat --hook-arg=--host-driver-version)
	for kind in cuda-compat cuda-compat-cached; do
		hook_run runc --driver "$HOST" "${compat[@]}" --hook-arg=550.163.01 "$(copy_of $kind)" \
			/probe cuinit
		[[ "$output" == "cuinit 575 path=/usr/local/cuda-12.9/compat/"* ]]
		hook_run runc --driver "$HOST" "${compat[@]}" --hook-arg=580.65.06 "$(copy_of $kind)" \
			/probe cuinit
		[[ "$output" == "cuinit 100 "* ]]
	done
	for kind in cuda-compat-old cuda-compat-old-cached; do
		hook_run runc --driver "$HOST" "${compat[@]}" --hook-arg=550.163.01 "$(copy_of $kind)" \
			/probe cuinit
		[[ "$output" == "cuinit 100 "* ]]
	done
}

@test "musl: the container starts, and nothing is written" {
	root="$(copy_of alpine)"
	hook_run runc --hook-arg=--folder --hook-arg=/lib "$root" /probe exit 0
	[ "$status" -eq 0 ]
	[ ! -e "$root/etc/ld.so.cache" ]
	run_out "$HOOK" --root "$root" --folder /lib
	[[ "$status" -eq 0 && "$stderr" == *musl* ]]
}

@test "distroless: /etc is made; scratch: nothing is needed" {
	root="$(copy_of distroless)"
	hook_run runc --driver "$HOST" "$root" /probe dlopen libcuda.so.1
	[[ "${lines[0]}" == "dlopen libcuda.so.1 OK "* ]]
	[ -s "$root/etc/ld.so.cache" ]
	hook_run runc --driver "$HOST" "$(copy_of scratch)" /probe exit 0
	[ "$status" -eq 0 ]
}

@test "links: kept, replaced, made with their directories; a file stays" {
	root="$(copy_of debian)"
	ln -s old "$root/usr/lib/replaced"
	ln -s same "$root/usr/lib/kept"
	echo mine >"$root/usr/lib/file"
	mkdir "$root/usr/lib/directory"
	inode="$(stat -c %i "$root/usr/lib/kept")"
	# /lib is a link to usr/lib.
	run_out "$HOOK" --root "$root" --link new::/lib/replaced --link same::/lib/kept \
		--link x::/lib/file --link x::/lib/directory --link ../a/b::/lib/deep/er/link
	[ "$status" -eq 0 ]
	[ "$(readlink "$root/usr/lib/replaced")" = new ]
	[ "$(readlink "$root/usr/lib/deep/er/link")" = ../a/b ]
	[ "$(stat -c %i "$root/usr/lib/kept")" = "$inode" ]
	[ "$(cat "$root/usr/lib/file")" = mine ]
	[ -d "$root/usr/lib/directory" ]
	[[ "$stderr" == *"'/lib/file' stays"* && "$stderr" == *"'/lib/directory' stays"* ]]
	[ -z "$(find "$root" -name '.nvbind*')" ]
}

modification_is_off() {
	run_out with_params "$BATS_TEST_DIRNAME/hook-run" --mount "$SEES_PARAMS" \
		--hook-arg=--disable-device-node-modification "$@" "$(copy_of debian)" sh -c \
		'cat /proc/driver/nvidia/params; echo 1 >/proc/driver/nvidia/params || echo refused
		ls /proc/driver/nvidia; grep -c /proc/driver/nvidia/params /proc/self/mounts'
	[ "$status" -eq 0 ]
	[[ "$output" == *"ResmanDebugLevel: 4294967295"*"ModifyDeviceFiles: 0"*"DeviceFileUID: 0"* ]]
	[[ "$output" == *refused* && "$output" == *version* && "${lines[-2]}" == 1 ]]
	[ "${lines[-1]}" = "outside: ModifyDeviceFiles: 1" ]
}

@test "ModifyDeviceFiles is 0 in the container, and as it was outside" {
	for runtime in runc crun; do
		modification_is_off $runtime
	done
	# crun 1.8 does not carry what is mounted below the machine's /proc into a user namespace.
	modification_is_off --userns runc
}

@test "no driver: ModifyDeviceFiles has nothing to do" {
	hook_run runc --hook-arg=--disable-device-node-modification "$(copy_of debian)" /probe exit 0
	[ "$status" -eq 0 ]
}

@test "a bad command line or state is an error that stops the container" {
	hook_run runc --hook-arg=--no-such-option "$(copy_of debian)" /probe exit 0
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"'--no-such-option'"* ]]
	for state in '' '{}' '{"bundle":"relative"}' '[1' '{"bundle":"/nowhere"}' '{"bundle":"/","root":"/"}'; do
		run_out "$HOOK" <<<"$state"
		[ "$status" -ne 0 ]
		[ -n "$stderr" ]
	done
	run_out timeout 20 "$HOOK" </dev/zero
	[[ "$status" -ne 0 && "$status" -ne 124 ]]
}
