# SPDX-License-Identifier: Apache-2.0
"""Container roots that hold just what an inspection looks at."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "hosts"))
from hostgen import elf, ldcache, tree  # noqa: E402

MERGED_USR = {"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib", "/lib64": "usr/lib64"}
LIB64, LIB32 = "/usr/lib/x86_64-linux-gnu", "/usr/lib/i386-linux-gnu"
GLIBC = "2.41"


def library(root, path, arch="x86_64", soname=None):
    root.write(path, elf.shared_object(arch, soname or os.path.basename(path), [], "container"))


def links(root, targets):
    for path, target in targets.items():
        root.link(path, target)


def base(root, os_id, merged):
    root.write("/etc/os-release", f'ID={os_id}\nNAME="{os_id}"\n')
    links(root, merged)


def debian(root):
    base(root, "debian", MERGED_USR)
    library(root, f"{LIB64}/libc.so.6")


def debian_i386(root):
    debian(root)
    library(root, f"{LIB32}/libc.so.6", "i386")


def fedora(root):
    base(root, "fedora", MERGED_USR)
    library(root, "/usr/lib64/libc.so.6")


def arch(root):
    base(root, "arch", {"/bin": "usr/bin", "/lib": "usr/lib", "/lib64": "usr/lib", "/usr/lib64": "lib"})
    library(root, "/usr/lib/libc.so.6")
    library(root, "/usr/lib32/libc.so.6", "i386")


def alpine(root):
    root.write("/etc/os-release", "ID=alpine\n")
    library(root, "/lib/ld-musl-x86_64.so.1", soname="libc.musl-x86_64.so.1")


def distroless(root):
    """glibc and nothing around it: no /etc, no shell."""
    library(root, "/lib/x86_64-linux-gnu/libc.so.6")


def static(root):
    """A program that needs no library."""
    root.write("/app", "#!")


def hostile(root):
    """Links that lead out of where they should, up and over the root."""
    links(root, {"/lib": "usr/lib", "/usr/lib": "../../../../etc", "/etc/vulkan": "/proc/self", "/usr/bin": "/"})
    root.write("/etc/passwd", "root:x:0:0::/:/bin/sh\n")


def leftover(root):
    """An image that brings another driver, which its ld.so.cache names, and Mesa's libGLX_indirect."""
    debian(root)
    for stem, soname in (("libcuda", "libcuda.so.1"), ("libnvidia-ml", "libnvidia-ml.so.1")):
        library(root, f"{LIB64}/{stem}.so.470.256.02", soname=soname)
        root.link(f"{LIB64}/{soname}", f"{stem}.so.470.256.02")
    library(root, f"{LIB64}/libGLX_mesa.so.0.0.0", soname="libGLX_mesa.so.0")
    root.link(f"{LIB64}/libGLX_indirect.so.0", "libGLX_mesa.so.0.0.0")
    root.write("/etc/ld.so.conf", f"/opt/driver\n{LIB64}\n")
    library(root, "/opt/driver/libnvidia-ptxjitcompiler.so.470.256.02", soname="libnvidia-ptxjitcompiler.so.1")
    root.link("/opt/driver/libnvidia-ptxjitcompiler.so.1", "libnvidia-ptxjitcompiler.so.470.256.02")
    ldcache.write(root, GLIBC)


def cuda(root):
    """An image with forward compatibility libraries newer than any host here, which its loader takes."""
    debian(root)
    root.link("/usr/local/cuda", "cuda-13.9")
    compat = "/usr/local/cuda-13.9/compat"
    library(root, f"{compat}/libcuda.so.999.10.02", soname="libcuda.so.1")
    root.link(f"{compat}/libcuda.so.1", "libcuda.so.999.10.02")
    root.write("/etc/ld.so.conf", f"/usr/local/cuda/compat\n{LIB64}\n")
    ldcache.write(root, GLIBC)


# "assumed" is no root at all.
KINDS = {
    "assumed": None,
    "debian": debian,
    "debian-i386": debian_i386,
    "fedora": fedora,
    "arch": arch,
    "alpine": alpine,
    "distroless": distroless,
    "static": static,
    "hostile": hostile,
    "leftover": leftover,
    "cuda": cuda,
}


def make(kind, directory):
    os.makedirs(directory)
    KINDS[kind](tree.Tree(directory, False))
