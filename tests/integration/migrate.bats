# SPDX-License-Identifier: Apache-2.0
# nvbind migrate: what it reads, prints, writes and leaves alone.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

# No simulated host is needed.
setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	cat >compose.yml <<-'END'
		services:
		  app:
		    image: nvidia/cuda:12.4.1-base-ubuntu22.04   # the image
		    runtime: nvidia
		    environment:
		      - NVIDIA_VISIBLE_DEVICES=0,1
		      - A=b
	END
	cp compose.yml before.yml
	cat >after.yml <<-'END'
		services:
		  app:
		    image: nvidia/cuda:12.4.1-base-ubuntu22.04   # the image
		    environment:
		      - NVIDIA_VISIBLE_DEVICES=void
		      - A=b
		    devices:
		      - nvidia.com/gpu=0
		      - nvidia.com/gpu=1
	END
}

migrate() {
	run_out "$NVBIND" migrate "$@"
}

# A machine with the toolkit's configuration and Docker's.
make_machine() {
	mkdir -p machine/etc/nvidia-container-runtime machine/etc/docker
	cat >machine/etc/nvidia-container-runtime/config.toml <<-'END'
		disable-require = true
		accept-nvidia-visible-devices-envvar-when-unprivileged = false
		[nvidia-container-cli]
		load-kmods = true
		[nvidia-container-runtime]
		runtimes = ["crun"]
	END
	echo '{"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}' >machine/etc/docker/daemon.json
}

@test "the converted file goes to standard output, the report to standard error" {
	migrate compose.yml
	[ "$status" -eq 0 ]
	[ "$output" = "$(cat after.yml)" ]
	[[ "$stderr" == *"service 'app' (line 2): converted"* ]]
	[[ "$stderr" == *"line 6: NVIDIA_VISIBLE_DEVICES=0,1"* ]]
	[[ "$stderr" == *"line 6: NVIDIA_VISIBLE_DEVICES stays, as 'void'"* ]]
	[[ "$stderr" == *"Docker Compose 2.30"* ]]
	cmp compose.yml before.yml
	migrate --quiet compose.yml
	[ "$status" -eq 0 ]
	[ "$output" = "$(cat after.yml)" ]
	[ -z "$stderr" ]
	[ "$(echo *.yml*)" = "after.yml before.yml compose.yml" ]
}

@test "what is converted is not converted again" {
	for target in cdi runtime; do
		migrate --to $target after.yml
		[ "$status" -eq 0 ]
		[ "$output" = "$(cat after.yml)" ]
		[[ "$stderr" == *"service 'app' (line 2): nothing to do"* ]]
	done
}

@test "standard input, and the bytes of the output" {
	"$NVBIND" migrate - <compose.yml >out 2>err
	cmp out after.yml
	# No newline at the end, and line ends of Windows.
	printf 'services:\r\n  a:\r\n    gpus: all' >odd.yml
	"$NVBIND" migrate odd.yml >out 2>err
	printf 'services:\r\n  a:\r\n    devices:\r\n      - nvidia.com/gpu=all' | cmp - out
}

@test "--diff prints what changes" {
	migrate --diff compose.yml
	[ "$status" -eq 0 ]
	[[ "$output" == *"-    runtime: nvidia"* ]]
	[[ "$output" == *"+      - nvidia.com/gpu=1"* ]]
	printf '%s\n' "$output" >change.diff
	patch -s -o patched.yml compose.yml change.diff
	cmp patched.yml after.yml
}

@test "--in-place keeps the old file and its mode, and a second time changes nothing" {
	chmod 640 compose.yml
	migrate --in-place compose.yml
	[ "$status" -eq 0 ]
	cmp compose.yml after.yml
	cmp compose.yml.nvbind-backup before.yml
	[ "$(stat -c %a compose.yml)" = 640 ]
	migrate --in-place compose.yml
	[ "$status" -eq 0 ]
	cmp compose.yml.nvbind-backup before.yml
}

@test "--in-place replaces no older backup, no link, and not what it only read" {
	echo old >compose.yml.nvbind-backup
	migrate --in-place compose.yml
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"compose.yml.nvbind-backup"* && "$stderr" == *"--force"* ]]
	cmp compose.yml before.yml
	migrate --in-place --force compose.yml
	[ "$status" -eq 0 ]
	cmp compose.yml.nvbind-backup before.yml
	ln -s before.yml link.yml
	migrate --in-place link.yml
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"symbolic link"* ]]
	[ -L link.yml ]
	migrate --in-place - <before.yml
	[ "$status" -eq 2 ]
	migrate --in-place --dry-run before.yml
	[ "$status" -eq 0 ]
	[ "$output" = "$(cat after.yml)" ]
	[ ! -e before.yml.nvbind-backup ]
}

@test "--output writes a new file, and an old one only with --force" {
	migrate --output new/made.yml compose.yml
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	cmp new/made.yml after.yml
	echo mine >new/made.yml
	migrate --output new/made.yml compose.yml
	[ "$status" -eq 1 ]
	[ "$(cat new/made.yml)" = mine ]
	migrate --force --output new/made.yml compose.yml
	[ "$status" -eq 0 ]
	cmp new/made.yml after.yml
}

@test "--to runtime keeps the variables" {
	migrate --to runtime compose.yml
	[ "$status" -eq 0 ]
	[ "$output" = "$(sed 's/runtime: nvidia/runtime: nvbind/' before.yml)" ]
}

@test "--to boltfile" {
	migrate --to boltfile compose.yml
	[ "$status" -eq 0 ]
	[[ "$output" == *'[services.app]
capsule = "nvidia/cuda:12.4.1-base-ubuntu22.04"'* ]]
	[[ "$output" == *'devices = ["gpu:0", "gpu:1"]'* ]]
	migrate --to boltfile --in-place compose.yml
	[ "$status" -eq 2 ]
}

@test "--to boltfile --diff is against the Boltfile, not the compose file" {
	migrate --to boltfile --diff compose.yml
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "--- /dev/null" ]
	[ "${lines[1]}" = "+++ Boltfile.toml" ]
	[ ! -e Boltfile.toml ]
	echo '# mine' >own.toml
	migrate --to boltfile --diff --force --output own.toml compose.yml
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "--- own.toml" ]
	[[ "$output" == *"-# mine"* ]]
	[ "$(head -n 1 own.toml)" = "[services.app]" ]
	migrate --diff --output - compose.yml
	[ "$status" -eq 2 ]
}

@test "what is not converted stays, is named, and makes exit status 1" {
	cat >mixed.yml <<-'END'
		services:
		  a: {image: x, gpus: all}
		  b:
		    image: y
		    runtime: nvidia
		    environment:
		      NVIDIA_VISIBLE_DEVICES: ${GPUS}
	END
	migrate mixed.yml
	[ "$status" -eq 1 ]
	[[ "${lines[1]}" == '  a: {image: x, devices: ["nvidia.com/gpu=all"]}' ]]
	[[ "$output" == *"NVIDIA_VISIBLE_DEVICES: \${GPUS}"* ]]
	[[ "$stderr" == *"service 'b' (line 3): not converted"* ]]
	[[ "$stderr" == *"line 7: the value of NVIDIA_VISIBLE_DEVICES is only known"* ]]
}

@test "a variable of an env_file beside the compose file counts" {
	mkdir project
	printf 'services: {a: {runtime: nvidia, env_file: [gpu.env]}}\n' >project/compose.yml
	migrate project/compose.yml
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"may come from 'env_file'"* ]]
	echo 'NVIDIA_VISIBLE_DEVICES=1' >project/gpu.env
	migrate project/compose.yml
	[ "$status" -eq 0 ]
	[[ "$output" == *'devices: ["nvidia.com/gpu=1"]'* ]]
	rm project/gpu.env
	mkfifo project/gpu.env
	run_out timeout 10 "$NVBIND" migrate project/compose.yml
	[ "$status" -eq 1 ]
}

@test "--json is the report" {
	migrate --json compose.yml
	[ "$status" -eq 0 ]
	[ "$(jq -r '.source, .complete, .entries[0].name, .entries[0].line, .entries[0].outcome' <<<"$output" |
		tr '\n' ' ')" = "compose.yml true app 2 converted " ]
	migrate --json --diff compose.yml
	[ "$status" -eq 2 ]
}

@test "bad input is refused with its place, and nothing is written" {
	printf 'services:\n  a: [\n' >broken.yml
	migrate --output out.yml broken.yml
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"read 'broken.yml': parse YAML: line "* ]]
	[ ! -e out.yml ]
	printf 'services: {a: {gpus: all}}\n---\nservices: {}\n' >two.yml
	migrate --in-place two.yml
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"line 2, column 1: a second document"* ]]
	[ ! -e two.yml.nvbind-backup ]
	head -c 10M /dev/zero | tr '\0' '#' >large.yml
	migrate large.yml
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"large.yml"*"more than"* ]]
	migrate missing.yml
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"missing.yml"* ]]
	migrate .
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"not a regular file"* ]]
	mkfifo pipe.yml
	migrate pipe.yml
	[ "$status" -eq 2 ]
	migrate
	[ "$status" -eq 2 ]
	migrate compose.yml other.yml
	[ "$status" -eq 2 ]
	migrate --to kubernetes compose.yml
	[ "$status" -eq 2 ]
	migrate --config x compose.yml
	[ "$status" -eq 2 ]
}

@test "a file of aliases that stands for 10^9 values is refused at once" {
	{
		echo 'x-a0: &a0 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]'
		for i in 1 2 3 4 5 6 7 8 9; do
			p="*a$((i - 1))"
			echo "x-a$i: &a$i [$p, $p, $p, $p, $p, $p, $p, $p, $p, $p]"
		done
		echo 'services: {a: {gpus: all}}'
	} >bomb.yml
	run_out timeout 10 "$NVBIND" migrate bomb.yml
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"aliases counted"* ]]
}

@test "a file of aliases with 2^39 ways to one value is read at once" {
	{
		echo 'x-0: &m0 {runtime: nvidia}'
		for i in $(seq 1 39); do
			printf 'x-%d: &m%d\n  <<: [*m%d, *m%d]\n' "$i" "$i" $((i - 1)) $((i - 1))
		done
		echo 'services: {a: {<<: *m39, image: x}}'
	} >ways.yml
	for to in cdi runtime boltfile; do
		run_out timeout 10 "$NVBIND" migrate --to "$to" ways.yml
		[ "$status" -eq 0 ] || [ "$status" -eq 1 ]
		[[ "$stderr" == *"service 'a'"* ]]
	done
}

@test "what may ask for GPUs is not passed over" {
	cat >later.yml <<-'END'
		services:
		  a: {image: x, runtime: "${RUNTIME:-nvidia}", environment: [NVIDIA_VISIBLE_DEVICES=all]}
		  b:
		    image: x
		    deploy: {resources: {reservations: {devices: [{driver: "${DRIVER-nvidia}", capabilities: [gpu]}]}}}
	END
	migrate later.yml
	[ "$status" -eq 1 ]
	[ "$output" = "$(cat later.yml)" ]
	[[ "$stderr" == *"service 'a' (line 2): not converted"* ]]
	[[ "$stderr" == *"service 'b' (line 3): not converted"* ]]
	[[ "$stderr" != *"no service asks"* ]]
	[[ "$stderr" != *"means nothing"* ]]
}

@test "options may stand behind the file" {
	migrate compose.yml --to runtime --quiet
	[ "$status" -eq 0 ]
	[[ "$output" == *"runtime: nvbind"* ]]
	[ -z "$stderr" ]
	migrate compose.yml --in-place
	[ "$status" -eq 0 ]
	cmp compose.yml after.yml
	migrate compose.yml --diff other.yml
	[ "$status" -eq 2 ]
	migrate compose.yml --nonsense
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"--nonsense"* ]]
	# Behind "--" there are only files.
	cp before.yml ./--diff
	migrate -- --diff
	[ "$status" -eq 0 ]
	[ "$output" = "$(cat after.yml)" ]
	migrate -- --diff --quiet
	[ "$status" -eq 2 ]
	# And a file may be told from an option behind another.
	migrate compose.yml --json --from nvidia-container-toolkit
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"compose.yml"* ]]
}

@test "the policy does not leave the host root" {
	make_machine
	mkdir elsewhere
	ln -s "$PWD/elsewhere" machine/etc/nvbind
	run_out "$NVBIND" --host-root "$PWD/machine" migrate --from nvidia-container-toolkit
	[ "$status" -eq 1 ]
	[ -z "$(ls elsewhere)" ]
	# A link inside of it is followed as the machine itself would.
	rm machine/etc/nvbind
	mkdir machine/srv
	ln -s /srv machine/etc/nvbind
	run_out "$NVBIND" --host-root "$PWD/machine" migrate --from nvidia-container-toolkit
	[ "$status" -eq 0 ]
	[ "$(jq -r .disable_require machine/srv/runtime.json)" = true ]
}

@test "the toolkit's configuration becomes a policy below the host root" {
	make_machine
	run_out "$NVBIND" --host-root "$PWD/machine" migrate --from nvidia-container-toolkit
	[ "$status" -eq 0 ]
	[ "$(jq -c . machine/etc/nvbind/runtime.json)" = \
		'{"accept_environment":"privileged","accept_annotations":"always","disable_require":true,"low_level_runtimes":["crun"]}' ]
	[ "$(stat -c %a machine/etc/nvbind/runtime.json)" = 644 ]
	[[ "$stderr" == *"key 'disable-require' (line 1): converted"* ]]
	[[ "$stderr" == *"key 'nvidia-container-cli.load-kmods' (line 4): nothing to do"* ]]
	[[ "$stderr" == *"nvbind setup docker"* ]]
	# A policy that is there is somebody's.
	echo '{}' >machine/etc/nvbind/runtime.json
	run_out "$NVBIND" --host-root "$PWD/machine" migrate --from nvidia-container-toolkit
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"--force"* ]]
	[ "$(cat machine/etc/nvbind/runtime.json)" = '{}' ]
}

@test "--diff and --json of the policy write only with --output, and show what is replaced" {
	make_machine
	toolkit() {
		run_out "$NVBIND" --host-root "$PWD/machine" migrate --from nvidia-container-toolkit "$@"
	}
	toolkit --diff
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "--- /dev/null" ]
	toolkit --json
	[ "$status" -eq 0 ]
	[ "$(jq .complete <<<"$output")" = true ]
	[ ! -e machine/etc/nvbind ]
	mkdir machine/etc/nvbind
	echo '{"accept_environment": "never"}' >machine/etc/nvbind/runtime.json
	cp machine/etc/nvbind/runtime.json old.json
	toolkit --diff
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "--- $PWD/machine/etc/nvbind/runtime.json" ]
	[[ "$output" == *'-{"accept_environment": "never"}'* ]]
	for option in --diff --json; do
		toolkit $option --force
		[ "$status" -eq 0 ]
		[[ "$stderr" == *"runtime.json' is not written"* ]]
		cmp machine/etc/nvbind/runtime.json old.json
	done
	cp old.json own.json
	toolkit --diff --output own.json
	[ "$status" -eq 1 ]
	cmp own.json old.json
	toolkit --diff --output own.json --force
	[ "$status" -eq 0 ]
	[[ "$output" == *'-{"accept_environment": "never"}'* ]]
	[ "$(jq .disable_require own.json)" = true ]
	# What is written is no difference any more.
	toolkit --diff --output own.json --force
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "the machine's policy needs root, and --dry-run does not" {
	[ "$(id -u)" -eq 0 ] || skip "root is needed to become somebody else"
	make_machine
	run_out as_user "$NVBIND" --host-root "$PWD/machine" migrate --from nvidia-container-toolkit
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"machine/etc/nvbind/runtime.json"*"--dry-run"* ]]
	run_out as_user "$NVBIND" --host-root "$PWD/machine" migrate --from nvidia-container-toolkit --dry-run
	[ "$status" -eq 0 ]
}

@test "the toolkit's configuration: --dry-run, --output, --config, and none at all" {
	make_machine
	run_out "$NVBIND" --host-root "$PWD/machine" migrate --from nvidia-container-toolkit --dry-run
	[ "$status" -eq 0 ]
	[ "$(jq -r .disable_require <<<"$output")" = true ]
	[ ! -e machine/etc/nvbind ]
	echo 'nvidia-container-runtime.mode = "csv"' >own.toml
	migrate --from nvidia-container-toolkit --config own.toml --output -
	[ "$status" -eq 1 ]
	[ "$(jq -c . <<<"$output")" = '{}' ]
	[[ "$stderr" == *"key 'nvidia-container-runtime.mode' (line 1): not converted"* ]]
	echo 'disable-require = 1' >own.toml
	migrate --from nvidia-container-toolkit --config own.toml --output policy.json
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"'disable-require' must be true or false"* ]]
	[ ! -e policy.json ]
	mkdir empty
	run_out "$NVBIND" --host-root "$PWD/empty" migrate --from nvidia-container-toolkit
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"/etc/nvidia-container-runtime/config.toml"* ]]
	[ ! -e empty/etc ]
	migrate --from nvidia-container-toolkit compose.yml
	[ "$status" -eq 2 ]
}
