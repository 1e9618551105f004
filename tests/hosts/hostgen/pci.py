# SPDX-License-Identifier: Apache-2.0
"""PCI and DRM devices in sysfs, and the /dev/dri nodes."""

DRM_MAJOR = 226
VGA_CLASS = 0x030000

# The modules of the GPU drivers; other drivers count as built in.
DRIVER_MODULES = {"nvidia": "nvidia", "nvidia-nvswitch": "nvidia", "nouveau": "nouveau", "amdgpu": "amdgpu",
                  "i915": "i915", "xe": "xe", "ast": "ast", "vfio-pci": "vfio_pci"}

BRIDGE_NAME = "PCI Express Root Port"
VENDORS = {"10de": "NVIDIA Corporation", "1002": "Advanced Micro Devices, Inc. [AMD/ATI]", "8086": "Intel Corporation",
           "1a03": "ASPEED Technology, Inc.", "1414": "Microsoft Corporation", "15b3": "Mellanox Technologies",
           "102b": "Matrox Electronics Systems Ltd."}


class Device:
    """One PCI function of the description, with its place in sysfs."""

    def __init__(self, spec, index):
        self.spec = spec
        self.address = spec["address"]
        self.vendor, self.device = spec["id"].split(":")
        self.subsystem = (spec.get("subsystem") or spec["id"]).split(":")
        self.class_code = int(spec.get("class", "0x030000"), 16)
        self.name = spec.get("name", "Device")
        self.driver = spec.get("driver")
        self.irq = spec.get("irq", 120 + index)
        self.drm = spec.get("drm", {})
        parents = spec.get("behind", [])
        first = parents[0] if parents else self.address
        self.bridges = [f"/sys/devices/pci{first[:7]}/" + "/".join(parents[:depth + 1])
                        for depth in range(len(parents))]
        self.path = (self.bridges[-1] if parents else f"/sys/devices/pci{first[:7]}") + "/" + self.address


def _write_function(tree, path, vendor, device, subsystem, class_code, revision, driver):
    """The files that every PCI function has."""
    address = path.rsplit("/", 1)[1]
    for name, value in (("vendor", vendor), ("device", device), ("subsystem_vendor", subsystem[0]),
                        ("subsystem_device", subsystem[1]), ("revision", revision)):
        tree.write(f"{path}/{name}", f"0x{value}\n", 0o444)
    tree.write(f"{path}/class", f"0x{class_code:06x}\n", 0o444)
    numbers = [number.upper() for number in (vendor, device, *subsystem)]
    alias = "pci:v0000{}d0000{}sv0000{}sd0000{}".format(*numbers)
    alias += f"bc{class_code >> 16:02X}sc{class_code >> 8 & 255:02X}i{class_code & 255:02X}"
    tree.write(f"{path}/modalias", alias + "\n", 0o444)
    tree.write(f"{path}/uevent", (f"DRIVER={driver}\n" if driver else "") + f"PCI_CLASS={class_code:X}\n"
               "PCI_ID={}:{}\nPCI_SUBSYS_ID={}:{}\n".format(*numbers) +
               f"PCI_SLOT_NAME={address}\nMODALIAS={alias}\n")
    tree.link_within(f"{path}/subsystem", "/sys/bus/pci")
    tree.link_within(f"/sys/bus/pci/devices/{address}", path)
    if driver:
        home = f"/sys/bus/pci/drivers/{driver}"
        tree.link_within(f"{path}/driver", home)
        tree.link_within(f"{home}/{address}", path)
        module = DRIVER_MODULES.get(driver)
        if module and not tree.exists(f"{home}/module"):
            tree.link_within(f"{home}/module", f"/sys/module/{module}")
            tree.link_within(f"/sys/module/{module}/drivers/pci:{driver}", home)


def write_devices(tree, distro, devices):
    tree.directory("/sys/bus/pci/devices")
    for dev in devices:
        for bridge in dev.bridges:
            if not tree.exists(bridge):
                _write_function(tree, bridge, "8086", "a70d", ("8086", "7270"), 0x060400, "01", "pcieport")
        _write_function(tree, dev.path, dev.vendor, dev.device, dev.subsystem, dev.class_code,
                        dev.spec.get("revision", "00"), dev.driver)
        numa = dev.spec.get("numa", -1)
        tree.write(f"{dev.path}/irq", f"{dev.irq}\n", 0o444)
        tree.write(f"{dev.path}/numa_node", f"{numa}\n")
        tree.write(f"{dev.path}/local_cpulist", {-1: "0-15", 0: "0-47", 1: "48-95"}[numa] + "\n", 0o444)
        tree.write(f"{dev.path}/enable", f"{int(bool(dev.driver))}\n")
        if dev.class_code == VGA_CLASS:  # the kernel gives this file to VGA controllers alone
            tree.write(f"{dev.path}/boot_vga", f"{int(dev.spec.get('boot_vga', False))}\n", 0o444)
        if "iommu_group" in dev.spec:
            group = f"/sys/kernel/iommu_groups/{dev.spec['iommu_group']}"
            tree.directory(group)
            tree.link_within(f"{dev.path}/iommu_group", group)
            tree.link_within(f"{group}/devices/{dev.address}", dev.path)
        if dev.drm:
            write_drm(tree, distro, dev.path, f"pci-{dev.address}", dev.drm)
    _write_pci_ids(tree, distro, devices)


def write_drm(tree, distro, device_path, by_path, drm):
    """A DRM device: `drm` may name a card, a render node, connectors."""
    if not tree.exists("/sys/class/drm/version"):
        tree.write("/sys/class/drm/version", "drm 1.1.0 20060810\n", 0o444)
    minors = []
    if "card" in drm:
        minors.append((f"card{drm['card']}", drm["card"], 0o660, distro.video, "card"))
    if "render" in drm:
        minors.append((f"renderD{drm['render']}", drm["render"], distro.render_mode, distro.render, "render"))
    for name, minor, mode, gid, kind in minors:
        path = f"{device_path}/drm/{name}"
        tree.write(f"{path}/dev", f"{DRM_MAJOR}:{minor}\n", 0o444)
        tree.write(f"{path}/uevent", f"MAJOR={DRM_MAJOR}\nMINOR={minor}\nDEVNAME=dri/{name}\nDEVTYPE=drm_minor\n")
        tree.link_within(f"{path}/device", device_path)
        tree.link_within(f"{path}/subsystem", "/sys/class/drm")
        tree.link_within(f"/sys/class/drm/{name}", path)
        tree.link_within(f"/sys/dev/char/{DRM_MAJOR}:{minor}", path)
        tree.node(f"/dev/dri/{name}", DRM_MAJOR, minor, mode, gid)
        tree.link(f"/dev/dri/by-path/{by_path}-{kind}", f"../{name}")
    for connector in drm.get("connectors", []):
        name = f"card{drm['card']}-{connector}"
        path = f"{device_path}/drm/card{drm['card']}/{name}"
        tree.write(f"{path}/status", "connected\n" if connector == drm["connectors"][0] else "disconnected\n")
        tree.link_within(f"{path}/device", f"{device_path}/drm/card{drm['card']}")
        tree.link_within(f"/sys/class/drm/{name}", path)


def _write_pci_ids(tree, distro, devices):
    """The lines of pci.ids that these devices need."""
    vendors = {}
    for dev in devices:
        vendors.setdefault(dev.vendor, {})[dev.device] = dev.spec.get("pci_name", dev.name)
    vendors.setdefault("8086", {})["a70d"] = BRIDGE_NAME
    tree.write(distro.pci_ids, "".join(
        f"{vendor}  {VENDORS.get(vendor, 'Vendor ' + vendor)}\n" +
        "".join(f"\t{device}  {name}\n" for device, name in sorted(names.items()))
        for vendor, names in sorted(vendors.items())))
