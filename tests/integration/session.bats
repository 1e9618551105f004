# SPDX-License-Identifier: Apache-2.0
# What a container shares with a desktop session, and what it keeps between runs.
# shellcheck disable=SC2154,SC2016 # fixture.bash sets stderr; variables are the container's
bats_require_minimum_version 1.5.0
load fixture

setup() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
	ROOT="$(root_of debian)"
	# In a simulated machine, a file stands for a socket.
	MACHINE="$BATS_TEST_TMPDIR/machine"
	mkdir -p "$MACHINE/run/user/7/pulse" "$MACHINE/tmp/.X11-unix" "$MACHINE/home/me" "$MACHINE/run/udev"
	echo wayland >"$MACHINE/run/user/7/wayland-5"
	echo pulse >"$MACHINE/run/user/7/pulse/native"
	echo secret >"$MACHINE/run/user/7/bus"
	echo x11 >"$MACHINE/tmp/.X11-unix/X5"
	{
		cookie 4 other
		cookie 5 mine!
	} >"$MACHINE/home/me/.Xauthority"
	chmod -R a+rX "$MACHINE" "$BATS_TEST_TMPDIR"
	SESSION=(XDG_RUNTIME_DIR=/run/user/7 WAYLAND_DISPLAY=wayland-5 DISPLAY=:5 HOME=/home/me
		XAUTHORITY=/home/me/.Xauthority NVBIND_CACHE_DIR=/cache)
}

# An entry of a file of cookies, for any host name: display $1, five bytes of data $2.
cookie() {
	printf '\377\377\0\0\0\1%s\0\22MIT-MAGIC-COOKIE-1\0\5%s' "$1" "$2"
}

session() {
	env "${SESSION[@]}" "$NVBIND" --host-root "$MACHINE" run --gpu none --rootfs "$ROOT" "$@"
}

@test "a display: its sockets, one cookie, and nothing else of the session" {
	run_out session --config display=auto -- sh -c '
		cat "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY" "/tmp/.X11-unix/X${DISPLAY#:}"
		tr -cd "a-z!" <"$XAUTHORITY"; echo; ls "$XDG_RUNTIME_DIR"; ls -l "$XAUTHORITY"
		touch "$XDG_RUNTIME_DIR/own" && echo writable'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = wayland ]
	[ "${lines[1]}" = x11 ]
	[ "${lines[2]}" = "mine!" ]
	[[ "$output" == *Xauthority*wayland-0* && "$output" != *bus* ]]
	[[ "$output" == *"-rw-------"*writable ]]
	assert_clean
}

@test "the session's directory belongs to whom the container runs as" {
	for user in 0 1234; do
		run_out session --user "$user" --config display=auto --config shader_cache=true game -- sh -c '
			stat -c "%u %a" "$XDG_RUNTIME_DIR" "$XAUTHORITY"
			touch "$XDG_RUNTIME_DIR/own" "$DXVK_SHADER_CACHE_PATH/own" && cat "$XAUTHORITY" >/dev/null && echo writable'
		[ "$status" -eq 0 ]
		[ "$output" = "$user 700
$user 600
writable" ]
		rm -r "$MACHINE/cache"
	done
	assert_clean
}

@test "Wayland alone shares no X11" {
	run_out session --config display=wayland -- sh -c 'cat "$XDG_RUNTIME_DIR/wayland-0"; ls /tmp/.X11-unix; echo "[$DISPLAY]"'
	[[ "$output" == *wayland*"[]" && "$output" != *X5* ]]
}

@test "a file of cookies without this display's is left out with a word" {
	cookie 4 other >"$MACHINE/home/me/.Xauthority"
	run_out session --config display=x11 -- sh -c 'ls "$XAUTHORITY" || cat /tmp/.X11-unix/X5'
	[ "$status" -eq 0 ]
	[[ "$output" == x11 && "$stderr" == *"cookie of display ':5'"* ]]
	assert_clean
}

@test "sound" {
	run_out session --config audio_system=auto --config audio_latency=low -- sh -c '
		cat "${PULSE_SERVER#unix:}"; echo "$PULSE_LATENCY_MSEC"'
	[ "$status" -eq 0 ]
	[ "$output" = "pulse
30" ]
}

@test "a volume inside of the session's directory stays visible" {
	mkdir "$BATS_TEST_TMPDIR/volume"
	touch "$BATS_TEST_TMPDIR/volume/mine"
	run_out session --config audio_system=auto -v "$BATS_TEST_TMPDIR/volume:/run/user/0/volume" -- \
		sh -c 'ls /run/user/0 /run/user/0/volume'
	[ "$status" -eq 0 ]
	[[ "$output" == *pulse*volume*mine* ]]
}

@test "shaders are kept between runs, for one image" {
	run_out session --config shader_cache=true game -- sh -c 'echo compiled >"$DXVK_SHADER_CACHE_PATH/x"'
	[ "$status" -eq 0 ]
	run_out session --config shader_cache=true game -- sh -c 'cat "$DXVK_SHADER_CACHE_PATH/x"'
	[ "$output" = compiled ]
	[ "$(stat -c %a "$MACHINE/cache/shaders/game")" = 700 ]
	run_out session --config shader_cache=true other -- sh -c 'ls -A /var/cache/nvbind/shaders'
	[ "$status" -eq 0 ]
	[ "$output" = "" ]
	# A root without a name has none.
	run_out session --config shader_cache=true -- sh -c 'echo "[$DXVK_SHADER_CACHE_PATH]"'
	[ "$output" = "[]" ]
	[ "$(ls "$MACHINE/cache/shaders")" = "game
other" ]
	assert_clean
}

@test "where no directory can be made, the container runs without" {
	: >"$MACHINE/cache"
	run_out session --config shader_cache=true game -- echo ran
	[ "$output" = ran ]
	[[ "$stderr" == *"nothing is kept"* ]]
	rm "$MACHINE/cache"
	[ "$(id -u)" = 0 ] || return 0
	# Another user's, who would write code into root's container.
	mkdir -p "$MACHINE/cache/shaders/game"
	chown "$USER_ID" "$MACHINE/cache/shaders/game"
	run_out session --config shader_cache=true game -- sh -c 'ls -d /var/cache/nvbind/shaders || echo none'
	[[ "$output" == *none && "$stderr" == *"shaders/game': another user owns it"*"nothing is kept"* ]]
}

@test "the size of /dev/shm" {
	run_out session --config shm_size=12MiB -- sh -c 'df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2'
	[ "$output" = 12288 ]
}

@test "an ordinary user shares his session" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	chown -R "$USER_ID" "$MACHINE"
	run_out as_user env "${SESSION[@]}" NVBIND_CONFIG=/dev/null \
		NVBIND_STATE_DIR="$BATS_SUITE_TMPDIR/users/$USER_ID/state" \
		"$NVBIND" --host-root "$MACHINE" run --gpu none --rootfs "$ROOT" \
		--config display=auto --config shader_cache=true game -- \
		sh -c 'cat "$XDG_RUNTIME_DIR/wayland-0" && tr -cd "a-z!" <"$XAUTHORITY" && touch "$DXVK_SHADER_CACHE_PATH/x"'
	[ "$status" -eq 0 ]
	[ "$output" = "wayland
mine!" ]
	[ "$(stat -c %u "$MACHINE/cache/shaders/game/x")" = "$USER_ID" ]
}
