# SPDX-License-Identifier: Apache-2.0
"""How crun and runc start containers on this machine.

Not each does on every layout of cgroups. The ways are tried in turn, from the plainest on; each changes only a
mount namespace of our own, and is told in the output: it applies to all variants alike."""
import contextlib
import glob
import os
import shutil

import namespaces
from starts import Unusable

NAMES = ('crun', 'runc')
CGROUPS = '/sys/fs/cgroup'


def find(name):
    return shutil.which(name, path=os.environ.get('PATH', '') + ':/usr/local/sbin:/usr/sbin:/sbin')


def cgroup2_alone():
    """crun knows no machine that has both versions of cgroups, and may lack the right to load device programs."""
    namespaces.mount('cgroup2', CGROUPS, 'cgroup2')


def remove_cgroups(name):
    """What others leave behind: a failed start, a daemon. Cgroups of version 1 have one for each controller."""
    for top in glob.glob(os.path.join(CGROUPS, name)) + glob.glob(os.path.join(CGROUPS, '*', name)):
        for directory, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def silently(trial):
    """What a way that does not work says is no news."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        trial()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


class LowLevel:
    """A low-level runtime, and a way in which it works here. `program` is what is executed."""

    def __init__(self, name, build):
        self.name, self.path = name, find(name)
        if not self.path:
            raise Unusable('%s is not installed' % name)
        self.program, self.way = self.path, 'as it is'
        self.become = os.path.join(build, 'tests/bench/become')

    def ways(self):
        yield
        cgroup2_alone()
        self.way = 'in a mount namespace that has version 2 of cgroups alone'
        yield
        if self.name == 'crun':
            os.environ.update(NVBIND_BENCH_PROGRAM=self.path, NVBIND_BENCH_OPTION='--cgroup-manager=disabled')
            self.program = self.become
            self.way += ', with --cgroup-manager=disabled: no device program is loaded'
            yield

    def settle(self, trial):
        """The first way in which `trial` (a container with GPUs) starts. The process must be in a namespace of its own."""
        reason = None
        for _ in self.ways():
            try:
                silently(trial)
                return
            except (Unusable, OSError) as failure:
                reason = failure
        raise Unusable('%s starts no containers here: %s' % (self.name, reason))
