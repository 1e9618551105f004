# SPDX-License-Identifier: Apache-2.0
# Images in an OCI layout.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

setup_file() {
	[ -e "$BATS_SUITE_TMPDIR/skip" ] && return 0
	command -v umoci >/dev/null || {
		echo "umoci is not installed" >"$BATS_SUITE_TMPDIR/skip"
		return 0
	}
	local layout="$BATS_SUITE_TMPDIR/image"
	umoci init --layout "$layout" >/dev/null
	umoci new --image "$layout:v1" >/dev/null
	umoci unpack --image "$layout:v1" "$BATS_FILE_TMPDIR/bundle" >/dev/null
	"$NVBIND_SOURCE_ROOT/tests/roots/make-root" debian "$BATS_FILE_TMPDIR/root" >&2
	cp -a "$BATS_FILE_TMPDIR/root/." "$BATS_FILE_TMPDIR/bundle/rootfs/"
	umoci repack --image "$layout:v1" "$BATS_FILE_TMPDIR/bundle" >/dev/null
	umoci config --image "$layout:v1" --config.entrypoint /probe --config.cmd env --config.cmd GREETING \
		--config.env GREETING=hello --config.env NVIDIA_VISIBLE_DEVICES=all --config.workingdir /usr >/dev/null
	chmod -R a+rX "$layout"
}

@test "entrypoint, command, environment and directory are the image's" {
	run_out on_host run --gpu 0 "oci:$BATS_SUITE_TMPDIR/image:v1"
	[ "$status" -eq 0 ]
	[[ "$output" == *hello* ]]
	run_out on_host run --gpu 0 "oci:$BATS_SUITE_TMPDIR/image:v1" -- exit 9
	[ "$status" -eq 9 ]
	run_out on_host run --gpu 0 "oci:$BATS_SUITE_TMPDIR/image:v1" dlopen libcuda.so.1
	[[ "$output" == *" OK "* ]]
	assert_clean
}

@test "unpacked once" {
	on_host run --gpu none "oci:$BATS_SUITE_TMPDIR/image:v1" exit 0
	[ "$(find "$NVBIND_STATE_DIR/images" -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 1 ]
	run_out strace -f -e trace=execve "$NVBIND" run --gpu none "oci:$BATS_SUITE_TMPDIR/image:v1" exit 0
	[[ "$stderr" != *umoci* ]]
}

@test "the only image of a layout needs no tag" {
	run_out on_host run --gpu none "oci:$BATS_SUITE_TMPDIR/image" exit 4
	[ "$status" -eq 4 ]
}

@test "what is not there is named" {
	run_out on_host run --gpu none "oci:$BATS_SUITE_TMPDIR/image:none" true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"'none'"* ]]
	run_out on_host run --gpu none oci:/no/such:v1 true
	[ "$status" -eq 125 ]
	run_out on_host run --gpu none ubuntu:22.04 true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"'ubuntu:22.04'"*hint:* ]]
	run_out on_host run --gpu none --rootfs /no/such -- true
	[ "$status" -eq 125 ]
}

@test "a damaged image is an error, and nothing stays in the store" {
	cp -a "$BATS_SUITE_TMPDIR/image" "$BATS_TEST_TMPDIR/broken"
	find "$BATS_TEST_TMPDIR/broken/blobs/sha256" -size +100k -exec truncate -s 1000 {} +
	NVBIND_STATE_DIR="$BATS_TEST_TMPDIR/state" run_out on_host run --gpu none "oci:$BATS_TEST_TMPDIR/broken:v1" exit 0
	[ "$status" -eq 125 ]
	[ -z "$(find "$BATS_TEST_TMPDIR/state/images" -mindepth 1 -maxdepth 1 ! -name .lock)" ]
	echo '{"schemaVersion":2,"manifests":[{"digest":"sha256:../../../../etc/passwd","size":1}]}' \
		>"$BATS_TEST_TMPDIR/broken/index.json"
	run_out on_host run --gpu none "oci:$BATS_TEST_TMPDIR/broken" exit 0
	[ "$status" -eq 125 ]
	[[ "$stderr" == *digest* ]]
}

@test "an ordinary user unpacks for himself" {
	run_out as_user "$NVBIND" --host-root "$HOST" run --gpu 0 "oci:$BATS_SUITE_TMPDIR/image:v1" dlopen libcuda.so.1
	[ "$status" -eq 0 ]
	[[ "$output" == *" OK "* ]]
}
