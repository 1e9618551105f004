# SPDX-License-Identifier: Apache-2.0
# nvbind bench on the simulated host: what it measures, what it says where it cannot, what it leaves.
# Nothing here looks at a time.
# shellcheck disable=SC2154,SC2016 # fixture.bash sets stderr; questions for jq and scripts
bats_require_minimum_version 1.5.0
load fixture

setup() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
	local program
	for program in jq runc; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
	unset NVBIND_GPU NVBIND_DOCKER NVBIND_PODMAN NVBIND_BENCH_NVIDIA_RUNTIME NVBIND_BENCH_NVIDIA_CTK
	# Whatever the machine's cgroups are.
	export NVBIND_OCI_RUNTIME=runc
}

# What is there of one bench: others may be running.
places_of() {
	find /dev/shm /tmp -maxdepth 1 -name "nvbind-bench-$1-??????" 2>/dev/null
	find /sys/fs/cgroup -maxdepth 2 -name "nvbind-bench-$1" 2>/dev/null
	grep -F "nvbind-bench-$1-" /proc/self/mountinfo
	pgrep -f "nvbind-bench-$1-"
	true
}

bench() {
	run_out on_host bench --rounds 2 "$@"
	echo "$output" >"$BATS_TEST_TMPDIR/report.json"
}

# The answer to each question on the report is true; L: its lines by their keys.
assert_report() {
	local question
	for question in "$@"; do
		jq -e '([.lines[] | {(.key): .}] | add) as $L | '"$question" "$BATS_TEST_TMPDIR/report.json" >/dev/null ||
			{ echo "not true: $question"; return 1; }
	done
}

# A program that writes down its arguments and does what the script says.
stand_in() {
	printf '#!/bin/sh\necho "$@" >>%s\n%s\n' "'$BATS_TEST_TMPDIR/$1.log'" "$2" >"$BATS_TEST_TMPDIR/$1"
	chmod 755 "$BATS_TEST_TMPDIR/$1"
}

@test "every line is measured with all GPUs" {
	bench --json
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	assert_report '.version == 1' '.machine.gpus == 8' '.machine.gpus_chosen == 8' \
		'.machine.low_level_runtime | endswith("/runc")' ".machine.host_root == \"$HOST\"" \
		'[.lines[] | select(.reason and .key != "step.cache")] == []' \
		'$L["step.cache"] | .p50 > 0 or (.reason | contains("younger than"))' \
		'[.lines[] | select(.key | startswith("start.")) | .runs] == [2, 2, 2, 2, 2]' \
		'$L["start.gpus"].p50 > 0' '$L["memory.gpus"].p50 > 1000000' '$L["step.plan"].runs == 20' \
		'$L["added.gpus"].runs == 2' '$L["run.nvbind_gpus"].p50 > 0' '$L["cdi.nvbind"].p50 > 0' \
		'$L["run.docker"] == null' '$L["start.nvidia"] == null' \
		'[.lines[] | .min <= .p5 and .p5 <= .p50 and .p50 <= .p95 and .p95 <= .max] | all'
}

@test "the table explains each line, and a selector chooses" {
	run_out on_host bench --rounds 1 --gpu 2 --gpu 5
	[ "$status" -eq 0 ]
	[[ "$output" == *"GPUs                8, of them chosen: 2"* ]]
	[[ "$output" == *"the floor of every start"* ]]
	[[ "$output" == *"of it: nvbind-runtime itself"* ]]
	# The host may be so young that nothing is kept of it.
	[ "$(grep -c 'not measured' <<<"$output")" -eq "$(grep -c 'nothing is kept here' <<<"$output")" ]
	[[ "$output" != *"docker"* ]]
}

@test "nothing is left behind" {
	local pid
	on_host bench --rounds 1 --json >/dev/null &
	pid=$!
	wait "$pid"
	[ -z "$(places_of "$pid")" ]
	assert_clean
}

@test "Ctrl-C ends it, and nothing is left behind" {
	local signal pid code
	for signal in INT TERM; do
		# Without job control, a shell has what it starts in the background ignore SIGINT.
		env --default-signal=INT,TERM "$NVBIND" --host-root "$HOST" bench --rounds 100000 --seconds 600 \
			>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
		pid=$!
		for _ in $(seq 200); do
			[ -z "$(find "/dev/shm" /tmp -maxdepth 3 -path "*nvbind-bench-$pid-*/bundle-*" -name config.json 2>/dev/null | head -n 1)" ] || break
			sleep 0.05
		done
		sleep 0.5
		kill -s "$signal" "$pid"
		code=0
		wait "$pid" || code=$?
		[ "$code" -eq $((128 + $(kill -l "$signal"))) ]
		[ ! -s "$BATS_TEST_TMPDIR/out" ]
		[ -z "$(places_of "$pid")" ]
	done
	assert_clean
}

# A bench that measures; $pid is its number.
start_bench() {
	env --default-signal=PIPE "$NVBIND" --host-root "$HOST" bench --rounds 100000 --seconds 600 >/dev/null 2>&1 3>&- &
	pid=$!
	for _ in $(seq 200); do
		[ -z "$(find "/dev/shm" /tmp -maxdepth 3 -path "*nvbind-bench-$pid-*/bundle-*" -name config.json 2>/dev/null | head -n 1)" ] || break
		sleep 0.05
	done
	sleep 0.5
}

@test "what a killed one leaves goes with the next one" {
	local pid killed
	start_bench
	kill -KILL "$pid"
	wait "$pid" || true
	killed=$pid
	sleep 1
	[ -n "$(places_of "$killed")" ]
	on_host bench --rounds 1 --json >/dev/null
	[ -z "$(places_of "$killed")" ]
	start_bench
	kill -s PIPE "$pid"
	sleep 0.2
	kill -s TERM "$pid"
	wait "$pid" || true
	[ -z "$(places_of "$pid")" ]
	assert_clean
}

@test "without root: what can be measured, and why the rest is not" {
	bench() {
		run_out as_user env NVBIND_OCI_RUNTIME=runc "$NVBIND" --host-root "$HOST" bench --rounds 1 --json
		echo "$output" >"$BATS_TEST_TMPDIR/report.json"
	}
	bench
	[ "$status" -eq 0 ]
	assert_report '$L["start.low_level"].p50 == null' '$L["start.low_level"].reason | startswith("only root")' \
		'$L["added.gpus"].reason | startswith("only root")' '$L["step.plan"].p50 > 0' \
		'$L["memory.no_gpu"].p50 > 0' '$L["cdi.nvbind"].p50 > 0'
}

@test "what is not installed or does not answer is said, without a number" {
	stand_in podman 'exit 1'
	NVBIND_DOCKER=/nonexistent NVBIND_PODMAN="$BATS_TEST_TMPDIR/podman" bench --json --compare docker,podman,nvidia
	[ "$status" -eq 0 ]
	assert_report '$L["run.docker"].reason | contains("/nonexistent")' '$L["run.podman"].reason != null' \
		'$L["start.nvidia"].reason | contains("looks at this machine")' \
		'$L["cdi.nvidia"].reason | contains("looks at this machine")' \
		'[.lines[] | select(.reason) | .p50, .min, .max] | unique == [null]' \
		'[.lines[] | select(.reason) | .runs] | unique == [0]' '$L["ratio.docker"].reason != null' \
		'$L["start.gpus"].p50 > 0'
}

@test "engines: an image of our root comes and goes" {
	stand_in docker 'case $1 in info) cat "'"$BATS_TEST_TMPDIR/info"'" ;; import) tar -tf "$2" >"'"$BATS_TEST_TMPDIR/tar"'" ;; esac'
	echo '{"ServerVersion": "26.1.5", "OSType": "linux", "Runtimes": {}, "SecurityOptions": []}' >"$BATS_TEST_TMPDIR/info"
	NVBIND_DOCKER="$BATS_TEST_TMPDIR/docker" bench --json --compare docker
	[ "$status" -eq 0 ]
	cat "$BATS_TEST_TMPDIR/docker.log"
	assert_report '$L["run.docker"].runs == 2' '$L["ratio.docker"].unit == "permille"'
	grep -qx './probe' "$BATS_TEST_TMPDIR/tar"
	[ "$(grep -c '^run --rm --network none nvbind-bench:[0-9]* /probe --version$' "$BATS_TEST_TMPDIR/docker.log")" -eq 3 ]
	[[ "$(tail -n 1 "$BATS_TEST_TMPDIR/docker.log")" == "image rm --force nvbind-bench:"* ]]
	rm "$BATS_TEST_TMPDIR/docker.log"
	NVBIND_DOCKER="$BATS_TEST_TMPDIR/docker" bench --json --compare docker --image debian:12
	grep -qx 'run --rm --network none debian:12 true' "$BATS_TEST_TMPDIR/docker.log"
	run ! grep -q 'import\|image rm' "$BATS_TEST_TMPDIR/docker.log"
}

@test "another GPU runtime: the same bundle, the same GPUs, the same low-level runtime" {
	export NVBIND_BENCH_NVIDIA_RUNTIME="$BATS_TEST_TMPDIR/other" NVBIND_BENCH_NVIDIA_CTK="$BATS_TEST_TMPDIR/ctk"
	stand_in ctk ''
	stand_in other 'case $* in *create*) cp "$5/config.json" "'"$BATS_TEST_TMPDIR/config.json"'" ;; esac
[ "$1" = --version ] || sleep 0.1
exec runc "$@"'
	bench --json --compare nvidia --gpu 1,3
	[ "$status" -eq 0 ]
	assert_report '$L["start.nvidia"].runs == 2' '$L["added.nvidia"].p50 > 100000000' '$L["cdi.nvidia"].runs == 2' \
		'$L["ratio.nvidia"].reason == null or ($L["ratio.nvidia"].reason | contains("noise"))'
	jq -e '.process.env | index("NVIDIA_VISIBLE_DEVICES=1,3")' "$BATS_TEST_TMPDIR/config.json"
	grep -qx 'cdi generate' "$BATS_TEST_TMPDIR/ctk.log"
	stand_in other 'echo "crun version 1.2"'
	bench --json --compare nvidia
	assert_report '$L["start.nvidia"].reason | contains("it starts crun, and here runc is measured")'
}

@test "a machine without a GPU: the rest is measured" {
	"$NVBIND_SOURCE_ROOT/tests/hosts/make-host" no-gpu "$BATS_TEST_TMPDIR/none"
	run_out "$NVBIND" --host-root "$BATS_TEST_TMPDIR/none" bench --rounds 1 --json
	[ "$status" -eq 0 ]
	echo "$output" >"$BATS_TEST_TMPDIR/report.json"
	assert_report '$L["start.gpus"].reason | contains("no GPU")' '$L["start.no_gpu"].p50 > 0' '$L["run.nvbind"].p50 > 0'
	run_out "$NVBIND" --host-root "$BATS_TEST_TMPDIR/none" bench --gpu 0
	[ "$status" -eq 3 ]
}

@test "words that are not understood" {
	local words
	for words in '--rounds 0' '--rounds x' '--seconds 0' '--compare rkt' '--gpu 1:2:3' 'operand' '--compare docker,' '--image -x' '--image debian' '--compare nvidia --image debian'; do
		# shellcheck disable=SC2086 # words
		run_out on_host bench $words
		[ "$status" -eq 2 ]
	done
	run_out on_host bench --gpu 9
	[ "$status" -eq 3 ]
}
