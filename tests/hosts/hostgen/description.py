# SPDX-License-Identifier: Apache-2.0
"""Reads the description of a host and says exactly what is wrong with it."""

import os
import re
import tomllib

from .distro import DISTROS
from .driver import DRIVER_SETS, LAYOUTS

DESCRIPTIONS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "descriptions")

ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-1][0-9a-f]\.[0-7]")
ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}")

# Every key, with the type of its value. README.md explains those that do not explain themselves.
HOST = {"title": str, "os": str, "kernel": str, "ld_cache": bool, "majors": dict, "nvidia": dict, "wsl": dict,
        "model": dict, "pci": list, "node": list, "file": list, "kfd_cpu_nodes": int}
NVIDIA = {"version": str, "flavor": str, "build": str, "loaded": bool, "layout": str, "files_version": str,
          "sets": list, "without": list, "sockets": list, "imex_channels": list, "missing_nodes": list, "modeset": bool}
WSL = {"stores": list}
STORE = {"name": str, "date": str, "nvidia": bool}
NODE = {"path": str, "major": (int, str), "minor": int, "mode": int}
FILE = {"path": str, "text": str}
PCI = {"address": str, "behind": list, "model": str, "id": str, "subsystem": str, "class": str, "revision": str,
       "name": str, "pci_name": str, "driver": str, "irq": int, "numa": int, "boot_vga": bool, "drm": dict,
       "iommu_group": int, "vram_mb": int,
       # NVIDIA
       "minor": int, "uuid": str, "vbios": str, "firmware": str, "dma_bits": int, "excluded": bool, "lost": bool,
       "asleep": bool, "mig": dict,
       # AMD
       "partition": str, "product_name": str, "kfd_name": str, "gfx_target_version": int, "compute_units": int,
       "simd_per_cu": int, "wave_front_size": int, "arrays": int}
DRM = {"card": int, "render": int, "connectors": list}


class DescriptionError(Exception):
    """The description is wrong, or there is none of that name."""


def names():
    return sorted(name[:-5] for name in os.listdir(DESCRIPTIONS) if name.endswith(".toml"))


def load(name_or_path):
    path = name_or_path
    if not path.endswith(".toml"):
        path = os.path.join(DESCRIPTIONS, f"{name_or_path}.toml")
        if not os.path.exists(path):
            raise DescriptionError(f"no host '{name_or_path}'; there are: {', '.join(names())}")
    try:
        with open(path, "rb") as file:
            host = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DescriptionError(f"{path}: {error}") from error
    try:
        _check(host)
    except DescriptionError as error:
        raise DescriptionError(f"{path}: {error}") from None
    host["name"] = os.path.basename(path)[:-5]
    return host


def _require(condition, message):
    if not condition:
        raise DescriptionError(message)


def _check_keys(table, known, where, required=()):
    _require(isinstance(table, dict), f"{where}: not a table")
    for key, value in table.items():
        _require(key in known, f"{where}: unknown key '{key}'")
        expected = known[key] if isinstance(known[key], tuple) else (known[key],)
        _require(type(value) in expected,
                 f"{where}: {key}: {type(value).__name__} where {' or '.join(t.__name__ for t in expected)} belongs")
    for key in required:
        _require(key in table, f"{where}: '{key}' is missing")


def _check_choice(value, choices, where):
    _require(value in choices, f"{where}: '{value}' is none of {', '.join(choices)}")


def _check(host):
    _check_keys(host, HOST, "host", ("title", "os"))
    _check_choice(host["os"], DISTROS, "os")
    for name, major in host.get("majors", {}).items():
        _require(type(major) is int and 0 < major < 4096, f"majors: {name}: not a device number")
    if "nvidia" in host:
        _check_nvidia(host["nvidia"])
    if "wsl" in host:
        _check_keys(host["wsl"], WSL, "wsl", ("stores",))
        for index, store in enumerate(host["wsl"]["stores"]):
            _check_keys(store, STORE, f"wsl.stores[{index}]", ("name", "date"))
    for index, node in enumerate(host.get("node", [])):
        _check_keys(node, NODE, f"node[{index}]", ("path", "major", "minor"))
        _require(node["path"].startswith("/dev/"), f"node[{index}]: path: not below /dev")
    for index, file in enumerate(host.get("file", [])):
        _check_keys(file, FILE, f"file[{index}]", ("path",))
        _require(file["path"].startswith("/"), f"file[{index}]: path: not absolute")
        _require(file["path"].endswith("/") != ("text" in file), f"file[{index}]: 'text' is a file's, and a directory's path ends with '/'")
    models = host.pop("model", {})
    devices = [_with_model(device, models, f"pci[{index}]") for index, device in enumerate(host.get("pci", []))]
    host["pci"] = sorted(devices, key=lambda device: device["address"])
    for device in devices:
        _check_device(device, host)
    addresses = [device["address"] for device in devices]
    _require(len(addresses) == len(set(addresses)), "pci: an address occurs twice")


def _check_nvidia(nvidia):
    _check_keys(nvidia, NVIDIA, "nvidia", ("version",))
    _require(re.fullmatch(r"\d+\.\d+(\.\d+)?", nvidia["version"]), "nvidia: version: not like 550.163.01")
    _check_choice(nvidia.setdefault("flavor", "proprietary"), ("proprietary", "open"), "nvidia: flavor")
    if "layout" in nvidia:
        _check_choice(nvidia["layout"], LAYOUTS, "nvidia: layout")
    for key in ("sets", "without"):
        for name in nvidia.get(key, []):
            _check_choice(name, DRIVER_SETS, f"nvidia: {key}")


def _with_model(device, models, where):
    _require(isinstance(device, dict), f"{where}: not a table")
    model = device.get("model")
    _require(model is None or model in models, f"{where}: no [model.{model}]")
    merged = {**models.get(model, {}), **device}
    _check_keys(merged, PCI, where, ("address", "id"))
    return merged


def _check_device(device, host):
    where = f"pci {device['address']}"
    for address in [device["address"], *device.get("behind", [])]:
        _require(ADDRESS.fullmatch(address), f"{where}: '{address}' is not like 0000:01:00.0")
    for key in ("id", "subsystem"):
        _require(key not in device or ID.fullmatch(device[key]), f"{where}: {key}: not like 10de:2330")
    _check_keys(device.get("drm", {}), DRM, f"{where}: drm")
    if device.get("driver") == "nvidia":
        _require("nvidia" in host and host["nvidia"].get("loaded", True), f"{where}: nvidia is not loaded")
        _require("minor" in device, f"{where}: 'minor' is missing")
    for driver, major in (("nvidia", "nvidia-uvm"), ("nvidia", "nvidia-caps"), ("amdgpu", "kfd"),
                          ("nvidia-nvswitch", "nvidia-nvswitch"), ("vfio-pci", "vfio")):
        if device.get("driver") == driver:
            _require(major in host.get("majors", {}), f"{where}: majors: '{major}' is missing")
