# SPDX-License-Identifier: MIT
"""The lab's own network, mount and PID namespaces.

A holder process is pid 1 of the PID namespace. Whatever runs in the lab is its descendant or
becomes its orphan; when the holder is killed the kernel kills all of them, and with the last
process the addresses and mounts go. So nothing can be left behind, whatever crashed before.

DIR/holder has the holder's pid, its start time (a pid may be used again) and the inode of its
network namespace, by which a process knows that it is in the lab already.
"""

import ctypes
import json
import os
import select
import signal
import subprocess

from .lab import FORESTS, LabError, SAMBA_ROOT

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def _check(rc, what):
    if rc:
        errno = ctypes.get_errno()
        raise LabError(f"{what}: {os.strerror(errno)} (the lab needs root)")


def _start_time(pid):
    """Field 22 of /proc/PID/stat; the command before it may hold spaces and parentheses."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _net_inode(pid="self"):
    return os.stat(f"/proc/{pid}/ns/net").st_ino


def _read(lab):
    try:
        with open(lab.path("holder"), encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return None


def inside(lab):
    """True for a process that runs in the lab already, under `lab run`."""
    holder = _read(lab)
    return bool(holder) and holder["net"] == _net_inode()


def holder_pid(lab):
    """The pid of the living holder, or None."""
    holder = _read(lab)
    if holder and _start_time(holder["pid"]) == holder["start"] is not None:
        return holder["pid"]
    return None


def _hold(lab, ready):
    """pid 1 of the lab: makes the network and the mounts, then becomes an idle process."""
    null = os.open("/dev/null", os.O_RDONLY)
    log = os.open(lab.log("space.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for fd, to in ((null, 0), (log, 1), (log, 2)):
        os.dup2(fd, to)
    os.chdir("/")

    def run(*argv):
        subprocess.run(argv, check=True)

    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "proc", "proc", "/proc")
    run("mount", "--bind", lab.path("samba"), SAMBA_ROOT)
    for name in ("hosts", "resolv.conf", "krb5.conf"):
        if os.path.exists(f"/etc/{name}"):
            run("mount", "--bind", lab.path("etc", name), f"/etc/{name}")
    run("ip", "link", "set", "lo", "up")
    for f in FORESTS:
        run("ip", "address", "add", f"{f.address}/8", "dev", "lo")
    # An ignored SIGCHLD survives exec: the kernel reaps the orphans that pid 1 inherits.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.set_inheritable(ready, False)
    os.write(ready, b"ready")
    os.execv("/bin/sleep", [f"galsync-lab {lab.dir}", "infinity"])


def _unshare_and_hold(lab, ready):
    os.setsid()
    _check(libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET), "cannot make namespaces")
    pid = os.fork()
    if pid:
        os.write(ready, f"{pid}\n".encode())
        return
    try:
        _hold(lab, ready)
    except BaseException as e:      # pylint: disable=broad-except
        os.write(2, f"{e}\n".encode())
    os._exit(1)


def create(lab):
    r, w = os.pipe()
    child = os.fork()
    if not child:
        os.close(r)
        try:
            _unshare_and_hold(lab, w)
            os._exit(0)
        except BaseException as e:  # pylint: disable=broad-except
            os.write(2, f"lab: {e}\n".encode())
        os._exit(1)
    os.close(w)
    os.waitpid(child, 0)
    with os.fdopen(r) as f:
        pid = f.readline().strip()
        if pid:
            with open(lab.path("holder"), "w", encoding="utf-8") as out:
                json.dump({"pid": int(pid), "start": _start_time(pid), "net": _net_inode(pid)}, out)
        if not pid or f.read() != "ready":
            raise LabError(f"the lab's namespaces could not be made: {_tail(lab)}")


def _tail(lab):
    try:
        with open(lab.log("space.log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-1000:].strip()
    except FileNotFoundError:
        return "no log"


def destroy(lab, timeout_s=20):
    """Ends every process of the lab. Also for a process that has entered it: a pid means another
    process there, but the descriptor of enter() is still the holder's."""
    fd = lab.holder_fd
    if fd is None:
        if inside(lab):
            raise LabError("'lab down' cannot be run inside the lab")
        pid = holder_pid(lab)
        if not pid:
            return
        fd = os.pidfd_open(pid)
    lab.holder_fd = None
    try:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    ended = select.poll()
    ended.register(fd, select.POLLIN)
    if not ended.poll(timeout_s * 1000):
        raise LabError("the lab's first process does not end")
    os.close(fd)


def enter(lab):
    """Moves this process into the lab. The PID namespace holds for its children only."""
    if inside(lab):
        return
    pid = holder_pid(lab)
    if not pid:
        raise LabError(f"the lab in {lab.dir} is not up: run 'lab up'")
    lab.holder_fd = os.pidfd_open(pid)
    cwd = os.getcwd()
    kinds = (("pid", CLONE_NEWPID), ("net", CLONE_NEWNET), ("mnt", CLONE_NEWNS))
    fds = [(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY), flag) for kind, flag in kinds]
    for fd, flag in fds:
        _check(libc.setns(fd, flag), "cannot enter the lab")
        os.close(fd)
    os.chdir(cwd)


def fork_into(lab, function):
    """Runs function() in the lab in a process of its own; gives the pid to wait for.

    The function's process dies with the one that forked it, so that an interrupted `lab up`
    leaves no work going on behind the user's back."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        enter(lab)
        inner = os.fork()
        if not inner:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.environ.update(lab.env())
            function()
            code = 0
        else:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
    except LabError as e:
        os.write(2, f"lab: {e}\n".encode())
    except BaseException:           # pylint: disable=broad-except
        import traceback
        traceback.print_exc()
    os._exit(code if code >= 0 else 128 - code)


FORWARDED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
             signal.SIGUSR2}
SI_KERNEL = 0x80


def run(lab, argv):
    """Runs a program in the lab with the lab's environment and returns its exit status.

    Signals sent to us are passed on; those of the terminal reach the program without us. When we
    are killed the program is killed too."""
    env = {**os.environ, **lab.env()}
    if inside(lab):
        _exec(argv, env)
    enter(lab)
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED | {signal.SIGCHLD})
    pid = os.fork()
    if not pid:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED | {signal.SIGCHLD})
        _exec(argv, env)
    while True:
        info = signal.sigwaitinfo(FORWARDED | {signal.SIGCHLD})
        if info.si_signo != signal.SIGCHLD:
            if info.si_code != SI_KERNEL:
                os.kill(pid, info.si_signo)
            continue
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _exec(argv, env):
    try:
        os.execvpe(argv[0], argv, env)
    except OSError as e:
        os.write(2, f"lab: {argv[0]}: {e.strerror}\n".encode())
        os._exit(127 if isinstance(e, FileNotFoundError) else 126)
