# SPDX-License-Identifier: Apache-2.0
# Limits on a container's share of a GPU: what is chosen, said and refused. A library of ours answers
# for the GPUs' sizes.
# shellcheck disable=SC2154 # fixture.bash sets stderr
bats_require_minimum_version 1.5.0
load fixture

setup() {
	export NVBIND_LEASE_DIR="$BATS_TEST_TMPDIR/leases" NVBIND_CONFIG=/dev/null
	chmod 755 "$BATS_TEST_TMPDIR"
}

machine() { # NAME
	host="$BATS_TEST_TMPDIR/$1"
	"$NVBIND_SOURCE_ROOT/tests/hosts/make-host" --nodes file "$1" "$host" >/dev/null
}

# GPU 0 has an instance of 40 GiB, and one of 40 GiB that two compute instances share.
divided() {
	machine a100-mig
	cp "$NVBIND_BUILD_ROOT/tests/fake/libnvidia-ml.so.1" "$host/usr/lib64/libnvidia-ml.so.535.183.01"
	local uuid=GPU-00000000-0000-0000-0000-000000000001 name="NVIDIA A100 80GB PCIe"
	uuid=$(sed -n 's/.*GPU UUID:[[:space:]]*//p' "$host/proc/driver/nvidia/gpus/0000:3b:00.0/information")
	printf '%s\n' "gpu	00000000:3B:00.0	$uuid	$name	85899345920	8.0" \
		"mig	1	0	MIG-00000000-0000-0000-0000-000000000010	$name MIG 3g.40gb	40192" \
		"mig	2	0	MIG-00000000-0000-0000-0000-000000000020	$name MIG 1c.3g.40gb	40192" \
		"mig	2	1	MIG-00000000-0000-0000-0000-000000000021	$name MIG 2c.3g.40gb	40192" \
		>"$host/usr/lib64/nvml.conf"
}

plan() {
	run_out "$NVBIND" --host-root "$host" run --dry-run --format json --rootfs / "$@" -- true
}

knob() { # NAME FIELD
	jq -r --arg name "$1" '.knobs[] | select(.name == $name) | .'"$2" <<<"$output"
}

@test "a limit chooses the MIG instance that has it, and nothing beside" {
	divided
	plan --gpu 0 --isolation virtual --config gpu_memory_limit=24GB --config compute_limit=30%
	[ "$status" -eq 0 ]
	[ "$(jq -r .isolation.status <<<"$output")" = enforced ]
	[ "$(knob gpu_memory_limit status)" = enforced ]
	[ "$(knob gpu_memory_limit mechanism)" = "MIG instance 0:0 (3g.40gb)" ]
	[ "$(knob gpu_memory_limit reason)" = "24576 MiB were asked for, the partition has 40192 MiB" ]
	[ "$(knob compute_limit reason)" = "30% were asked for, the partition has 42%" ]
	[ "$(jq -r .env.NVIDIA_VISIBLE_DEVICES <<<"$output")" = MIG-00000000-0000-0000-0000-000000000010 ]
	[ "$(jq '[.device_nodes[] | select(.path | test("nvidia-caps"))] | length' <<<"$output")" -eq 2 ]
	[ "$(knob gpu value)" = 0:0 ]
}

@test "a limit that nothing enforces starts no container, and each rung says why" {
	divided
	plan --gpu 0 --config gpu_memory_limit=8GB
	[ "$status" -eq 0 ]
	[ "$(knob gpu_memory_limit status)" = unsupported ]
	[ "$(jq -r .isolation.status <<<"$output")" = unsupported ]
	run_out "$NVBIND" --host-root "$host" run --gpu 0 --config gpu_memory_limit=8GB --rootfs / -- true
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"limit the container: gpu_memory_limit on GPU 0 cannot be enforced: MIG instance: "* ]]
	[[ "$stderr" == *"needs NVIDIA's driver 615, this is 535.183.01"* ]]
	[[ "$stderr" == *"allow_unenforced=true"* ]]
	plan --gpu 0 --config gpu_memory_limit=8GB --config allow_unenforced=true
	[ "$(knob gpu_memory_limit status)" = advisory ]
	[ "$(jq -r .isolation.status <<<"$output")" = applied ]
	[ "$(knob gpu value)" = 0 ]
}

@test "a limit above the GPU's size is never reached" {
	divided
	plan --gpu 0 --config gpu_memory_limit=100GB
	[ "$(knob gpu_memory_limit status)" = enforced ]
	[[ "$(knob gpu_memory_limit reason)" == *"it has 81920 MiB"* ]]
	[ "$(knob gpu value)" = 0 ]
}

@test "compute instances of one GPU instance share its memory" {
	divided
	plan --gpu 0:1 --config gpu_memory_limit=24GB
	[ "$(knob gpu_memory_limit status)" = unsupported ]
	[[ "$(knob gpu_memory_limit reason)" == *"share their memory"* ]]
}

@test "mig_enabled takes an instance that is there, and makes none" {
	divided
	plan --gpu 0 --config mig_enabled=true
	[ "$(knob mig_enabled status)" = enforced ]
	[ "$(knob gpu value)" = 0:0 ]
	plan --gpu 1 --config mig_enabled=true
	[ "$(knob mig_enabled status)" = unsupported ]
	[ "$(knob gpu value)" = 1 ]
}

@test "limits are refused where there is no mechanism" {
	machine wsl2
	plan --isolation virtual
	[ "$(jq -r .isolation.status <<<"$output")" = unsupported ]
	plan --config gpu_memory_limit=1GB
	[ "$(knob gpu_memory_limit status)" = unsupported ]
	machine geforce-desktop
	plan --config compute_limit=50%
	[ "$(knob compute_limit status)" = unsupported ]
	plan --config compute_limit=100%
	[ "$(knob compute_limit status)" = enforced ]
	for value in compute_limit=0% compute_limit=140% gpu_memory_limit=8XB gpu_memory_limit=-1 gpu_memory_limit=0; do
		plan --config "$value"
		[ "$status" -eq 2 ]
	done
}
