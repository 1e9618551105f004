# SPDX-License-Identifier: Apache-2.0
"""A start as an engine makes it: "create" and "start" of a bundle, both timed; the removal is not. Each start gets
its configuration as the engine wrote it, and a fresh layer over the root where that is asked for."""
import json
import os
import subprocess

from configs import example
from namespaces import Overlay
from starts import Variant, timed

GPUS_VARIABLE, CAPABILITIES_VARIABLE = 'NVIDIA_VISIBLE_DEVICES', 'NVIDIA_DRIVER_CAPABILITIES'
CGROUP = 'nvbind-bench-%d' % os.getpid()


def engine_config(low_level, root, directory):
    return example(low_level, root, '/' + CGROUP, directory)


def with_gpus(config, gpus, capabilities=None):
    """The configuration of a container that asks for GPUs; None asks for none."""
    config = json.loads(json.dumps(config))
    if gpus is not None:
        config['process']['env'].append('%s=%s' % (GPUS_VARIABLE, gpus))
    if capabilities:
        config['process']['env'].append('%s=%s' % (CAPABILITIES_VARIABLE, capabilities))
    return config


class Bundle(Variant):
    """`command`: the runtime. `config`: what the engine wrote. `fresh`: with a layer of its own for each start, over the
    root of the configuration; else the root is the same each time, and has what earlier starts made in it."""

    def __init__(self, place, name, command, config, fresh=False, policy=None):
        super().__init__(name)
        self.command, self.count = command, 0
        self.directory = os.path.join(place, ''.join(c if c.isalnum() else '-' for c in name))
        self.state = os.path.join(self.directory, 'state')
        os.makedirs(self.state)
        self.overlay = Overlay(config['root']['path'], self.directory) if fresh else None
        if self.overlay:
            config = dict(config, root={'path': self.overlay.root, 'readonly': False})
        self.config = json.dumps(config, separators=(',', ':'))
        if policy:
            self.environment = dict(os.environ, NVBIND_RUNTIME_CONFIG=policy)

    def path(self):
        return os.path.join(self.directory, 'config.json')

    def write_config(self):
        with open(self.path(), 'w', encoding='utf-8') as file:
            file.write(self.config)

    def read_config(self):
        with open(self.path(), encoding='utf-8') as file:
            return json.load(file)

    def argv(self, *arguments):
        return self.command + ['--root', self.state] + list(arguments)

    def create(self):
        return self.argv('create', '--bundle', self.directory, self.identifier())

    def identifier(self):
        return 'nvbind-bench-%d-%d' % (os.getpid(), self.count)

    def prepare(self):
        self.count += 1
        self.write_config()
        if self.overlay:
            self.overlay.mount()

    def clean(self):
        subprocess.run(self.argv('delete', '--force', self.identifier()), stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env=self.environment, check=False)
        if self.overlay:
            self.overlay.unmount()

    def run(self):
        self.prepare()
        try:
            parts = [timed(self.create(), self.environment), timed(self.argv('start', self.identifier()), self.environment)]
        finally:
            self.clean()
        return sum(took for took, _ in parts), sum(cpu for _, cpu in parts)


def count(config, before):
    """What a runtime added."""
    return {'mounts': len(config['mounts']) - len(before['mounts']),
            'nodes': len(config['linux'].get('devices', [])) - len(before['linux'].get('devices', [])),
            'hooks': sum(map(len, config.get('hooks', {}).values())),
            'config_bytes': len(json.dumps(config, separators=(',', ':')))}


def write_policy(path, host, program):
    with open(path, 'w', encoding='utf-8') as file:
        json.dump({'host_root': host, 'low_level_runtimes': [program]}, file)
    return path
