# SPDX-License-Identifier: Apache-2.0
"""Measuring container starts beside each other.

The variants take turns, in another order each round: a disturbance hits all alike, and what one leaves to
do in the background does not always hit the same next one."""
import math
import os
import random
import subprocess
import tempfile
import time


class Unusable(Exception):
    """A variant that this machine cannot run; the text says why."""


def file_system(path):
    return subprocess.run(['stat', '-f', '-c', '%T', path], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def in_memory():
    """A directory in memory that programs may run from. A disk's file system has days of its own: what the starts before
    deleted and what it writes back would be measured too."""
    path = '/dev/shm'
    if os.path.isdir(path) and file_system(path) == 'tmpfs' and not os.statvfs(path).f_flag & os.ST_NOEXEC:
        return path
    return tempfile.gettempdir()


def raw_ms():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) / 1e6


def timed(argv, environment=None):
    """Milliseconds on the clock, and of processors: the second hardly feels what else the machine does."""
    start = raw_ms()
    pid = os.posix_spawn(argv[0], argv, environment or os.environ,
                         file_actions=[(os.POSIX_SPAWN_OPEN, 0, '/dev/null', os.O_RDONLY, 0),
                                       (os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    took = raw_ms() - start
    if os.waitstatus_to_exitcode(status) != 0:
        raise Unusable("'%s' ends with exit status %d" % (' '.join(argv[:6]), os.waitstatus_to_exitcode(status)))
    return took, (usage.ru_utime + usage.ru_stime) * 1000


class Variant:
    environment, counts_cpu = None, True

    def __init__(self, name):
        self.name, self.times, self.cpu = name, [], []

    def run(self):
        return timed(self.argv(), self.environment)

    def close(self):
        pass


def measure(variants, rounds, seconds, skipped):
    """Rounds until both the number and the time are reached, whichever comes first."""
    for variant in list(variants):
        try:
            variant.run()  # warm
        except Unusable as reason:
            skipped.append('%s: %s' % (variant.name, reason))
            variants.remove(variant)
    end = time.monotonic() + seconds
    shuffle = random.Random(1).shuffle
    order = list(variants)
    for _ in range(rounds):
        shuffle(order)
        for variant in order:
            took, cpu = variant.run()
            variant.times.append(took)
            variant.cpu.append(cpu)
        if time.monotonic() > end:
            break


def rank(values, percent):
    """Nearest rank."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def spread(values, digits=3):
    """Where the middle lies, its quarters, and where all but the outermost lie. And between which values the true median lies with
    95 % confidence, whatever the distribution: those as far from the middle rank as a binomial count strays."""
    ordered, far = sorted(values), 0.98 * len(values) ** 0.5
    low, high = max(0, math.floor(len(values) / 2 - far)), min(len(values) - 1, math.ceil(len(values) / 2 + far))
    return {**{'p%d_ms' % percent: round(rank(values, percent), digits) for percent in (5, 25, 50, 75, 95)},
            'median_from_ms': round(ordered[low], digits), 'median_to_ms': round(ordered[high], digits)}


def summary(variants):
    return [{'name': v.name, 'runs': len(v.times), 'min_ms': round(min(v.times), 3), **spread(v.times),
             'cpu_p50_ms': round(rank(v.cpu, 50), 3) if v.counts_cpu else None}
            for v in variants if v.times]


def difference(name, more, less):
    """Medians of the differences within a round: what disturbs a round as a whole is in both."""
    return {'name': name, **spread([a - b for a, b in zip(more.times, less.times)]),
            'of_minima_ms': round(min(more.times) - min(less.times), 3),
            'cpu_p50_ms': round(rank([a - b for a, b in zip(more.cpu, less.cpu)], 50), 3)}


def differences(variants, pairs):
    """`pairs`: what the difference is, the variant with it, the variant without."""
    known = {variant.name: variant for variant in variants if variant.times}
    return [difference(name, known[more], known[less]) for name, more, less in pairs if more in known and less in known]
