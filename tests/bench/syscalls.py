# SPDX-License-Identifier: Apache-2.0
"""The system calls of nvbind-runtime itself: how many, and what they are. In the place of the low-level runtime stands a
program that ends at once."""
import os
import re
import shutil
import subprocess
import tempfile

from bundles import Bundle, with_gpus, write_policy
from configs import example, grow
from starts import Unusable, in_memory

CALL = re.compile(r'^(?:\d+ +)?(\w+)\((.*)\) += (.*?)(?: <[\d.]+>)?$')
TYPICAL_BYTES = 13000


class Rig:
    """A bundle as an engine makes it, and a runtime whose own part is all that happens."""

    def __init__(self, build, host, root, directory, stand_in=None):
        self.build, self.host, self.directory, self.image = build, host, directory, root
        self.runtime = os.path.join(build, 'nvbind-runtime')
        self.root = os.path.join(directory, 'root')
        self.refresh_root()
        stand_in = stand_in or os.path.join(build, 'tests/bench/exit-bare')
        self.policy = write_policy(os.path.join(directory, 'stand-in.json'), host, stand_in)
        low_level = next(path for path in (shutil.which(name, path=os.environ['PATH'] + ':/usr/sbin:/sbin') for name in ('runc', 'crun')) if path)
        self.config = grow(example(low_level, self.root, '/nvbind-bench', directory), TYPICAL_BYTES)
        os.unlink(os.path.join(directory, 'config.json'))
        # Counts depend on what the environment holds: it is the same for all.
        self.environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'NVBIND_STATE_DIR': os.path.join(directory, 'state'),
                            'NVBIND_RUNTIME_CONFIG': self.policy, 'NVBIND_LEASE_DIR': os.path.join(directory, 'leases'),
                            'NVBIND_JOURNAL_DIR': os.path.join(directory, 'journal')}
        os.makedirs(self.environment['NVBIND_STATE_DIR'], mode=0o700, exist_ok=True)

    def refresh_root(self):
        """As it was before the first container: the state of a fresh layer."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.image, self.root, symlinks=True)

    def bundle(self, name, gpus):
        bundle = Bundle(self.directory, name, [self.runtime], with_gpus(self.config, gpus))
        bundle.write_config()
        return bundle

    def run(self, argv, prefix=(), good=(0,)):
        """What it says on stderr."""
        done = subprocess.run(list(prefix) + argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode not in good:
            raise Unusable("'%s' ends with exit status %d: %s" % (argv[0], done.returncode, done.stderr.strip()))
        return done.stderr

    def warm(self, gpus, good=(0,)):
        """A bundle whose inventory is in the cache, and whose places of mounts are there."""
        bundle = self.bundle('traced %s' % gpus, gpus)
        self.run(bundle.create(), good=good)
        make_places(self.root, bundle.read_config())
        bundle.write_config()
        return bundle

    def calls(self, argv):
        """The lines of strace, up to the execution of the stand-in."""
        with tempfile.NamedTemporaryFile('r', dir=self.directory) as log:
            self.run(argv, ['strace', '-qq', '-s', '200', '-e', 'signal=none', '-o', log.name])
            lines = log.read().splitlines()
        ends = [number for number, line in enumerate(lines) if line.startswith('execve(') and line.endswith('= 0')]
        return lines[:ends[1] + 1] if len(ends) > 1 else lines


def counts(lines):
    found = {}
    for line in lines:
        match = CALL.match(line)
        if match:
            found[match.group(1)] = found.get(match.group(1), 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def shorten(line, places):
    """Without what differs from machine to machine."""
    for path, name in places:
        line = line.replace(path, name)
    line = re.sub(r'0x[0-9a-f]{6,}', 'ADDRESS', line)
    line = re.sub(r'"((?:[^"\\]|\\.){60})(?:[^"\\]|\\.)*"(\.\.\.)?', r'"\1"...', line)
    line = re.sub(r'\{st_mode=[^}]*\}', '{...}', line)
    line = re.sub(r'\{flags=([^,}]*)[^}]*\}', r'{\1}', line)
    return re.sub(r', 0x[0-9a-f]+ /\* \d+ vars \*/', ', ENVIRONMENT', line)


class Followed:
    """Which tree each call is about: descriptors are followed from where they were opened."""

    def __init__(self, trees):
        self.trees, self.open = trees, {}

    def tree_of(self, arguments):
        """None: none of those that are asked many questions."""
        path = re.match(r'[^"]*"([^"]*)"', arguments)
        named = path and next((name for tree, name in self.trees if (path.group(1) + '/').startswith(tree + '/')), None)
        return named or self.open.get(arguments.split(',')[0])

    def see(self, line):
        """The call's name and tree; None where the line is no call."""
        match = CALL.match(line)
        if not match:
            return None
        name, arguments, result = match.groups()
        tree = self.tree_of(arguments)
        if result.isdigit() and (name.startswith('open') or 'F_DUPFD' in arguments):
            self.open[result] = tree
        if name == 'close':
            self.open.pop(arguments, None)
        return name, tree


def told(found):
    return ', '.join('%d %s' % (number, name) for name, number in sorted(found.items(), key=lambda item: -item[1]))


def trim(lines, places, trees):
    """The calls one by one, but those about one of the trees in a row as one line: the first, and what followed."""
    followed, result, run, last = Followed(trees), [], {}, None

    def end_run():
        if run:
            result.append('    ... and on %s: %s' % (last, told(run)))
        run.clear()

    for line in lines:
        call = followed.see(line)
        if not call or call[0] in ('brk', 'mmap', 'munmap', 'mprotect', 'close', 'fcntl'):
            continue
        name, tree = call
        if tree and tree == last:
            run[name] = run.get(name, 0) + 1
            continue
        end_run()
        last = tree
        result.append(shorten(line, places))
    end_run()
    return result


def make_places(root, config):
    """What a low-level runtime leaves behind in a root: where its mounts were."""
    for mount in config['mounts']:
        path = os.path.join(root, mount['destination'].lstrip('/'))
        if os.path.lexists(path) or not os.path.isabs(mount.get('source', '')):
            continue
        os.makedirs(path if os.path.isdir(mount['source']) else os.path.dirname(path), exist_ok=True)
        if not os.path.isdir(mount['source']):
            with open(path, 'wb'):
                pass


def trace(build, host, root):
    """None where strace is missing."""
    if not shutil.which('strace'):
        return None
    with tempfile.TemporaryDirectory(prefix='nvbind-bench-', dir=in_memory()) as directory:
        rig = Rig(build, host, root, directory)
        created = rig.warm('all')
        calls = {'create, kept root': rig.calls(created.create())}
        rig.refresh_root()
        created.write_config()
        calls['create, fresh root'] = rig.calls(created.create())
        calls['start'] = rig.calls([rig.runtime, '--root', directory, 'start', 'nvbind-bench'])
        places = ((created.directory, 'BUNDLE'), (rig.root, 'ROOT'), (host, 'HOST'), (directory, 'STATE'), (build, 'BUILD'))
        trees = ((host, 'HOST'), (rig.root, 'ROOT'))
        return {name: {'calls': sum(counts(lines).values()), 'by_name': counts(lines), 'lines': trim(lines, places, trees)}
                for name, lines in calls.items()}
