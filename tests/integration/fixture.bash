# SPDX-License-Identifier: Apache-2.0
# What the tests of this folder share: where things are, and how nvbind is called.

NVBIND="$NVBIND_BUILD_ROOT/nvbind"
HOST="$BATS_SUITE_TMPDIR/host"
export NVBIND_STATE_DIR="$BATS_SUITE_TMPDIR/state"
export NVBIND_LEASE_DIR="$BATS_SUITE_TMPDIR/leases"
export NVBIND_JOURNAL_DIR="$BATS_SUITE_TMPDIR/journal"
export NVBIND_CACHE_DIR="$BATS_SUITE_TMPDIR/cache"
# No configuration of this machine counts.
export NVBIND_CONFIG=/dev/null
# A user that no file of this machine knows.
USER_ID=61234

setup() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
}

# Those of this state directory: the machine may run containers of others.
cgroups() {
	local suffix
	# shellcheck disable=SC2046,SC2183 # two numbers
	suffix="$(printf '%x.%x' $(stat -c '%d %i' "$NVBIND_STATE_DIR/capsules" 2>/dev/null))"
	find /sys/fs/cgroup -maxdepth 2 -name "nvbind-*-$suffix" 2>/dev/null
}

# Path of a container root of this kind; made on first use.
root_of() {
	local root="$BATS_SUITE_TMPDIR/roots/$1"
	[ -d "$root" ] || "$NVBIND_SOURCE_ROOT/tests/roots/make-root" "$1" "$root" >&2 || return 1
	echo "$root"
}

# nvbind on the simulated host of 8 GPUs.
on_host() {
	"$NVBIND" --host-root "$HOST" "$@"
}

# The same as an ordinary user, with a home and a state of its own.
as_user() {
	local home="$BATS_SUITE_TMPDIR/users/$USER_ID"
	[ -d "$home" ] || install -d -o "$USER_ID" -g "$USER_ID" "$home"
	(cd / && setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups \
		env -i HOME="$home" PATH="$PATH" "$@")
}

# As bats' run with --separate-stderr, for any exit code; shown when a test fails.
# shellcheck disable=SC2034 # the tests read what it sets
run_out() {
	status=0
	output="$("$@" 2>"$BATS_TEST_TMPDIR/stderr")" || status=$?
	stderr="$(cat "$BATS_TEST_TMPDIR/stderr")"
	lines=()
	[ -z "$output" ] || mapfile -t lines <<<"$output"
	printf 'status %s\nstdout: %s\nstderr: %s\n' "$status" "$output" "$stderr"
}

# Whatever a container could leave on this machine.
leftovers() {
	find "$NVBIND_STATE_DIR/capsules" -mindepth 1 -maxdepth 1 ! -name .lock 2>/dev/null
	cgroups
	grep -F "$BATS_SUITE_TMPDIR/state" /proc/self/mountinfo
	pgrep -f "$NVBIND_STATE_DIR/capsules"
	true
}

assert_clean() {
	local left
	left="$(leftovers)"
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
}
