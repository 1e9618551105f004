# SPDX-License-Identifier: Apache-2.0
"""The driver's files: which there are (driver-files.txt) and where each way of installing it puts them."""

import os

from . import alternatives, elf
from .distro import TRIPLETS
from .nvidia import series

HERE = os.path.dirname(os.path.abspath(__file__))
SHORT_NAMES = {"c": "libc.so.6", "m": "libm.so.6", "dl": "libdl.so.2", "pthread": "libpthread.so.0",
               "rt": "librt.so.1", "util": "libutil.so.1", "gcc": "libgcc_s.so.1"}
DEFAULT_SETS = ("utility", "compute", "video", "graphics", "egl", "ngx", "xorg", "opencl", "compat32")
DRIVER_SETS = DEFAULT_SETS + ("fabric", "imex")  # these two come in packages of their own

# Programs by set. nvidia-modprobe is setuid: it makes device nodes for ordinary users.
PROGRAMS = {
    "utility": ["nvidia-smi", "nvidia-debugdump", "nvidia-persistenced", "nvidia-modprobe", "nvidia-bug-report.sh"],
    "compute": ["nvidia-cuda-mps-control", "nvidia-cuda-mps-server"],
    "graphics": ["nvidia-settings", "nvidia-powerd"],
    "ngx": ["nvidia-ngx-updater"],
    "xorg": ["nvidia-xconfig"],
    "fabric": ["nv-fabricmanager", "nvswitch-audit"],
    "imex": ["nvidia-imex", "nvidia-imex-ctl"],
}

# The nvidia-smi of a simulated machine: a program that a demonstration container can run.
NVIDIA_SMI = """#!/bin/sh
# Simulated, made by tests/hosts/make-host: lists the GPU nodes that it sees and asks no driver.
status=6
for node in /dev/nvidia[0-9]* /dev/dxg; do
	[ -e "$node" ] || continue
	echo "GPU ${node#/dev/nvidia} (simulated): $node"
	status=0
done
[ $status -eq 0 ] || echo "No devices were found (simulated)"
exit $status
"""
PROGRAM = """#!/bin/sh
# Simulated, made by tests/hosts/make-host.
echo '{name} (simulated): does nothing' >&2
exit 1
"""


class Library:
    def __init__(self, line):
        self.set, self.file, self.soname, arch, span, link, *self.needed = line.split()
        self.archs = ("x86_64", "i386") if arch == "both" else ("x86_64",)
        first, last = span.split("-")
        self.series = range(int(first), int(last or 999) + 1)
        self.link = link == ".so"

    def name(self, version):
        return self.file.replace("{v}", version).rsplit("/", 1)[-1]

    def soname_for(self, version):
        return {"=": self.name(version), "-": None}.get(self.soname, self.soname)

    def image(self, arch, version):
        needed = [SHORT_NAMES.get(name, name.replace("{v}", version)) for name in self.needed]
        name = self.name(version)
        return elf.shared_object(arch, self.soname_for(version), needed, f"simulated {name} {arch} of {version}",
                                 abi_tag=name.startswith("libnvidia-tls"))


def libraries():
    with open(os.path.join(HERE, "driver-files.txt"), encoding="utf-8") as file:
        return [Library(line) for line in file if line.strip() and not line.startswith("#")]


class Layout:
    """Where files go. The installer's ways are the default; the others say where they differ."""

    dirs = {arch: f"/usr/lib/{triplet}" for arch, triplet in TRIPLETS.items()}
    xorg = {"drivers": "/usr/lib/xorg/modules/drivers", "extensions": "/usr/lib/xorg/modules/extensions"}
    vulkan = "/etc/vulkan"
    outputclass = "/usr/share/X11/xorg.conf.d/nvidia-drm-outputclass.conf"
    gbm_target = "../libnvidia-allocator.so.1"
    all_links = False  # every library gets an unversioned .so link
    indirect = False  # libGLX_indirect.so.0 leads to NVIDIA's
    skipped = ()  # beginnings of file names that this packager leaves out
    programs = {}  # name -> directory, else /usr/bin

    def __init__(self, tree, version, sets):
        self.tree, self.version, self.sets = tree, version, sets
        self.number = series(version)

    def write(self):
        archs = ("x86_64", "i386") if "compat32" in self.sets else ("x86_64",)
        for library in libraries():
            if library.set not in self.sets or self.number not in library.series:
                continue
            if library.name(self.version).startswith(self.skipped):
                continue
            for arch in archs:
                if arch in library.archs:
                    self.place(library, arch)
        for name in (name for group in self.sets for name in PROGRAMS.get(group, [])):
            self.place_program(name)
        if "graphics" in self.sets:
            for arch in archs:
                self.place_gbm(arch)
                if self.indirect:
                    self.tree.link(f"{self.dirs[arch]}/libGLX_indirect.so.0", f"libGLX_nvidia.so.{self.version}")
            self.tree.write(self.optix_path(), f"simulated OptiX data of {self.version}\n")
        if "ngx" in self.sets:
            dlls = ["nvngx.dll", "_nvngx.dll"] + (["nvngx_dlssg.dll"] if self.number >= 570 else [])
            for name in dlls:
                self.tree.write(f"{self.wine_dir()}/{name}", b"MZ" + f"simulated {name} of {self.version}".encode())
        for chip in ("ga10x", "tu10x"):
            self.tree.write(f"/usr/lib/firmware/nvidia/{self.version}/gsp_{chip}.bin",
                            f"simulated GSP firmware of {self.version}\n")
        self.place_configs(archs)

    def place(self, library, arch):
        name, soname = library.name(self.version), library.soname_for(self.version)
        directory = self.directory_of(library, arch)
        self.tree.write(f"{directory}/{name}", library.image(arch, self.version))
        if soname and soname != name:
            self.tree.link(f"{directory}/{soname}", name)
        bare = name.split(".so")[0] + ".so"
        if (library.link or self.all_links and soname) and bare != name:
            self.tree.link(f"{directory}/{bare}", soname or name)

    def directory_of(self, library, arch):
        folder = library.file.rpartition("/")[0]
        if folder.startswith("@"):
            return self.xorg[folder[1:]]
        return f"{self.dirs[arch]}/{folder}".rstrip("/")

    def place_program(self, name):
        text = NVIDIA_SMI if name == "nvidia-smi" else PROGRAM.format(name=name)
        self.tree.write(f"{self.programs.get(name, '/usr/bin')}/{name}", text,
                        0o4755 if name == "nvidia-modprobe" else 0o755)

    def place_gbm(self, arch):
        self.tree.link(f"{self.dirs[arch]}/gbm/nvidia-drm_gbm.so", self.gbm_target.format(v=self.version))

    def wine_dir(self):
        return f"{self.dirs['x86_64']}/nvidia/wine"

    def optix_path(self):
        return "/usr/share/nvidia/nvoptix.bin"

    def place_configs(self, archs):
        tree, version = self.tree, self.version
        if "compute" in self.sets:
            tree.write("/etc/OpenCL/vendors/nvidia.icd", "libnvidia-opencl.so.1\n")
        if "graphics" in self.sets:
            self.place_vulkan(archs)
            tree.write("/usr/share/glvnd/egl_vendor.d/10_nvidia.json", icd("libEGL_nvidia.so.0"))
            for kind in ("rc", "key-documentation"):
                tree.write(f"/usr/share/nvidia/nvidia-application-profiles-{version}-{kind}", '{ "rules": [] }\n')
            if self.number >= 570:
                tree.write("/usr/share/nvidia/files.d/sandboxutils-filelist.json", "{}\n")
        if "egl" in self.sets:
            platforms = {"10_nvidia_wayland": ("libnvidia-egl-wayland.so.1", 0),
                         "15_nvidia_gbm": ("libnvidia-egl-gbm.so.1", 0),
                         "20_nvidia_xcb": ("libnvidia-egl-xcb.so.1", 560),
                         "20_nvidia_xlib": ("libnvidia-egl-xlib.so.1", 560),
                         "09_nvidia_wayland2": ("libnvidia-egl-wayland2.so.1", 590)}
            for name, (library, first) in platforms.items():
                if self.number >= first and not library.startswith(self.skipped):
                    tree.write(f"/usr/share/egl/egl_external_platform.d/{name}.json", icd(library))
        if "xorg" in self.sets:
            tree.write(self.outputclass, OUTPUT_CLASS)

    def place_vulkan(self, archs):
        api = vulkan_version(self.number)
        self.tree.write(f"{self.vulkan}/icd.d/nvidia_icd.json", icd("libGLX_nvidia.so.0", api))
        self.place_layers(api)

    def place_layers(self, api):
        self.tree.write(f"{self.vulkan}/implicit_layer.d/nvidia_layers.json", LAYERS.format(api=api))


class Installer(Layout):
    """NVIDIA's own .run installer, on a multiarch system."""

    indirect = True


class Arch(Layout):
    """Arch's nvidia-utils and lib32-nvidia-utils."""

    dirs = {"x86_64": "/usr/lib", "i386": "/usr/lib32"}
    xorg = {"drivers": "/usr/lib/xorg/modules/drivers", "extensions": "/usr/lib/nvidia/xorg"}
    vulkan = "/usr/share/vulkan"
    outputclass = "/usr/share/X11/xorg.conf.d/10-nvidia-drm-outputclass.conf"
    gbm_target = "../libnvidia-allocator.so.{v}"
    all_links = True
    skipped = ("libOpenCL",)


class Fedora(Layout):
    """The nvidia-driver packages for Fedora and RHEL (negativo17; NVIDIA's own are their kin)."""

    dirs = {"x86_64": "/usr/lib64", "i386": "/usr/lib"}
    xorg = {"drivers": "/usr/lib64/xorg/modules/drivers", "extensions": "/usr/lib64/xorg/modules/extensions"}
    vulkan = "/usr/share/vulkan"
    outputclass = "/etc/X11/xorg.conf.d/10-nvidia.conf"
    gbm_target = "../libnvidia-allocator.so.{v}"
    linked = ("libcuda.so", "libnvcuvid.so", "libnvidia-encode.so")
    skipped = ("libOpenCL", "libnvidia-pkcs11.so", "libnvidia-gtk3", "libnvidia-wayland-client")

    def place(self, library, arch):
        name, soname = library.name(self.version), library.soname_for(self.version)
        directory = self.directory_of(library, arch)
        if name.startswith("libglxserver_nvidia"):
            name = "libglxserver_nvidia.so"
        # From 590 on the Vulkan loader wants the SONAME to be the file, so this packager turned the link round.
        if name.startswith("libGLX_nvidia") and self.number >= 590:
            name, soname = soname, name
        self.tree.write(f"{directory}/{name}", library.image(arch, self.version))
        if soname and soname != name:
            self.tree.link(f"{directory}/{soname}", name)
        bare = name.split(".so")[0] + ".so"
        if bare in self.linked:
            self.tree.link(f"{directory}/{bare}", name)

    def place_vulkan(self, archs):
        api = vulkan_version(self.number)
        for arch in archs:
            cpu = {"x86_64": "x86_64", "i386": "i686"}[arch]
            self.tree.write(f"{self.vulkan}/icd.d/nvidia_icd.{cpu}.json",
                            icd(f"{self.dirs[arch]}/libGLX_nvidia.so.0", api))
        self.place_layers(api)


class Debian(Layout):
    """Debian's packages: most files in nvidia/current, reached through /etc/alternatives."""

    vulkan = "/usr/share/vulkan"
    outputclass = "/etc/nvidia/current/nvidia-drm-outputclass.conf"
    skipped = ("libnvidia-sandboxutils", "libnvidia-vksc-core", "libnvidia-pkcs11.so", "libnvidia-egl-wayland2")
    linked = ("libcuda", "libnvcuvid", "libnvidia-encode", "libnvidia-fbc", "libnvidia-ml", "libnvidia-ngx",
              "libnvidia-opticalflow")
    programs = {name: "/usr/lib/nvidia/current" for name in ("nvidia-smi", "nvidia-debugdump", "nvidia-settings",
                                                             "nvidia-bug-report.sh")}
    programs.update({name: "/usr/sbin" for name in ("nvidia-cuda-mps-server", "nvidia-powerd")})

    def write(self):
        super().write()
        alternatives.write(self.tree, self.version)

    def place(self, library, arch):
        library.link = library.name(self.version).split(".so")[0] in self.linked
        super().place(library, arch)

    def directory_of(self, library, arch):
        name, top = library.name(self.version), self.dirs[arch]
        if library.set == "xorg":
            return "/usr/lib/nvidia/current"
        if name.startswith(("libnvidia-gtk3", "libnvidia-wayland-client")):
            return "/usr/lib"  # nvidia-settings installs them without a triplet
        private = library.soname_for(self.version) == name and library.file.endswith("{v}")
        if private or library.set in ("egl", "opencl"):
            return top
        return f"{top}/nvidia/current"

    def place_gbm(self, arch):
        self.tree.link(f"{self.dirs[arch]}/nvidia/current/nvidia-drm_gbm.so", f"libnvidia-allocator.so.{self.version}")

    def wine_dir(self):
        return f"{self.dirs['x86_64']}/nvidia/current/nvidia/wine"

    def optix_path(self):
        return f"{self.dirs['x86_64']}/nvidia/current/nvoptix.bin"


LAYOUTS = {"installer": Installer, "debian": Debian, "fedora": Fedora, "arch": Arch}


def vulkan_version(number):
    return next(api for first, api in ((590, "1.4.325"), (580, "1.4.312"), (550, "1.3.277"), (0, "1.3.242"))
                if number >= first)


def icd(library, api=None):
    version = f',\n        "api_version" : "{api}"' if api else ""
    return ('{\n    "file_format_version" : "1.0.0",\n    "ICD" : {\n'
            f'        "library_path" : "{library}"{version}\n    }}\n}}\n')


LAYERS = """{{
    "file_format_version" : "1.0.0",
    "layer": {{
        "name": "VK_LAYER_NV_optimus",
        "type": "INSTANCE",
        "library_path": "libGLX_nvidia.so.0",
        "api_version" : "{api}",
        "implementation_version" : "1",
        "description" : "NVIDIA Optimus layer",
        "functions": {{
            "vkGetInstanceProcAddr": "vk_optimusGetInstanceProcAddr",
            "vkGetDeviceProcAddr": "vk_optimusGetDeviceProcAddr"
        }},
        "enable_environment": {{ "__NV_PRIME_RENDER_OFFLOAD": "1" }},
        "disable_environment": {{ "DISABLE_LAYER_NV_OPTIMUS_1": "" }}
    }}
}}
"""
OUTPUT_CLASS = """Section "OutputClass"
    Identifier "nvidia"
    MatchDriver "nvidia-drm"
    Driver "nvidia"
EndSection
"""
