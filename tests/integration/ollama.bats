# SPDX-License-Identifier: Apache-2.0
# nvbind ollama: what it reads of a model, which GPUs and settings it chooses, and what it runs.
# shellcheck disable=SC2154,SC2153,SC2030,SC2031 # fixture.bash sets HOST and stderr; a test is a subshell
bats_require_minimum_version 1.5.0
load fixture

setup_file() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || return 0
	local host
	for host in radeon-x2 no-gpu; do
		"$NVBIND_SOURCE_ROOT/tests/hosts/make-host" "$host" "$BATS_FILE_TMPDIR/$host" || return 1
	done
	"$NVBIND_SOURCE_ROOT/tests/integration/ollama-models" "$BATS_FILE_TMPDIR/models"
}

setup() {
	[ ! -e "$BATS_SUITE_TMPDIR/skip" ] || skip "$(cat "$BATS_SUITE_TMPDIR/skip")"
	unset OLLAMA_MODELS
	export HOME="$BATS_TEST_TMPDIR/home" NVBIND_HOST_ROOT="$BATS_FILE_TMPDIR/radeon-x2"
	mkdir "$HOME"
	MODELS="$BATS_FILE_TMPDIR/models"
	# A Docker that writes down what it is run with.
	cat >"$BATS_TEST_TMPDIR/docker" <<-END
		#!/bin/sh
		[ "\$1" = info ] && exec echo '{"ServerVersion": "28.0.0",
			"Runtimes": {"nvbind": {"path": "/usr/bin/nvbind-runtime"}}, "CDISpecDirs": []}'
		printf '%s\n' "\$@" >"$BATS_TEST_TMPDIR/argv"
	END
	chmod 755 "$BATS_TEST_TMPDIR/docker"
	export NVBIND_DOCKER="$BATS_TEST_TMPDIR/docker"
}

ollama() {
	run_out "$NVBIND" ollama --models "$MODELS" "$@"
}

# A value of the JSON, as jq prints it.
field() {
	jq -r "$1" <<<"$output"
}

setting() {
	field ".settings[] | select(.name == \"$1\") | .value"
}

@test "a model's file says what it needs, and one GPU is enough" {
	ollama --json llama3.1:8b
	[ "$status" -eq 0 ]
	[ "$(field .model.source)" = gguf ]
	[ "$(field .model.precision)" = Q4_K_M ]
	[ "$(field .estimate.is_guess)" = false ]
	[ "$(field '.estimate.terms[] | select(.what == "keys and values") | .bytes')" = 1073741824 ]
	[ "$(field '.estimate.total_bytes == ([.estimate.terms[].bytes] | add)')" = true ]
	[ "$(field '.gpus | length')" = 1 ]
	[ "$(field '.gpus[0].memory_is')" = free ]
	[ "$(field .fits)" = true ]
	[ "$(setting OLLAMA_CONTEXT_LENGTH)" = 8192 ]
	[ "$(setting OLLAMA_NUM_PARALLEL)" = 1 ]
	[ "$(setting OLLAMA_SCHED_SPREAD)" = "" ]
	[ "$(setting OLLAMA_KV_CACHE_TYPE)" = "" ]
}

@test "several GPUs where one does not hold it, and the truth where none do" {
	ollama --json --parallel 12 llama3.1:8b
	[ "$(field '.gpus | length')" = 2 ]
	[ "$(field .fits)" = true ]
	[ "$(setting OLLAMA_SCHED_SPREAD)" = 1 ]
	ollama --json --parallel 64 llama3.1:8b
	[ "$(field .fits)" = false ]
	[[ "$(field '.notes[]')" == *"it fits with --context 8192 --parallel 1 --kv-type q8_0"* ]]
	ollama --json llama3.1:70b
	[ "$(field .fits)" = false ]
	[[ "$(field '.notes[]')" == *"smaller model"* ]]
}

@test "context and type of keys and values" {
	ollama --json --context 4096 --kv-type q4_0 llama3.1:8b
	[ "$(setting OLLAMA_CONTEXT_LENGTH)" = 4096 ]
	[ "$(setting OLLAMA_KV_CACHE_TYPE)" = q4_0 ]
	[ "$(setting OLLAMA_FLASH_ATTENTION)" = 1 ]
	[ "$(field '.estimate.terms[] | select(.what == "keys and values") | .bytes')" = 150994944 ]
	ollama --json --context 200000 llama3.1:8b
	[[ "$(field '.notes[]')" == *"trained for 131072 tokens"* ]]
}

@test "a model that is not there is guessed by its name, and called a guess" {
	ollama --json qwen2.5:32b
	[ "$(field .model.source)" = name ]
	[ "$(field .estimate.is_guess)" = true ]
	[ "$(field .model.weights_bytes)" = null ]
	[[ "$(field '.notes[]')" == *"guessed by its name"* ]]
	ollama --json mistral
	[ "$(field .model.source)" = null ]
	[ "$(field .estimate)" = null ]
	[ "$(field .fits)" = null ]
	[ "$(field '.gpus | length')" = 2 ]
}

@test "without a size of memory all GPUs go in, and Ollama chooses" {
	NVBIND_HOST_ROOT="$HOST" ollama --json llama3.1:70b
	[ "$status" -eq 0 ]
	[ "$(field '.gpus | length')" = 8 ]
	[ "$(field '.gpus[0].memory_bytes')" = null ]
	[ "$(field .fits)" = null ]
	[ "$(setting OLLAMA_SCHED_SPREAD)" = "" ]
	[[ "$(field '.run | join(" ")')" == *" docker.io/ollama/ollama" ]]
	ollama --json --gpu none llama3.1:8b
	[[ "$(field '.run | join(" ")')" == *" --gpu none "* ]]
	NVBIND_HOST_ROOT="$BATS_FILE_TMPDIR/no-gpu" ollama --json llama3.1:8b
	[ "$(field '.gpus | length')" = 0 ]
	[[ "$(field '.run | join(" ")')" == *" --gpu none "* ]]
}

@test "presets: built in, of a file, and none that is unknown" {
	ollama --json --preset ollama-7b llama3.1:8b
	[ "$(setting OLLAMA_NUM_PARALLEL)" = 8 ]
	[ "$(setting OLLAMA_CONTEXT_LENGTH)" = 4096 ]
	[[ "$(field '.notes[]')" == *"7B take 14 GB"* ]]
	[[ "$(field '.notes[]')" == *"precision 'FP16' is not applied"* ]]
	ollama --json --preset ollama-7b --parallel 2 llama3.1:8b
	[ "$(setting OLLAMA_NUM_PARALLEL)" = 2 ]
	ollama --preset ollama-8b llama3.1:8b
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"unknown preset 'ollama-8b'"* ]]
	cat >"$BATS_TEST_TMPDIR/nvbind.toml" <<-END
		[ai_ml]
		default_ollama_profile = "mine"
		[ai_ml.ollama_profiles.mine]
		batch_size = 3
		context_length = 2048
	END
	NVBIND_CONFIG="$BATS_TEST_TMPDIR/nvbind.toml" ollama --json llama3.1:8b
	[ "$(setting OLLAMA_NUM_PARALLEL)" = 3 ]
	[ "$(setting OLLAMA_CONTEXT_LENGTH)" = 2048 ]
}

@test "what no program reads is not set" {
	ollama --json --preset production llama3.1:70b
	[ "$(setting OLLAMA_CONTEXT_LENGTH)" = 32768 ]
	[[ "$output" != *OLLAMA_GPU_MEMORY* ]]
	[[ "$output" != *OLLAMA_MIG_ENABLED* ]]
	[[ "$output" != *OLLAMA_PRECISION* ]]
	[[ "$output" != *CUDA_VISIBLE_DEVICES* ]]
}

@test "it runs Ollama through run, with the models and without a port" {
	ollama --quiet llama3.1:8b
	[ "$status" -eq 0 ]
	local argv
	argv="$(paste -sd ' ' "$BATS_TEST_TMPDIR/argv")"
	[[ "$argv" == "run --runtime nvbind --rm -e OLLAMA_CONTEXT_LENGTH=8192 "* ]]
	[[ "$argv" == *" -v $MODELS:/root/.ollama/models "* ]]
	[[ "$argv" == *" docker.io/ollama/ollama:rocm" ]]
	[[ "$argv" != *" -p "* ]]
	ollama --quiet --publish 127.0.0.1:11434:11434 --image my/ollama --name llm llama3.1:8b -- serve -x
	argv="$(paste -sd ' ' "$BATS_TEST_TMPDIR/argv")"
	[[ "$argv" == *" --name llm "* ]]
	[[ "$argv" == *" -p 127.0.0.1:11434:11434 "* ]]
	[[ "$argv" == *" my/ollama serve -x" ]]
	ollama --quiet llama3.1:8b --context 1024 --image mine -- --context 9
	argv="$(paste -sd ' ' "$BATS_TEST_TMPDIR/argv")"
	[[ "$argv" == *" -e OLLAMA_CONTEXT_LENGTH=1024 "*" mine --context 9" ]]
	ollama llama3.1:8b serve
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"behind '--'"* ]]
}

@test "a dry run explains, shows the plan, and makes nothing" {
	run_out "$NVBIND" ollama --dry-run llama3.1:8b
	[ "$status" -eq 0 ]
	[[ "$output" == *"'$HOME/.ollama/models' does not exist yet"* ]]
	[[ "$output" == *"OLLAMA_MAX_LOADED_MODELS=1: the GPUs were chosen for one model"* ]]
	[[ "$output" == *"engine      docker"* ]]
	[ ! -e "$HOME/.ollama" ]
	[ ! -e "$BATS_TEST_TMPDIR/argv" ]
	run_out "$NVBIND" ollama --quiet llama3.1:8b
	[ "$status" -eq 0 ]
	[ -d "$HOME/.ollama/models" ]
}

@test "the built-in engine has the machine's network: the API listens to it alone" {
	ollama --json --runtime bolt --image oci:/nowhere llama3.1:8b
	[ "$(setting OLLAMA_HOST)" = 127.0.0.1:11434 ]
	ollama --json llama3.1:8b
	[ "$(setting OLLAMA_HOST)" = "" ]
}

@test "a GGUF file is read, and said to need an import" {
	local blob
	blob="$(find "$MODELS/blobs" -size -10G -type f | head -n 1)"
	ollama --json "$blob"
	[ "$status" -eq 0 ]
	[ "$(field .model.source)" = gguf ]
	[[ "$(field '.notes[]')" == *"ollama create"* ]]
	printf 'GGUF\3\0\0\0\0\0\0\0\0\0\0\20\0\0\0\0\0\0\0\0' >"$BATS_TEST_TMPDIR/lie.gguf"
	ollama --json "$BATS_TEST_TMPDIR/lie.gguf"
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"claims 1152921504606846976"* ]]
}

@test "bad input" {
	local bad
	ollama
	[ "$status" -eq 2 ]
	for bad in "--context 0" "--context -1" "--context 99999999999" "--parallel 0" "--kv-type q5_0" "--gpu 9x"; do
		# shellcheck disable=SC2086 # two words
		ollama $bad llama3.1:8b
		[ "$status" -eq 2 ]
	done
	for bad in ../../etc/x:y a//b 'a b' x:; do
		ollama "$bad"
		[ "$status" -ne 0 ]
	done
	ollama --gpu 7 llama3.1:8b
	[ "$status" -eq 3 ]
	run_out "$NVBIND" ollama --models "$BATS_TEST_TMPDIR/absent" llama3.1:8b
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"--models"* ]]
	# A file that is shorter than its manifest says: a download that stopped.
	cp -r "$MODELS" "$BATS_TEST_TMPDIR/short"
	truncate -s 1000 "$BATS_TEST_TMPDIR"/short/blobs/*
	run_out "$NVBIND" ollama --models "$BATS_TEST_TMPDIR/short" llama3.1:8b
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"ollama pull"* ]]
}
