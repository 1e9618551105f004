# SPDX-License-Identifier: Apache-2.0
"""A directory tree below one root, written with the same bytes, modes and times in every run."""

import contextlib
import errno
import os
import socket
import stat

# The time of every file, so that listings in golden files do not change: 2025-06-01 00:00:00 UTC.
EPOCH = 1748736000


class TreeError(Exception):
    """The tree cannot be written as asked."""


def can_make_nodes(directory):
    """Whether character devices can be made and opened in `directory` (no right, or mounted nodev: they cannot)."""
    probe = os.path.join(directory, ".node-probe")
    try:
        os.mknod(probe, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except OSError:
        return False
    try:
        os.close(os.open(probe, os.O_RDONLY))
        return True
    except OSError:
        return False
    finally:
        os.unlink(probe)


class Tree:
    """Paths are absolute inside the tree. Parents are made as needed."""

    def __init__(self, root, real_nodes):
        self.root = os.path.realpath(root)
        self.real_nodes = real_nodes
        self.is_root = os.geteuid() == 0
        self._directories = {}  # parent as asked for -> where it really is
        self._times = {}  # real path -> time, where it is not EPOCH
        self._foreign = set()  # inodes of hard links: their times belong to the source

    def host_path(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def exists(self, path):
        return os.path.lexists(self.host_path(path))

    def _place(self, path):
        """The real path to write `path` at. A link to an absolute path (/var/run) must not lead out of the tree."""
        parent, name = os.path.split(self.host_path(path))
        place = self._directories.get(parent)
        if place is None:
            os.makedirs(parent, exist_ok=True)
            place = os.path.realpath(parent)
            if place != self.root and not place.startswith(self.root + "/"):
                raise TreeError(f"{path}: its directory is outside the tree: {place}")
            self._directories[parent] = place
        return os.path.join(place, name)

    def directory(self, path, mode=0o755, time=None):
        place = self._place(path)
        os.makedirs(place, exist_ok=True)
        os.chmod(place, mode)
        if time is not None:
            self._times[place] = time

    def write(self, path, data, mode=0o644, time=None):
        place = self._place(path)
        with open(place, "xb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        os.chmod(place, mode)
        if time is not None:
            self._times[place] = time

    def link(self, path, target):
        os.symlink(target, self._place(path))

    def link_within(self, path, target):
        """A relative link to another path of the tree, as sysfs makes them."""
        place = self._place(path)
        os.symlink(os.path.relpath(self.host_path(target), os.path.dirname(place)), place)

    def node(self, path, major, minor, mode=0o666, gid=0):
        place = self._place(path)
        if self.real_nodes:
            os.mknod(place, stat.S_IFCHR | mode, os.makedev(major, minor))
        else:
            with open(place, "x", encoding="ascii") as file:
                file.write(f"c {major}:{minor}\n")
        if self.is_root:
            os.chown(place, 0, gid)
        os.chmod(place, mode)  # after chown, and past the umask

    def socket(self, path):
        """A unix socket nobody listens on, or an empty file where the filesystem has no sockets."""
        place = self._place(path)
        with contextlib.chdir(os.path.dirname(place)), socket.socket(socket.AF_UNIX) as sock:  # sun_path is short
            try:
                sock.bind(os.path.basename(place))
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EPERM, errno.EACCES):
                    raise
                self.write(path, "")
        os.chmod(place, 0o666)

    def adopt(self, source, path):
        """Takes a foreign file into the tree: a hard link where possible, else a copy."""
        place = self._place(path)
        try:
            os.link(source, place, follow_symlinks=False)
            self._foreign.add(os.lstat(place).st_ino)
        except OSError:
            with open(source, "rb") as file:
                self.write(path, file.read(), stat.S_IMODE(os.stat(source).st_mode))

    def finish(self):
        """Sets the times, last of all: making an entry changes its directory's time."""
        for parent, directories, files in os.walk(self.root, topdown=False):
            for name in directories + files:
                self._set_time(os.path.join(parent, name))
        self._set_time(self.root)

    def _set_time(self, path):
        if self._foreign and os.lstat(path).st_ino in self._foreign:
            return
        time = self._times.get(path, EPOCH)
        os.utime(path, (time, time), follow_symlinks=False)
