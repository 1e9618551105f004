# SPDX-License-Identifier: Apache-2.0
# The hook against hostile images: one test for each class of vulnerability that hooks of this kind
# have had. Nothing outside the container's root may change, and nothing of the image may run.
# shellcheck disable=SC2154 # fixture.bash sets output and stderr
# shellcheck disable=SC2030,SC2031 # each test has its own root
# shellcheck disable=SC2016 # inner shells, and $ of sed
bats_require_minimum_version 1.5.0
load fixture
load hook

# More levels than any path here has: joined to a string, it leads to the machine's own root.
UP="../../../../../../../../../../../../.."

# A directory outside, and a root with a driver mounted; sets $outside and $root.
make_scene() {
	outside="$BATS_TEST_TMPDIR/outside"
	mkdir -p "$outside/ld.so.conf.d"
	echo precious >"$outside/ld.so.cache"
	echo precious >"$outside/ld.so.conf"
	echo precious >"$outside/libcuda.so"
	root="$(copy_of "${1:-debian-cache}")"
	before="$(machine_state)"
}

# What the hostile roots aim at.
machine_state() {
	tree_of "$outside"
	find /etc -maxdepth 2 -printf '%p %y %s %T@ %i %l\n' 2>/dev/null | sort | sha256sum
}

assert_untouched() {
	[ "$(machine_state)" = "$before" ] || { echo "something outside the root has changed"; return 1; }
	[ "$(cat "$outside/ld.so.cache" "$outside/ld.so.conf" "$outside/libcuda.so")" = $'precious\nprecious\nprecious' ]
}

# The hook on $root with a driver library mounted, without a runtime: faster, and any root will do.
# Only where the folder is the root's own: this script must not follow the links that it tests.
attack() {
	run_out unshare --mount sh -c '
		root="$1" lib="$1$2"; shift 2
		if [ ! -L "$root/usr" ] && [ ! -L "$root/usr/lib" ] && [ ! -L "$lib" ] && [ -d "$lib" ]; then
			touch "$lib/libcuda.so.550.163.01" && mount --bind "$DRIVER" "$lib/libcuda.so.550.163.01" ||
				exit 99
		fi
		exec timeout 30 "$@"' sh "$root" "$FOLDER" "$HOOK" --root "$root" --folder "$FOLDER" \
		--link "libcuda.so.550.163.01::$FOLDER/libcuda.so.1" --link "libcuda.so.1::$FOLDER/libcuda.so" "$@"
	[ "$status" -ne 99 ] && [ "$status" -ne 124 ] && [ "$status" -lt 126 ]
}
export DRIVER="$HOST/usr/lib/x86_64-linux-gnu/libcuda.so.550.163.01"

make_preload() {
	printf '%s\n' '#include <fcntl.h>' \
		"__attribute__((constructor)) static void mark(void) { open(\"$outside/marker\", O_CREAT | O_WRONLY, 0644); }" |
		gcc -shared -fPIC -x c - -o "$1"
}

@test "the image's environment has no effect (CVE-2025-23266)" {
	make_scene
	make_preload "$root/evil.so"
	LD_PRELOAD="$root/evil.so" /bin/true
	[ -e "$outside/marker" ] # the library works
	rm "$outside/marker"
	before="$(machine_state)"
	for runtime in runc crun; do
		hook_run $runtime --inherit-env --env LD_PRELOAD=/proc/self/cwd/evil.so \
			--env LD_AUDIT=/proc/self/cwd/evil.so --env LD_LIBRARY_PATH=/proc/self/cwd \
			--env GCONV_PATH=/proc/self/cwd --driver "$HOST" "$root" /bin/busybox true
		[ "$status" -eq 0 ]
		assert_untouched
	done
	run_out env LD_PRELOAD="$root/evil.so" LD_AUDIT="$root/evil.so" "$HOOK" --root "$root" --folder "$FOLDER"
	[ "$status" -eq 0 ]
	assert_untouched
}

@test "the program has no loader, and reads nothing that its environment names" {
	make_scene
	run_out readelf -lW "$HOOK"
	[[ "$output" != *INTERP* ]]
	run_out readelf -dW "$HOOK"
	[[ "$output" != *NEEDED* ]]
	strace -f -o "$BATS_TEST_TMPDIR/clean" -e trace=file,process,memory env -i "$HOOK" --root "$root" --folder /usr/lib
	strace -f -o "$BATS_TEST_TMPDIR/dirty" -e trace=file,process,memory env -i "LD_LIBRARY_PATH=$outside" \
		"LD_PRELOAD=$outside/x.so" "LD_ORIGIN_PATH=$outside" "GCONV_PATH=$outside" "LOCPATH=$outside" \
		"NLSPATH=$outside/%N" "TZDIR=$outside" LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8 MALLOC_TRACE="$outside/trace" \
		MALLOC_CHECK_=3 MALLOC_MMAP_THRESHOLD_=1 MALLOC_TOP_PAD_=1 "GLIBC_TUNABLES=glibc.malloc.mxfast=glibc.malloc.mxfast=A" \
		"RES_OPTIONS=x" "TMPDIR=$outside" "$HOOK" --root "$root" --folder /usr/lib
	# From the hook's own exec on, call for call the same; addresses and process ids aside.
	for trace in clean dirty; do
		sed -n '/execve("[^"]*nvbind-hook"/,$p' "$BATS_TEST_TMPDIR/$trace" | sed 's/^[0-9]* *//; s/0x[0-9a-f]*//g; s/[0-9]* vars//' \
			>"$BATS_TEST_TMPDIR/$trace.calls"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/$trace.calls")" -gt 5 ]
	done
	diff "$BATS_TEST_TMPDIR/clean.calls" "$BATS_TEST_TMPDIR/dirty.calls"
	assert_untouched
}

@test "links that lead out of the root, at each place it writes (CVE-2024-0134, CVE-2024-0133)" {
	local how target
	for how in absolute up; do
		make_scene debian-cache
		[ $how = absolute ] && target="$outside" || target="$UP$outside"
		local place
		for place in etc etc/ld.so.cache etc/ld.so.conf etc/ld.so.conf.d "${FOLDER#/}/libcuda.so" \
			"${FOLDER#/}" usr/lib usr/local/cuda; do
			root="$(copy_of debian-cache)"
			case $place in
			etc/ld.so.cache | etc/ld.so.conf | */libcuda.so)
				rm -rf "${root:?}/$place"
				ln -s "$target/$(basename "$place")" "$root/$place" ;;
			etc/ld.so.conf.d)
				rm -rf "${root:?}/$place"
				ln -s "$target/ld.so.conf.d" "$root/$place" ;;
			*)
				rm -rf "${root:?}/$place"
				ln -s "$target" "$root/$place" ;;
			esac
			attack --cuda-compat --host-driver-version 550.163.01
			assert_untouched
		done
	done
}

@test "the same under real runtimes" {
	make_scene
	for runtime in runc crun; do
		root="$(copy_of debian-cache)"
		rm "$root/etc/ld.so.cache"
		ln -s "$UP$outside/ld.so.cache" "$root/etc/ld.so.cache"
		ln -s "$outside/ld.so.conf.d" "$root/etc/ld.so.conf.d"
		ln -s "$UP$outside/libcuda.so" "$root$FOLDER/libcuda.so"
		hook_run $runtime --driver "$HOST" "$root" /probe dlopen libcuda.so.1 libcuda.so
		[ "$status" -eq 0 ]
		[[ "${lines[0]}" == *" OK "* && "${lines[1]}" == *" OK "* ]]
		# In place of the image's link there is now a file of the container's own.
		[ -f "$root/etc/ld.so.cache" ] && [ ! -L "$root/etc/ld.so.cache" ]
		assert_untouched
	done
}

@test "directories that turn into links during its run (CVE-2025-23267, CVE-2026-24260)" {
	make_scene
	touch "$root$FOLDER/libcuda.so.550.163.01"
	run_out unshare --mount sh -c 'mount --bind "$DRIVER" "$1" && shift && exec "$@"' sh \
		"$root$FOLDER/libcuda.so.550.163.01" "$BATS_TEST_DIRNAME/hook-race" 400 "$root" "$outside" "$UP$outside" \
		"$HOOK" --root "$root" --folder "$FOLDER" --cuda-compat --host-driver-version 550.163.01 \
		--link "libcuda.so.550.163.01::$FOLDER/libcuda.so.1" --link "libcuda.so.1::$FOLDER/libcuda.so"
	[ "$status" -eq 0 ]
	assert_untouched
}

@test "a compatibility folder that leads out is not looked at, and never mounted (CVE-2024-0132, CVE-2025-23359)" {
	make_scene
	mkdir "$outside/compat"
	cp "$root/usr/lib/x86_64-linux-gnu/libc.so.6" "$outside/compat/libcuda.so.999.99"
	before="$(machine_state)"
	for target in "$outside/compat" "$UP$outside/compat"; do
		root="$(copy_of debian-cache)"
		mkdir -p "$root/usr/local/cuda"
		ln -s "$target" "$root/usr/local/cuda/compat"
		for runtime in runc crun; do
			hook_run $runtime --driver "$HOST" --hook-arg=--cuda-compat --hook-arg=--host-driver-version \
				--hook-arg=550.163.01 "$root" sh -c "/probe cuinit; grep -c $outside /proc/self/mountinfo"
			[[ "${lines[0]}" == "cuinit 100 path=$FOLDER/"* ]]
			[ "${lines[1]}" = 0 ]
		done
	done
	assert_untouched
}

@test "no program of the image is run, and none at all (CVE-2024-0136, CVE-2024-0137, CVE-2024-0135)" {
	make_scene
	for name in sbin/ldconfig usr/sbin/ldconfig sbin/ldconfig.real; do
		rm -f "$root/$name"
		printf '#!/bin/sh\n: >%s/marker\n: >/marker\n' "$outside" >"$root/$name"
		chmod 755 "$root/$name"
	done
	for runtime in runc crun; do
		hook_run $runtime --driver "$HOST" "$root" /probe dlopen libcuda.so.1
		[[ "${lines[0]}" == *" OK "* ]]
	done
	[ ! -e "$root/marker" ]
	assert_untouched
	strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=process,memfd_create "$HOOK" --root "$root" --folder /usr/lib
	[ "$(grep -c exec "$BATS_TEST_TMPDIR/trace")" -eq 1 ]
	run ! grep -E '^[0-9]+ +(v?fork|clone|memfd)' "$BATS_TEST_TMPDIR/trace"
}

@test "mounts do not spread to the machine from a container with shared propagation" {
	make_scene
	# A mount namespace that shares as a systemd machine's does; what is in it afterwards has leaked.
	cat >"$BATS_TEST_TMPDIR/counted" <<-'EOF'
		#!/bin/sh
		mount --make-rshared / && wc -l </proc/self/mountinfo >"$BATS_TEST_TMPDIR/mounts.before"
		"$@"; status=$?
		wc -l </proc/self/mountinfo >"$BATS_TEST_TMPDIR/mounts.after"
		exit $status
	EOF
	chmod +x "$BATS_TEST_TMPDIR/counted"
	for runtime in runc crun; do
		run_out with_params "$BATS_TEST_TMPDIR/counted" "$BATS_TEST_DIRNAME/hook-run" \
			--mount "$SEES_PARAMS" --propagation shared --driver "$HOST" \
			--hook-arg=--disable-device-node-modification $runtime "$root" sh -c \
			'cat /proc/driver/nvidia/params; /probe dlopen libcuda.so.1'
		[ "$status" -eq 0 ]
		[[ "$output" == *"ModifyDeviceFiles: 0"*"libcuda.so.1 OK"*"outside: ModifyDeviceFiles: 1" ]]
		[ "$(cat "$BATS_TEST_TMPDIR/mounts.before")" = "$(cat "$BATS_TEST_TMPDIR/mounts.after")" ]
	done
	assert_untouched
}

@test "a link in the place of /proc is not followed for ModifyDeviceFiles" {
	make_scene
	rm -rf "$root/proc"
	ln -s /proc "$root/proc"
	run_out with_params "$HOOK" --root "$root" --disable-device-node-modification
	[ "$status" -eq 0 ]
	[ "$output" = "outside: ModifyDeviceFiles: 1" ]
	rm "$root/proc"
	mkdir -p "$root/proc/driver/nvidia"
	echo mine >"$root/proc/driver/nvidia/params"
	run_out with_params "$HOOK" --root "$root" --disable-device-node-modification
	[ "$status" -eq 0 ]
	[ "$(cat "$root/proc/driver/nvidia/params")" = mine ]
	assert_untouched
}

# The hook on a root under as many read-only binds.
read_only() {
	run_out unshare --mount sh -c '
		driver="$1" root="$2" library="$3" binds="$4"; shift 4
		for _ in $(seq "$binds"); do
			mount --bind "$root" "$root" && mount -o remount,bind,ro "$root" || exit 99
		done
		mount --bind "$driver" "$root$library" && exec "$@"' sh \
		"$DRIVER" "$root" "$FOLDER/libcuda.so.550.163.01" "$1" "$HOOK" --root "$root" --folder "$FOLDER" \
		--link "libcuda.so.550.163.01::$FOLDER/libcuda.so.1"
}

@test "a read-only root: written if that is the container's view alone, else an error with a hint" {
	make_scene
	touch "$root$FOLDER/libcuda.so.550.163.01"
	# Below what a runtime does there is a bind that the machine's administrator made read-only.
	pristine="$(tree_of "$root")"
	read_only 2
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"Read-only file system"*"hint:"* ]]
	[ "$(tree_of "$root")" = "$pristine" ]
	read_only 1
	[ "$status" -eq 0 ]
	[ "$(readlink "$root$FOLDER/libcuda.so.1")" = libcuda.so.550.163.01 ]
	# With everything in place there is nothing to write.
	read_only 2
	[ "$status" -eq 0 ]
	assert_untouched
}

@test "files of the wrong kind where it reads or writes: no hang, no opened device" {
	make_scene
	for place in etc/ld.so.cache etc/ld.so.conf.d/zz-nvbind.conf usr/local/cuda/compat/libcuda.so.999.1; do
		for kind in fifo device directory giant; do
			root="$(copy_of debian-cache)"
			mkdir -p "$root/$(dirname "$place")"
			rm -rf "${root:?}/$place"
			case $kind in
			fifo) mkfifo "$root/$place" ;;
			device) mknod "$root/$place" c 1 5 ;; # /dev/zero
			directory) mkdir "$root/$place" ;;
			giant) truncate -s 10G "$root/$place" ;;
			esac
			attack --cuda-compat --host-driver-version 550.163.01
			[ "$status" -le 1 ]
		done
	done
	root="$(copy_of debian-cache)"
	rm -r "${root:?}/etc"
	echo file >"$root/etc"
	attack
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"'/etc'"* ]]
	assert_untouched
}

@test "a cache that lies counts as none; a missing /etc is made" {
	for kind in hostile-cache hostile-cache-offsets distroless; do
		make_scene $kind
		mkdir -p "$root$FOLDER"
		attack
		[ "$status" -eq 0 ]
		run_out ldconfig_p "$root"
		[[ "$output" == *"libcuda.so.1 (libc6,x86-64) => $FOLDER/libcuda.so.1"* ]]
		assert_untouched
	done
}

@test "before it looks at the container it has its own root, no capability but one, and few system calls" {
	make_scene
	strace -o "$BATS_TEST_TMPDIR/trace" "$HOOK" --root "$root" --folder /usr/lib --link "a::/usr/lib/b"
	# Nothing is opened below the root before; nothing is mounted behind.
	run_out sed -n '/PR_SET_SECCOMP/q; p' "$BATS_TEST_TMPDIR/trace"
	[[ "$output" == *"unshare(CLONE_NEWNS)"*"MS_REC|MS_SLAVE"*"pivot_root"*"umount2(\".\", MNT_DETACH)"* ]]
	[[ "$output" == *"effective=1<<CAP_DAC_OVERRIDE, permitted=1<<CAP_DAC_OVERRIDE, inheritable=0"* ]]
	[[ "$output" != *openat2* && "$output" != *symlinkat* ]]
	run_out sed -n '/PR_SET_SECCOMP/,$p' "$BATS_TEST_TMPDIR/trace"
	[[ "$output" == *symlinkat* && "$output" == *openat2* && "$output" != *"mount("* ]]
}

@test "a kernel without openat2 and the newer mount calls: the same result, and as safe" {
	make_scene
	mkdir "$root/elsewhere"
	ln -s "$UP$outside" "$root/out"
	run_out unshare --mount sh -c '
		root="$1" library="$2"; shift 2
		touch "$root$library" && mount --bind "$DRIVER" "$root$library" && mount -t proc proc "$root/proc" || exit 99
		exec "$@"' sh "$root" "$FOLDER/libcuda.so.550.163.01" strace -o "$BATS_TEST_TMPDIR/trace" \
		-e inject=openat2,open_tree,move_mount,mount_setattr,close_range:error=ENOSYS \
		"$HOOK" --root "$root" --folder "$FOLDER" --link "libcuda.so.550.163.01::$FOLDER/libcuda.so.1" \
		--link "x::/out/link"
	[ "$status" -eq 0 ]
	grep -q 'openat2.*INJECTED' "$BATS_TEST_TMPDIR/trace"
	run_out ldconfig_p "$root"
	[[ "$output" == *"libcuda.so.1 (libc6,x86-64) => $FOLDER/libcuda.so.1"* ]]
	[ -L "$root$outside/link" ]
	assert_untouched
}

@test "the machine's own root is refused" {
	make_scene
	run_out "$HOOK" --root / --folder /usr/lib --link "a::/etc/nvbind-must-not-be"
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"root of this machine"* ]]
	ln -s / "$BATS_TEST_TMPDIR/slash"
	run_out "$HOOK" --root "$BATS_TEST_TMPDIR/slash" --folder /usr/lib
	[ "$status" -ne 0 ]
	assert_untouched
}
