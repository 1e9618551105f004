# SPDX-License-Identifier: Apache-2.0
"""AMD GPUs: sysfs attributes of amdgpu, compute partitions (XCP), the KFD topology, /dev/kfd.

Numbers of nodes, minors and partitions follow captures of an MI300X in CPX mode and of an MI308X."""

import hashlib

from . import pci

PARTITIONS = {"SPX": 1, "DPX": 2, "QPX": 4, "CPX": 8}
MAX_PARTITIONS = 8
# amdgpu.ids of libdrm: the names that tools show.
IDS_PATH = "/usr/share/libdrm/amdgpu.ids"


def _number(*words, bits=64):
    """A number that is always the same for the same words."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, words)).encode()).digest()[:bits // 8], "big")


class Amd:
    def __init__(self, tree, host, gpus, distro):
        self.tree, self.host, self.gpus, self.distro = tree, host, gpus, distro

    def write(self, kfd_major):
        self.xcp_count = 0
        for gpu in self.gpus:
            self._write_gpu(gpu)
        self._write_kfd(kfd_major)
        self.tree.write(IDS_PATH, "# List of AMDGPU IDs\n1.0.0\n" + "".join(sorted({
            f"{gpu.device.upper()},\t{gpu.spec.get('revision', '00').upper()},\t{gpu.name}\n" for gpu in self.gpus})))

    def unique_id(self, gpu):
        return _number(self.host["name"], gpu.address)

    def _write_gpu(self, gpu):
        spec, tree = gpu.spec, self.tree
        vram = spec["vram_mb"] << 20
        attributes = {"unique_id": f"{self.unique_id(gpu):016x}", "mem_info_vram_total": vram,
                      "mem_info_vram_used": 28 << 20, "mem_info_vis_vram_total": vram,
                      "mem_info_gtt_total": 32 << 30, "mem_info_gtt_used": 16 << 20, "gpu_busy_percent": 0,
                      "product_name": spec.get("product_name", "")}
        if "partition" in spec:
            attributes |= {"current_compute_partition": spec["partition"],
                           "available_compute_partition": ", ".join(PARTITIONS),
                           "current_memory_partition": "NPS1", "available_memory_partition": "NPS1, NPS4"}
        for name, value in attributes.items():
            tree.write(f"{gpu.path}/{name}", f"{value}\n", 0o444)
        hwmon = f"{gpu.path}/hwmon/hwmon{spec['drm']['card']}"
        for name, value in (("name", "amdgpu"), ("temp1_input", 41000), ("power1_average", 18000000),
                            ("power1_cap", 300000000)):
            tree.write(f"{hwmon}/{name}", f"{value}\n", 0o444)
        if "partition" in spec:
            self._write_partitions(gpu)

    def _write_partitions(self, gpu):
        """amdgpu makes a DRM device for each partition that the GPU could have, whether it is in use or not. The DRM
        core has 64 primary minors, and the last partitions go without a node."""
        drm = gpu.spec["drm"]
        for part in range(1, MAX_PARTITIONS):
            if drm["card"] + part > 63:
                break
            name = f"amdgpu_xcp_{self.xcp_count}"
            self.xcp_count += 1
            path = f"/sys/devices/platform/{name}"
            self.tree.write(f"{path}/modalias", f"platform:{name}\n", 0o444)
            self.tree.write(f"{path}/uevent", f"MODALIAS=platform:{name}\n")
            self.tree.link_within(f"/sys/bus/platform/devices/{name}", path)
            pci.write_drm(self.tree, self.distro, path, f"platform-{name}",
                          {"card": drm["card"] + part, "render": drm["render"] + part})

    def _write_kfd(self, major):
        tree, home = self.tree, "/sys/devices/virtual/kfd/kfd"
        tree.write(f"{home}/dev", f"{major}:0\n", 0o444)
        tree.write(f"{home}/uevent", f"MAJOR={major}\nMINOR=0\nDEVNAME=kfd\n")
        tree.link_within("/sys/class/kfd/kfd", home)
        tree.link_within(f"/sys/dev/char/{major}:0", home)
        tree.node("/dev/kfd", major, 0, self.distro.render_mode, self.distro.render)

        cpus = self.host.get("kfd_cpu_nodes", 1)
        nodes = [self._cpu_node() for _ in range(cpus)]
        for gpu in self.gpus:
            count = PARTITIONS[gpu.spec.get("partition", "SPX")]
            nodes += [self._gpu_node(gpu, part, count) for part in range(count) if gpu.spec["drm"]["card"] + part <= 63]
        topology = f"{home}/topology"
        tree.write(f"{topology}/generation_id", f"{len(nodes)}\n", 0o444)
        tree.write(f"{topology}/system_properties",
                   "platform_oem 4777524452235890003\nplatform_id 85015745549651\nplatform_rev 2\n", 0o444)
        for number, (gpu_id, name, properties, bank) in enumerate(nodes):
            node = f"{topology}/nodes/{number}"
            tree.write(f"{node}/gpu_id", f"{gpu_id}\n", 0o444)
            tree.write(f"{node}/name", f"{name}\n", 0o444)
            tree.write(f"{node}/properties", _lines(properties), 0o444)
            tree.write(f"{node}/mem_banks/0/properties", _lines(bank), 0o444)

    def _cpu_node(self):
        properties = dict.fromkeys(NODE_KEYS, 0) | {"cpu_cores_count": 96, "mem_banks_count": 1}
        del properties["max_engine_clk_fcompute"]  # up to local_mem_size only GPUs have the rest
        bank = {"heap_type": 0, "size_in_bytes": 128 << 30, "flags": 0, "width": 64, "mem_clk_max": 4800}
        return 0, "", properties | {"max_engine_clk_ccompute": 3700}, bank

    def _gpu_node(self, gpu, part, count):
        spec = gpu.spec
        domain, bus, rest = gpu.address.split(":")
        slot, function = rest.split(".")
        units = spec["compute_units"] // count
        properties = dict.fromkeys(NODE_KEYS, 0) | {
            "simd_count": units * spec["simd_per_cu"], "mem_banks_count": 1, "simd_id_base": 2147487744 + 40 * part,
            "max_waves_per_simd": 16 if spec["wave_front_size"] == 32 else 8, "lds_size_in_kb": 64, "num_gws": 64,
            "wave_front_size": spec["wave_front_size"], "array_count": spec["arrays"] // count,
            "simd_arrays_per_engine": 1, "cu_per_simd_array": 10, "simd_per_cu": spec["simd_per_cu"],
            "max_slots_scratch_cu": 32, "gfx_target_version": spec["gfx_target_version"], "vendor_id": 0x1002,
            "device_id": int(gpu.device, 16), "domain": int(domain, 16),
            # The partition stands where the PCI function would.
            "location_id": int(bus, 16) << 8 | int(slot, 16) << 3 | int(function) | part,
            "drm_render_minor": spec["drm"]["render"] + part, "num_sdma_engines": 2, "num_sdma_queues_per_engine": 8,
            "num_cp_queues": 24 if count > 1 else 8, "max_engine_clk_fcompute": 2100}
        if "partition" in spec:
            properties["hive_id"] = _number(self.host["name"], "hive")
        properties |= {"local_mem_size": 0, "fw_version": 177, "capability": 671588992, "debug_prop": 1511,
                       "sdma_fw_version": 24, "unique_id": self.unique_id(gpu),
                       "num_xcc": max(1, MAX_PARTITIONS // count) if "partition" in spec else 1,
                       "max_engine_clk_ccompute": 3700}
        bank = {"heap_type": 1, "size_in_bytes": (spec["vram_mb"] << 20) // count, "flags": 0, "width": 8192,
                "mem_clk_max": 1300}
        return _number(gpu.address, part, bits=16), spec.get("kfd_name", "ip discovery"), properties, bank


NODE_KEYS = ["cpu_cores_count", "simd_count", "mem_banks_count", "caches_count", "io_links_count", "p2p_links_count",
             "cpu_core_id_base", "simd_id_base", "max_waves_per_simd", "lds_size_in_kb", "gds_size_in_kb", "num_gws",
             "wave_front_size", "array_count", "simd_arrays_per_engine", "cu_per_simd_array", "simd_per_cu",
             "max_slots_scratch_cu", "gfx_target_version", "vendor_id", "device_id", "location_id", "domain",
             "drm_render_minor", "hive_id", "num_sdma_engines", "num_sdma_xgmi_engines", "num_sdma_queues_per_engine",
             "num_cp_queues", "max_engine_clk_fcompute"]


def _lines(properties):
    return "".join(f"{name} {value}\n" for name, value in properties.items())


def modules():
    return [("amdgpu", 19619840, [], "", None), ("amdxcp", 12288, ["amdgpu"], "", None),
            ("drm_ttm_helper", 12288, ["amdgpu"], "", None), ("ttm", 110592, ["amdgpu", "drm_ttm_helper"], "", None)]
