# SPDX-License-Identifier: Apache-2.0
"""Debian packages, fetched by apt with a state of its own.

The machine's apt configuration is read (mirror, proxy, keyring) and never changed: index, cache and
sources live below the cache folder of the tests. apt verifies the signature of the index and the hash
of every package, as it does for the machine. Runs as any user.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import subprocess
import time

ARCHITECTURES = ("amd64", "i386")
COMPONENTS = "main contrib non-free non-free-firmware"
FALLBACK_MIRROR = "http://deb.debian.org/debian/"
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg",
            "/usr/share/keyrings/debian-archive-keyring.pgp")
INDEX_MAX_AGE_S = 7 * 24 * 3600

# Unpacked trees are for loaders and mounts; nobody reads manuals in them.
NOT_UNPACKED = ("./usr/share/doc", "./usr/share/man", "./usr/share/lintian", "./usr/share/bug",
                "./usr/share/locale", "./usr/share/initramfs-tools", "./usr/lib/locale",
                "./usr/lib/*/gconv", "./lib64/gconv", "./usr/lib64/gconv")


class Unavailable(Exception):
    """A package cannot be had on this machine: no network, no apt, no such component."""


def cache_dir():
    """The folder that all test downloads go to; it may be deleted when no test runs."""
    path = os.environ.get("NVBIND_TEST_CACHE")
    path = pathlib.Path(path) if path else pathlib.Path.home() / ".cache/nvbind-tests"
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


@contextlib.contextmanager
def locked(path):
    """Hold an exclusive lock on PATH: test programs run side by side and share the cache."""
    with open(path, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def unpack(deb, root, exclude=()):
    """Unpack DEB below ROOT, through the merged-/usr links that ROOT may have. Runs no maintainer script."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as source:
        subprocess.run(["tar", "-x", "-p", "-C", root, "--keep-directory-symlink", "--no-wildcards-match-slash",
                        *(f"--exclude={path}" for path in (*NOT_UNPACKED, *exclude))],
                       stdin=source.stdout, check=True)
    if source.returncode:
        raise subprocess.CalledProcessError(source.returncode, source.args)


def _output(argv, **options):
    try:
        return subprocess.run(argv, check=True, capture_output=True, text=True, **options).stdout
    except FileNotFoundError:
        raise Unavailable(f"{argv[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        # Of apt's lines the first names the cause; the rest says what follows from it.
        lines = [line[3:] for line in error.stderr.splitlines() if line.startswith("E: ")]
        raise Unavailable((lines or [f"{argv[0]} failed"])[0]) from None


def _machine_mirror():
    """The Debian mirror in the machine's apt sources."""
    text = _output(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"])
    targets = [line.split("|") for line in text.splitlines()]
    # A machine whose index was never fetched does not know ORIGIN yet; then the path of the URI has to do.
    known = [uri for origin, label, uri in targets if origin == label == "Debian"]
    likely = [uri for _, _, uri in targets if uri.rstrip("/").endswith("/debian")]
    return (known + likely + [FALLBACK_MIRROR])[0]


class Archive:
    """One suite of Debian, as seen by a private apt."""

    def __init__(self, suite, say):
        self.suite = suite
        self._say = say
        self._is_fresh = False
        self._dir = cache_dir() / "apt" / suite
        self._debs = self._dir / "debs"
        self._lists = self._dir / "lists"
        for path in (self._debs, self._lists / "partial", self._dir / "cache/archives/partial"):
            path.mkdir(parents=True, exist_ok=True)
        self._env = dict(os.environ, APT_CONFIG=str(self._dir / "apt.conf"), LC_ALL="C.UTF-8")

    def index_id(self):
        """Identifies the index in the cache; None when there is none."""
        releases = sorted(self._lists.glob("*_InRelease"))
        if not releases:
            return None
        return hashlib.sha256(b"".join(path.read_bytes() for path in releases)).hexdigest()

    def refresh(self):
        """Fetch the index if it is missing or old. An old one is good enough when the mirror is away."""
        if self._is_fresh:
            return
        self._is_fresh = True  # or as fresh as it gets: one try per object
        done = self._dir / "refreshed"
        with locked(self._dir / "lock"):
            if done.exists() and self.index_id() and time.time() - done.stat().st_mtime < INDEX_MAX_AGE_S:
                return
            self._say(f"fetching the package index of {self.suite}")
            self._configure()
            try:
                # Without the error mode apt calls a half-fetched index a success.
                _output(["apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update"], env=self._env)
            except Unavailable as error:
                if not (done.exists() and self.index_id()):
                    raise
                self._say(f"index of {self.suite} not refreshed, using the old one: {error}")
                return
            done.touch()

    def _configure(self):
        keyring = next((path for path in KEYRINGS if os.path.exists(path)), None)
        if not keyring:
            raise Unavailable("package debian-archive-keyring is not installed")
        (self._dir / "sources.list").write_text(
            f"deb [signed-by={keyring}] {_machine_mirror()} {self.suite} {COMPONENTS}\n")
        (self._dir / "status").touch()
        # Only the Acquire section is taken over: it says how to reach the mirror. The rest may hold hooks.
        acquire = [line for line in _output(["apt-config", "dump"]).splitlines() if line.startswith("Acquire::")]
        architectures = " ".join(f'"{arch}";' for arch in ARCHITECTURES)
        (self._dir / "apt.conf").write_text("\n".join(acquire) + f"""
#clear Acquire::Languages;
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
APT::Architecture "{ARCHITECTURES[0]}";
APT::Architectures {{ {architectures} }};
APT::Get::AllowUnauthenticated "false";
APT::Sandbox::User "root"; // the unprivileged _apt cannot write below a home folder
Dir::Cache "{self._dir}/cache";
Dir::State "{self._dir}";
Dir::State::Lists "{self._lists}";
Dir::State::status "{self._dir}/status";
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::SourceList "{self._dir}/sources.list";
Dir::Etc::SourceParts "/dev/null";
""")

    def packages_of_source(self, source, component):
        """Names ("name:architecture") of the binary packages that SOURCE has in COMPONENT."""
        self.refresh()
        files = _output(["apt-get", "indextargets", "--format", "$(FILENAME)",
                         "Created-By: Packages", f"Component: {component}"], env=self._env).split()
        names = set()
        for file in files:
            # apt keeps its lists in whatever compression it likes and has a program to read them.
            for stanza in _output(["/usr/lib/apt/apt-helper", "cat-file", file], env=self._env).split("\n\n"):
                fields = dict(re.findall(r"^(Package|Architecture|Source): (\S+)", stanza, re.M))
                if fields.get("Source") == source:
                    names.add(f"{fields['Package']}:{fields['Architecture']}".removesuffix(":all"))
        return sorted(names)

    def fetch(self, packages):
        """Fetch PACKAGES ("name" or "name:architecture") unless cached. Returns the paths of the .deb files."""
        self.refresh()
        with locked(self._dir / "lock"):
            lines = _output(["apt-get", "-q", "download", "--print-uris", *packages], env=self._env).splitlines()
            wanted = [re.fullmatch(r"'[^']*' (\S+) (\d+) SHA256:(\w+)", line).groups() for line in lines]
            missing = [entry for entry in wanted if not self._is_cached(*entry)]
            if missing:
                size_mb = sum(int(size) for _, size, _ in missing) / 1e6
                self._say(f"downloading {len(missing)} packages of {self.suite}, {size_mb:.0f} MB")
                _output(["apt-get", "-q", "download", *packages], env=self._env, cwd=self._debs)
            for entry in missing:
                if not self._is_cached(*entry):
                    raise Unavailable(f"{entry[0]} did not arrive whole")
        return [self._debs / name for name, _, _ in wanted]

    def _is_cached(self, name, size, sha256):
        path = self._debs / name
        if not path.exists() or path.stat().st_size != int(size):
            return False
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
