# SPDX-License-Identifier: Apache-2.0
# What the tests of the hook share.
# shellcheck disable=SC2034 # the tests use it
# shellcheck disable=SC2154 # fixture.bash sets lines

HOOK="$NVBIND_BUILD_ROOT/nvbind-hook"
# Where the driver's libraries are on the host, and so in the container of a portable spec.
FOLDER=/usr/lib/x86_64-linux-gnu

# A root of this kind that the test may change.
copy_of() {
	local copy
	copy="$(mktemp -d "$BATS_TEST_TMPDIR/root.XXXXXX")" && chmod 755 "$copy" || return 1
	cp -a "$(root_of "$1")/." "$copy" && echo "$copy"
}

# hook_run RUNTIME [OPTION]... ROOT COMMAND...: see hook-run.
hook_run() {
	local runtime="$1" options=()
	shift
	while [[ "$1" == --* ]]; do
		options+=("$1")
		[[ "$1" == *=* || "$1" == --userns || "$1" == --read-only || "$1" == --inherit-env ]] ||
			{ shift; options+=("$1"); }
		shift
	done
	run_out "$BATS_TEST_DIRNAME/hook-run" "${options[@]}" "$runtime" "$@"
}

# Debian's folder is no default of the other loaders: there only the cache leads to it.
loads_everywhere() {
	local runtime="$1" kind line
	shift
	for kind in debian debian-cache fedora arch distroless; do
		hook_run "$runtime" --driver "$HOST" "$@" "$(copy_of $kind)" /probe dlopen \
			libcuda.so.1 libcuda.so libnvidia-ml.so.1 libnvidia-encode.so.1 libnvoptix.so.1
		[ "${#lines[@]}" -eq 5 ]
		for line in "${lines[@]}"; do
			[[ "$line" == dlopen*" OK path=$FOLDER/"* ]]
		done
	done
}

ldconfig_p() {
	PATH="$PATH:/sbin:/usr/sbin" ldconfig -p -C "$1/etc/ld.so.cache"
}

# Everything about a tree but the times of reading.
tree_of() {
	(cd "$1" && find . -xdev -printf '%p %i %y %m %U %s %l %T@\n' | sort | sha256sum)
}

# The machine's /proc/driver/nvidia/params exists only with a driver: a tmpfs stands in for it, in
# a mount namespace of its own, and the container sees the machine's procfs.
SEES_PARAMS='{"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]}'
with_params() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation "${PROPAGATION:-private}" sh -c '
		mount -t tmpfs tmpfs /proc/driver && mkdir /proc/driver/nvidia &&
		printf "ResmanDebugLevel: 4294967295\nModifyDeviceFiles: 1\nDeviceFileUID: 0\n" \
			>/proc/driver/nvidia/params && echo here >/proc/driver/nvidia/version || exit 1
		"$@"; status=$?
		echo "outside: $(grep Modify /proc/driver/nvidia/params)"
		exit $status' sh "$@"
}
