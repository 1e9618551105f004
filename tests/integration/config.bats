# SPDX-License-Identifier: Apache-2.0
# nvbind config: what it finds, shows, writes and refuses.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

# No simulated host is needed, and the machine's own file is not looked at: --host-root is empty.
setup() {
	unset NVBIND_CONFIG XDG_CONFIG_HOME
	export HOME="$BATS_TEST_TMPDIR/home" NVBIND_HOST_ROOT="$BATS_TEST_TMPDIR/machine"
	mkdir -p "$HOME" "$NVBIND_HOST_ROOT/etc" "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

config() {
	run_out "$NVBIND" config "$@"
}

@test "the first file that exists counts, and path shows it" {
	mkdir -p "$NVBIND_HOST_ROOT/etc/nvbind" "$HOME/.config/nvbind"
	echo 'bolt.capsule.compute_limit = 10' >"$NVBIND_HOST_ROOT/etc/nvbind/config.toml"
	config get compute_limit
	[ "$output" = 10% ]
	echo 'bolt.capsule.compute_limit = 20' >"$HOME/.config/nvbind/config.toml"
	config get compute_limit
	[ "$output" = 20% ]
	echo 'bolt.capsule.compute_limit = 30' >.nvbind.toml
	config get compute_limit
	[ "$output" = 30% ]
	echo 'bolt.capsule.compute_limit = 40' >nvbind.toml
	config get compute_limit
	[ "$output" = 40% ]
	config path
	[ "${#lines[@]}" -eq 4 ]
	[ "${lines[0]}" = "counts    nvbind.toml (working directory)" ]
	[ "${lines[1]}" = "shadowed  .nvbind.toml (working directory)" ]
	[ "${lines[2]}" = "shadowed  $HOME/.config/nvbind/config.toml (user)" ]
	[ "${lines[3]}" = "shadowed  $NVBIND_HOST_ROOT/etc/nvbind/config.toml (machine)" ]
	XDG_CONFIG_HOME="$HOME/.config" config path
	[ "${#lines[@]}" -eq 4 ]
	echo 'bolt.capsule.compute_limit = 50' >other.toml
	NVBIND_CONFIG=other.toml config get compute_limit
	[ "$output" = 50% ]
	NVBIND_CONFIG=/dev/null config get compute_limit
	[ "$status" -eq 1 ]
	NVBIND_CONFIG=absent.toml config get compute_limit
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"'absent.toml' (NVBIND_CONFIG): No such file"* ]]
	NVBIND_CONFIG=absent.toml config get compute_limit --config other.toml
	[ "$status" -eq 2 ]
	NVBIND_CONFIG=absent.toml config get --config other.toml compute_limit
	[ "$output" = 50% ]
}

@test "a file that others may write is not read" {
	echo 'bolt.capsule.compute_limit = 40' >nvbind.toml
	chmod 666 nvbind.toml
	config show
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[[ "$stderr" == *"'nvbind.toml' is not read: "*"other users may write to it"* ]]
	config path
	[[ "${lines[0]}" == "refused   nvbind.toml"* ]]
	config validate
	[ "$status" -eq 1 ]
	[ "$(id -u)" -eq 0 ] || return 0
	NVBIND_CONFIG=nvbind.toml config show
	[ "$status" -eq 4 ]
	chmod 644 nvbind.toml
	chown "$USER_ID" nvbind.toml
	config show
	[[ "$stderr" == *"belongs to another user"* ]]
	# Nor by another user.
	mkdir -m 755 theirs
	echo 'bolt.capsule.compute_limit = 40' >theirs/nvbind.toml
	chown 1 theirs/nvbind.toml
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/work"
	run_out as_user sh -c "cd '$PWD/theirs' && '$NVBIND' config show"
	[ -z "$output" ]
	[[ "$stderr" == *"belongs to another user"* ]] || [[ "$stderr" == *"Permission denied"* ]]
}

@test "what only root may write to is said with the way out" {
	[ "$(id -u)" -eq 0 ] || skip "root is needed to become somebody else"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/work"
	run_out as_user "$NVBIND" config set compute_limit 50% --file "$BATS_TEST_TMPDIR/work/x.toml"
	[ "$status" -eq 4 ]
	[[ "$stderr" == *"hint: write another file"* ]]
	[ ! -e x.toml ]
}

@test "init writes a file that holds everything and says nothing" {
	config init --output all.toml
	[ "$status" -eq 0 ]
	[ "$output" = "'all.toml' is written" ]
	config validate all.toml
	[ "$status" -eq 0 ]
	[ "$output" = "all.toml: valid" ]
	config show --config all.toml
	[ -z "$output" ]
	config init --output all.toml
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"it exists"*"--force"* ]]
	config init --force --output all.toml
	[ "$status" -eq 0 ]
	config init --output -
	[ "$output" = "$(cat all.toml)" ]
	# The words of an earlier program.
	config --output former.toml
	cmp former.toml all.toml
	config --show
	[ "$status" -eq 0 ]
	# With every key set it is valid too.
	sed -i 's/^#\([a-z]\)/\1/; s/^#\(\[\)/\1/' all.toml
	config validate all.toml
	[ "$status" -eq 0 ]
	config show --config all.toml
	[ "$(grep -c = <<<"$output")" -gt 60 ]
}

@test "set and unset change one line" {
	cat >nvbind.toml <<-'END'
		# mine
		[bolt.capsule]   # the limits
		compute_limit = "50%" # half

		[unknown]
		key = 1
	END
	cp nvbind.toml before.toml
	config set compute_limit 80%
	[ "$status" -eq 0 ]
	[ "$(diff before.toml nvbind.toml)" = $'3c3\n< compute_limit = "50%" # half\n---\n> compute_limit = "80%" # half' ]
	config set isolation_level exclusive
	[ "$(grep -A1 compute_limit nvbind.toml | tail -1)" = 'isolation_level = "exclusive"' ]
	config unset isolation
	config set compute_limit 50%
	cmp before.toml nvbind.toml
	config unset isolation
	[ "$status" -eq 1 ]
	config set compute_limit 140%
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"'140%' is too large: compute_limit is from 1% to 100%"* ]]
	config set isolatoin shared
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"did you mean 'isolation'?"* ]]
	cmp before.toml nvbind.toml
	config set compute_limit
	[ "$status" -eq 2 ]
	ln -s nvbind.toml link.toml
	config set --file link.toml compute_limit 10%
	[ -L link.toml ]
	grep -q '"10%" # half' nvbind.toml
	config set services.web.gpu.isolation exclusive --file Boltfile.toml
	[ "$(cat Boltfile.toml)" = $'[services.web.gpu]\nisolation = "exclusive"' ]
}

@test "set without a file makes the caller's own" {
	config set dlss_enabled on
	[ "$status" -eq 0 ]
	if [ "$(id -u)" -eq 0 ]; then
		own="$NVBIND_HOST_ROOT/etc/nvbind/config.toml"
	else
		own="$HOME/.config/nvbind/config.toml"
	fi
	[ "$(cat "$own")" = $'[bolt.gaming]\ndlss_enabled = true' ]
	config get bolt.gaming.dlss_enabled
	[ "$output" = true ]
}

@test "show merges environment and file, with the origin of each" {
	cat >nvbind.toml <<-'END'
		[bolt.capsule]
		isolation = "exclusive"
		gpu_memory_limit = "12GB"
	END
	BOLT_GPU_ISOLATION=virtual NVIDIA_DLSS_ENABLED=0 config show --origin
	[ "$output" = '[bolt.capsule]
isolation_level = "virtual"  # environment: BOLT_GPU_ISOLATION
gpu_memory_limit = "12GiB"  # configuration: nvbind.toml:3:1

[bolt.gaming]
dlss_enabled = false  # environment: NVIDIA_DLSS_ENABLED' ]
	config show --json
	[ "$(jq -c '.settings[0]' <<<"$output")" = '{"name":"isolation_level","value":"exclusive","scope":"container"}' ]
	[ "$(jq -r '.files[0]' <<<"$output")" = nvbind.toml ]
	BOLT_GPU_ISOLATION=some config show
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"variable 'BOLT_GPU_ISOLATION': unknown isolation mode 'some'"* ]]
}

@test "validate says all that is wrong, with its place" {
	cat >wrong.toml <<-'END'
		[bolt.gaming]
		dlss_enabled = "yes"
		frame_rate_target = 0
		frame_rate = 3
		[bolt.capsule]
		compute_limit = "140%"
		gpu_memory_limit = "8XB"
		isolation = "shared"
		isolation_level = "virtual"
	END
	config validate wrong.toml
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 6 ]
	[[ "${lines[0]}" == "wrong.toml:2:1: 'bolt.gaming.dlss_enabled' must be true or false"* ]]
	[[ "${lines[1]}" == "wrong.toml:3:1: "*"'0' is too small"* ]]
	[[ "${lines[2]}" == "wrong.toml:4:1: unknown key 'bolt.gaming.frame_rate'; did you mean 'frame_rate_target'?" ]]
	[[ "${lines[3]}" == "wrong.toml:6:1: "*"'140%' is too large"* ]]
	[[ "${lines[4]}" == "wrong.toml:7:1: "*"the unit is unknown"* ]]
	[[ "${lines[5]}" == "wrong.toml:9:1: "*"is 'shared' by wrong.toml:8:1, but 'virtual' by wrong.toml:9:1"* ]]
	printf '[profiles.a]\ninherits = "b"\n[profiles.b]\ninherits = "a"\n' >loop.toml
	config validate loop.toml
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == "loop.toml:1:11: profile 'a' inherits from itself"* ]]
	echo 'x = [' >broken.toml
	config validate broken.toml
	[ "$status" -eq 1 ]
	[[ "$output" == "broken.toml:"* ]]
	config validate absent.toml
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"'absent.toml'"* ]]
	config show --config wrong.toml
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"wrong.toml:2:1: "* ]]
}

@test "two files that contradict each other are refused, with both places" {
	echo 'bolt.capsule.compute_limit = 50' >a.toml
	echo 'bolt.capsule.compute_limit = "80%"' >b.toml
	config show --config a.toml --config b.toml
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"compute_limit is '50%' by a.toml:1:14, but '80%' by b.toml:1:14"* ]]
	echo 'bolt.capsule.compute_limit = "50%"' >b.toml
	config show --config a.toml --config b.toml
	[ "$status" -eq 0 ]
}

@test "show tells profiles and services too" {
	cat >nvbind.toml <<-'END'
		[services."a b".gpu]
		isolation = "exclusive"
		[gpu.gaming_profiles.mine]
		name = "My \"own\""
		inherits = "gaming"
	END
	config show
	[ "$output" = '[profiles.mine]
inherits = "gaming"
name = "My \"own\""

# services."a b":
# isolation_level = "exclusive"' ]
	echo "$output" >again.toml
	config validate again.toml
	[ "$status" -eq 0 ]
}

@test "run takes files, keys and profiles" {
	cat >Boltfile.toml <<-'END'
		[services.a.gpu]
		isolation = "exclusive"
		[services.b.gpu]
		isolation = "virtual"
		[profiles.mine]
		inherits = "gaming"
	END
	run_out "$NVBIND" run --config Boltfile.toml --gpu none --dry-run host true
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"choose a service of 'Boltfile.toml': it has 'a', 'b'"*"--name NAME"* ]]
	run_out "$NVBIND" run --config Boltfile.toml --profile nobody --name a --gpu none --dry-run host true
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"option '--profile': unknown profile 'nobody'"* ]]
	run_out "$NVBIND" run --config compute_limit=0% --gpu none --dry-run host true
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"option '--config': key 'compute_limit': '0%' is too small"* ]]
	echo 'unknown = 1' >unknown.toml
	run_out "$NVBIND" run --config unknown.toml --gpu none --dry-run host true
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"unknown.toml:1:1: unknown key 'unknown', ignored"* ]]
	run_out "$NVBIND" run --strict --config unknown.toml --gpu none --dry-run host true
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"option '--strict': unknown.toml:1:1: unknown key 'unknown'"* ]]
}
