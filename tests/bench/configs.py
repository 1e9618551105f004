# SPDX-License-Identifier: Apache-2.0
"""Configurations as engines write them, of a given size: a container's own words, its seccomp filter, and for
the largest also the environment that clusters give."""
import json
import subprocess

SIZES_KB = (5, 13, 100)
COMMAND = ['/probe', 'exit', '0']
# As Docker's default filter names them; its list is longer.
CALLS = ('accept access bind brk chdir chmod chown clock_gettime close connect dup epoll_wait execve exit fchmod fcntl flock fork fstat '
         'fsync futex getcwd getdents64 getegid geteuid getgid getpid getrandom getsockopt getuid ioctl kill link listen lseek madvise '
         'mkdir mmap mprotect munmap nanosleep newfstatat open openat pipe poll prctl pread64 pwrite64 read readlink recvfrom rename '
         'rmdir rt_sigaction select sendto setsockopt shutdown sigaltstack socket splice stat statx symlink tgkill truncate umask '
         'uname unlink wait4 write').split()


def example(low_level, root, cgroup, directory):
    """The low-level runtime's own example, for a root of ours."""
    subprocess.run([low_level, 'spec'], cwd=directory, check=True)
    with open(directory + '/config.json', encoding='utf-8') as file:
        config = json.load(file)
    config['root'] = {'path': root, 'readonly': False}
    config['process'].update(args=COMMAND, terminal=False)
    config['process'].pop('rlimits', None)  # not every machine grants them
    config['linux']['cgroupsPath'] = cgroup
    return config


def length(config):
    return len(json.dumps(config, separators=(',', ':')))


def grow(config, bytes_wanted):
    """The same container with more words, until its text is as long as asked for: a tenth of it in the environment
    and in annotations, the rest a filter."""
    config = json.loads(json.dumps(config))
    filters = config['linux'].setdefault('seccomp', {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': []})['syscalls']
    notes = config.setdefault('annotations', {})
    number = 0
    while length(config) < bytes_wanted - 200:
        if number % 10 == 0:
            config['process']['env'].append('SERVICE_%d_PORT=tcp://10.0.%d.%d:8080' % (number, number // 256, number % 256))
            notes['com.example.note.%d' % number] = 'value of note %d' % number
        else:
            names = [CALLS[(number * 7 + i) % len(CALLS)] for i in range(4)]
            filters.append({'names': names, 'action': 'SCMP_ACT_ALLOW',
                            'args': [{'index': 0, 'value': 4294967295 - number, 'op': 'SCMP_CMP_EQ'}]})
        number += 1
    missing = bytes_wanted - length(config) - len(',"com.example.rest":""')
    if missing > 0:
        notes['com.example.rest'] = 'x' * missing
    return config


def write(config, path):
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(config, file, separators=(',', ':'))
