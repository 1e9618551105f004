# SPDX-License-Identifier: Apache-2.0
"""Puts one host together."""

import os

from . import amd, drivertree, distro, driver, intel, ldcache, nvidia, pci, wsl
from .distro import DISTROS
from .tree import Tree, TreeError, can_make_nodes

VFIO_MISC_MINOR = 196


def build(host, root, nodes="auto", driver_tree=None):
    """Writes the host below `root`, which must not exist or be empty. `nodes` is as in make-host --nodes."""
    if os.path.lexists(root) and (not os.path.isdir(root) or os.listdir(root)):
        raise TreeError(f"{root}: exists and is not empty")
    if driver_tree and "nvidia" not in host:
        raise TreeError(f"{host['name']} has no NVIDIA driver files to replace")
    files = (driver_tree, drivertree.version_of(driver_tree)) if driver_tree else None
    os.makedirs(root, exist_ok=True)
    os.chmod(root, 0o755)
    real_nodes = nodes != "file" and can_make_nodes(root)
    if nodes == "real" and not real_nodes:
        raise TreeError(f"{root}: device nodes cannot be made or opened here")
    tree = Tree(root, real_nodes)
    dist = DISTROS[host["os"]]
    majors = host.get("majors", {})
    devices = [pci.Device(spec, index) for index, spec in enumerate(host["pci"])]

    def bound_to(*drivers):
        return [device for device in devices if device.driver in drivers]

    distro.write_base(tree, dist, host["name"], host.get("kernel", dist.kernel))
    pci.write_devices(tree, dist, devices)
    characters, misc, modules = [], [], []
    if any(device.drm for device in devices):
        characters.append((pci.DRM_MAJOR, "drm"))

    if "nvidia" in host:
        modules += _write_nvidia(tree, host, dist, bound_to("nvidia"), bound_to("nvidia-nvswitch"), files)
        if modules:
            characters += nvidia.char_majors(majors)
    if bound_to("amdgpu"):
        amd.Amd(tree, host, bound_to("amdgpu"), dist).write(majors["kfd"])
        modules += amd.modules()
    for name in ("i915", "xe"):
        for gpu in bound_to(name):
            intel.write(tree, gpu)
        if bound_to(name):
            modules += intel.modules(name)
    if bound_to("nouveau"):
        modules += [("nouveau", 3096576, [], "", None), ("drm_ttm_helper", 12288, ["nouveau"], "", None)]
    if bound_to("ast"):
        modules.append(("ast", 98304, [], "", None))
    if bound_to("vfio-pci"):
        modules += [("vfio_pci", 16384, [], "", None), ("vfio_iommu_type1", 49152, [], "", None)]
        misc.append((VFIO_MISC_MINOR, "vfio"))
        _write_vfio_nodes(tree, bound_to("vfio-pci"), majors["vfio"])
    if "wsl" in host:
        wsl.write(tree, host["wsl"])
        misc.append((wsl.DXG_MINOR, "dxg"))
    for node in host.get("node", []):
        major = node["major"] if isinstance(node["major"], int) else majors[node["major"]]
        tree.node(node["path"], major, node["minor"], node.get("mode", 0o666))
    for file in host.get("file", []):
        if file["path"].endswith("/"):
            tree.directory(file["path"])
        else:
            tree.write(file["path"], file["text"])

    listed = {name for _, name in characters}
    characters += [(major, name) for name, major in majors.items() if name not in listed]
    distro.write_majors(tree, characters, misc)
    distro.write_modules(tree, {module[0]: module for module in modules}.values())
    if host.get("ld_cache", True) and ("nvidia" in host or "wsl" in host):
        ldcache.write(tree, dist.glibc)
    tree.finish()


def _write_nvidia(tree, host, dist, gpus, switches, files):
    """The driver's files (`files`: where from, and their version) and, where it is loaded, its kernel side. Returns the
    loaded modules."""
    kernel = host["nvidia"]
    version = kernel["version"]
    if files:
        if "files_version" not in kernel:  # where they differ on purpose, the kernel keeps its own
            version = files[1]
        drivertree.adopt(tree, *files)
    elif "layout" in kernel:
        sets = [name for name in kernel.get("sets", driver.DEFAULT_SETS) if name not in kernel.get("without", [])]
        driver.LAYOUTS[kernel["layout"]](tree, kernel.get("files_version", version), sets).write()
    if not kernel.get("loaded", True):
        return []
    nvidia.Nvidia(tree, host, gpus, switches, version).write(dist, host["majors"])
    drm = any(gpu.drm for gpu in gpus)
    if drm:
        modeset = "Y\n" if kernel.get("modeset", True) else "N\n"
        tree.write("/sys/module/nvidia_drm/parameters/modeset", modeset, 0o400)
    return nvidia.modules(version, "OE" if kernel["flavor"] == "open" else "POE", drm)


def _write_vfio_nodes(tree, devices, major):
    tree.node("/dev/vfio/vfio", 10, VFIO_MISC_MINOR)
    for minor, device in enumerate(devices):
        tree.node(f"/dev/vfio/{device.spec['iommu_group']}", major, minor, 0o600)
