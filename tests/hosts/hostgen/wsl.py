# SPDX-License-Identifier: Apache-2.0
"""WSL2: Windows owns the GPU; Linux sees /dev/dxg, and the Windows driver's files mounted below /usr/lib/wsl."""

import datetime

from . import elf
from .driver import NVIDIA_SMI

MISC_MAJOR, DXG_MINOR = 10, 125

# Every file here is a regular one, no link: the directories come from Windows.
LIB_FILES = {  # name -> DT_SONAME
    "libcuda.so": "libcuda.so.1", "libcuda.so.1": "libcuda.so.1", "libcuda.so.1.1": "libcuda.so.1",
    "libd3d12.so": "libd3d12.so", "libd3d12core.so": "libd3d12core.so", "libdxcore.so": "libdxcore.so",
    "libnvcuvid.so": "libnvcuvid.so.1", "libnvcuvid.so.1": "libnvcuvid.so.1",
    "libnvdxdlkernels.so": "libnvdxdlkernels.so", "libnvidia-encode.so": "libnvidia-encode.so.1",
    "libnvidia-encode.so.1": "libnvidia-encode.so.1", "libnvidia-ml.so.1": "libnvidia-ml.so.1",
    "libnvidia-opticalflow.so": "libnvidia-opticalflow.so.1",
    "libnvidia-opticalflow.so.1": "libnvidia-opticalflow.so.1", "libnvoptix.so.1": "libnvoptix.so.1",
    "libnvwgf2umx.so": "libnvwgf2umx.so",
}
STORE_FILES = {
    "libcuda.so.1.1": "libcuda.so.1.1", "libcuda_loader.so": "libcuda.so.1", "libnvidia-ml.so.1": "libnvidia-ml.so.1",
    "libnvidia-ml_loader.so": "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1": "libnvidia-ptxjitcompiler.so.1",
    "libnvdxgdmal.so.1": "libnvdxgdmal.so.1", "libnvwgf2umx.so": "libnvwgf2umx.so",
    "libnvidia-encode.so.1": "libnvidia-encode.so.1", "libnvcuvid.so.1": "libnvcuvid.so.1",
}
STORE_DATA = ("nvcubins.bin", "nvoptix.bin", "NvFBC.dll", "nvcuda64.dll", "nv_dispi.inf")
WSLG_SOCKETS = ("runtime-dir/wayland-0", "runtime-dir/pipewire-0", ".X11-unix/X0", "PulseServer")


def write(tree, wsl):
    tree.node("/dev/dxg", MISC_MAJOR, DXG_MINOR)
    for name, soname in LIB_FILES.items():
        tree.write(f"/usr/lib/wsl/lib/{name}", _library(soname, "lib"), 0o555)
    tree.write("/usr/lib/wsl/lib/nvidia-smi", NVIDIA_SMI, 0o555)
    tree.write("/etc/ld.so.conf.d/ld.wsl.conf", "/usr/lib/wsl/lib\n")
    for store in wsl["stores"]:
        _write_store(tree, store)
    for name in WSLG_SOCKETS:
        tree.socket(f"/mnt/wslg/{name}")


def _write_store(tree, store):
    home = f"/usr/lib/wsl/drivers/{store['name']}"
    time = int(datetime.datetime.fromisoformat(f"{store['date']}T00:00:00+00:00").timestamp())
    tree.directory(home, time=time)
    if store.get("nvidia", True):
        for name, soname in STORE_FILES.items():
            tree.write(f"{home}/{name}", _library(soname, store["name"]), 0o555, time)
        tree.write(f"{home}/nvidia-smi", NVIDIA_SMI, 0o555, time)
        data = STORE_DATA
    else:
        data = (store["name"].split(".inf")[0] + ".inf",)
    for name in data:
        tree.write(f"{home}/{name}", f"simulated {name} of {store['name']}\n", 0o555, time)


def _library(soname, where):
    return elf.shared_object("x86_64", soname, ["libc.so.6"], f"simulated {soname} of {where}")
