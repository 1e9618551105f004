# SPDX-License-Identifier: Apache-2.0
"""What a report must say of the machine that it was made on."""
import os
import platform
import subprocess

import peers
from low_level import find

PROGRAMS = ('crun', 'runc', 'podman', 'docker')


def first_line(argv):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    except OSError:
        return None
    return done.stdout.split('\n', 1)[0].strip() if done.returncode == 0 else None


def value_in(path, key):
    try:
        with open(path, encoding='utf-8') as file:
            return next((line.split(':', 1)[1].strip() for line in file if line.startswith(key)), None)
    except OSError:
        return None


def hypervisor():
    flags = value_in('/proc/cpuinfo', 'flags')
    return flags and ('yes' if 'hypervisor' in flags.split() else 'no')


def version_of(argv):
    return first_line(argv) if argv else None


def facts(build, files):
    found = {'kernel': platform.release(), 'processor': value_in('/proc/cpuinfo', 'model name'), 'cores': len(os.sched_getaffinity(0)),
             'virtual': hypervisor(), 'memory': value_in('/proc/meminfo', 'MemTotal'), 'load average': round(os.getloadavg()[0], 2),
             'nvbind': first_line([os.path.join(build, 'nvbind'), '--version']), 'driver files': files}
    for name in PROGRAMS:
        path = find(name)
        found[name] = version_of([path, '--version']) if path else None
    other, ctk = peers.other_runtime(), peers.ctk()
    found['other runtime'] = version_of(other + ['--version']) if other else None
    found['nvidia-ctk'] = version_of([ctk, '--version']) if ctk else None
    return found
