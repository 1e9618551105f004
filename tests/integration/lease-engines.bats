# SPDX-License-Identifier: Apache-2.0
# One GPU and containers of Docker, Podman and the built-in engine.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture
load engines

setup_file() {
	engines_up here
	[ -e "$BATS_FILE_TMPDIR/here/pid" ] || return 0
	configure_dockerd here "{\"runtimes\": {\"nvbind\": {\"path\": \"$RUNTIME\"}}}"
	start_dockerd here
}

teardown_file() {
	engines_down
}

setup() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
}

teardown() {
	docker rm --force box >/dev/null 2>&1 || true
}

docker() {
	inside here docker "$@"
}

try_docker() {
	run_out docker run --rm --network none --runtime nvbind -e NVBIND_GPU=1 "$@" debian /bin/true
}

try_podman() {
	run_out podman_root here "$RUNTIME" run --rm --network none -e NVBIND_GPU=1 "$@" debian /bin/true
}

start_box() {
	docker rm --force box >/dev/null 2>&1 || true
	docker run --detach --name box --network none --runtime nvbind -e NVBIND_GPU=1 "$@" debian sleep 1000
}

list() {
	inside here "$NVBIND" --host-root "$HOST" lease list --json | jq -r '.leases[] | select(.state != "ended") |
		"\(.index) \(.engine) \(.mode) \(.state)"'
}

wait_for() {
	local tries
	for ((tries = 0; tries < 200; tries++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	echo "in vain: $*"
	return 1
}

docker_gets_it() {
	try_docker -e NVBIND_ISOLATION=exclusive
	[ "$status" -eq 0 ]
}

@test "a container of docker that has a GPU alone" {
	need here docker dockerd
	image debian docker_root here
	start_box -e NVBIND_ISOLATION=exclusive
	[ "$(list)" = "1 docker exclusive held" ]
	try_docker
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"container '$(docker inspect -f '{{.Id}}' box)' of 'docker' holds it as exclusive"* ]]
	run_out inside here "$NVBIND" --host-root "$HOST" run --gpu 1 --rootfs / -- /bin/true
	[ "$status" -eq 5 ]
	docker rm --force box
	[ "$(list)" = "" ]
	docker_gets_it
	start_box -e NVBIND_ISOLATION=exclusive
	inside here kill -KILL "$(docker inspect -f '{{.State.Pid}}' box)"
	wait_for docker_gets_it
}

@test "docker against podman" {
	need here docker dockerd podman
	image debian docker_root here
	image debian podman_root here "$RUNTIME"
	start_box -e NVBIND_ISOLATION=exclusive
	try_podman
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"of 'docker' holds it as exclusive"* ]]
	start_box
	try_podman
	[ "$status" -eq 0 ]
	try_podman -e NVBIND_ISOLATION=exclusive
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"of 'docker' holds it as shared"* ]]
	docker kill box
	try_podman -e NVBIND_ISOLATION=exclusive
	[ "$status" -eq 0 ]
}
