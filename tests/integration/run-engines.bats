# SPDX-License-Identifier: Apache-2.0
# nvbind run --runtime docker|podman|auto: stand-ins that play every state of an engine, then the real
# ones with a simulated host.
# shellcheck disable=SC2154,SC2031,SC2030 # fixture.bash sets stderr; a test is a subshell
bats_require_minimum_version 1.5.0
load fixture
load engines

UUID1=GPU-b2b3273c-dce3-46c9-844f-82508b4b6857
# What a container is told that gets this one alone.
ONLY1="-e NVBIND_GPU=$UUID1 -e NVIDIA_VISIBLE_DEVICES=$UUID1 -e AMD_VISIBLE_DEVICES=void"

setup_file() {
	engines_up here other
	start_dockerd here --add-runtime nvbind="$RUNTIME"
	start_dockerd other --add-runtime nvbind="$RUNTIME"
}

teardown_file() {
	engines_down
}

# A program in the place of an engine: $1 its name, then what it prints when it is asked for its facts, and
# what it does then. What it is run with otherwise is in $BATS_TEST_TMPDIR/NAME.argv, one word a line; what it
# was asked, in NAME.asked. Its help is in NAME.help, and where its context's engine listens in NAME.context.
stand_in() {
	local path="$BATS_TEST_TMPDIR/$1" variable="NVBIND_${1^^}"
	printf '%s' "$2" >"$path.info"
	cat >"$path" <<-END
		#!/bin/sh
		case \$1 in
		info)
			echo info >>"$path.asked"
			cat "$path.info"
			${3:-exit 0}
			;;
		--help | context)
			echo "\$1" >>"$path.asked"
			exec cat "$path.\${1#--}"
			;;
		esac
		printf '%s\n' "\$@" >"$path.argv"
		${4:-exit 0}
	END
	chmod 755 "$path"
	export "$variable=$path"
}

docker_info() {
	echo "{\"ServerVersion\": \"${1:-26.1.5+dfsg1}\", \"Runtimes\": {\"runc\": {\"path\": \"runc\"}${2:-}}, \"CDISpecDirs\": [${3:-}]}"
}
docker_info_of() {
	docker_info 28.2.2 "$REGISTERED" | sed "s/^{/{\"ClientInfo\": {\"Context\": \"$1\"}, /"
}
REGISTERED=', "nvbind": {"path": "/usr/bin/nvbind-runtime"}'

podman_info() {
	echo "{\"host\": {\"ociRuntime\": {\"path\": \"${2:-/usr/bin/crun}\"}}, \"version\": {\"Version\": \"${1:-5.4.2}\"}}"
}

podman_help() {
	printf '      --root string      Where all is\n      --runtime string   Which one (default "%s")\n' "$1" \
		>"$BATS_TEST_TMPDIR/podman.help"
}

argv() {
	paste -sd ' ' "$BATS_TEST_TMPDIR/$1.argv"
}

# shellcheck disable=SC2016 # a word of the container
@test "docker: the registered runtime, the GPU by its UUID, all words in their places" {
	stand_in docker "$(docker_info 20.10.24 "$REGISTERED")"
	echo C=3 >"$BATS_TEST_TMPDIR/env"
	B=2 run_out on_host run --runtime docker --gpu 1 -e A=1 -e B --env-file "$BATS_TEST_TMPDIR/env" -v name:/a \
		-v ./x:/x:ro,z -p 80:80 --port 53:53/udp --name n -d -it --network my-net --restart always \
		--shm-size 1g --rm --engine-opt --ulimit --engine-opt nofile=9 --device /dev/fuse --entrypoint sh \
		image -- -c 'echo  $A' --
	[ "$status" -eq 0 ]
	[ "$(argv docker)" = "run --runtime nvbind --rm -d -i -t --name n --network my-net --restart always --shm-size 1g \
--entrypoint sh --env-file $BATS_TEST_TMPDIR/env -e A=1 -e B -v name:/a -v ./x:/x:ro,z -p 80:80 -p 53:53/udp --device \
/dev/fuse $ONLY1 --ulimit nofile=9 image -c echo  \$A --" ]
	# One word each, blanks and all.
	grep -qxF "echo  \$A" "$BATS_TEST_TMPDIR/docker.argv"
}

@test "podman: nvbind-runtime by its path, as a global option" {
	[ -x "$RUNTIME" ] || skip "nvbind-runtime is not built"
	stand_in podman "$(podman_info)"
	run_out on_host run --runtime podman --gpu 1,0 --profile gaming image true
	[ "$status" -eq 0 ]
	[[ "$(argv podman)" == "--runtime $RUNTIME run -e NVBIND_GPU=GPU-"*",$UUID1 -e \
NVIDIA_VISIBLE_DEVICES=GPU-"*",$UUID1 -e AMD_VISIBLE_DEVICES=void -e NVBIND_PROFILE=gaming -e \
NVIDIA_DRIVER_CAPABILITIES=all image true" ]]
}

@test "no GPU: an image that asks for all gets none" {
	local engine
	stand_in docker "$(docker_info 20.10.24)"
	stand_in podman "$(podman_info 4.0.1)"
	for engine in docker podman; do
		run_out on_host run --runtime "$engine" --gpu none image
		[ "$status" -eq 0 ]
		[ "$(argv "$engine")" = "run -e NVBIND_GPU=none -e NVIDIA_VISIBLE_DEVICES=void -e \
AMD_VISIBLE_DEVICES=void image" ]
	done
}

@test "the engine's exit status, streams and environment are its own" {
	# shellcheck disable=SC2016 # expanded there
	stand_in docker "$(docker_info 20.10.24 "$REGISTERED")" "" 'echo "$WORD"; cat; echo to stderr >&2; exit 57'
	WORD=mine run_out on_host run --runtime docker --gpu 0 image <<<"input"
	[ "$status" -eq 57 ]
	[ "$output" = "mine
input" ]
	[ "$stderr" = "to stderr" ]
	# shellcheck disable=SC2016
	stand_in docker "$(docker_info 20.10.24 "$REGISTERED")" "" 'kill -TERM $$'
	run_out on_host run --runtime docker --gpu 0 image
	[ "$status" -eq 143 ]
	# The files that a container makes have the caller's mask.
	stand_in docker "$(docker_info 20.10.24 "$REGISTERED")" "" umask
	run_out bash -c "umask 077; '$NVBIND' --host-root '$HOST' run --runtime docker image"
	[ "$output" = 0077 ]
}

@test "docker that is not running, as old and new clients say it" {
	export DOCKER_HOST="unix://$BATS_TEST_TMPDIR/sock"
	stand_in docker '{"ServerVersion": "", "ServerErrors": ["Cannot connect to the Docker daemon. Is it running?"]}'
	run_out on_host run --runtime docker --gpu 0 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == "nvbind: reach Docker's daemon: Cannot connect"*"hint: start it"* ]]
	stand_in docker '{"ServerVersion": ""}' 'exit 1'
	run_out on_host run --runtime docker --gpu 0 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"reach Docker's daemon: '$BATS_TEST_TMPDIR/sock': No such file or directory"* ]]
}

@test "docker that is not ours to use" {
	stand_in docker '{"ServerVersion": "", "ServerErrors": ["permission denied while trying to connect"]}'
	run_out on_host run --runtime docker --gpu 0 image
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"group 'docker'"* ]]
}

@test "an engine that is not installed, or not where it was said to be" {
	export NVBIND_PODMAN=/nonexistent/podman
	run_out on_host run --runtime podman --gpu 0 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"NVBIND_PODMAN is '/nonexistent/podman'"* ]]
	unset NVBIND_PODMAN
	# Root's PATH does not count: a program of this name could be anybody's.
	stand_in podman "$(podman_info)" "" "touch '$BATS_TEST_TMPDIR/called'"
	unset NVBIND_PODMAN
	PATH="$BATS_TEST_TMPDIR:$PATH" run_out on_host run --runtime podman --gpu none --dry-run image
	[[ "$output" != *"$BATS_TEST_TMPDIR/podman"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/called" ]
}

@test "an engine that answers with nonsense, or with an error" {
	stand_in docker 'Server: none of your business'
	run_out on_host run --runtime docker --gpu 0 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"read what '$BATS_TEST_TMPDIR/docker' says of itself"* ]]
	stand_in podman '' 'exit 3'
	run_out on_host run --runtime podman --gpu 0 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"ended with exit status 3"*"hint: see what 'podman info' says"* ]]
	stand_in podman '' 'echo first >&2; echo "Error: no such storage" >&2; exit 125'
	run_out on_host run --runtime podman --gpu 0 --cdi image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"ended with exit status 125: Error: no such storage"$'\n'"  hint: see what 'podman info' says" ]]
	stand_in docker "$(podman_info)"
	run_out on_host run --runtime docker --gpu 0 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"is Podman"* ]]
}

@test "an engine that hangs" {
	stand_in docker '' 'exec sleep 60'
	run_out on_host run --runtime docker --gpu 0 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"did not answer in 10000 ms"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/docker.argv" ]
}

@test "docker: without the runtime and without CDI there is no way" {
	stand_in docker "$(docker_info 20.10.24)"
	run_out on_host run --runtime docker --gpu 0 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"no runtime 'nvbind'; Docker 20.10.24 has no CDI"*"hint: run 'sudo nvbind setup docker' once"* ]]
	[[ "$stderr" != *"--cdi"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/docker.argv" ]
	stand_in docker "$(docker_info 26.1.5)"
	run_out on_host run --runtime docker --gpu 0 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"CDI is off in Docker 26.1.5"*"'sudo nvbind setup docker --cdi'"* ]]
}

# The rest of the machine is shared by the tests: a copy of its description gets the specifications.
with_specs() {
	rm -rf "$HOST/etc/cdi" "$HOST/var/run/cdi"
	mkdir -p "$HOST/etc/cdi"
	on_host cdi generate --output "$HOST/etc/cdi" --vendor nvidia --hookless debian >/dev/null
}

@test "docker: CDI where it is on and the specification is fresh" {
	stand_in docker "$(docker_info 28.2.2 "" '"/etc/cdi", "/var/run/cdi"')"
	rm -rf "$HOST/etc/cdi"
	run_out on_host run --runtime docker --gpu 1 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"'nvidia.com/gpu=1' is not defined"*"nvbind cdi generate"* ]]
	with_specs
	run_out on_host run --runtime docker --gpu 1,4 image true
	[ "$status" -eq 0 ]
	[ "$(argv docker)" = "run --device nvidia.com/gpu=1 --device nvidia.com/gpu=4 -e NVBIND_GPU=none -e \
NVIDIA_VISIBLE_DEVICES=void -e AMD_VISIBLE_DEVICES=void image true" ]
	# What a profile would choose, the specification has chosen already.
	run_out on_host run --runtime docker --gpu 1 --profile gaming image true
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"'--profile' has no effect: the CDI specification decides"* ]]
	# A file that the specification names has gone: after an update of the driver, for example.
	sed -i 's/libcuda.so.550.163.01/libcuda.so.550.163.02/g' "$HOST"/etc/cdi/nvidia.com_gpu.json
	run_out on_host run --runtime docker --gpu 1 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"nvidia.com_gpu.json' is stale: "* ]]
	rm -rf "$HOST/etc/cdi"
}

@test "CDI can be insisted on" {
	stand_in docker "$(docker_info 28.2.2 "$REGISTERED" '"/etc/cdi", "/var/run/cdi"')"
	stand_in podman "$(podman_info 4.3.1)"
	with_specs
	for engine in docker podman; do
		run_out on_host run --runtime $engine --cdi --gpu 1 image
		[ "$status" -eq 0 ]
		[[ "$(argv $engine)" == "run --device nvidia.com/gpu=1 -e "* ]]
	done
	# This version reads nothing newer than 0.5.0, and says nothing of what it leaves out.
	sed -i 's/"cdiVersion": "0.[0-9].0"/"cdiVersion": "0.6.0"/' "$HOST"/etc/cdi/nvidia.com_gpu.json
	run_out on_host run --runtime podman --cdi --gpu 1 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"is of CDI 0.6.0, and this engine reads no newer than 0.5.0"* ]]
	rm -rf "$HOST/etc/cdi"
}

@test "podman: with a sandbox CDI, because nvbind-runtime would take it away" {
	with_specs
	stand_in podman "$(podman_info 5.4.2 /usr/bin/runsc)"
	run_out on_host run --runtime podman --gpu 1 image
	[ "$status" -eq 0 ]
	[[ "$(argv podman)" == "run --device nvidia.com/gpu=1 -e "* ]]
	run_out on_host run --runtime podman --gpu 1 --dry-run image
	[ "$status" -eq 0 ]
	[[ "$output" == *"cannot stand for Podman's runtime '/usr/bin/runsc'"* ]]
	rm -rf "$HOST/etc/cdi"
}

@test "a policy that does not hear what containers ask for: CDI, or nothing" {
	echo '{"accept_environment": "privileged"}' >"$BATS_TEST_TMPDIR/policy.json"
	export NVBIND_RUNTIME_CONFIG="$BATS_TEST_TMPDIR/policy.json"
	stand_in docker "$(docker_info 28.2.2 "$REGISTERED" '"/etc/cdi", "/var/run/cdi"')"
	with_specs
	run_out on_host run --runtime docker --gpu 1 image
	[ "$status" -eq 0 ]
	[[ "$(argv docker)" == "run --device nvidia.com/gpu=1 -e "* ]]
	rm -rf "$HOST/etc/cdi"
	run_out on_host run --runtime docker --gpu 1 image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"by this machine's policy, nvbind-runtime does not hear"* ]]
	echo '{"accept_environment": 1}' >"$BATS_TEST_TMPDIR/policy.json"
	run_out on_host run --runtime docker --gpu 1 image
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"accept_environment"* ]]
}

@test "an engine on another machine has other GPUs" {
	stand_in docker "$(docker_info 28.2.2 "$REGISTERED")"
	DOCKER_HOST=ssh://elsewhere run_out on_host run --runtime docker --gpu 1 image
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"may run on another machine"*"unset DOCKER_HOST"* ]]
	DOCKER_HOST=ssh://elsewhere run_out on_host run --runtime docker --gpu none image
	[ "$status" -eq 0 ]
}

@test "docker: a context may be another machine's, or this one's" {
	stand_in docker "$(docker_info_of faraway)"
	echo ssh://elsewhere >"$BATS_TEST_TMPDIR/docker.context"
	run_out on_host run --runtime docker --gpu 1 image
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"the engine of the context 'faraway' may run on another machine"*"set DOCKER_CONTEXT to 'default'"* ]]
	[ ! -e "$BATS_TEST_TMPDIR/docker.argv" ]
	# It cannot be told: a name of a GPU of this machine does not go there.
	rm "$BATS_TEST_TMPDIR/docker.context"
	run_out on_host run --runtime docker --gpu 1 image
	[ "$status" -eq 1 ]
	# As an ordinary user's own daemon is found.
	echo unix:///run/user/1000/docker.sock >"$BATS_TEST_TMPDIR/docker.context"
	run_out on_host run --runtime docker --gpu 1 image
	[ "$status" -eq 0 ]
	[ "$(argv docker)" = "run --runtime nvbind $ONLY1 image" ]
	rm "$BATS_TEST_TMPDIR/docker.asked"
	stand_in docker "$(docker_info_of default)"
	run_out on_host run --runtime docker --gpu 1 image
	[ "$status" -eq 0 ]
	[ "$(cat "$BATS_TEST_TMPDIR/docker.asked")" = info ]
}

@test "podman: asked for all its facts only where they count" {
	[ -x "$RUNTIME" ] || skip "nvbind-runtime is not built"
	local asked="$BATS_TEST_TMPDIR/podman.asked"
	stand_in podman "$(podman_info 5.4.2 /usr/bin/runsc)"
	podman_help crun
	run_out on_host run --runtime podman --gpu 1 image
	[ "$status" -eq 0 ]
	[ "$(argv podman)" = "--runtime $RUNTIME run $ONLY1 image" ]
	run_out on_host run --runtime podman --gpu none image
	[ "$status" -eq 0 ]
	[ "$(paste -sd ' ' "$asked")" = "--help --help" ]
	with_specs
	rm "$asked"
	run_out on_host run --runtime podman --gpu 1 --cdi image
	[ "$status" -eq 0 ]
	[ "$(paste -sd ' ' "$asked")" = info ]
	podman_help runsc
	run_out on_host run --runtime podman --gpu 1 image
	[ "$status" -eq 0 ]
	[[ "$(argv podman)" == "run --device nvidia.com/gpu=1 -e "* ]]
	[ "$(paste -sd ' ' "$asked")" = "info --help info" ]
	rm -rf "$HOST/etc/cdi"
}

@test "errors of the request are ours, before anything starts" {
	stand_in docker "$(docker_info 28.2.2 "$REGISTERED")"
	run_out on_host run --runtime docker --gpu 8 image
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"select GPU '8': no such GPU"* ]]
	run_out on_host run --runtime docker --gpu 1 --isolation virtual image
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"isolate the GPUs as 'virtual'"* ]]
	run_out on_host run --runtime docker --gpu 1 --driver nouveau image
	[ "$status" -eq 3 ]
	run_out on_host run --runtime docker --gpu 1 -e NVBIND_GPU=all image
	[ "$status" -eq 2 ]
	run_out on_host run --runtime docker --gpu 1 -e NVIDIA_VISIBLE_DEVICES=0 image
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"option '--env': 'NVIDIA_VISIBLE_DEVICES' is what '--gpu' decides"* ]]
	run_out on_host run --runtime docker --gpu 1 -- --privileged
	[ "$status" -eq 2 ]
	[ ! -e "$BATS_TEST_TMPDIR/docker.argv" ]
}

@test "a word for the engine does not change which GPUs there are" {
	local refused
	stand_in docker "$(docker_info 28.2.2 "$REGISTERED")"
	stand_in podman "$(podman_info)"
	for refused in --runtime=runc "--runtime runc" --gpus=all "--gpus all" "--device nvidia.com/gpu=all" \
		"-e NVBIND_GPU=all" -eNVBIND_GPU=all --env=NVIDIA_VISIBLE_DEVICES=all; do
		for engine in docker podman; do
			# shellcheck disable=SC2046,SC2086 # words on purpose
			run_out on_host run --runtime $engine --gpu 1 $(words $refused) image
			[ "$status" -eq 2 ]
			[[ "$stderr" == *"option '--engine-opt': '"*"hint: "* ]]
			[ ! -e "$BATS_TEST_TMPDIR/$engine.argv" ]
		done
	done
	# Without a GPU, the engine may take any.
	run_out on_host run --runtime docker --gpu none --engine-opt --runtime=runsc image
	[ "$status" -eq 0 ]
}

@test "without root: the engine must be without it too, and is found in PATH" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	stand_in docker "$(docker_info 28.2.2 "$REGISTERED")"
	stand_in podman "$(podman_info | sed 's/"ociR/"security": {"rootless": true}, &/')" "" 'echo started'
	mv "$BATS_TEST_TMPDIR"/{docker,podman} "$BATS_TEST_TMPDIR/bin/"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR/test"
	PATH="$BATS_TEST_TMPDIR/bin:$PATH" run_out as_user "$NVBIND" --host-root "$HOST" run --rootless --runtime docker \
		--gpu 1 image
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"Docker runs as root here"* ]]
	PATH="$BATS_TEST_TMPDIR/bin:$PATH" run_out as_user "$NVBIND" --host-root "$HOST" run --rootless --runtime podman \
		--gpu none --dry-run image
	[ "$status" -eq 0 ]
	[[ "$output" == *"runs        $BATS_TEST_TMPDIR/bin/podman run "* ]]
	[[ "$output" == *"a user namespace can make no others"* ]]
}

@test "auto: Docker if it answers, else Podman; the built-in engine for its own images" {
	stand_in docker "$(docker_info 28.2.2 "$REGISTERED")"
	stand_in podman "$(podman_info)"
	run_out on_host run --runtime auto --gpu none image
	[ "$status" -eq 0 ]
	[ -e "$BATS_TEST_TMPDIR/docker.argv" ]
	[ ! -e "$BATS_TEST_TMPDIR/podman.argv" ]
	stand_in docker '' 'exit 1'
	run_out on_host run --runtime auto --gpu none image
	[ "$status" -eq 0 ]
	[ -e "$BATS_TEST_TMPDIR/podman.argv" ]
	stand_in podman '' 'exit 1'
	run_out on_host run --runtime auto --gpu none image
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"find an engine for the image 'image': "*"Docker"*"Podman"* ]]
	run_out on_host run --runtime auto --gpu none --dry-run --format json image
	[ "$(jq -c '.engine, (.knobs[] | select(.name == "runtime") | .reason)' <<<"$output" | paste -sd ' ')" = \
		'"docker" "assumed, because no engine answers"' ]
	run_out on_host run --runtime auto --gpu none --dry-run --format json host
	[ "$(jq -r .engine <<<"$output")" = bolt ]
}

@test "a dry run says what would be run, and why, with and without the engine" {
	stand_in docker "$(docker_info 26.1.5 "$REGISTERED")"
	run_out on_host run --runtime docker --gpu 1 --dry-run --format json image true
	[ "$status" -eq 0 ]
	[ "$(jq -c .engine_argv <<<"$output")" = \
		"[\"$BATS_TEST_TMPDIR/docker\",\"run\",\"--runtime\",\"nvbind\",\"${ONLY1// /\",\"}\",\"image\",\"true\"]" ]
	[ "$(jq -r '.knobs[] | select(.name == "engine") | "\(.value), \(.mechanism): \(.reason)"' <<<"$output")" = \
		"docker, runtime 'nvbind': Docker 26.1.5 has the runtime 'nvbind'" ]
	[ "$(jq -r '.engine, .image, (.gpus | length), ([.device_nodes[].path | select(test("nvidia[0-9]"))] | join(" "))' \
		<<<"$output" | paste -sd ' ')" = "docker image 1 /dev/nvidia1" ]
	[ ! -e "$BATS_TEST_TMPDIR/docker.argv" ]
	export NVBIND_DOCKER=/nonexistent
	run_out on_host run --runtime docker --gpu 1 --dry-run image true
	[ "$status" -eq 0 ]
	[[ "$output" == *"assumed, because Docker could not be asked: "* ]]
	[[ "$output" == *"runs        docker run --runtime nvbind $ONLY1 image true"* ]]
}

# Real ones. The simulated host is told to nvbind-runtime by its policy: see engines.bash.

# What the rigs of engines.bash say with options, as configuration.
configure_podman() {
	local dir="$BATS_FILE_TMPDIR/$1-runc-$2"
	printf '[engine]\ncgroup_manager = "cgroupfs"\nruntime = "%s"\n' "${CONFIGURED:-runc}" \
		>"$BATS_TEST_TMPDIR/containers.conf"
	printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrootless_storage_path = "%s"\nrunroot = "%s"\n' "$dir" "$dir" "/run/$2-storage" \
		>"$BATS_TEST_TMPDIR/storage.conf"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR/test"
	[ "$2" = root ] || inside "$1" install -d -o "$USER_ID" "/run/$2-storage"
}

configured() {
	"$1" "$2" env CONTAINERS_CONF="$BATS_TEST_TMPDIR/containers.conf" \
		CONTAINERS_STORAGE_CONF="$BATS_TEST_TMPDIR/storage.conf" "$NVBIND" --host-root "$HOST" run --runtime podman \
		--network none --rm "${@:3}"
}

words() {
	local word
	for word in "$@"; do
		echo "--engine-opt=$word"
	done
}

podman_as_root() {
	configure_podman "$1" root
	# shellcheck disable=SC2046 # words on purpose
	configured inside "$1" $(words --cap-add mknod --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 \
		--cgroup-parent "/$CGROUP") "${@:2}"
}

podman_as_user() {
	configure_podman "$1" user
	# shellcheck disable=SC2046 # words on purpose
	configured inside_as_user "$1" $(words --ulimit host) "${@:2}"
}

docker_as_root() {
	# shellcheck disable=SC2046 # words on purpose
	inside "$1" env NVBIND_DOCKER=/usr/bin/docker ${DOCKER_CONTEXT:+DOCKER_CONTEXT=$DOCKER_CONTEXT} "$NVBIND" \
		--host-root "$HOST" run --runtime docker --network none --rm $(words --cap-add mknod) "${@:2}"
}

# Images whose own variables would widen what was selected, take it away, or move it elsewhere.
wishing() {
	local value
	for value in all void 0; do
		[ ! -e "$BATS_FILE_TMPDIR/wishes-$value-${*//[ \/]/-}" ] || continue
		tar -C "$(root_of debian)" -cf - . | "$@" import --change "ENV NVBIND_GPU=$value" --change \
			"ENV NVIDIA_VISIBLE_DEVICES=$value" --change "ENV AMD_VISIBLE_DEVICES=$value" - "wishes-$value" >&2
		: >"$BATS_FILE_TMPDIR/wishes-$value-${*//[ \/]/-}"
	done
}

# How nvbind is called, and the namespace.
exactly_one_gpu() {
	local value
	for value in all void 0; do
		one_gpu_of "wishes-$value" "$@"
	done
}

# As above, behind the image.
one_gpu_of() {
	run_out "${@:2}" --gpu 1 "$1" sh -c '/probe open /dev/nvidia1; /probe open /dev/nvidia0
		/probe mknod /dev/nvidia0 195 0; /probe open /dev/nvidia0; /probe dlopen libcuda.so.1; exit 7'
	[ "$status" -eq 7 ]
	[ "${lines[0]}" = "open /dev/nvidia1 ENXIO" ]
	[ "${lines[1]}" = "open /dev/nvidia0 ENOENT" ]
	# With the right to make nodes, the device cgroup is what stops it.
	case "${lines[2]}" in
	*" OK") [ "${lines[3]}" = "open /dev/nvidia0 EPERM" ] ;;
	*) [ "${lines[2]}" = "mknod /dev/nvidia0 EPERM" ] ;;
	esac
	[[ "$output" == *"dlopen libcuda.so.1 OK"* ]]
}

# Podman before 4.6 takes an image's annotations: they are not heard beyond --gpu.
annotations_are_bound() {
	local words=(--engine-opt=--annotation --engine-opt=cdi.k8s.io/evil=nvidia.com/gpu=all)
	run_out "$@" --gpu 1 "${words[@]}" wishes-all /probe ls /dev
	[ "$status" -eq 0 ]
	[[ "$output" == *"ls /dev/nvidia1 "* && "$output" != *"ls /dev/nvidia0 "* ]]
	run_out "$@" --gpu none "${words[@]}" wishes-all /probe ls /dev
	[[ "$output" != */dev/nvidia* ]]
}

no_gpu() {
	run_out "$@" --gpu none wishes-all /probe ls /dev
	[ "$status" -eq 0 ]
	[[ "$output" != */dev/nvidia* ]]
}

# The help of real ones is understood, and follows their configuration.
asked_briefly() {
	run_out "$@" --gpu 1 --dry-run wishes-all
	[ "$status" -eq 0 ]
	[[ "$output" == *"Podman takes any runtime by its path"* ]]
	printf '#!/bin/sh\necho runsc version 1\n' >"$BATS_TEST_TMPDIR/runsc"
	chmod 755 "$BATS_TEST_TMPDIR/runsc"
	CONFIGURED="$BATS_TEST_TMPDIR/runsc" run_out "$@" --gpu 1 wishes-all true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"cannot stand for Podman's runtime '$BATS_TEST_TMPDIR/runsc'"* ]]
}

real_engine() {
	exactly_one_gpu "$@"
	no_gpu "$@"
}

@test "real podman" {
	need here podman runc
	wishing podman_root here runc
	real_engine podman_as_root here
	asked_briefly podman_as_root here
	annotations_are_bound podman_as_root here
}

@test "real podman by CDI" {
	need here podman runc
	wishing podman_root here runc
	with_specs
	inside here sh -c "cp '$HOST'/etc/cdi/* /etc/cdi/"
	exactly_one_gpu podman_as_root here --cdi
	rm -rf "$HOST/etc/cdi"
}

@test "real podman without root" {
	need here podman runc newuidmap
	wishing podman_user here runc
	real_engine podman_as_user here
	asked_briefly podman_as_user here
}

@test "another real podman" {
	need other podman runc
	wishing podman_root other runc
	real_engine podman_as_root other
	asked_briefly podman_as_root other
}

@test "another real podman without root" {
	need other podman runc newuidmap
	wishing podman_user other runc
	real_engine podman_as_user other
	asked_briefly podman_as_user other
}

@test "real docker" {
	need here dockerd
	wishing docker_root here
	real_engine docker_as_root here
	# By a context of the user's, for the same engine.
	inside here docker context create mine --docker host=unix:///run/docker.sock
	DOCKER_CONTEXT=mine exactly_one_gpu docker_as_root here
}

@test "another real docker" {
	need other dockerd
	wishing docker_root other
	real_engine docker_as_root other
}
