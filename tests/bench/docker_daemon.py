# SPDX-License-Identifier: Apache-2.0
"""A Docker daemon of our own where none answers: nothing of the machine's Docker is used or changed."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import time

from low_level import find, remove_cgroups
from starts import in_memory

WAIT_SECONDS = 20
CGROUP = 'nvbind-bench-docker'


def answers():
    return bool(find('docker')) and subprocess.run(['docker', 'info'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def start(directory):
    socket = 'unix://' + os.path.join(directory, 'docker.sock')
    arguments = ['--data-root', os.path.join(directory, 'docker'), '--exec-root', os.path.join(directory, 'docker-run'),
                 '--pidfile', os.path.join(directory, 'docker.pid'), '--host', socket, '--iptables=false', '--ip6tables=false', '--bridge=none',
                 '--cgroup-parent', '/' + CGROUP, '--shutdown-timeout', '1']
    with open(os.path.join(directory, 'docker.log'), 'wb') as log:
        process = subprocess.Popen([find('dockerd')] + arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    os.environ['DOCKER_HOST'] = socket
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if answers():
            break
        time.sleep(0.2)
    return process


@contextlib.contextmanager
def daemon():
    """All that it writes lies in memory, as what the other variants write. While it lasts, `docker` has a daemon to talk to; else the reason is given."""
    if answers() or not find('docker'):
        yield None
        return
    if os.geteuid() != 0 or not find('dockerd'):
        yield 'no daemon answers, and none can be started'
        return
    before = os.environ.get('DOCKER_HOST')
    directory = tempfile.mkdtemp(prefix='nvbind-bench-', dir=in_memory())
    process = start(directory)
    try:
        yield None if process.poll() is None else 'its daemon does not start'
    finally:
        process.terminate()
        process.wait()
        os.environ.pop('DOCKER_HOST', None)
        if before:
            os.environ['DOCKER_HOST'] = before
        shutil.rmtree(directory, ignore_errors=True)
        remove_cgroups(CGROUP)
