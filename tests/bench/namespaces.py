# SPDX-License-Identifier: Apache-2.0
"""Mounts in a namespace of our own: what a benchmark needs of the machine without changing it."""
import ctypes
import os
import shutil

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, '%s: %s' % (what, os.strerror(error)))


def encode(text):
    return None if text is None else os.fsencode(text)


def mount(source, target, kind=None, flags=0, data=None):
    check(LIBC.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(data)), "mount '%s'" % target)


def bind(source, target):
    mount(source, target, None, MS_BIND | MS_REC)


def unmount(target):
    check(LIBC.umount2(encode(target), MNT_DETACH), "unmount '%s'" % target)


def enter():
    """From here on our mounts, and those of what we start, are nobody else's, and go when we end."""
    check(LIBC.unshare(CLONE_NEWNS), 'make a mount namespace')
    mount(None, '/', None, MS_REC | MS_PRIVATE)


class Overlay:
    """A fresh layer over a root for each container, as engines make one."""

    def __init__(self, lower, place):
        self.lower, self.place, self.count = lower, place, 0
        self.root = os.path.join(place, 'rootfs')
        os.makedirs(self.root)

    def mount(self):
        self.count += 1
        layer = os.path.join(self.place, 'layer%d' % self.count)
        upper, work = os.path.join(layer, 'upper'), os.path.join(layer, 'work')
        os.makedirs(upper)
        os.mkdir(work)
        mount('overlay', self.root, 'overlay', 0, 'lowerdir=%s,upperdir=%s,workdir=%s' % (self.lower, upper, work))

    def unmount(self):
        unmount(self.root)
        shutil.rmtree(os.path.join(self.place, 'layer%d' % self.count), ignore_errors=True)
