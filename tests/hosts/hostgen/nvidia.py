# SPDX-License-Identifier: Apache-2.0
"""What NVIDIA's kernel modules show: procfs, node numbers, /dev. The texts follow the open kernel modules' source
(kernel-open/nvidia/nv-procfs.c, nv-caps.c, nv-reg.h, procfs_nvswitch.c), tab for tab."""

from .distro import uuid_for

MAJOR = 195
MODESET_MINOR, CONTROL_MINOR, NVSWITCH_CONTROL_MINOR = 254, 255, 255
DYNAMIC = ("nvidia-uvm", "nvidia-caps", "nvidia-nvlink", "nvidia-nvswitch", "nvidia-caps-imex-channels")

# nv-caps.c numbers every capability that could exist: nvlink's, MIG's two, then 32 GPUs, each with 15 GPU instances of
# 8 compute instances, then the system's.
CAP_FABRIC, CAP_CONFIG, CAP_MONITOR, CAP_FIRST_GPU = 0, 1, 2, 3
CAP_GPUS, CAP_INSTANCES, CAP_COMPUTE = 32, 15, 8
CAP_IMEX = CAP_FIRST_GPU + CAP_GPUS * CAP_INSTANCES * (CAP_COMPUTE + 1)

OWNER_READS, ALL_READ = 0o400, 0o444

# Where /proc/driver/nvidia/version of a released driver was seen: (proprietary, open).
BUILDS = {
    "535.183.01": ("Sun May 12 19:39:15 UTC 2024", None),
    "550.163.01": ("Tue Apr  8 12:41:17 UTC 2025", None),
    "580.95.05": ("Tue Sep 23 10:11:16 UTC 2025", "(dvs-builder@U22-I3-B17-02-5)  Tue Sep 23 09:55:41 UTC 2025"),
    "590.48.01": (None, "(dvs-builder@U16-I3-D08-2-2)  Mon Nov 24 04:14:44 UTC 2025"),
}
SOME_BUILD = ("Tue Apr  8 12:41:17 UTC 2025", "(dvs-builder@U16-I3-D08-1-2)  Tue Apr  8 12:41:17 UTC 2025")

UNSET = 0xFFFFFFFF
# Name, value, first and last series that has it.
PARAMS = [
    ("ResmanDebugLevel", UNSET, 0, 999), ("RmLogonRC", 1, 0, 999), ("ModifyDeviceFiles", 1, 0, 999),
    ("DeviceFileUID", 0, 0, 999), ("DeviceFileGID", 0, 0, 999), ("DeviceFileMode", 0o666, 0, 999),
    ("InitializeSystemMemoryAllocations", 1, 0, 999), ("UsePageAttributeTable", UNSET, 0, 999),
    ("EnableMSI", 1, 0, 999), ("EnablePCIeGen3", 0, 0, 999), ("MemoryPoolSize", 0, 0, 999),
    ("KMallocHeapMaxSize", 0, 0, 999), ("VMallocHeapMaxSize", 0, 0, 999), ("IgnoreMMIOCheck", 0, 0, 999),
    ("TCEBypassMode", 0, 0, 569), ("EnableStreamMemOPs", 0, 0, 999), ("EnableUserNUMAManagement", 1, 0, 999),
    ("NvLinkDisable", 0, 0, 999), ("RmProfilingAdminOnly", 1, 0, 999), ("PreserveVideoMemoryAllocations", 0, 0, 999),
    ("EnableS0ixPowerManagement", 0, 0, 999), ("S0ixPowerManagementVideoMemoryThreshold", 256, 0, 999),
    ("DynamicPowerManagement", 3, 0, 999), ("DynamicPowerManagementVideoMemoryThreshold", 200, 0, 999),
    ("TegraGpuPgMask", 0, 590, 999), ("RegisterPCIDriver", 1, 0, 999), ("EnablePCIERelaxedOrderingMode", 0, 0, 999),
    ("EnableResizableBar", 0, 0, 999), ("EnableGpuFirmware", 18, 0, 999), ("EnableGpuFirmwareLogs", 2, 0, 999),
    ("RmNvlinkBandwidthLinkCount", 0, 570, 999), ("EnableDbgBreakpoint", 0, 0, 999),
    ("OpenRmEnableUnsupportedGpus", 0, 0, 549), ("OpenRmEnableUnsupportedGpus", 1, 550, 999),
    ("DmaRemapPeerMmio", 1, 0, 999), ("ImexChannelCount", 2048, 550, 999), ("CreateImexChannel0", 0, 570, 999),
    ("GrdmaPciTopoCheckOverride", 0, 570, 999), ("EnableSystemMemoryPools", 0x211, 590, 999),
]
STRING_PARAMS = [("CoherentGPUMemoryMode", 580), ("RegistryDwords", 0), ("RegistryDwordsPerDevice", 0), ("RmMsg", 0),
                 ("GpuBlacklist", 0), ("TemporaryFilePath", 0), ("ExcludedGpus", 0)]


def series(version):
    return int(version.split(".")[0])


def instance_cap(gpu, instance, compute=None):
    """The capability minor of a GPU instance, or of a compute instance in it. `gpu` is the device minor."""
    base = CAP_FIRST_GPU + (gpu * CAP_INSTANCES + instance) * (CAP_COMPUTE + 1)
    return base if compute is None else base + 1 + compute


def version_text(kernel, version, gcc):
    proprietary, opened = BUILDS.get(version, (None, None))
    if kernel["flavor"] == "open":
        build = kernel.get("build") or opened or SOME_BUILD[1]
        name = f"NVIDIA UNIX Open Kernel Module for x86_64  {version}  Release Build  {build}"
    else:
        name = f"NVIDIA UNIX x86_64 Kernel Module  {version}  {kernel.get('build') or proprietary or SOME_BUILD[0]}"
    return f"NVRM version: {name}\nGCC version:  {gcc}\n"


def information_text(gpu, uuid, firmware):
    spec, asleep = gpu.spec, gpu.spec.get("asleep", False)
    bits = spec.get("dma_bits", 47)
    # A GPU that no program has opened since the module was loaded is not initialised and knows neither.
    uuid = "GPU-????????-????-????-????-????????????" if asleep else uuid
    vbios = "??.??.??.??.??" if asleep else spec.get("vbios", "94.02.71.00.01")
    lines = [("Model: \t\t", gpu.name), ("IRQ:   \t\t", gpu.irq), ("GPU UUID: \t", uuid), ("Video BIOS: \t", vbios),
             ("Bus Type: \t", "PCIe"), ("DMA Size: \t", f"{bits} bits"), ("DMA Mask: \t", f"0x{(1 << bits) - 1:x}"),
             ("Bus Location: \t", gpu.address), ("Device Minor: \t", spec["minor"]),
             ("GPU Firmware: \t", "N/A" if asleep else firmware),
             ("GPU Excluded:\t", "Yes" if spec.get("excluded") else "No")]
    return "".join(f"{field} {value}\n" for field, value in lines)


def power_text(gpu, version):
    asleep, mobile = gpu.spec.get("asleep", False), "Laptop" in gpu.name
    d3, memory, supported = "Disabled by default", "Active", "Not Supported"
    if mobile:
        d3, memory, supported = "Enabled (fine-grained)", "Off", "Supported"
    if asleep:
        d3 = memory = supported = "?"
    text = f"Runtime D3 status:          {d3}\n"
    if series(version) >= 590:
        text += "Tegra iGPU Rail-Gating:     Disabled\n"
    text += f"Video Memory:               {memory}\n\nGPU Hardware Support:\n"
    text += f" Video Memory Self Refresh: {supported}\n Video Memory Off:          {supported}\n"
    if series(version) >= 570:
        text += "\nS0ix Power Management:\n Platform Support:          Not Supported\n"
        text += f" Status:                    {'?' if asleep else 'Disabled'}\n\n"
        text += f"Notebook Dynamic Boost:     {'?' if asleep else 'Not Supported'}\n"
    return text


def params_text(version):
    number = series(version)
    text = "".join(f"{name}: {value}\n" for name, value, first, last in PARAMS if first <= number <= last)
    return text + "".join(f'{name}: ""\n' for name, first in STRING_PARAMS if first <= number)


def mig_minors_text():
    lines = [f"config {CAP_CONFIG}\n", f"monitor {CAP_MONITOR}\n"]
    for gpu in range(CAP_GPUS):
        for instance in range(CAP_INSTANCES):
            lines.append(f"gpu{gpu}/gi{instance}/access {instance_cap(gpu, instance)}\n")
            lines += [f"gpu{gpu}/gi{instance}/ci{compute}/access {instance_cap(gpu, instance, compute)}\n"
                      for compute in range(CAP_COMPUTE)]
    return "".join(lines)


class Nvidia:
    """The kernel side of one host's NVIDIA GPUs."""

    def __init__(self, tree, host, gpus, switches, version):
        self.tree, self.host, self.gpus, self.switches, self.version = tree, host, gpus, switches, version
        self.kernel = host["nvidia"]
        self.caps = {}  # capability minor -> mode of its node

    def write(self, distro, majors):
        self._write_driver(distro)
        for gpu in self.gpus:
            self._write_gpu(gpu)
        self._write_caps()
        if self.switches:
            self._write_switches()
        self._write_nodes(majors)

    def _proc(self, path, text, mode=0o444):
        self.tree.write(f"/proc/driver/{path}", text, mode)

    def _write_driver(self, distro):
        self._proc("nvidia/version", version_text(self.kernel, self.version, distro.gcc))
        self._proc("nvidia/params", params_text(self.version))
        self._proc("nvidia/registry", 'Binary: ""\n', 0o644)
        self._proc("nvidia/suspend", "suspend hibernate resume\n", 0o644)
        self._proc("nvidia/suspend_depth", "default modeset uvm\n", 0o644)

    def _write_gpu(self, gpu):
        home = f"nvidia/gpus/{gpu.address}"
        firmware = gpu.spec.get("firmware")
        if firmware is None:  # GSP firmware runs where the open modules need it, and by default from 555 on
            firmware = self.version if self.kernel["flavor"] == "open" or series(self.version) >= 555 else "N/A"
        uuid = gpu.spec.get("uuid") or "GPU-" + uuid_for(self.host["name"], gpu.address)
        if not gpu.spec.get("lost"):  # a GPU that fell off the bus keeps its directory
            self._proc(f"{home}/information", information_text(gpu, uuid, firmware))
        self._proc(f"{home}/power", power_text(gpu, self.version))
        self._proc(f"{home}/registry", 'Binary: ""\n', 0o644)

    def _write_cap(self, path, minor, mode):
        self._proc(path, f"DeviceFileMinor: {minor}\nDeviceFileMode: {mode}\nDeviceFileModify: 1\n")
        self.caps[minor] = mode

    def _write_caps(self):
        imex = series(self.version) >= 550
        self._proc("nvidia-caps/mig-minors", mig_minors_text())
        self._proc("nvidia-caps/nvlink-minors", f"fabric-mgmt {CAP_FABRIC}\n")
        self._proc("nvidia-caps/sys-minors", f"fabric-imex-mgmt {CAP_IMEX}\n" if imex else "")
        capabilities = "nvidia/capabilities"
        self._write_cap(f"{capabilities}/mig/config", CAP_CONFIG, OWNER_READS)
        self._write_cap(f"{capabilities}/mig/monitor", CAP_MONITOR, ALL_READ)
        if imex:
            self._write_cap(f"{capabilities}/fabric-imex-mgmt", CAP_IMEX, OWNER_READS)
        self._write_cap("nvidia-nvlink/capabilities/fabric-mgmt", CAP_FABRIC, OWNER_READS)
        for gpu in self.gpus:
            minor = gpu.spec["minor"]
            home = f"{capabilities}/gpu{minor}/mig"
            self.tree.directory(f"/proc/driver/{home}")
            for instance, computes in sorted(gpu.spec.get("mig", {}).items(), key=lambda item: int(item[0])):
                instance = int(instance)
                self._write_cap(f"{home}/gi{instance}/access", instance_cap(minor, instance), ALL_READ)
                for compute in computes:
                    self._write_cap(f"{home}/gi{instance}/ci{compute}/access",
                                    instance_cap(minor, instance, compute), ALL_READ)

    def _write_switches(self):
        self._proc("nvidia-nvswitch/permissions", "DeviceFileMode: 438\n")
        for switch in self.switches:
            self._proc(f"nvidia-nvswitch/devices/{switch.address}/information", "BIOS Version: 96.10.6d.00.01\n")

    def _write_nodes(self, majors):
        missing = self.kernel.get("missing_nodes", [])

        def node(path, major, minor, mode=0o666):
            if path not in missing:
                self.tree.node(path, major, minor, mode)

        for gpu in self.gpus:
            node(f"/dev/nvidia{gpu.spec['minor']}", MAJOR, gpu.spec["minor"])
        node("/dev/nvidiactl", MAJOR, CONTROL_MINOR)
        node("/dev/nvidia-modeset", MAJOR, MODESET_MINOR)
        node("/dev/nvidia-uvm", majors["nvidia-uvm"], 0)
        node("/dev/nvidia-uvm-tools", majors["nvidia-uvm"], 1)
        # nvidia-modprobe makes a capability's node when a program first needs it: MIG's, and the fabric manager's.
        wanted = {CAP_CONFIG, CAP_MONITOR} | (set(self.caps) - {CAP_FABRIC, CAP_IMEX})
        if self.switches:
            wanted.add(CAP_FABRIC)
        for minor in sorted(wanted):
            node(f"/dev/nvidia-caps/nvidia-cap{minor}", majors["nvidia-caps"], minor, self.caps[minor])
        for minor, _ in enumerate(self.switches):
            node(f"/dev/nvidia-nvswitch{minor}", majors["nvidia-nvswitch"], minor)
        if self.switches:
            node("/dev/nvidia-nvswitchctl", majors["nvidia-nvswitch"], NVSWITCH_CONTROL_MINOR)
        for channel in self.kernel.get("imex_channels", []):
            node(f"/dev/nvidia-caps-imex-channels/channel{channel}", majors["nvidia-caps-imex-channels"], channel)
        for service in self.kernel.get("sockets", []):
            self.tree.socket(f"/run/{service}/socket")


def char_majors(majors):
    """The driver's lines in /proc/devices; one major holds three regions."""
    names = [(MAJOR, "nvidia"), (MAJOR, "nvidia-modeset"), (MAJOR, "nvidiactl")]
    return names + [(majors[name], name) for name in DYNAMIC if name in majors]


def modules(version, taint, drm):
    """The module list, the last loaded first."""
    loaded = [("nvidia_uvm", 4694016, [], taint, version)]
    if drm:
        loaded.append(("nvidia_drm", 126976, [], taint, version))
    loaded.append(("nvidia_modeset", 1306624, ["nvidia_drm"] if drm else [], taint, version))
    loaded.append(("nvidia", 56717312, ["nvidia_uvm", "nvidia_modeset"], taint, version))
    return loaded
