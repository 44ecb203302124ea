# SPDX-License-Identifier: MIT
"""A container with a real systemd in the lab: the product as `make install` leaves it.

The root is an overlay over this machine's own, with its upper layer in memory, so it has every
library the product needs and nothing that the container does outlives it. The machine's own units,
mounts, journal and galsync are hidden. The network is the lab's: the forests are in reach.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile

import pytest
from conftest import BUILD, ROOT, patient, wait_for

TOOLS = ("systemd-nspawn", "systemctl", "journalctl", "nsenter")
NSPAWN = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--link-journal=no",
          "--console=pipe", "--resolv-conf=off", "--timezone=off")
# Of this machine, not for the container.
HIDDEN = ("etc/fstab", "etc/systemd/system", "etc/galsync", "var/lib/galsync", "var/log/journal")


def plain_build():
    """A build without sanitizers, which the unit's restrictions do not let start."""
    with open(os.path.join(BUILD, "galsyncd"), "rb") as f:
        return os.path.join(BUILD, "plain") if b"__asan_init" in f.read() else BUILD


def proc_self(name):
    """A child's /proc/self: in the lab's /proc this process is not to be seen."""
    return subprocess.run(["cat", f"/proc/self/{name}"], stdout=subprocess.PIPE, text=True,
                          errors="replace", check=True).stdout


def cgroup_roots():
    """Our own cgroup in each hierarchy that systemd uses, as directories."""
    ours = dict(line.split(":", 2)[1:] for line in proc_self("cgroup").splitlines())
    for line in proc_self("mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        fstype, _, options = right.split(maxsplit=2)
        name = {"cgroup2": "", "cgroup": "name=systemd"}.get(fstype)
        if name in ours and (name == "" or name in options.split(",")):
            yield left.split()[4] + ours[name]


def status_of(pid):
    """/proc/PID/status as a dictionary, empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
            return {k: v.strip() for k, _, v in (line.partition(":") for line in f)}
    except (FileNotFoundError, ProcessLookupError):
        return {}


class Container:
    """Its pids here are those of the lab's PID namespace."""

    def __init__(self, lab):
        self.lab = lab
        self.dir = self.root = self.nspawn = self.pid = self.leader = None
        self.cgroups = []

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    # ---- the root ----

    def mount(self):
        self.dir = tempfile.mkdtemp(prefix="container-")
        self.root = os.path.join(self.dir, "root")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g,mode=755", "tmpfs", self.dir],
                       check=True)
        for name in ("root", "upper", "work"):
            os.mkdir(os.path.join(self.dir, name))
        p = subprocess.run(["mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={self.dir}/upper,"
                            f"workdir={self.dir}/work", "overlay", self.root],
                           stderr=subprocess.PIPE, text=True, check=False)
        if p.returncode:
            pytest.skip(f"no overlay of / can be mounted here: {p.stderr.strip()}")

    def furnish(self):
        """As a new machine of the lab, which has never seen galsync."""
        for name in HIDDEN:
            if os.path.isdir(self.path(name)):
                shutil.rmtree(self.path(name))
            elif os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        for name in ("passwd", "group", "shadow", "gshadow"):
            with open(self.path("etc", name), "r+", encoding="utf-8") as f:
                lines = [line for line in f if not line.startswith("galsync")]
                f.seek(0)
                f.truncate()
                f.writelines(lines)
        self.write("etc/machine-id", "")
        for name in ("hosts", "resolv.conf", "krb5.conf"):
            with open(self.lab.path("etc", name), encoding="utf-8") as f:
                self.write(f"etc/{name}", f.read())

    def write(self, name, text):
        """Gives a file new contents; one that is there keeps its owner and mode."""
        path = self.path(name)
        if os.path.islink(path):
            os.unlink(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def install(self):
        # What the make that runs the tests was told does not hold for this one.
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        subprocess.run(["make", "-C", ROOT, "--no-print-directory", "-s", f"-j{os.cpu_count()}",
                        f"BUILD={plain_build()}", f"DESTDIR={self.root}", "PREFIX=/usr", "install"],
                       env=env, check=True, timeout=600)

    # ---- life ----

    def probe(self):
        """A program in the container, without systemd: can this machine do it at all?"""
        p = self._spawn("/bin/true", stderr=subprocess.PIPE)
        _, words = p.communicate(timeout=patient(60))
        if p.returncode:
            why = words.decode(errors="replace").strip().splitlines() or ["no reason given"]
            pytest.skip(f"systemd-nspawn cannot work here: {why[-1]}")

    def boot(self):
        self._make_cgroups()
        self.probe()
        with open(self.lab.log("container.log"), "ab") as log:
            self.nspawn = self._spawn("--boot", "systemd.unit=basic.target", stderr=log)
        self.leader = wait_for(self._find_leader, "the container has no first process")
        wait_for(lambda: self.run("systemctl", "is-system-running", status=None).stdout.strip()
                 in ("running", "degraded"), "the container's systemd is not up", 60)

    def _make_cgroups(self):
        for root in cgroup_roots():
            path = os.path.join(root, os.path.basename(self.dir))
            # Where that is not allowed, nspawn may still find its way; else the probe tells.
            with contextlib.suppress(OSError):
                os.mkdir(path)
                self.cgroups.append(path)

    def _spawn(self, *argv, stderr):
        """It tells its pid itself: the one that we see is of another namespace."""
        script = 'd=$1; shift; echo $$ >"$d"; while [ "$1" != -- ]; do ' \
                 'echo 0 >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
        pid_file = os.path.join(self.dir, "pid")
        return subprocess.Popen(["sh", "-c", script, "sh", pid_file, *self.cgroups, "--", *NSPAWN,
                                 "-D", self.root, *argv],
                                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)

    def _find_leader(self):
        assert self.nspawn.poll() is None, self.console()
        with open(os.path.join(self.dir, "pid"), encoding="ascii") as f:
            self.pid = f.read().strip()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            status = status_of(pid)
            if status.get("PPid") == self.pid and status["NSpid"].split()[-1] == "1":
                return pid
        return None

    def console(self):
        with open(self.lab.log("container.log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]

    def run(self, *argv, status=0, timeout_s=60):
        p = subprocess.run(["nsenter", "-t", self.leader, "-m", "-p", "-u", "-i", "--", *argv],
                           env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                                "SYSTEMD_PAGER": ""},
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, errors="replace", timeout=patient(timeout_s), check=False)
        assert status in (None, p.returncode), \
            f"{' '.join(argv)}: status {p.returncode}\n{p.stdout}\n{p.stderr}"
        return p

    def processes(self):
        """The pids in the container, as they are seen from the lab."""
        ns = f"/proc/{self.leader}/ns/pid"
        if not os.path.exists(ns):
            return []
        ours = os.readlink(ns)
        return [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _pid_ns(pid) == ours]

    def processes_called(self, name):
        return [pid for pid in self.processes() if status_of(pid).get("Name") == name]

    def power_off(self):
        """As an operator does; who does not end in time is killed, with everything in it."""
        if self.nspawn and self.nspawn.poll() is None:
            self.nspawn.terminate()
            try:
                self.nspawn.wait(patient(30))
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait(patient(30))
        if self.leader and status_of(self.leader).get("PPid") in (self.pid, "1"):
            # The first process outlives its nspawn. Our own namespace has another pid for it.
            subprocess.run(["kill", "-KILL", self.leader], check=False)
        self.nspawn = None

    def remove(self):
        self.power_off()
        for path in (self.root, self.dir):
            if path and os.path.ismount(path):
                wait_for(lambda path=path: not subprocess.run(["umount", path], check=False)
                         .returncode, f"{path} is in use")
        for top in self.cgroups:
            wait_for(lambda top=top: _remove_cgroup(top), f"{top} is not empty")
        if self.dir:
            os.rmdir(self.dir)
        self.dir = self.root = self.leader = None
        self.cgroups = []


def _remove_cgroup(top):
    try:
        for path, _, _ in os.walk(top, topdown=False):
            os.rmdir(path)
    except OSError:
        return False
    return True


def _pid_ns(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None
