# SPDX-License-Identifier: Apache-2.0
# Docker and Podman for tests: those of this machine and those of another distribution's root, if
# there is one in $NVBIND_TEST_ENGINES (default: "engines" in the cache of the tests), made for
# example by
#	mmdebstrap --variant=minbase --include=podman,docker.io,docker-cli,crun,runc,uidmap,ca-certificates trixie DIR
#
#	load fixture
#	load engines
#	setup_file() {
#		engines_up here other			# namespaces; "other" only if there is such a root
#		start_dockerd here --add-runtime nvbind="$RUNTIME"
#	}
#	teardown_file() { engines_down; }
#	@test ... {
#		need here dockerd			# skips where it is missing
#		image debian docker_root here
#		inside here docker run --network none debian /probe ls /dev
#
# A namespace is a machine of its own: mounts, processes, /etc, /run, /dev. All that is written outside
# the test's directory goes to memory. The simulated nodes lie in its /dev: an engine
# without root can only bind a node to the path that it has. Docker has its usual socket.
# shellcheck disable=SC2034,SC2154 # the tests read the variables; fixture.bash sets output

RUNTIME="$NVBIND_BUILD_ROOT/nvbind-runtime"
OTHER_ROOT="${NVBIND_TEST_ENGINES:-${NVBIND_TEST_CACHE:-$HOME/.cache/nvbind-tests}/engines}"
CGROUP="nvbind-${BATS_RUN_TMPDIR##*/}"

# The first process of a namespace: makes $1 with the parts of a machine the root directory.
# shellcheck disable=SC2016 # expanded there
ENTER='
set -e
root=$1 lower=$2 host=$3 run=$4 build=$5
libraries=$(for program in "$build"/nvbind*; do
	[ ! -f "$program" ] || ldd "$program" 2>/dev/null | grep -oE "/[^ ]+" || true
done | sort -u)
mount --make-rprivate /
mkdir -p "$root"
mount -t tmpfs upper "$root"
mkdir "$root/upper" "$root/work" "$root/root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$root/upper,workdir=$root/work" "$root/root"
root=$root/root
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
for dir in "$run" "$build"; do
	mkdir -p "$root$dir"
	mount --bind "$dir" "$root$dir"
done
# Our programs were not built for a root that may lack what they are linked with.
for library in $libraries; do
	[ -e "$root$library" ] || install -D "$library" "$root$library"
done
if [ "$6" = v2 ] && [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
fi
mount -t tmpfs -o mode=755 dev "$root/dev"
cd /dev
cp -a null zero full random urandom tty "$root/dev/"
[ ! -e fuse ] || cp -a fuse "$root/dev/"
cp -a "$host/dev/." "$root/dev/"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
ln -s pts/ptmx "$root/dev/ptmx"
mkdir -m 1777 "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
rm -rf "$root/etc/cdi" "$root/etc/docker" "$root/etc/nvbind" "$root/etc/containers/containers.conf"
mkdir -p "$root/etc/cdi" "$root/etc/docker" "$root/etc/nvbind" "$root/old"
cd "$root"
pivot_root . old
umount -l /old
mount --make-rshared /
exec sleep infinity'

# Name of a namespace, the directory that becomes its root, version of cgroups.
make_namespace() {
	local dir="$BATS_FILE_TMPDIR/$1"
	mkdir -p "$dir"
	unshare --mount --pid --fork --kill-child bash -c "$ENTER" enter "$dir/root" "$2" "$HOST" \
		"$BATS_RUN_TMPDIR" "$NVBIND_BUILD_ROOT" "${3:-}" >"$dir/log" 2>&1 </dev/null 3>&- &
	echo $! >"$dir/holder"
	for _ in {1..100}; do
		pgrep -P $! >"$dir/pid" && [ "$(cat "/proc/$(cat "$dir/pid")/comm")" = sleep ] && break
		sleep 0.05
	done
	inside "$1" sh -c "mkdir -p /home/gpu /run/user/$USER_ID &&
		echo 'gpu:x:$USER_ID:$USER_ID::/home/gpu:/bin/sh' >>/etc/passwd &&
		echo 'gpu:x:$USER_ID:' >>/etc/group &&
		echo 'gpu:6400000:65536' | tee -a /etc/subuid >>/etc/subgid &&
		chown $USER_ID:$USER_ID /home/gpu /run/user/$USER_ID" || { cat "$dir/log"; return 1; }
	# An engine does not hand its environment to its runtime: Podman clears it.
	set_policy "$1" "{\"host_root\": \"$HOST\"}"
}

# Namespaces by name: here and other; here-v2 and other-v2 have nothing but cgroups of version 2.
engines_up() {
	local name
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || return 0
	chmod 755 "$BATS_FILE_TMPDIR"
	for name in "$@"; do
		case "$name" in
		here*) make_namespace "$name" / "${name#here-}" || return 1 ;;
		*) [ ! -x "$OTHER_ROOT/usr/bin/podman" ] || make_namespace "$name" "$OTHER_ROOT" "${name#other-}" || return 1 ;;
		esac
	done
}

engines_down() {
	local holder
	# With its first process ends all that runs in a namespace.
	for holder in "$BATS_FILE_TMPDIR"/*/holder; do
		[ ! -e "$holder" ] || kill -KILL "$(cat "$holder")"
	done
	sleep 0.2
	find /sys/fs/cgroup -depth -type d -path "*/$CGROUP*" -exec rmdir {} + 2>/dev/null || true
}

# Runs a program as root in a namespace, or as an ordinary user.
inside() {
	local pid
	pid="$(cat "$BATS_FILE_TMPDIR/$1/pid")"
	nsenter --target "$pid" --mount --pid --root --wd -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root PODMAN_IGNORE_CGROUPSV1_WARNING=1 "${@:2}"
}

inside_as_user() {
	inside "$1" setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups \
		env HOME=/home/gpu "XDG_RUNTIME_DIR=/run/user/$USER_ID" "${@:2}"
}

# The machine's configuration of nvbind-runtime.
set_policy() {
	inside "$1" tee /etc/nvbind/runtime.json <<<"$2" >/dev/null
}

# Skips unless the namespace has these programs.
need() {
	local name=$1 program
	shift
	[ -e "$BATS_FILE_TMPDIR/$name/pid" ] || skip "no root of another distribution in $OTHER_ROOT"
	for program in "$@"; do
		inside "$name" sh -c "command -v $program" >/dev/null || skip "$program is not installed"
	done
}

# Namespace, options of the daemon. Waits until it answers; does nothing if it does already, or
# if there is no such namespace or daemon: `need` says so.
start_dockerd() {
	local name=$1 log="$BATS_FILE_TMPDIR/$1-dockerd.log"
	shift
	[ -e "$BATS_FILE_TMPDIR/$name/pid" ] && inside "$name" sh -c 'command -v dockerd' >/dev/null || return 0
	! inside "$name" docker version >/dev/null 2>&1 || return 0
	inside "$name" setsid dockerd --iptables=false --ip6tables=false --bridge=none --cgroup-parent "/$CGROUP" \
		--data-root "$BATS_FILE_TMPDIR/$name-docker" --pidfile /run/docker.pid --shutdown-timeout 1 \
		-H unix:///run/docker.sock "$@" >>"$log" 2>&1 </dev/null 3>&- &
	for _ in {1..150}; do
		! inside "$name" docker version >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	tail -n 5 "$log"
	return 1
}

stop_dockerd() {
	# shellcheck disable=SC2016 # expanded there
	inside "$1" sh -c '
		pid=$(cat /run/docker.pid) && kill "$pid" || exit 0
		for i in $(seq 100); do kill -0 "$pid" 2>/dev/null || exit 0; sleep 0.1; done; exit 1'
}

# Namespace, the daemon's configuration. A daemon that runs reads a part of it again: runtimes, the
# default one.
configure_dockerd() {
	inside "$1" tee /etc/docker/daemon.json <<<"$2" >/dev/null
	# shellcheck disable=SC2016 # expanded there
	inside "$1" sh -c '[ ! -e /run/docker.pid ] || kill -HUP $(cat /run/docker.pid)'
}

# The rigs. Each is called as: RIG import|run ...
podman_flags() {
	echo "--root $BATS_FILE_TMPDIR/$1-$2 --storage-driver vfs --cgroup-manager cgroupfs --runtime $3"
}

# Namespace, low-level runtime.
podman_root() {
	local flags=(--pull never --cap-add mknod --ulimit nofile=1024:1024 --ulimit nproc=1000:1000)
	# There nobody has put controllers at its disposal.
	[[ $1 == *-v2 ]] && flags+=(--cgroups disabled) || flags+=(--cgroup-parent "/$CGROUP")
	[ "$3" = run ] || flags=()
	# shellcheck disable=SC2046 # words on purpose
	inside "$1" podman $(podman_flags "$1" "${2##*/}-root" "$2") "$3" ${flags[@]+"${flags[@]}"} "${@:4}"
}

podman_user() {
	local flags=(--pull never --ulimit host)
	[[ $1 != *-v2 ]] || flags+=(--cgroups disabled)
	[ "$3" = run ] || flags=()
	install -d -o "$USER_ID" -g "$USER_ID" "$BATS_FILE_TMPDIR/$1-${2##*/}-user"
	# shellcheck disable=SC2046 # words on purpose
	inside_as_user "$1" podman $(podman_flags "$1" "${2##*/}-user" "$2") "$3" ${flags[@]+"${flags[@]}"} "${@:4}"
}

docker_root() {
	local flags=(--pull never --cap-add mknod)
	[ "$2" = run ] || flags=()
	inside "$1" docker "$2" ${flags[@]+"${flags[@]}"} "${@:3}"
}

# An image of this kind of root, in the storage of a rig; made on first use.
image() {
	local kind=$1 root mark="$BATS_FILE_TMPDIR/image-${*//[ \/]/-}"
	mark="${mark// /-}"
	shift
	[ ! -e "$mark" ] || return 0
	root="$(root_of "$kind")" || return 1
	tar -C "$root" -cf - . | "$@" import - "$kind" >&2
	: >"$mark"
}

# Numbers of the GPUs' nodes in what the probe listed.
nodes() {
	grep -oE '^ls /dev/nvidia[0-9]+ ' <<<"$output" | tr -dc '0-9\n' | tr '\n' ' '
}
