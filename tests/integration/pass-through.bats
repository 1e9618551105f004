# SPDX-License-Identifier: Apache-2.0
# The static nvbind-runtime serves commands that make no container before its C library starts. Here each case goes both
# ways, and what the low-level runtime gets, or what is said, must be the same. What goes the long way: NVBIND_RUNTIME_PID
# is set.
bats_require_minimum_version 1.5.0
# shellcheck disable=SC2154 # bats sets output and status

setup() {
	cp "$NVBIND_BUILD_ROOT/nvbind-runtime" "$BATS_TEST_TMPDIR/nvbind-runtime"
	RUNTIME="$BATS_TEST_TMPDIR/nvbind-runtime"
	POLICY="$BATS_TEST_TMPDIR/runtime.json"
	LOW="$BATS_TEST_TMPDIR/low"
	# Started with an empty environment: nothing but what is handed on.
	cat >"$LOW" <<-'END'
		#!/bin/sh
		printf '%s\n' "$@"
		[ "$NVBIND_RUNTIME_PID" ] && [ "${NVBIND_RUNTIME_PID%:*}" = $$ ] && echo own
		echo "A=$A B=$B"
		exit 7
	END
	chmod 755 "$LOW"
	unset NVBIND_OCI_RUNTIME NVBIND_HOST_ROOT
}

# What happened; a runtime's errors tell the time.
result() {
	sed -E 's/[0-9-]+T[0-9:.]+Z?//g' <<<"$status $output"
}

# Runs the program both ways, with these variables up to "--".
both() {
	local variables=()
	while [ "$1" != -- ]; do
		variables+=("$1")
		shift
	done
	shift
	run env -i A=1 "B=2 3" "${variables[@]}" "$@"
	short="$(result)"
	run env -i A=1 "B=2 3" "${variables[@]}" NVBIND_RUNTIME_PID=1:0 "$@"
	[ "$short" = "$(result)" ] || {
		printf 'short: %s\nlong: %s\n' "$short" "$(result)"
		return 1
	}
}

reached() {
	[ "$status" -eq 7 ] && [[ "$output" == *own* && "$output" == *"A=1 B=2 3"* ]]
}

policy() {
	printf '%s' "$1" >"$POLICY"
	both NVBIND_RUNTIME_CONFIG="$POLICY" -- "$RUNTIME" "${@:2}"
}

@test "the words and the environment arrive as they are" {
	both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" --root /r --log-format json kill --all 'a b' '' TERM
	reached
	[[ "$output" == *"a b"$'\n'$'\n'TERM* ]]
	for command in checkpoint delete events exec features kill list mounts pause ps resume spec start state update; do
		both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" "$command" x
		reached
	done
}

@test "what may make a container, and what is our own" {
	both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" create --bundle "$BATS_TEST_TMPDIR/none" x
	[ "$status" -eq 1 ]
	both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" --root state create --bundle "$BATS_TEST_TMPDIR/none" x
	[ "$status" -eq 1 ]
	both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" run
	[ "$status" -eq 1 ]
	# A container's name that is a command's.
	both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" start run
	reached
	both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" --version
	[[ "$output" == "nvbind-runtime "* ]]
	both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" --root state --version
	[[ "$output" == "nvbind-runtime "* ]]
	both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" --help
	[[ "$output" == "Usage: "* ]]
	both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME"
	both NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" unknown x
}

@test "the policy's low-level runtime" {
	policy "{\"low_level_runtimes\": [\"$LOW\"]}" state x
	reached
	policy " { \"log_level\" : \"error\" ,
		\"swarm_resources\": [ \"A\", \"B\" ], \"disable_require\":true,\"low_level_runtimes\" : [ \"/none/x\" , \"$LOW\" ] } " state x
	reached
	policy "{\"low_level_runtimes\": [\"no-such-program\", \"$RUNTIME\", \"$BATS_TEST_TMPDIR\", \"$LOW\"]}" state x
	reached
	policy "{\"accept_environment\": \"privileged\", \"host_root\": \"/\", \"low_level_runtimes\": [\"$LOW\"], \"log_path\": \"/a/b\"}" state x
	reached
	# What is not plain.
	policy "{\"capabilities\": \"compute,utility\", \"low_level_runtimes\": [\"$LOW\"], \"log_level\": null}" state x
	reached
	policy "{\"low_level_runtimes\": [\"/none\"], \"low_level_runtimes\": [\"$LOW\"]}" state x
	policy "{\"low_level_runtimes\": [\"\\u002f${LOW#/}\"]}" state x
	reached
	policy "{\"low_level\\u005fruntimes\": [\"$LOW\"]}" state x
	reached
	policy "{\"low_level_runtimes\": [\"$LOW\"]$(printf '%5000s' '')}" state x
	reached
}

@test "a policy that is broken, or not to be trusted" {
	for text in '' '{' '[]' '{}x' '{"low_level_runtimes": []}' '{"low_level_runtimes": "x"}' '{"low_level_runtimes": [1]}' \
		"{\"low_level_runtimes\": [\"$LOW\"" "{\"low_level_runtimes\": [\"$LOW\"]}}" "{\"low_level_runtimes\": [\"$LOW\",]}" \
		"{\"low_level_runtimes\": [\"a//$LOW\"]}" "{,\"low_level_runtimes\": [\"$LOW\"]}"; do
		policy "$text" features
		[ "$status" -ne 7 ]
	done
	# The same with a list that is right: what else there is must be right too.
	for text in '"bogus": "x"' '"log_level":' '"log_level": x' '"log_level": "loud"' '"log_level": true' '"log_level": 1' \
		'"accept_environment": "sometimes"' '"accept_environment": ["never"]' '"disable_require": truefalse' \
		'"disable_require": "true"' '"host_root": "x"' '"host_root": "/a/../b"' '"log_path": ""' '"capabilities": "bogus"' \
		'"swarm_resources": "A"' '"swarm_resources": [""]' '"swarm_resources": ["A=B"]' '"log_level ": "error"' '"": ""'; do
		policy "{\"low_level_runtimes\": [\"$LOW\"], $text}" features
		[ "$status" -ne 7 ] || return 1
		policy "{$text, \"low_level_runtimes\": [\"$LOW\"]}" features
		[ "$status" -ne 7 ] || return 1
	done
	for text in '""' '"a=b"' '"../runc"' '"/a/../b"'; do
		policy "{\"low_level_runtimes\": [\"$LOW\", $text]}" features
		[ "$status" -ne 7 ] || return 1
	done
	policy "{\"low_level_runtimes\": [\"$LOW\"$(printf ', "x%d"' $(seq 64))]}" features
	[ "$status" -ne 7 ]
	printf '{"low_level_runtimes": ["%s"]}' "$LOW" >"$POLICY"
	chmod 666 "$POLICY"
	both NVBIND_RUNTIME_CONFIG="$POLICY" -- "$RUNTIME" features
	[ "$status" -ne 7 ]
	[[ "$output" == *"other users may write to it"* ]]
	chmod 644 "$POLICY"
	ln -s runtime.json "$BATS_TEST_TMPDIR/link.json"
	both NVBIND_RUNTIME_CONFIG="$BATS_TEST_TMPDIR/link.json" -- "$RUNTIME" state x
	reached
	for path in runtime.json "$BATS_TEST_TMPDIR/../none" "$BATS_TEST_TMPDIR//runtime.json" "$BATS_TEST_TMPDIR/none.json" "$BATS_TEST_TMPDIR"; do
		both NVBIND_RUNTIME_CONFIG="$path" -- "$RUNTIME" features
		[ "$status" -ne 7 ]
	done
	mkdir "$BATS_TEST_TMPDIR/open"
	chmod 777 "$BATS_TEST_TMPDIR/open"
	cp "$POLICY" "$BATS_TEST_TMPDIR/open/"
	both NVBIND_RUNTIME_CONFIG="$BATS_TEST_TMPDIR/open/runtime.json" -- "$RUNTIME" features
	[ "$status" -ne 7 ]
	if [ "$(id -u)" -eq 0 ]; then
		chown 12345 "$POLICY"
		both NVBIND_RUNTIME_CONFIG="$POLICY" -- "$RUNTIME" features
		[[ "$output" == *"it belongs to another user"* ]]
	fi
}

@test "a low-level runtime that is none" {
	both NVBIND_OCI_RUNTIME=/none/runc -- "$RUNTIME" state x
	[[ "$status" -eq 1 && "$output" == *"it is not installed"* ]]
	both NVBIND_OCI_RUNTIME="$RUNTIME" -- "$RUNTIME" state x
	[[ "$status" -eq 1 && "$output" == *"it is nvbind-runtime itself"* ]]
	both NVBIND_OCI_RUNTIME="$BATS_TEST_TMPDIR" -- "$RUNTIME" state x
	[ "$status" -eq 1 ]
	printf 'x' >"$BATS_TEST_TMPDIR/bad"
	both NVBIND_OCI_RUNTIME="$BATS_TEST_TMPDIR/bad" -- "$RUNTIME" state x
	[ "$status" -eq 1 ]
	chmod 755 "$BATS_TEST_TMPDIR/bad"
	both NVBIND_OCI_RUNTIME="$BATS_TEST_TMPDIR/bad" -- "$RUNTIME" state x
	[[ "$status" -eq 1 && "$output" == *"start the low-level runtime"* ]]
	(cd "$BATS_TEST_TMPDIR" && both NVBIND_OCI_RUNTIME=./low -- "$RUNTIME" state x)
	both NVBIND_OCI_RUNTIME="$(printf '/%0300d' 0)" -- "$RUNTIME" state x
	[ "$status" -eq 1 ]
}

@test "more variables than the short way takes" {
	local many=()
	for i in $(seq 1100); do many+=("V$i=x"); done
	both "${many[@]}" NVBIND_OCI_RUNTIME="$LOW" -- "$RUNTIME" state x
	reached
}

# shellcheck disable=SC2016 # $0 is bash's
@test "no words, and descriptors that are closed" {
	run env -i NVBIND_OCI_RUNTIME="$LOW" bash -c 'exec -a "" "$0"' "$RUNTIME"
	[ "$status" -ne 139 ]
	run env -i NVBIND_OCI_RUNTIME=/bin/true bash -c '"$0" state x <&- 2>&-' "$RUNTIME"
	[ "$status" -eq 0 ]
}
