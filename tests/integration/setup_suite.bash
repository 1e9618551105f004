# SPDX-License-Identifier: Apache-2.0
# Hosts and container roots that every test of this folder uses, made once per file.

setup_suite() {
	# As Meson sets them; by hand, the usual build directory.
	export NVBIND_SOURCE_ROOT="${NVBIND_SOURCE_ROOT:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}"
	export NVBIND_BUILD_ROOT="${NVBIND_BUILD_ROOT:-$NVBIND_SOURCE_ROOT/build}"
	if [ "$(id -u)" -ne 0 ]; then
		echo "integration tests need root" >"$BATS_SUITE_TMPDIR/skip"
		return 0
	fi
	# An ordinary user must reach the trees below.
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR"
	local tests="$NVBIND_SOURCE_ROOT/tests" cache="${NVBIND_TEST_CACHE:-$HOME/.cache/nvbind-tests}"
	if ! "$tests/roots/fetch-driver" "$cache/driver" >"$BATS_SUITE_TMPDIR/fetch.log" 2>&1; then
		tail -n 1 "$BATS_SUITE_TMPDIR/fetch.log" >"$BATS_SUITE_TMPDIR/skip"
		return 0
	fi
	"$tests/hosts/make-host" --nodes real --driver-tree "$cache/driver/installer" \
		h100x8 "$BATS_SUITE_TMPDIR/host" || return 1
	mkdir "$BATS_SUITE_TMPDIR/roots" "$BATS_SUITE_TMPDIR/state"
	chmod 700 "$BATS_SUITE_TMPDIR/state"
	mkdir -m 1777 "$BATS_SUITE_TMPDIR/users"
}
