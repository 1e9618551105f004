# SPDX-License-Identifier: Apache-2.0
# Our specs under the engines that read them: exactly the GPU asked for, and a libcuda that loads.
#
# Engines are those of this machine and those of another distribution's root, if there is one in
# $NVBIND_TEST_ENGINES (default: "engines" in the cache of the tests), made for example by
#	mmdebstrap --variant=minbase --include=podman,docker.io,docker-cli,crun,runc,uidmap,ca-certificates trixie DIR
# They run in a mount namespace of their own, where all they write outside the test's directory
# goes to memory, and where the simulated nodes lie in /dev: an engine without root can only bind
# a node to the path that it has.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

OTHER_ROOT="${NVBIND_TEST_ENGINES:-${NVBIND_TEST_CACHE:-$HOME/.cache/nvbind-tests}/engines}"
CGROUP="nvbind-test-engines"

# The first process of a namespace: makes $1 with the parts of a machine the root directory.
# shellcheck disable=SC2016 # expanded there
ENTER='
set -e
root=$1 lower=$2 host=$3 run=$4 build=$5
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
if [ "$6" = v2 ] && [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
fi
mount -t tmpfs -o mode=755 dev "$root/dev"
cd /dev
cp -a null zero full random urandom tty "$root/dev/"
[ ! -e fuse ] || cp -a fuse "$root/dev/"
cp -a "$host/dev/." "$root/dev/"
ln -s /proc/self/fd "$root/dev/fd"
ln -s pts/ptmx "$root/dev/ptmx"
mkdir -m 1777 "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mkdir -p "$root/etc/cdi" "$root/old"
rm -rf "$root"/etc/cdi/*
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
	inside "$1" sh -c "mkdir -p /etc/cdi /home/gpu /run/user/$USER_ID && cp '$BATS_FILE_TMPDIR'/cdi/* /etc/cdi/ &&
		echo 'gpu:x:$USER_ID:$USER_ID::/home/gpu:/bin/sh' >>/etc/passwd &&
		echo 'gpu:x:$USER_ID:' >>/etc/group &&
		echo 'gpu:6400000:65536' | tee -a /etc/subuid >>/etc/subgid &&
		chown $USER_ID:$USER_ID /home/gpu /run/user/$USER_ID" || { cat "$dir/log"; return 1; }
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

# The rigs. Each is called as: RIG import|run ...
podman_flags() {
	echo "--root $BATS_FILE_TMPDIR/$1-$2 --storage-driver vfs --cgroup-manager cgroupfs --runtime $3"
}

podman_root() {
	local flags=(--cap-add mknod --ulimit nofile=1024:1024 --ulimit nproc=1000:1000)
	[ "$2" = crun ] && flags+=(--cgroups disabled) || flags+=(--cgroup-parent "/$CGROUP")
	[ "$3" = run ] || flags=()
	# shellcheck disable=SC2046 # words on purpose
	inside "$1" podman $(podman_flags "$1" "$2-root" "$2") "$3" ${flags[@]+"${flags[@]}"} "${@:4}"
}

podman_user() {
	local flags=(--ulimit host)
	[ "$2" = crun ] && flags+=(--cgroups disabled)
	[ "$3" = run ] || flags=()
	install -d -o "$USER_ID" -g "$USER_ID" "$BATS_FILE_TMPDIR/$1-$2-user"
	# shellcheck disable=SC2046 # words on purpose
	inside_as_user "$1" podman $(podman_flags "$1" "$2-user" "$2") "$3" ${flags[@]+"${flags[@]}"} "${@:4}"
}

docker_root() {
	local flags=(--cap-add mknod --cgroup-parent "/$CGROUP")
	[ "$2" = run ] || flags=()
	start_docker "$1" >&2 || return 1
	inside "$1" docker -H unix:///run/docker.sock "$2" ${flags[@]+"${flags[@]}"} "${@:3}"
}

start_docker() {
	inside "$1" docker -H unix:///run/docker.sock version >/dev/null 2>&1 && return
	inside "$1" sh -c 'mkdir -p /etc/docker; echo "{\"features\": {\"cdi\": true}, \"experimental\": true}" >/etc/docker/daemon.json'
	inside "$1" setsid dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver vfs \
		--data-root "$BATS_FILE_TMPDIR/$1-docker" --exec-root /run/docker --pidfile /run/docker.pid \
		-H unix:///run/docker.sock >"$BATS_FILE_TMPDIR/$1-dockerd.log" 2>&1 </dev/null 3>&- &
	for _ in {1..100}; do
		inside "$1" docker -H unix:///run/docker.sock version >/dev/null 2>&1 && return
		sleep 0.1
	done
	tail -n 5 "$BATS_FILE_TMPDIR/$1-dockerd.log"
	return 1
}

setup_file() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || return 0
	local kind
	chmod 755 "$BATS_FILE_TMPDIR"
	"$NVBIND" --host-root "$HOST" cdi generate --output "$BATS_FILE_TMPDIR/cdi" --vendor nvidia >&2
	for kind in debian fedora; do
		tar -C "$(root_of $kind)" -cf "$BATS_FILE_TMPDIR/$kind.tar" .
	done
	make_namespace here /
	if [ -x "$OTHER_ROOT/usr/bin/podman" ]; then
		make_namespace other "$OTHER_ROOT"
		make_namespace other-v2 "$OTHER_ROOT" v2
	fi
}

teardown_file() {
	local holder
	# With its first process ends all that runs in a namespace.
	for holder in "$BATS_FILE_TMPDIR"/*/holder; do
		[ ! -e "$holder" ] || kill -KILL "$(cat "$holder")"
	done
	sleep 0.2
	find /sys/fs/cgroup -depth -type d -path "*/$CGROUP*" -exec rmdir {} + 2>/dev/null || true
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

# An image of this kind in the storage of a rig; made on first use.
image() {
	local kind=$1 mark
	shift
	mark="$BATS_FILE_TMPDIR/image-$kind-${*// /-}"
	mark="${mark// /-}"
	[ ! -e "$mark" ] || return 0
	"$@" import - "$kind" <"$BATS_FILE_TMPDIR/$kind.tar" >&2
	: >"$mark"
}

# What a container with these devices answers. Image, CDI devices, commands, the rig.
ask() {
	local kind=$1 devices=() device commands=$3
	for device in $2; do
		devices+=(--device "$device")
	done
	shift 3
	image "$kind" "$@"
	run_out "$@" run --rm --network none ${USER_FLAG:+--user "$USER_FLAG"} "${devices[@]}" "$kind" sh -c "$commands"
	[ "$status" -eq 0 ]
}

exactly_one_gpu() {
	ask debian nvidia.com/gpu=1 '/probe open /dev/nvidia1; /probe open /dev/nvidiactl; /probe open /dev/nvidia0
		/probe mknod /dev/nvidia0 195 0; /probe open /dev/nvidia0; /probe ls /dev; /probe ls /dev/dri' "$@"
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidiactl ENXIO" ]
	[ "${lines[2]}" = "open /dev/nvidia0 ENOENT" ]
	# With the right to make nodes, the device cgroup is what stops it.
	case "${lines[3]}" in
	*" OK") [ "${lines[4]}" = "open /dev/nvidia0 ${MADE_NODE:-EPERM}" ] ;;
	*) [ "${lines[3]}" = "mknod /dev/nvidia0 EPERM" ] ;;
	esac
	[ "$(grep -cE '^ls /dev/nvidia[0-9]+ c 195:' <<<"$output")" -le 2 ]
	run grep -E '^ls /dev/(nvidia[2-7]|dri/card[013-8]|dri/renderD(128|13[0-5])) ' <<<"$output"
	[ "$status" -eq 1 ]
	# The index is PCI order, not the device minor.
	ask debian "nvidia.com/gpu=4 nvidia.com/gpu=0" '/probe ls /dev' "$@"
	[ "$(grep -oE '^ls /dev/nvidia[0-9]+ ' <<<"$output" | tr -d '\n')" = "ls /dev/nvidia0 ls /dev/nvidia6 " ]
}

libcuda_loads() {
	local kind
	for kind in debian fedora; do
		ask $kind nvidia.com/gpu=1 '/probe dlopen libcuda.so.1 libcuda.so libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1
			/probe cuinit; [ -x /usr/bin/nvidia-smi ] && echo smi' "$@"
		[ "$(grep -c '^dlopen .* OK' <<<"$output")" -eq 4 ]
		[[ "$output" == *smi ]]
	done
}

@test "podman: exactly the GPU asked for" {
	need here podman runc
	exactly_one_gpu podman_root here runc
}

@test "podman: libcuda loads in Debian- and Fedora-like images" {
	need here podman runc
	libcuda_loads podman_root here runc
}

@test "podman: an ordinary user of the container opens the nodes too" {
	need here podman runc
	# shellcheck disable=SC2016 # expanded in the container
	USER_FLAG=1000:1000 ask debian nvidia.com/gpu=1 \
		'for node in nvidia1 nvidia-uvm dri/renderD129; do /probe open /dev/$node rw; done' \
		podman_root here runc
	# Neither node has a driver here.
	[ "$output" = "open /dev/nvidia1 ENXIO
open /dev/nvidia-uvm ENXIO
open /dev/dri/renderD129 ENXIO" ]
}

@test "podman without root: exactly the GPU asked for" {
	need here podman runc newuidmap
	exactly_one_gpu podman_user here runc
}

@test "podman without root: libcuda loads in Debian- and Fedora-like images" {
	need here podman runc newuidmap
	libcuda_loads podman_user here runc
}

@test "another podman: exactly the GPU asked for" {
	need other podman runc
	exactly_one_gpu podman_root other runc
}

@test "another podman: libcuda loads in Debian- and Fedora-like images" {
	need other podman runc
	libcuda_loads podman_root other runc
}

@test "another podman without root: exactly the GPU asked for" {
	need other podman runc newuidmap
	exactly_one_gpu podman_user other runc
}

@test "another podman without root: libcuda loads in Debian- and Fedora-like images" {
	need other podman runc newuidmap
	libcuda_loads podman_user other runc
}

@test "another podman with crun: exactly the GPU asked for, and libcuda loads" {
	need other-v2 podman crun
	# No cgroup, so nothing but the capability keeps nodes from being made.
	MADE_NODE=ENXIO exactly_one_gpu podman_root other-v2 crun
	libcuda_loads podman_root other-v2 crun
}

@test "another podman with crun without root: exactly the GPU asked for, and libcuda loads" {
	need other-v2 podman crun newuidmap
	exactly_one_gpu podman_user other-v2 crun
	libcuda_loads podman_user other-v2 crun
}

@test "docker: exactly the GPU asked for, and libcuda loads" {
	need other docker dockerd
	exactly_one_gpu docker_root other
	libcuda_loads docker_root other
}
