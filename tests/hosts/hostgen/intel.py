# SPDX-License-Identifier: Apache-2.0
"""Intel GPUs: what i915 and xe add to a PCI device."""


def write(tree, gpu):
    card = gpu.drm["card"]
    if gpu.driver == "i915":
        home = f"{gpu.path}/drm/card{card}"
        for name, value in (("gt_min_freq_mhz", 100), ("gt_max_freq_mhz", 1500), ("gt_cur_freq_mhz", 400),
                            ("gt_act_freq_mhz", 0), ("gt_RP0_freq_mhz", 1500), ("gt_RPn_freq_mhz", 100)):
            tree.write(f"{home}/{name}", f"{value}\n")
    if gpu.driver == "xe":
        tile = f"{gpu.path}/tile0"
        if "vram_mb" in gpu.spec:
            tree.write(f"{tile}/physical_vram_size_bytes", f"0x{gpu.spec['vram_mb'] << 20:016x}\n", 0o444)
        for name, value in (("min_freq", 300), ("max_freq", 2400), ("cur_freq", 600), ("act_freq", 0),
                            ("rp0_freq", 2400), ("rpn_freq", 300)):
            tree.write(f"{tile}/gt0/freq0/{name}", f"{value}\n")


def modules(driver):
    return [(driver, 3489792, [], "", None), ("drm_buddy", 20480, [driver], "", None),
            ("drm_display_helper", 241664, [driver], "", None), ("ttm", 110592, [driver], "", None)]
