# SPDX-License-Identifier: Apache-2.0
# CDI devices on the built-in engine, and in a config.json of somebody else.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

FOREIGN='{"cdiVersion": "0.6.0", "kind": "example.com/dev", "devices": [{"name": "0", "containerEdits": {
	"env": ["FOREIGN=1"],
	"deviceNodes": [{"path": "/dev/seven", "type": "c", "major": 1, "permissions": "none"}],
	"mounts": [{"hostPath": "tmpfs", "containerPath": "/scratch", "type": "tmpfs", "options": ["size=1m"]}],
	"hooks": [{"hookName": "createRuntime", "path": "/bin/sh",
		"args": ["sh", "-c", "echo ran >>@DIR@/hook"]}]}}]}'

setup_file() {
	load fixture
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || return 0
	mkdir -p "$HOST/etc/cdi"
	on_host cdi generate --output "$HOST/etc/cdi/" --hook-path "$NVBIND_BUILD_ROOT/nvbind-hook" >&2
}

# Other files of this suite use the same host.
teardown_file() {
	load fixture
	rm -rf "$HOST/etc/cdi"
	on_host cdi remove >&2 || true
}

teardown() {
	rm -f "$HOST/etc/cdi/test.json"
	assert_clean
}

# A specification written by hand, next to ours.
write_spec() {
	printf '%s\n' "${1//@DIR@/$BATS_TEST_TMPDIR}" >"$HOST/etc/cdi/test.json"
}

# A device of kind "a.com/x" with these edits.
write_device() {
	write_spec '{"cdiVersion": "1.1.0", "kind": "a.com/x", "devices": [{"name": "0", "containerEdits": {'"$1"'}}]}'
}

in_debian() {
	local root
	root="$(root_of debian)"
	run_out on_host run --rootfs "$root" "$@"
}

inject() {
	run_out on_host cdi inject "$@"
}

@test "run --cdi --gpu N: that GPU, and a libcuda that loads" {
	in_debian --cdi --gpu 1 -- /probe open /dev/nvidia1
	[ "$output" = "open /dev/nvidia1 ENXIO" ]
	in_debian --cdi --gpu 1 -- /probe open /dev/nvidia2
	[ "$output" = "open /dev/nvidia2 ENOENT" ]
	in_debian --cdi --gpu 1 -- /probe dlopen libcuda.so.1
	[[ "$output" == *" OK "* ]]
}

@test "run --device with a CDI name: no other GPU comes with it" {
	in_debian --device nvidia.com/gpu=2 -- /probe open /dev/nvidia2
	[ "$output" = "open /dev/nvidia2 ENXIO" ]
	in_debian --device nvidia.com/gpu=2 -- /probe open /dev/nvidia0
	[ "$output" = "open /dev/nvidia0 ENOENT" ]
}

@test "run --device with a node" {
	in_debian --gpu none --device /dev/nvidia3:/dev/mine:r -- /probe open /dev/mine
	[[ "$output" == "open /dev/mine "* && "$output" != *ENOENT ]]
	in_debian --gpu none --device /dev/none -- /probe open /dev/none
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"'/dev/none'"* ]]
}

@test "--gpu takes a device of our kind that only a specification knows" {
	write_spec '{"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [{"name": "special",
		"containerEdits": {"env": ["SPECIAL=yes"]}}]}'
	run_out on_host run --dry-run --format json --gpu nvidia.com/gpu=special debian
	[[ "$output" == *'"SPECIAL": "yes"'* ]]
	[[ "$output" != *'"path": "/dev/nvidia0"'* ]]
	run_out on_host run --dry-run --gpu nvidia.com/gpu=unheard debian
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"'nvidia.com/gpu=unheard' is not defined"* ]]
}

@test "a specification of others: mount types and nodes without a rule" {
	write_spec "$FOREIGN"
	run_out on_host run --dry-run --format json --gpu example.com/dev=0 debian
	[ "$status" -eq 0 ]
	[[ "$output" == *'"type": "tmpfs"'* ]]
	[[ "$output" == *'"permissions": ""'* ]]
}

@test "a hook of others runs once" {
	write_device '"hooks": [{"hookName": "createRuntime", "path": "/bin/sh",
		"args": ["sh", "-c", "echo ran >>@DIR@/hook"]}]'
	in_debian --gpu none --device a.com/x=0 -- /probe open /dev/null
	[ "$status" -eq 0 ]
	[ "$(cat "$BATS_TEST_TMPDIR/hook")" = ran ]
}

@test "a stale specification says so" {
	for edits in '"deviceNodes": [{"path": "/dev/none-of-these"}]' \
		'"mounts": [{"hostPath": "/none/of/these", "containerPath": "/x", "options": ["bind"]}]'; do
		write_device "$edits"
		in_debian --device a.com/x=0 -- /probe open /dev/null
		[ "$status" -ne 0 ]
		[[ "$stderr" == *"$HOST/etc/cdi/test.json"* ]]
		[[ "$stderr" == *none*of*these*"does not exist"* ]]
		[[ "$stderr" == *"run 'nvbind cdi refresh'"* ]]
	done
}

@test "what the built-in engine cannot do, it refuses; inject writes it" {
	write_device '"netDevices": [{"hostInterfaceName": "eth7", "name": "net0"}], "intelRdt": {"closID": "gold"}'
	in_debian --device a.com/x=0 -- /probe open /dev/null
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"network devices"* ]]
	inject a.com/x=0 <<<'{}'
	[ "$(tr -d ' \n' <<<"$output")" = \
		'{"linux":{"netDevices":{"eth7":{"name":"net0"}},"intelRdt":{"closID":"gold"}}}' ]
}

@test "inject: what it does not know stays, to the digit" {
	write_spec "$FOREIGN"
	local config="$BATS_TEST_TMPDIR/a=b.json"
	printf '%s' '{"x": 18446744073709551615, "y": [-9223372036854775808, 1.50, null],
		"mounts": [{"destination": "/scratch/below", "z": 1}]}' >"$config"
	chmod 640 "$config"
	chown "$USER_ID:$USER_ID" "$config"
	inject example.com/dev=0 "$config" --spec-dir "$HOST/etc/cdi"
	[ "$status" -eq 0 ]
	[ "$(stat -c '%a %u %g' "$config")" = "640 $USER_ID $USER_ID" ]
	output="$(tr -d ' \n' <"$config")"
	[[ "$output" == '{"x":18446744073709551615,"y":[-9223372036854775808,1.50,null],'* ]]
	[[ "$output" == *'"mounts":[{"destination":"/scratch","type":"tmpfs","source":"tmpfs",'* ]]
	[[ "$output" == *'{"destination":"/scratch/below","z":1}]'* ]]
	[[ "$output" == *'"devices":[{"path":"/dev/seven","type":"c","major":1,"minor":0'* ]]
	[[ "$output" != *'"resources"'* && "$output" == *createRuntime* ]]
}

@test "inject: no list that nothing goes into" {
	write_device '"env": ["A=1"]'
	inject --device a.com/x=0 - <<<'{}'
	[ "$(tr -d ' \n' <<<"$output")" = '{"process":{"env":["A=1"]}}' ]
}

@test "inject: a link, a directory and an ambiguous document are refused" {
	write_device '"env": ["A=1"]'
	local dir="$BATS_TEST_TMPDIR/d"
	mkdir "$dir"
	echo '{}' >"$dir/real"
	ln -s real "$dir/link"
	inject a.com/x=0 "$dir/link"
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"symbolic link"* ]]
	[ -L "$dir/link" ]
	[ "$(cat "$dir/real")" = '{}' ]
	inject a.com/x=0 "$dir"
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"not a regular file"* ]]
	inject a.com/x=0 <<<'{"a": {"b:": 1, "b\u003a": "\":"}}'
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"two members of the same name"* ]]
	inject a.com/x=0 <<<'{"a:": ["\":", {"b": 1}], "b": {"a": {}}}'
	[ "$status" -eq 0 ]
}

@test "options behind operands" {
	write_device '"env": ["A=1"]'
	mkdir "$BATS_TEST_TMPDIR/empty"
	run_out on_host cdi resolve a.com/x=0 --spec-dir "$HOST/etc/cdi"
	[ "$status" -eq 0 ]
	run_out on_host cdi resolve a.com/x=0 --spec-dir "$BATS_TEST_TMPDIR/empty"
	[ "$status" -ne 0 ]
	run_out on_host cdi resolve a.com/x=0 -- --spec-dir "$HOST/etc/cdi"
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"'--spec-dir' is not of the form"* ]]
	run_out on_host cdi resolve a.com/x=0 --unheard
	[[ "$stderr" == *"'--unheard': unknown"* ]]
}

@test "a class of one letter, which stops Docker, is refused" {
	run_out on_host cdi generate --class x --output -
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"'x' is too short for a class"* ]]
}
