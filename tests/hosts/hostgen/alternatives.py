# SPDX-License-Identifier: Apache-2.0
"""The links that the maintainer scripts of Debian's nvidia-alternative and glx-alternative-nvidia make. A tree unpacked
with dpkg -x has none of them."""

from .distro import TRIPLETS

# Links in the library directory of an architecture to the same name in its nvidia/current.
LIBRARIES = ["libGLX_nvidia.so.0", "libEGL_nvidia.so.0", "libGLESv1_CM_nvidia.so.1", "libGLESv2_nvidia.so.2",
             "libcuda.so.1", "libcuda.so", "libcudadebugger.so.1", "libnvcuvid.so.1", "libnvcuvid.so",
             "libnvidia-allocator.so.1", "libnvidia-api.so.1", "libnvidia-encode.so.1", "libnvidia-fbc.so.1",
             "libnvidia-ml.so.1", "libnvidia-ngx.so.1", "libnvidia-nvvm.so.4", "libnvidia-opencl.so.1",
             "libnvidia-opticalflow.so.1", "libnvidia-ptxjitcompiler.so.1", "libnvoptix.so.1"]
CURRENT = "/usr/lib/nvidia/current"


def _library_links(triplet, version):
    top = f"/usr/lib/{triplet}"
    current = f"{top}/nvidia/current"
    for name in LIBRARIES + [f"libnvidia-nvvm.so.{version}"]:
        yield f"{top}/{name}", f"nvidia--{name}-{triplet}", f"{current}/{name}"
    for folder, name in (("vdpau", "libvdpau_nvidia.so.1"), ("gbm", "nvidia-drm_gbm.so"),
                         ("nvidia", "libnvidia-cfg.so.1")):
        yield f"{top}/{folder}/{name}", f"nvidia--{name}-{triplet}", f"{current}/{name}"
    # Two steps: NVIDIA over Mesa, then which NVIDIA driver.
    for name, source in (("libnvidia-cfg.so.1", "nvidia/libnvidia-cfg.so.1"),
                         ("libGLX_indirect.so.0", "libGLX_nvidia.so.0")):
        yield f"{top}/{name}", f"glx--{name}-{triplet}", f"{top}/{source}"


def _other_links():
    for name in ("nvidia-smi", "nvidia-debugdump", "nvidia-settings"):
        yield f"/usr/bin/{name}", f"nvidia--{name}", f"{CURRENT}/{name}"
    for name in ("nvidia_drv.so", "libglxserver_nvidia.so", "nvidia-bug-report.sh"):
        yield f"/usr/lib/nvidia/{name}", f"nvidia--{name}", f"{CURRENT}/{name}"
    yield "/etc/nvidia/nvidia-drm-outputclass.conf", "nvidia--nvidia-drm-outputclass.conf", \
        "/etc/nvidia/current/nvidia-drm-outputclass.conf"
    yield "/usr/share/nvidia/nvoptix.bin", "nvidia--nvoptix.bin", "/usr/lib/x86_64-linux-gnu/nvidia/current/nvoptix.bin"
    for link, name, source in (
            ("/usr/lib/xorg/modules/drivers/nvidia_drv.so", "nvidia_drv.so", "/usr/lib/nvidia/nvidia_drv.so"),
            ("/usr/lib/xorg/modules/extensions/libglxserver_nvidia.so", "libglxserver_nvidia.so",
             "/usr/lib/nvidia/libglxserver_nvidia.so"),
            ("/usr/share/X11/xorg.conf.d/nvidia-drm-outputclass.conf", "nvidia-drm-outputclass.conf",
             "/etc/nvidia/nvidia-drm-outputclass.conf"),
            ("/usr/bin/nvidia-bug-report.sh", "nvidia-bug-report.sh", "/usr/lib/nvidia/nvidia-bug-report.sh")):
        yield link, f"glx--{name}", source


def write(tree, version):
    """Makes each link whose source exists, as update-alternatives is told to."""
    links = [("/usr/lib/nvidia/nvidia", "nvidia", CURRENT), ("/usr/lib/glx", "glx", "/usr/lib/nvidia")]
    for triplet in TRIPLETS.values():
        links += _library_links(triplet, version)
    links += _other_links()
    for link, name, source in links:
        if tree.exists(source) and not tree.exists(link):
            tree.link(f"/etc/alternatives/{name}", source)
            tree.link(link, f"/etc/alternatives/{name}")
