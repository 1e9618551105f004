# SPDX-License-Identifier: Apache-2.0
# nvbind game: from a launcher's files to a container.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

setup() {
	unset NVBIND_HOST_ROOT XDG_RUNTIME_DIR BOLT_WORKLOAD_TYPE WINEPREFIX
	export HOME="$BATS_TEST_TMPDIR/home/user"
	STEAM="$HOME/.local/share/Steam"
	mkdir -p "$STEAM/steamapps/common/Game" "$STEAM/config" "$BATS_TEST_TMPDIR/work"
	printf '"libraryfolders" { "0" { "path" "%s" } }\n' "$STEAM" >"$STEAM/steamapps/libraryfolders.vdf"
	printf '"AppState" { "name" "The Game" "installdir" "Game" }\n' >"$STEAM/steamapps/appmanifest_570.acf"
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

game() {
	run_out "$NVBIND" game "$@"
}

proton() {
	mkdir -p "$STEAM/steamapps/common/Proton 9.0 (Beta)" "$STEAM/steamapps/compatdata/570/pfx"
	# shellcheck disable=SC2016 # the script expands them
	printf '#!/bin/sh\necho "proton $*" in "$PWD" with "$STEAM_COMPAT_DATA_PATH"\n' \
		>"$STEAM/steamapps/common/Proton 9.0 (Beta)/proton"
	chmod +x "$STEAM/steamapps/common/Proton 9.0 (Beta)/proton"
	printf '%s { "570" { "name" "proton_9" } } } } } }\n' \
		'InstallConfigStore { Software { Valve { Steam { CompatToolMapping' >"$STEAM/config/config.vdf"
}

@test "a game of Steam becomes a command line of run" {
	proton
	game steam 570 --gpu none --json
	[ "$status" -eq 0 ]
	[ "$(jq -r .game.title <<<"$output")" = "The Game" ]
	[ "$(jq -r .game.runner_name <<<"$output")" = "Proton 9.0 (Beta)" ]
	[ "$(jq -r '.run[0:2] | join(" ")' <<<"$output")" = "run --gaming" ]
	[ "$(jq -r '.run[-5:] | join(" ")' <<<"$output")" = "host -- steam -applaunch 570" ]
	[ "$(jq -r .plan.env.STEAM_COMPAT_DATA_PATH <<<"$output")" = "$STEAM/steamapps/compatdata/570" ]
	[ "$(jq -r '.plan.knobs[] | select(.name == "profile") | .value' <<<"$output")" = gaming ]
	[ "$(jq -r --arg path "$STEAM" '.plan.mounts[] | select(.destination == $path) | .source' <<<"$output")" = "$STEAM" ]
	[[ "$stderr" == *"does not start as root"* ]]
	# What is said beside it wins over the game's.
	game steam 570 --gpu none --json --profile competitive --env SteamAppId=1 -- game.exe -x
	[ "$status" -eq 0 ]
	[ "$(jq -r .plan.env.SteamAppId <<<"$output")" = 1 ]
	[ "$(jq -r '.plan.knobs[] | select(.name == "performance_profile") | .value' <<<"$output")" = ultra-low-latency ]
	[ "$(jq -r '.run[-4:] | join("|")' <<<"$output")" = \
		"$STEAM/steamapps/common/Proton 9.0 (Beta)/proton|waitforexitandrun|game.exe|-x" ]
	game steam 570 --gpu none --dry-run
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == "game "*"The Game" ]]
	[[ "$output" == *"by '$STEAM/steamapps/appmanifest_570.acf'"*"engine "*bolt* ]]
}

@test "a missing game names the libraries that were searched" {
	game steam 571 --gpu none --dry-run
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"find application 571 in the libraries '$STEAM'"*"hint: "* ]]
	game steam Portal --dry-run
	[ "$status" -eq 2 ]
	game steam
	[ "$status" -eq 2 ]
	game lutris nobody --dry-run
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"$HOME/.local/share/lutris/games"* ]]
	game wine ./absent.exe --dry-run
	[ "$status" -eq 1 ]
	HOME='' game steam 570 --dry-run
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"--home DIR"* ]]
	game steam 570 --image --rootfs --dry-run
	[ "$status" -eq 2 ]
}

@test "the files of another machine are read below its root" {
	proton
	mkdir -p machine/home
	cp -a "$BATS_TEST_TMPDIR/home/user" machine/home/
	sed -i 's|"path" "[^"]*"|"path" "/home/user/.local/share/Steam"|' \
		machine/home/user/.local/share/Steam/steamapps/libraryfolders.vdf
	run_out "$NVBIND" --host-root machine game steam 570 --home /home/user --gpu none --image image --json
	[ "$status" -eq 0 ]
	[ "$(jq -r '.plan.mounts[] | select(.destination == "/home/user/.local/share/Steam") | .source' <<<"$output")" = \
		"$PWD/machine/home/user/.local/share/Steam" ]
}

@test "a game of Lutris and a program by Wine" {
	mkdir -p "$HOME/.local/share/lutris/games" "$HOME/Games/over/drive_c" "$HOME/.wine" "$HOME/tool"
	touch "$HOME/Games/over/drive_c/game.exe" "$HOME/tool/tool.exe"
	printf 'game: {exe: drive_c/game.exe, prefix: "%s"}\nwine: {version: system}\nname: Over\n' \
		"$HOME/Games/over" >"$HOME/.local/share/lutris/games/over-1.yml"
	game lutris Over --gpu none --json
	[ "$status" -eq 0 ]
	[ "$(jq -r .plan.env.WINEPREFIX <<<"$output")" = "$HOME/Games/over" ]
	[ "$(jq -r '.game.mounts | length' <<<"$output")" -eq 1 ]
	[ "$(jq -r '.run[-2:] | join(" ")' <<<"$output")" = "wine $HOME/Games/over/drive_c/game.exe" ]
	cd "$HOME/tool"
	game wine ./tool.exe --gpu none --json -- /quiet
	[ "$status" -eq 0 ]
	[ "$(jq -r .plan.env.WINEPREFIX <<<"$output")" = "$HOME/.wine" ]
	[ "$(jq -r '.run[-3:] | join(" ")' <<<"$output")" = "wine $HOME/tool/tool.exe /quiet" ]
	printf 'game: {exe: x, prefix: "%s"}\n' "$HOME" >"$HOME/.local/share/lutris/games/evil-1.yml"
	game lutris evil --gpu none --dry-run
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"it holds the whole home"* ]]
}

@test "the program runs in a container, in its directory" {
	proton
	game steam 570 --gpu none --image host -- game.exe
	[ "$status" -eq 0 ]
	[[ "$output" == *"proton waitforexitandrun game.exe in $STEAM/steamapps/common/Game with $STEAM/steamapps/compatdata/570" ]]
}
