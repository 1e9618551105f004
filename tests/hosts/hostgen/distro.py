# SPDX-License-Identifier: Apache-2.0
"""What a distribution leaves behind on every machine: os-release, directories, groups, and the kernel's own texts."""

import hashlib
import uuid

TRIPLETS = {"x86_64": "x86_64-linux-gnu", "i386": "i386-linux-gnu"}


class Distro:
    def __init__(self, release, kernel, built, gcc, glibc, video, render, render_mode, multiarch, links, pci_ids):
        self.release = release  # /etc/os-release
        self.kernel = kernel  # /proc/sys/kernel/osrelease
        self.built = built  # the rest of /proc/version
        self.gcc = gcc  # the compiler of modules built here, as `gcc -v` prints it
        self.glibc = glibc
        self.video, self.render = video, render  # group ids
        self.render_mode = render_mode  # of /dev/dri/renderD* and /dev/kfd: udev's default is 0666, Debian's 0660
        self.multiarch = multiarch
        self.links = links  # of the merged /usr
        self.pci_ids = pci_ids


DEBIAN_LINKS = {"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib", "/lib64": "usr/lib64", "/var/run": "/run"}
FEDORA_LINKS = {**DEBIAN_LINKS, "/var/run": "../run"}
ARCH_LINKS = {"/bin": "usr/bin", "/sbin": "usr/bin", "/usr/sbin": "bin", "/lib": "usr/lib", "/lib64": "usr/lib",
              "/usr/lib64": "lib", "/var/run": "../run"}

DISTROS = {
    "debian-13": Distro(
        {"PRETTY_NAME": "Debian GNU/Linux 13 (trixie)", "NAME": "Debian GNU/Linux", "VERSION_ID": "13",
         "VERSION": "13 (trixie)", "VERSION_CODENAME": "trixie", "ID": "debian"},
        "6.12.43+deb13-amd64",
        "(debian-kernel@lists.debian.org) (x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0, GNU ld (GNU Binutils"
        " for Debian) 2.44) #1 SMP PREEMPT_DYNAMIC Debian 6.12.43-1 (2025-08-27)",
        "gcc version 14.2.0 (Debian 14.2.0-19) ", "2.41", 44, 992, 0o660, True, DEBIAN_LINKS,
        "/usr/share/misc/pci.ids"),
    "ubuntu-24.04": Distro(
        {"PRETTY_NAME": "Ubuntu 24.04.2 LTS", "NAME": "Ubuntu", "VERSION_ID": "24.04",
         "VERSION": "24.04.2 LTS (Noble Numbat)", "VERSION_CODENAME": "noble", "ID": "ubuntu", "ID_LIKE": "debian"},
        "6.8.0-60-generic",
        "(buildd@lcy02-amd64-098) (x86_64-linux-gnu-gcc-13 (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0, GNU ld (GNU"
        " Binutils for Ubuntu) 2.42) #63-Ubuntu SMP PREEMPT_DYNAMIC Tue Apr 15 19:04:15 UTC 2025",
        "gcc version 13.3.0 (Ubuntu 13.3.0-6ubuntu2~24.04) ", "2.39", 44, 993, 0o660, True, DEBIAN_LINKS,
        "/usr/share/misc/pci.ids"),
    "fedora-43": Distro(
        {"NAME": "Fedora Linux", "VERSION": "43 (Workstation Edition)", "ID": "fedora", "VERSION_ID": "43",
         "PRETTY_NAME": "Fedora Linux 43 (Workstation Edition)"},
        "6.17.7-300.fc43.x86_64",
        "(mockbuild@kojibuilder) (gcc (GCC) 15.2.1 20251022 (Red Hat 15.2.1-3), GNU ld version 2.45-1.fc43)"
        " #1 SMP PREEMPT_DYNAMIC Sun Nov  2 15:30:09 UTC 2025",
        "gcc version 15.2.1 20251022 (Red Hat 15.2.1-3) (GCC) ", "2.42", 39, 105, 0o666, False, FEDORA_LINKS,
        "/usr/share/hwdata/pci.ids"),
    "rocky-9": Distro(
        {"NAME": "Rocky Linux", "VERSION": "9.4 (Blue Onyx)", "ID": "rocky", "ID_LIKE": "rhel centos fedora",
         "VERSION_ID": "9.4", "PRETTY_NAME": "Rocky Linux 9.4 (Blue Onyx)"},
        "5.14.0-427.42.1.el9_4.x86_64",
        "(mockbuild@iad1-prod-build001.bld.equ.rockylinux.org) (gcc (GCC) 11.4.1 20231218 (Red Hat 11.4.1-3), GNU ld"
        " version 2.35.2-43.el9) #1 SMP PREEMPT_DYNAMIC Fri Nov 1 14:58:02 UTC 2024",
        "gcc version 11.4.1 20231218 (Red Hat 11.4.1-3) (GCC) ", "2.34", 39, 105, 0o666, False, FEDORA_LINKS,
        "/usr/share/hwdata/pci.ids"),
    "arch": Distro(
        {"NAME": "Arch Linux", "PRETTY_NAME": "Arch Linux", "ID": "arch", "BUILD_ID": "rolling"},
        "6.16.10-arch1-1",
        "(linux@archlinux) (gcc (GCC) 15.2.1 20250813, GNU ld (GNU Binutils) 2.45.0)"
        " #1 SMP PREEMPT_DYNAMIC Thu, 02 Oct 2025 18:39:35 +0000",
        "gcc version 15.2.1 20250813 (GCC) ", "2.42", 985, 989, 0o666, False, ARCH_LINKS,
        "/usr/share/hwdata/pci.ids"),
}

# Majors that every machine has, by name; several names may share one.
CHARACTER_MAJORS = [(1, "mem"), (4, "/dev/vc/0"), (4, "tty"), (4, "ttyS"), (5, "/dev/tty"), (5, "/dev/console"),
                    (5, "/dev/ptmx"), (7, "vcs"), (10, "misc"), (13, "input"), (29, "fb"), (89, "i2c"), (116, "alsa"),
                    (128, "ptm"), (136, "pts"), (180, "usb"), (189, "usb_device"), (254, "bsg")]
BLOCK_MAJORS = [(259, "blkext"), (7, "loop"), (8, "sd"), (9, "md"), (65, "sd"), (253, "device-mapper")]
MISC_MINORS = [(228, "hpet"), (229, "fuse"), (231, "snapshot"), (236, "device-mapper"), (237, "loop-control")]


def uuid_for(*words):
    """A UUID that looks random and is always the same for the same words."""
    return str(uuid.UUID(bytes=hashlib.sha256("/".join(words).encode()).digest()[:16], version=4))


def write_base(tree, distro, name, kernel):
    """Everything but the GPUs."""
    for path in ("/etc", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/share", "/var", "/run", "/dev",
                 "/proc", "/sys"):
        if path not in distro.links:
            tree.directory(path)
    tree.directory("/tmp", 0o1777)
    if distro.multiarch:
        for triplet in TRIPLETS.values():
            tree.directory(f"/usr/lib/{triplet}")
    for path, target in distro.links.items():
        tree.link(path, target)

    tree.write("/usr/lib/os-release", "".join(
        f"{key}={value}\n" if value.isalnum() or key == "ID" else f'{key}="{value}"\n'
        for key, value in distro.release.items()))
    tree.link("/etc/os-release", "../usr/lib/os-release")
    tree.write("/etc/hostname", f"{name}\n")
    tree.write("/etc/group", f"root:x:0:\nvideo:x:{distro.video}:\nrender:x:{distro.render}:\n")
    if distro.multiarch:
        tree.write("/etc/debian_version", "13.1\n" if distro.release["ID"] == "debian" else "trixie/sid\n")
        tree.write("/etc/ld.so.conf.d/libc.conf", "/usr/local/lib\n")
        for triplet in TRIPLETS.values():
            tree.write(f"/etc/ld.so.conf.d/{triplet}.conf",
                       f"/usr/local/lib/{triplet}\n/lib/{triplet}\n/usr/lib/{triplet}\n")
    if distro.release["ID"] == "arch":
        tree.write("/etc/ld.so.conf.d/lib32-glibc.conf", "/usr/lib32\n")
    tree.write("/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")

    tree.write("/proc/version", f"Linux version {kernel} {distro.built}\n", 0o444)
    tree.write("/proc/sys/kernel/osrelease", f"{kernel}\n", 0o444)
    tree.write("/proc/sys/kernel/random/boot_id", uuid_for(name, "boot") + "\n", 0o444)
    tree.write("/proc/filesystems", "nodev\tsysfs\nnodev\tproc\nnodev\tcgroup2\n\text4\n", 0o444)
    tree.write("/sys/module/firmware_class/parameters/path", "\n")


def write_majors(tree, characters, misc):
    """/proc/devices and /proc/misc: `characters` and `misc` are (number, name) pairs beyond the usual ones."""
    lines = ["Character devices:"]
    lines += [f"{major:3d} {name}" for major, name in sorted(CHARACTER_MAJORS + characters, key=lambda pair: pair[0])]
    lines += ["", "Block devices:"]
    lines += [f"{major:3d} {name}" for major, name in BLOCK_MAJORS]
    tree.write("/proc/devices", "\n".join(lines) + "\n", 0o444)
    tree.write("/proc/misc", "".join(f"{minor:3d} {name}\n" for minor, name in misc + MISC_MINORS), 0o444)


def write_modules(tree, modules):
    """/proc/modules and /sys/module: (name, size, users, taint, version) each."""
    lines = []
    for name, size, users, taint, version in modules:
        used = ",".join(users) + "," if users else "-"
        mark = f" ({taint})" if taint else ""
        lines.append(f"{name} {size} {len(users)} {used} Live 0x0000000000000000{mark}\n")
        tree.write(f"/sys/module/{name}/initstate", "live\n", 0o444)
        tree.write(f"/sys/module/{name}/refcnt", f"{len(users)}\n", 0o444)
        tree.write(f"/sys/module/{name}/taint", f"{taint}\n", 0o444)
        if version:
            tree.write(f"/sys/module/{name}/version", f"{version}\n", 0o444)
    tree.write("/proc/modules", "".join(lines), 0o444)
