# SPDX-License-Identifier: Apache-2.0
# nvbind profile: what it lists, shows, explains, writes and refuses.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

setup() {
	unset NVBIND_CONFIG XDG_CONFIG_HOME XDG_RUNTIME_DIR BOLT_WORKLOAD_TYPE
	export HOME="$BATS_TEST_TMPDIR/home" NVBIND_HOST_ROOT="$BATS_TEST_TMPDIR/machine"
	mkdir -p "$HOME" "$NVBIND_HOST_ROOT/etc" "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

profile() {
	run_out "$NVBIND" profile "$@"
}

# A simulated desktop.
desktop() {
	local host="$BATS_FILE_TMPDIR/$1"
	[ -d "$host" ] || "$NVBIND_SOURCE_ROOT/tests/hosts/make-host" \
		"$NVBIND_SOURCE_ROOT/tests/hosts/descriptions/$1.toml" "$host" >&2 || return 1
	echo "$host"
}

ghostforge() {
	cat >ghostforge.toml <<-'END'
		# mine
		[gpu.gaming_profiles.competitive]
		name = "Competitive Gaming"
		performance_level = "UltraLowLatency" # fast
		dlss_enabled = true
		[ai_ml.ollama_profiles.tiny]
		model_size = "Small"
		batch_size = 2
	END
}

@test "list shows built-in profiles and those of a file, which come first" {
	profile list
	[ "$status" -eq 0 ]
	[[ "$output" == *"competitive  gaming "* ]]
	[ "$(grep -c ' ai-ml  ' <<<"$output")" -ge 4 ]
	ghostforge
	profile list --config ghostforge.toml
	[ "$(grep -c '^competitive ' <<<"$output")" -eq 1 ]
	[[ "$output" == *"Competitive Gaming (ghostforge.toml:2:"* ]]
	profile list --json --config ghostforge.toml
	[ "$(jq -r '.profiles[] | select(.name == "tiny") | .inherits' <<<"$output")" = ai-ml ]
	[ "$(jq -r '.profiles[] | select(.name == "tiny") | .settings[] | select(.name == "cuda_cache_size") | .origin' \
		<<<"$output")" = "profile 'ai-ml'" ]
}

@test "show prints a file that says the same" {
	for name in default gaming competitive aaa handheld ai-ml training ollama-70b; do
		profile show "$name"
		[ "$status" -eq 0 ]
		cp "$BATS_TEST_TMPDIR/stderr" errors
		[ ! -s errors ]
		echo "$output" >again.toml
		profile validate --config again.toml "$name"
		[ "$status" -eq 0 ]
		profile show "$name" --config again.toml
		diff <(tail -n +2 again.toml) <(tail -n +2 <<<"$output")
	done
	profile show competitive --origin
	[[ "$output" == *"dlss_enabled = false  # profile 'competitive'"* ]]
	[[ "$output" == *"wine_optimizations = true  # profile 'gaming'"* ]]
	profile show nobody
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"unknown profile 'nobody'"*"nvbind profile list"* ]]
	profile show high-performance-gaming
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"'high-performance-gaming' is defined nowhere, 'gaming' is taken"* ]]
	profile show
	[ "$status" -eq 2 ]
}

@test "validate finds a profile that inherits itself, and unknown parents" {
	printf '[profiles.a]\ninherits = "b"\n[profiles.b]\ninherits = "a"\n[profiles.c]\ninherits = "gamming"\n' >nvbind.toml
	profile validate
	[ "$status" -eq 1 ]
	[[ "$output" == *"a: nvbind.toml:1:11: profile 'a' inherits from itself"* ]]
	[[ "$output" == *"c: nvbind.toml:5:11: profile 'c' inherits: unknown profile 'gamming'; did you mean 'gaming'?"* ]]
	profile validate gaming
	[ "$status" -eq 0 ]
	[ "$output" = "gaming: valid" ]
	profile show a
	[ "$status" -eq 1 ]
	profile list
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"profile 'a' inherits from itself"* ]]
	run_out "$NVBIND" run --profile a --gpu none --dry-run host true
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"profile 'a' inherits from itself"* ]]
}

@test "create and edit keep what is there" {
	printf '# first\n[bolt.gaming]\nmangohud = true # yes\n' >nvbind.toml
	profile create mine --inherits aaa dlss_quality=balanced frame_rate_target=144
	[ "$status" -eq 0 ]
	[ "$(cat nvbind.toml)" = '# first
[bolt.gaming]
mangohud = true # yes

[profiles.mine]
inherits = "aaa"
dlss_quality = "Balanced"
frame_rate_target = 144' ]
	profile create mine
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"'nvbind.toml' has it"*"profile edit mine"* ]]
	profile edit mine frame_rate_target= vsync-mode=off inherits=competitive
	[ "$status" -eq 0 ]
	grep -q '^inherits = "competitive"$' nvbind.toml
	grep -q '^vsync_mode = "off"$' nvbind.toml
	[ "$(grep -c frame_rate_target nvbind.toml)" -eq 0 ]
	cp nvbind.toml before.toml
	profile edit mine inherits=mine
	[ "$status" -ne 0 ]
	profile edit mine frame_rate_target=0
	[ "$status" -eq 2 ]
	profile edit mine dlss_enabeld=true
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"did you mean 'dlss_enabled'?"* ]]
	profile edit mine
	[ "$status" -eq 2 ]
	profile edit gaming dlss_enabled=false
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"no configuration file defines it"*"profile create"* ]]
	profile create ../mine
	[ "$status" -eq 2 ]
	profile create 'a.b'
	[ "$status" -eq 2 ]
	profile create other --inherits nobody
	[ "$status" -eq 1 ]
	cmp nvbind.toml before.toml
}

@test "edit finds GhostForge's tables and spellings" {
	ghostforge
	profile edit --file ghostforge.toml competitive performance_profile=balanced
	[ "$status" -eq 0 ]
	grep -q '^performance_level = "balanced" # fast$' ghostforge.toml
	[ "$(head -n 1 ghostforge.toml)" = "# mine" ]
	profile edit --file ghostforge.toml tiny batch_size=4
	grep -q '^batch_size = 4$' ghostforge.toml
}

@test "explain says what is on, what is not, why, and what to change" {
	NVBIND_HOST_ROOT="$(desktop arch-desktop)"
	profile explain competitive
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "competitive: games where latency counts more than the picture" ]
	[[ "$output" == *"It inherits from 'gaming'."*"What is on"*"What you may change"* ]]
	[[ "$output" == *"PROTON_DISABLE_NVAPI"* ]]
	[ "$(awk 'length > 100' <<<"$output" | wc -l)" -eq 0 ]
	profile explain competitive --json --config dlss_enabled=true
	[ "$status" -eq 0 ]
	[ "$(jq -r '.knobs[] | select(.name == "dlss_enabled") | .value + " " + .origin' <<<"$output")" = "true --config" ]
	# Every setting of the profile has an outcome; nothing is read and then ignored.
	"$NVBIND" profile show competitive --json | jq -r '.settings[].name' | sort >asked
	jq -r '.knobs[].name' <<<"$output" | sort >told
	[ -z "$(comm -23 asked told)" ]
	[ "$(jq '[.knobs[] | select(.status == "unsupported" or .status == "none") | select(.reason == null)] | length' \
		<<<"$output")" -eq 0 ]
	profile explain gaming --gpu 7
	[ "$status" -eq 3 ]
	profile explain ai-ml --gpu none
	[ "$status" -eq 0 ]
	[[ "$output" == *"On this machine: no GPU"* ]]
	# Advice is for GPUs that are there, and for settings that are not chosen yet.
	[[ "$output" != *"What you may change"* ]]
	profile explain gaming
	[[ "$output" == *"power_profile=maximum"* ]]
	[[ "$output" != *"prime_offload=true"* ]]
	profile explain gaming --config frame_rate_target=60
	[[ "$output" != *"frame_rate_target=N"* ]]
}

@test "run takes a preset, and everything else counts more" {
	NVBIND_HOST_ROOT="$(desktop arch-desktop)"
	value() {
		jq -r --arg name "$1" '.knobs[] | select(.name == $name) | .value' <<<"$output"
	}
	run_out "$NVBIND" run --profile aaa --dry-run --format json image
	[ "$(value dlss_quality)" = Quality ]
	[ "$(value performance_profile)" = performance ]
	echo 'bolt.gaming.dlss_quality = "Balanced"' >nvbind.toml
	run_out "$NVBIND" run --profile aaa --dry-run --format json image
	[ "$(value dlss_quality)" = Balanced ]
	run_out "$NVBIND" run --profile aaa --config dlss_quality=performance --dry-run --format json image
	[ "$(value dlss_quality)" = Performance ]
	NVIDIA_DLSS_ENABLED=0 run_out "$NVBIND" run --profile aaa --dry-run --format json image
	[ "$(value dlss_enabled)" = false ]
	echo 'gpu.default_profile = "high-performance-gaming"' >nvbind.toml
	run_out "$NVBIND" run --dry-run --format json image
	[ "$status" -eq 0 ]
	[ "$(value wine_optimizations)" = true ]
	[[ "$stderr" == *"'high-performance-gaming' is defined nowhere"* ]]
}
