# SPDX-License-Identifier: Apache-2.0
"""Other GPU runtimes, measured beside. They are optional, named by variables, and told as absent where they are.

	NVBIND_BENCH_OTHER_RUNTIME	command of nvidia-container-runtime, or of another one that is called as it is
	NVBIND_BENCH_CTK		the program nvidia-ctk

They ask NVML: one that answers at once (instant-nvml.c) takes the place of the simulated machine's own. They look at the
machine itself: so that they find the simulated one, its procfs and sysfs are put in the place of the machine's, in a mount
namespace of our own, for all variants alike. Their configuration names the simulated machine as the driver's root; one in
NVIDIA_CTK_CONFIG_FILE_PATH is used as it is."""
import glob
import json
import os
import shlex
import shutil
import subprocess

import namespaces

CONFIG_VARIABLE = 'NVIDIA_CTK_CONFIG_FILE_PATH'
CONFIG = """\
[nvidia-container-cli]
root = "{host}"
load-kmods = false
[nvidia-container-runtime]
debug = "/dev/null"
runtimes = ["{low_level}"]
mode = "auto"
[nvidia-container-runtime.modes.jit-cdi]
# This one looks for a parameter file that a simulated driver does not have in the container.
nvcdi-disable-hooks = ["disable-device-node-modification"]
"""
NODE = '/dev/nvidia'
CTK_CONFIG = '[nvidia-ctk]\npath = "{ctk}"\n'


def other_runtime():
    """Its command; empty: none."""
    return shlex.split(os.environ.get('NVBIND_BENCH_OTHER_RUNTIME', ''))


def ctk():
    """The program; None: none was named. Beside the runtime it needs no name."""
    named = os.environ.get('NVBIND_BENCH_CTK')
    if named:
        return named
    runtime = other_runtime()
    beside = os.path.join(os.path.dirname(runtime[0]), 'nvidia-ctk') if runtime else ''
    return beside if os.access(beside, os.X_OK) else None


def configure(directory, host, low_level):
    if os.environ.get(CONFIG_VARIABLE):
        return
    path = os.path.join(directory, 'other-runtime.toml')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(CONFIG.format(host=host, low_level=low_level) + (CTK_CONFIG.format(ctk=ctk()) if ctk() else ''))
    os.environ[CONFIG_VARIABLE] = path


def wanted():
    return bool(other_runtime() or ctk())


def give_nvml(build, host, directory):
    """Replaces the simulated machine's NVML, which is a hard link where the driver's files are real."""
    done = subprocess.run([os.path.join(build, 'nvbind'), '--host-root', host, 'info', '--json'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    info = json.loads(done.stdout)
    for path in glob.glob(os.path.join(host, 'usr/lib*/x86_64-linux-gnu/libnvidia-ml.so.' + info['driver']['version'])):
        os.unlink(path)
        shutil.copy(os.path.join(build, 'tests/bench/instant-nvml.so'), path)
    listing = os.path.join(directory, 'nvml.list')
    with open(listing, 'w', encoding='ascii') as file:
        print(info['driver']['version'], file=file)
        for gpu in info['gpus']:
            minor = next(node[len(NODE):] for node in gpu['nodes'] if node.startswith(NODE) and node[len(NODE):].isdigit())
            print(gpu['pci_address'], gpu['uuid'], minor, file=file)
    os.environ['NVBIND_BENCH_NVML'] = listing


def become_machine(host):
    """The process must be in a mount namespace of its own."""
    cgroups = os.path.join(host, 'sys/fs/cgroup')
    os.makedirs(cgroups, exist_ok=True)
    namespaces.bind('/sys/fs/cgroup', cgroups)
    if os.path.isdir('/proc/driver'):
        namespaces.bind(os.path.join(host, 'proc/driver'), '/proc/driver')
    namespaces.bind(os.path.join(host, 'sys'), '/sys')
