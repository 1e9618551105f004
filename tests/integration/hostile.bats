# SPDX-License-Identifier: Apache-2.0
# Container roots that lie: nothing of the host is touched, and the error names the place.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

# The files of this machine that the hostile roots aim at.
fingerprint() {
	find /etc -maxdepth 2 \( -type f -o -type l -o -type d \) -printf '%p %s %T@ %i\n' 2>/dev/null | sort | sha256sum
}

@test "library directories that lead elsewhere are refused" {
	local before
	before="$(fingerprint)"
	for kind in hostile-usrlib hostile-libdir; do
		run_out on_host run --gpu 0 --rootfs "$(root_of $kind)" -- /probe exit 0
		[ "$status" -eq 125 ]
		[[ "$stderr" == *"lib"* ]]
	done
	[ "$(fingerprint)" = "$before" ]
	assert_clean
}

@test "loops and files in the way end with an error or without libraries" {
	for kind in hostile-loop hostile-file; do
		run_out on_host run --gpu 0 --rootfs "$(root_of $kind)" -- /probe open /dev/nvidia0
		[ "$status" -eq 125 ] || [ "$output" = "open /dev/nvidia0 ENXIO" ]
		[ -n "$stderr" ]
	done
	assert_clean
}

@test "links in the place of driver files are not followed" {
	local root before
	root="$(root_of hostile-target)"
	before="$(fingerprint)"
	run_out on_host run --gpu 0 --capabilities all --rootfs "$root" -- \
		sh -c 'cat /etc/passwd; ls -A /etc/vulkan/; /probe mounts /etc/passwd; /probe open /dev/nvidia0'
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"libcuda.so.1"*"/etc/passwd"* ]]
	[[ "$output" == *"$(head -n 1 "$root/etc/passwd")"* ]]
	[[ "$output" == *"mounts /etc/passwd 0"* ]]
	[[ "${lines[-1]}" == "open /dev/nvidia0 ENXIO" ]]
	[ "$(fingerprint)" = "$before" ]
	assert_clean
}

@test "a cache that lies about its sizes counts as none" {
	run_out on_host run --gpu 0 --rootfs "$(root_of hostile-cache)" -- /probe dlopen libcuda.so.1
	[ "$status" -le 1 ]
	[[ "$stderr" == *cache* ]]
}

@test "a root that changes while it is planned reaches nothing outside" {
	local root="$BATS_TEST_TMPDIR/root" before
	cp -a "$(root_of debian)" "$root"
	before="$(fingerprint)"
	mv "$root/usr/lib/x86_64-linux-gnu" "$root/usr/lib/real"
	ln -s real "$root/usr/lib/x86_64-linux-gnu"
	(while :; do
		ln -sfn /etc "$root/usr/lib/x86_64-linux-gnu"
		ln -sfn ../../../../../etc "$root/usr/lib/x86_64-linux-gnu"
		ln -sfn real "$root/usr/lib/x86_64-linux-gnu"
	done) 3>&- &
	local flipper=$!
	for _ in $(seq 15); do
		on_host run --gpu 0 --rootfs "$root" -- /probe exit 0 >/dev/null 2>&1 || true
	done
	kill $flipper
	wait $flipper || true
	[ "$(fingerprint)" = "$before" ]
	assert_clean
}

@test "a FIFO, a device or a giant in the place of files that are read" {
	local root="$BATS_TEST_TMPDIR/root"
	cp -a "$(root_of debian)" "$root"
	rm -f "$root/etc/os-release" "$root/etc/passwd"
	mkfifo "$root/etc/os-release" "$root/etc/ld.so.cache"
	truncate -s 10G "$root/etc/passwd"
	run_out timeout 20 "$NVBIND" --host-root "$HOST" run --gpu 0 --rootfs "$root" -- /probe exit 0
	[ "$status" -ne 124 ]
	assert_clean
}

@test "accounts that are no files: an error, not a start that hangs" {
	for name in passwd group; do
		local root="$BATS_TEST_TMPDIR/root-$name"
		cp -a "$(root_of debian)" "$root"
		rm -f "$root/etc/$name"
		mkfifo "$root/etc/$name"
		run_out timeout 10 "$NVBIND" run --gpu none --rootfs "$root" -- /probe exit 0
		[ "$status" -eq 125 ]
		[[ "$stderr" == *"/etc/$name"* ]]
	done
}
