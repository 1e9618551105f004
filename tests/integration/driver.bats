# SPDX-License-Identifier: Apache-2.0
# NVIDIA's real libraries load in every kind of container root, without ldconfig having run.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

loads() {
	local root
	root="$(root_of "$1")"
	[ "$2" = with-cache ] || [ ! -e "$root/etc/ld.so.cache" ]
	run_out on_host run --gpu 0,2 --capabilities all --rootfs "$root" -- /probe dlopen \
		libcuda.so.1 libnvidia-ml.so.1 libnvidia-encode.so.1 libnvoptix.so.1
	[ "${#lines[@]}" -eq 4 ]
	for line in "${lines[@]}"; do
		[[ "$line" == dlopen*" OK path="* ]]
	done
	assert_clean
}

# cuInit() of the real library says 100 (no device); a stand-in says its own version.
cuda_is_real() {
	local root
	root="$(root_of "$1")"
	run_out on_host run --gpu 0 --rootfs "$root" -- /probe cuinit
	[[ "$output" == "cuinit 100 "* ]]
}

@test "Debian" { loads debian; }
@test "Debian with a cache" { loads debian-cache with-cache; }
@test "Fedora" { loads fedora; }
@test "Arch" { loads arch; }

@test "Debian's own driver layout behind alternatives" {
	local root cache="${NVBIND_TEST_CACHE:-$HOME/.cache/nvbind-tests}"
	root="$(root_of debian)"
	"$NVBIND_SOURCE_ROOT/tests/hosts/make-host" --nodes real --driver-tree "$cache/driver/debian" \
		h100x8 "$BATS_TEST_TMPDIR/host"
	run_out "$NVBIND" --host-root "$BATS_TEST_TMPDIR/host" run --gpu all --rootfs "$root" -- \
		/probe dlopen libcuda.so.1 libnvidia-ml.so.1
	[[ "${lines[0]}" == *" OK "* && "${lines[1]}" == *" OK "* ]]
}

@test "a leftover driver in the image does not win" { cuda_is_real debian-leftover; }
@test "an older compatibility library does not win" { cuda_is_real cuda-compat-old; }

@test "a newer compatibility library that the image loads stays in force" {
	local root
	root="$(root_of cuda-compat-cached)"
	run_out on_host run --gpu 0 --rootfs "$root" -- /probe cuinit
	[[ "$output" == "cuinit 575 "* ]]
}

@test "further names of a library are links, unless a volume has their place" {
	local root lib=/usr/lib/x86_64-linux-gnu
	root="$(root_of debian)"
	run_out on_host run --gpu 0 --rootfs "$root" -- sh -c "readlink $lib/libcuda.so.1; grep -c ' $lib/libcuda.so' /proc/mounts"
	[[ "$output" == "libcuda.so."*$'\n'1 ]]
	echo mine >"$BATS_TEST_TMPDIR/mine"
	run_out on_host run --gpu 0 --rootfs "$root" -v "$BATS_TEST_TMPDIR/mine:$lib/libcuda.so.1" -- sh -c "cat $lib/libcuda.so.1; wc -c <$lib/libcuda.so"
	[ "${lines[0]}" = mine ]
	[ "${lines[1]}" -gt 1000 ]
	run_out on_host run --gpu 0 --rootfs "$root" -- /probe dlopen libcuda.so libcuda.so.1
	[[ "$output" == *" OK "* ]]
}

@test "musl: nodes, no libraries, and a warning that says why" {
	local root
	root="$(root_of alpine)"
	run_out on_host run --gpu 0 --rootfs "$root" -- /probe open /dev/nvidia0
	[ "$output" = "open /dev/nvidia0 ENXIO" ]
	[[ "$stderr" == *musl* && "$stderr" == *glibc* ]]
}

@test "no C library and no /etc" {
	for kind in distroless scratch; do
		local root
		root="$(root_of $kind)"
		run_out on_host run --gpu 0 --rootfs "$root" -- /probe open /dev/nvidia0
		[ "$output" = "open /dev/nvidia0 ENXIO" ]
	done
}

@test "32-bit libraries go beside the image's 32-bit loader" {
	local root
	root="$(root_of debian-i386)"
	run_out on_host run --gpu 0 --capabilities all --rootfs "$root" -- \
		/probe ls /usr/lib/i386-linux-gnu
	[[ "$output" == *libcuda.so.1* ]]
}

@test "an ordinary user: every root kind" {
	for kind in debian fedora arch; do
		local root
		root="$(root_of $kind)"
		run_out as_user "$NVBIND" --host-root "$HOST" run --gpu all --rootfs "$root" -- \
			/probe dlopen libcuda.so.1 libnvidia-ml.so.1
		[[ "${lines[0]}" == *" OK "* && "${lines[1]}" == *" OK "* ]]
	done
}
