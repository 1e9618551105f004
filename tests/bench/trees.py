# SPDX-License-Identifier: Apache-2.0
"""Simulated machines of any number of GPUs, made by tests/hosts, and container roots, made by tests/roots."""
import os
import shutil
import subprocess
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEAD = """\
# SPDX-License-Identifier: Apache-2.0
title = "{gpus} GPUs, {mig} MIG instances each"
os = "ubuntu-24.04"

[nvidia]
version = "550.163.01"
flavor = "open"
layout = "installer"
sets = ["utility", "compute", "video", "graphics", "egl", "ngx", "xorg", "opencl", "compat32"]

[majors]
nvidia-uvm = 511
nvidia-caps = 235

[model.h100]
id = "10de:2330"
subsystem = "10de:16c1"
class = "0x030200"
revision = "a1"
name = "NVIDIA H100 80GB HBM3"
pci_name = "GH100 [H100 SXM5 80GB]"
driver = "nvidia"
vbios = "96.00.99.00.01"
dma_bits = 52
"""
GPU = """
[[pci]]
model = "h100"
address = "{domain:04x}:{bus:02x}:00.0"
behind = ["{domain:04x}:{bridge:02x}:01.0"]
numa = {numa}
minor = {number}
drm = {{ card = {card}, render = {render} }}
"""
FIRST_INSTANCE = 7  # the smallest profile's first GPU instance


class Unmade(Exception):
    """A tree that cannot be made here; make-host and make-root said why on stderr."""


def describe(gpus, mig):
    text = HEAD.format(gpus=gpus, mig=mig)
    for number in range(gpus):
        text += GPU.format(domain=number // 8, bus=0x11 + number % 8 * 0x10, bridge=0x10 + number % 8 * 0x10, numa=number % 2,
                           number=number, card=number + 1, render=128 + number)
        if mig:
            text += 'mig = { %s }\n' % ', '.join('%d = [0]' % (FIRST_INSTANCE + i) for i in range(mig))
    return text


def settle():
    """nvbind keeps no inventory that rests on files younger than two seconds."""
    time.sleep(2.5)


def make(name, *arguments):
    done = subprocess.run([os.path.join(TESTS, name)] + list(arguments), stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Unmade('%s %s' % (name, ' '.join(arguments)))


def make_host_of(gpus, mig, directory):
    """The tree of a machine with that many GPUs, below `directory`."""
    name = 'gpus%d-mig%d' % (gpus, mig)
    description = os.path.join(directory, name + '.toml')
    with open(description, 'w', encoding='utf-8') as file:
        file.write(describe(gpus, mig))
    host = os.path.join(directory, name)
    make('hosts/make-host', description, host)
    return host


def make_host(name, directory):
    """A described machine; with the real driver files where they were fetched before: those are larger. Returns which."""
    cache = os.environ.get('NVBIND_TEST_CACHE', os.path.expanduser('~/.cache/nvbind-tests'))
    files = os.path.join(cache, 'driver', 'installer')
    if os.path.isdir(files):
        try:
            make('hosts/make-host', '--driver-tree', files, name, directory)
            return 'real'
        except Unmade:
            shutil.rmtree(directory, ignore_errors=True)
    make('hosts/make-host', name, directory)
    return 'simulated'


def make_root(kind, directory):
    make('roots/make-root', kind, directory)
