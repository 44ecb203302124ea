# SPDX-License-Identifier: MIT
"""galsyncd as a service: installed, started, watched, restarted and stopped by a real systemd."""

import json
import os
import re
import shutil
import signal
import time
import uuid

import ldap
import pytest
from conftest import ROOT, patient, wait_for
from container import TOOLS, Container, proc_self, status_of

STAMP = "extensionAttribute15"
LINK = "acme-globex"
STARTED = "111abb658b3d47e095b3bf1a52dd018d"
STOPPED = "f91c5c29dfea43249945c9fbdf760e4a"
CONFIG_BAD = "94933ab7acbd4b2fbfc92bb0bf6548ea"
CONFIG_RELOADED = "9eb776a863964775935b5dc4c3cb69d8"
CONNECTED = "33e355877f0742f48be109f8ede971af"
CYCLE_END = "d9ec756aa8664d849cb6e6425aae5b15"
CHANGE = "2233c1d26c5a48f0872c7efed3b295e5"
CONFLICT = "f9c9a9ad87f54db2a1d91e6e8cc0d806"
CONFLICT_RESOLVED = "fbed97cd1c5b424d9586c3506de13ffc"
FULL_RESYNC = "10924407e13948a480fae27ab57df95e"
CYCLE_BEGIN = "182ab7b784d44f9180badf3902f28ce2"
KEYTABS = ("/etc/galsync/acme.keytab", "/etc/galsync/globex.keytab")
SOCKET = "/run/galsync/control.sock"


class Service(Container):
    """The container with galsyncd configured for the lab, not yet started."""

    def configure(self):
        text = self.lab.conf_text(**{f'"{self.lab.path("state")}"': '"/var/lib/galsync"'})
        for keytab in KEYTABS:
            original = self.lab.path(os.path.basename(keytab))
            text = text.replace(original, keytab)
            shutil.copyfile(original, self.root + keytab)
        self.configuration = text
        self.write_conf(text)
        self.run("chmod", "0600", *KEYTABS)
        self.run("chown", "galsync:", *KEYTABS)
        # The tests start it more often than systemd allows a service that fails.
        self.drop_in("limit", "StartLimitIntervalSec=0\n", "Unit")

    def write_conf(self, text):
        self.write("etc/galsync/galsync.conf", text)

    def show(self, name, unit="galsyncd.service"):
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def main_pid(self):
        """The daemon's pid in the lab."""
        inner = self.show("MainPID")
        pids = [pid for pid in self.processes() if status_of(pid)["NSpid"].split()[-1] == inner]
        assert len(pids) == 1 and inner != "0", f"MainPID {inner}: {pids}"
        return pids[0]

    def signal(self, sig):
        pid = self.show("MainPID")
        assert int(pid) > 1, "the daemon does not run"
        self.run("kill", f"-{sig.value}", pid)

    def is_active(self):
        return self.run("systemctl", "is-active", "galsyncd", status=None).stdout == "active\n"

    def journal(self, *matches):
        """The daemon's lines with these fields, oldest first."""
        p = self.run("journalctl", "--no-pager", "-o", "json", "-u", "galsyncd", *matches,
                     status=None)
        return [json.loads(line) for line in p.stdout.splitlines()]

    def wait_line(self, count, *matches):
        """The last line with these fields as soon as there are more than COUNT."""
        return wait_for(lambda: self.journal(*matches)[count:], f"not logged: {matches}")[-1]

    def wait_idle(self):
        wait_for(lambda: self.show("StatusText").startswith(f"{LINK}: idle, last cycle 2"),
                 "the daemon does not become idle", 60)

    def drop_in(self, name, text, section="Service"):
        self.write(f"etc/systemd/system/galsyncd.service.d/{name}.conf", f"[{section}]\n{text}")
        self.run("systemctl", "daemon-reload")


@pytest.fixture(scope="module", name="service")
def fixture_service(lab):
    missing = [t for t in TOOLS if not shutil.which(t)]
    if missing:
        pytest.skip(f"{missing[0]} is not installed (package systemd-container)")
    s = Service(lab)
    try:
        s.mount()
        s.furnish()
        s.install()
        s.boot()
        s.configure()
        yield s
    finally:
        s.remove()


def flows(service, title):
    """A change in the source arrives in the target."""
    lab, dn = service.lab, service.lab.special["acme"]["mailbox"]
    guid = uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0])
    lab.source.modify(dn, title=title)
    wait_for(lambda: [1 for _, v in lab.target.search(f"({STAMP}=galsync:*:{guid}*)")
                      if v.get("title") == [title.encode()]], f"{title}: did not arrive", 60)


def test_user_and_directories_are_made_at_boot(service):
    assert "(galsync) gid=" in service.run("id", "galsync").stdout
    assert service.run("getent", "group", "galsync-admin").stdout
    p = service.run("stat", "-c", "%U:%G %a", "/etc/galsync", "/etc/galsync/galsync.conf",
                    "/run/galsync")
    assert p.stdout.splitlines() == ["root:galsync 750", "root:galsync 640", "galsync:galsync 755"]


def test_units_are_right(service):
    p = service.run("systemd-analyze", "verify", "galsyncd.service", "galsyncd.socket",
                    "galsync-portal.service", "galsync-portal.socket", "galsync-report.service",
                    "galsync-report.timer")
    assert "galsync" not in p.stdout + p.stderr


@pytest.mark.parametrize("unit, most", [("galsyncd", 15), ("galsync-portal", 10),
                                        ("galsync-report", 10)])
def test_exposure(service, unit, most):
    """In tenths."""
    p = service.run("systemd-analyze", "security", "--offline=true", f"--threshold={most}",
                    f"{unit}.service")
    assert "Overall exposure level" in p.stdout


def test_first_synchronization_by_hand(service):
    """As the manual has it: root looks and synchronizes once, then the service takes over."""
    p = service.run("galsyncd", "--once", "--full", "--plan", status=3)
    assert p.stdout.startswith("version: 1")
    service.run("galsyncd", "--once", "--full", status=3)


def test_starts_and_is_ready(service):
    service.run("systemctl", "start", "galsyncd")
    assert service.is_active()
    assert service.show("Type") == "notify"
    assert service.show("LogRateLimitIntervalUSec") == "0"  # no line is suppressed
    service.wait_idle()
    # systemd finds nothing to say about how the directories were left.
    lines = [line["MESSAGE"] for line in service.journal("_PID=1")]
    assert not [line for line in lines if "mode is different" in line], lines
    p = service.run("stat", "-c", "%U:%G %a", "/etc/galsync", "/var/lib/galsync")
    assert p.stdout.splitlines() == ["root:galsync 750", "galsync:galsync 750"]
    assert not service.run("find", "/var/lib/galsync", "!", "-user", "galsync").stdout


def test_runs_without_privileges(service):
    uid, gid = (service.run("id", flag, "galsync").stdout.strip() for flag in ("-u", "-g"))
    status = status_of(service.main_pid())
    assert status["Uid"].split() == [uid] * 4 and status["Gid"].split() == [gid] * 4
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


def test_a_change_flows(service):
    flows(service, "Under systemd")


HOOK = """#!/bin/sh
touch /etc/galsync/written 2>/dev/null && echo writes outside
/usr/bin/python3 -c 'import socket; socket.create_connection(("127.0.0.2", 389))' && echo connects
grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/$$/status
cat >>/var/lib/galsync/told
"""


def test_a_hook_runs_in_the_sandbox(service):
    """The unit lets it run, with the network and without any right; its words are in the journal."""
    service.write("usr/local/lib/galsync/hook", HOOK)
    service.run("chmod", "0755", "/usr/local/lib/galsync/hook")
    service.write_conf(service.configuration.replace(
        "match = [", 'hook = "/usr/local/lib/galsync/hook"; match = ['))
    service.run("systemctl", "reload", "galsyncd")
    service.wait_line(0, f"MESSAGE_ID={CONFIG_RELOADED}")
    lab, dn = service.lab, service.lab.special["acme"]["polish"]
    alias = lab.source.read(dn)["mailNickname"][0].decode()
    service.run("galsyncctl", "switch", "--force", alias)
    said = service.wait_line(0, "GALSYNC_OP=hook")
    assert ": done: " in said["MESSAGE"], said["MESSAGE"]
    told = json.loads(service.run("cat", "/var/lib/galsync/told").stdout)
    assert told["event"] == "switched" and told["source"]["dn"] == said["GALSYNC_DN"] == dn
    for word in ("done: connects", "CapEff:\\x090000000000000000", "NoNewPrivs:\\x091",
                 "Seccomp:\\x092"):
        assert word in said["MESSAGE"], said["MESSAGE"]
    service.run("galsyncctl", "undo-switch", alias)
    service.wait_line(1, "GALSYNC_OP=hook")
    service.write_conf(service.configuration)
    count = len(service.journal(f"MESSAGE_ID={CONFIG_RELOADED}"))
    service.run("systemctl", "reload", "galsyncd")
    service.wait_line(count, f"MESSAGE_ID={CONFIG_RELOADED}")


def test_journal_by_field(service):
    line = service.wait_line(0, f"GALSYNC_LINK={LINK}", f"MESSAGE_ID={CYCLE_END}", "PRIORITY=6")
    assert line["MESSAGE"].startswith(f"link {LINK}: ") and line["CODE_FILE"].endswith(".c")
    assert line["SYSLOG_IDENTIFIER"] == "galsyncd" and line["_SYSTEMD_UNIT"] == "galsyncd.service"
    assert service.journal(f"MESSAGE_ID={STARTED}")[-1]["PRIORITY"] == "5"


def test_every_change_is_a_line(service):
    lab, dn = service.lab, service.lab.special["acme"]["mailbox"]
    guid = str(uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0]))
    match = (f"MESSAGE_ID={CHANGE}", f"GALSYNC_GUID={guid}", "GALSYNC_ATTRS=title")
    count = len(service.journal(*match))
    flows(service, "A line of its own")
    line = service.wait_line(count, *match)
    assert len(service.journal(*match)) == count + 1
    assert line["GALSYNC_OP"] == "modify" and line["GALSYNC_SIDE"] == "target"
    assert line["GALSYNC_LINK"] == LINK and line["PRIORITY"] == "6"
    assert line["GALSYNC_PEER"] == "dc1.globex.example"
    assert lab.target.read(line["GALSYNC_DN"])["title"] == [b"A line of its own"]
    assert "A line of its own" not in line["MESSAGE"] and "+title" in line["MESSAGE"]
    # The cycle is found by its number, up to its end.
    end = service.wait_line(0, f"GALSYNC_CYCLE={line['GALSYNC_CYCLE']}", f"MESSAGE_ID={CYCLE_END}")
    assert "1 changes written" in end["MESSAGE"]


def test_servers_are_named(service):
    for side, forest in (("source", "acme"), ("target", "globex")):
        line = service.wait_line(0, f"MESSAGE_ID={CONNECTED}", f"GALSYNC_SIDE={side}")
        assert line["GALSYNC_PEER"] == f"dc1.{forest}.example" and line["PRIORITY"] == "5"


def test_what_lasts_is_told_once(service):
    """A conflict has a line when it begins and one when it ends, whatever looks at it meanwhile."""
    lab, dn = service.lab, service.lab.special["acme"]["mailbox"]
    held = b"smtp:" + lab.target.read(lab.special["globex"]["secondary-held-by"])["mail"][0]
    guid = str(uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0]))
    match = (f"MESSAGE_ID={CONFLICT}", f"GALSYNC_GUID={guid}")
    count = len(service.journal(f"MESSAGE_ID={FULL_RESYNC}"))

    lab.source.change(dn, (ldap.MOD_ADD, "proxyAddresses", [held]))
    line = service.wait_line(0, *match)
    assert held.decode() in line["MESSAGE"] and line["PRIORITY"] == "4"
    service.run("galsyncctl", "resync", status=3)
    service.run("galsyncctl", "plan", status=3)
    resync = service.wait_line(count, f"MESSAGE_ID={FULL_RESYNC}")
    assert "asked for" in resync["MESSAGE"] and resync["PRIORITY"] == "5"
    assert "GALSYNC_CYCLE" in service.wait_line(0, f"MESSAGE_ID={CYCLE_BEGIN}")

    lab.source.change(dn, (ldap.MOD_DELETE, "proxyAddresses", [held]))
    service.wait_line(0, f"MESSAGE_ID={CONFLICT_RESOLVED}", f"GALSYNC_GUID={guid}")
    lines = [line["MESSAGE"] for line in service.journal(*match)]
    assert len(lines) == 1, lines


def test_status_says_how_changes_are_found(service):
    p = service.run("galsyncctl", "status", status=3)
    assert "changes by     dirsync (source), dirsync (target)" in p.stdout
    p = service.run("galsyncctl", "--json", "status", status=3)
    assert json.loads(p.stdout)[0]["daemon"]["changes_by"] == \
        {"source": "dirsync", "target": "dirsync"}


@pytest.mark.parametrize("group, reads", [("galsync", True), ("nogroup", False)])
def test_who_reads_the_map(service, group, reads):
    """The group does, while the daemon writes, and nobody who may not read a keytab needs to."""
    as_member = ("setpriv", "--reuid=nobody", f"--regid={group}", "--clear-groups")
    service.run(*as_member, "cat", KEYTABS[0], status=1)
    for argv in (("status",), ("list",), ("show", "martha.full"), ("map", "export")):
        # There are conflicts.
        done = 3 if argv == ("status",) else 0
        p = service.run(*as_member, "galsyncctl", *argv, status=done if reads else 1)
        assert bool(p.stdout) is reads, p.stderr
        assert reads or "ermission denied" in p.stderr
    p = service.run("stat", "-c", "%a", "/var/lib/galsync/map.mdb", "/var/lib/galsync/map.mdb-lock")
    assert p.stdout.split() == ["640", "660"]


FETCH = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("/run/galsync-portal.sock")
s.sendall(b"GET %s HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n" % sys.argv[1].encode())
while (piece := s.recv(65536)):
    sys.stdout.buffer.write(piece)
"""


def fetch(service, path, group="galsync-portal", status=0):
    """The portal's answer to a web server, a process in that group."""
    return service.run("setpriv", "--reuid=nobody", f"--regid={group}", "--clear-groups",
                       "/usr/bin/python3", "-c", FETCH, path, status=status)


def test_portal(service):
    """It starts with the first request, reads the map, asks the daemon, and may do nothing else."""
    assert "galsync-portal" in service.run("id", "-nG", "galsync-portal").stdout
    service.run("systemctl", "start", "galsync-portal.socket")
    assert service.run("systemctl", "is-active", "galsync-portal.service",
                       status=None).stdout == "inactive\n"
    assert "ermission denied" in fetch(service, "/", "nogroup", status=1).stderr
    answer = json.loads(fetch(service, "/api/overview").stdout.partition("\n\n")[2])
    assert answer["answers"] and answer["links"][0]["daemon"]["state"] in ("idle", "running")
    assert answer["links"][0]["correspondences"] > 10
    lab = service.lab
    guid = str(uuid.UUID(bytes_le=lab.source.read(lab.special["acme"]["mailbox"])["objectGUID"][0]))
    page = fetch(service, f"/mailbox/{guid}/attributes").stdout
    assert "200 OK" in page and "displayName" in page
    inner = service.show("MainPID", "galsync-portal.service")
    pid = next(p for p in service.processes() if status_of(p)["NSpid"].split()[-1] == inner)
    status = status_of(pid)
    assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    service.run("systemctl", "start", "galsync-report.service")
    p = service.run("find", "/var/lib/galsync-report", "-type", "f", "-printf", "%f %U %m\\n")
    uid = service.run("id", "-u", "galsync-portal").stdout.strip()
    assert sorted(p.stdout.split("\n")[:-1]) == [f"report.csv {uid} 640", f"report.html {uid} 640"]
    service.run("systemctl", "stop", "galsync-portal.socket", "galsync-portal.service")
    assert service.show("Result", "galsync-portal.service") == "success"


def test_catalog(service):
    service.run("journalctl", "--update-catalog")
    with open(os.path.join(ROOT, "dsa/base/log.c"), encoding="utf-8") as f:
        ids = [part for part in f.read().split('"') if len(part) == 32 and part.isalnum()]
    assert STARTED in ids and CYCLE_END in ids
    p = service.run("journalctl", "--dump-catalog", *ids)
    assert p.stdout.count("Defined-By: galsync") == len(set(ids)) == len(ids)
    p = service.run("journalctl", "--no-pager", "--catalog", f"MESSAGE_ID={STARTED}")
    assert "Subject: galsyncd has started" in p.stdout and "man:galsyncd(8)" in p.stdout


def test_reload_with_a_mistake_keeps_the_old_configuration(service):
    pid = service.show("MainPID")
    text = service.configuration.replace("interval_s = 60", 'interval_s = "often"')
    assert text != service.configuration
    service.write_conf(text)
    service.run("systemctl", "reload", "galsyncd")
    wait_for(lambda: len(service.journal(f"MESSAGE_ID={CONFIG_BAD}")) >= 2, "nothing is said")
    assert service.show("StatusText").startswith("configuration refused since 20")
    said = service.run("galsyncctl", "status", status=3).stdout
    assert "\n  state          REFUSED since 20" in said and "interval_s" in said
    mistake, verdict = [line["MESSAGE"] for line in service.journal(f"MESSAGE_ID={CONFIG_BAD}")]
    assert "/etc/galsync/galsync.conf:" in mistake and "interval_s" in mistake
    assert "the old one stays in effect" in verdict
    # However it is cut: systemd drops a status that is no UTF-8.
    for value in ("é" * 250, "x" + "é" * 250):
        service.write_conf(re.sub('create = "[a-z-]+"', f'create = "{value}"', service.configuration))
        count = len(service.journal(f"MESSAGE_ID={CONFIG_BAD}"))
        service.run("systemctl", "reload", "galsyncd")
        service.wait_line(count, f"MESSAGE_ID={CONFIG_BAD}")
        wait_for(lambda: "éé" in service.show("StatusText"), "the mistake is not there")
        assert service.show("StatusText").startswith("configuration refused since 20")
    flows(service, "After the mistake")

    service.write_conf(service.configuration)
    service.run("systemctl", "reload", "galsyncd")
    service.wait_line(0, f"MESSAGE_ID={CONFIG_RELOADED}")
    flows(service, "After the reload")
    assert service.show("StatusText").startswith(f"{LINK}: ")
    assert "\n  state          in effect since 20" in \
        service.run("galsyncctl", "status", status=3).stdout
    assert service.is_active() and service.show("MainPID") == pid


def test_killed_and_started_again(service):
    pid, count = service.show("MainPID"), len(service.journal(f"MESSAGE_ID={STARTED}"))
    service.signal(signal.SIGKILL)
    service.wait_line(count, f"MESSAGE_ID={STARTED}")
    wait_for(service.is_active, "not active again")
    assert service.show("MainPID") != pid and service.show("NRestarts") == "1"
    flows(service, "After the kill")


def test_a_daemon_that_hangs_is_replaced(service):
    service.drop_in("watchdog", "WatchdogSec=5\nRestartSec=1\nLimitCORE=0\n")
    service.run("systemctl", "restart", "galsyncd")
    service.wait_idle()
    pid = service.show("MainPID")
    for _ in range(3):      # told half as often again as it must be
        told = service.show("WatchdogTimestampMonotonic")
        wait_for(lambda t=told: service.show("WatchdogTimestampMonotonic") != t,
                 "the watchdog is not told that all is well", 10)
    assert service.show("MainPID") == pid
    count = len(service.journal(f"MESSAGE_ID={STARTED}"))
    service.signal(signal.SIGSTOP)
    service.wait_line(count, f"MESSAGE_ID={STARTED}")
    assert [line for line in service.journal("_PID=1") if "Watchdog timeout" in line["MESSAGE"]]
    wait_for(service.is_active, "not active again")
    assert service.show("MainPID") != pid
    flows(service, "After the watchdog")


def test_keytabs_as_credentials(service):
    """The keytabs are root's alone; systemd hands them to the service."""
    lines = "".join(f"LoadCredential={os.path.basename(k)}:{k}\n" for k in KEYTABS)
    service.write_conf(service.configuration.replace("/etc/galsync/",
                                                     "/run/credentials/galsyncd.service/"))
    service.drop_in("credentials", lines)
    service.run("chown", "root:", *KEYTABS)
    service.run("systemctl", "restart", "galsyncd")
    service.wait_idle()
    flows(service, "With credentials")

    service.run("chown", "galsync:", *KEYTABS)
    service.drop_in("credentials", "")
    service.write_conf(service.configuration)
    service.run("systemctl", "restart", "galsyncd")
    service.wait_idle()


def test_a_mistake_at_the_start_is_named(service):
    service.run("systemctl", "stop", "galsyncd")
    service.write_conf(service.configuration + "intervall = 1;\n")
    service.run("systemctl", "start", "galsyncd", status=1)
    service.run("systemctl", "stop", "galsyncd")
    line = service.journal("_COMM=galsyncd", f"MESSAGE_ID={CONFIG_BAD}")[-1]
    said = line["MESSAGE"]
    assert line["PRIORITY"] == "3"
    assert "/etc/galsync/galsync.conf:" in said and "intervall" in said, said
    told = service.run("galsyncctl", "status", status=3).stdout
    assert "daemon         not running" in told and "intervall" in told
    assert "\n  state          BROKEN: galsyncd cannot start\n" in told
    service.write_conf(service.configuration)
    service.run("systemctl", "start", "galsyncd")
    service.wait_idle()


def test_stops_within_seconds(service):
    begin = time.monotonic()
    service.run("systemctl", "stop", "galsyncd")
    assert time.monotonic() - begin < patient(10)
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
    service.wait_line(0, f"MESSAGE_ID={STOPPED}")
    assert not os.path.exists(service.path(SOCKET.lstrip("/")))


def test_by_hand_while_it_is_stopped(service):
    service.run("galsyncd", "--once", "--full", status=3)
    assert not service.run("find", "/var/lib/galsync", "!", "-user", "galsync").stdout


def test_a_command_starts_the_daemon(service):
    service.run("systemctl", "start", "galsyncd.socket")
    assert not service.is_active()
    p = service.run("stat", "-c", "%F %a", SOCKET)
    assert p.stdout == "socket 666\n"
    inode = _listening(service)

    p = service.run("galsyncctl", "status", status=3)
    assert "daemon         " in p.stdout
    assert service.is_active()
    # It listens at the socket that it was passed and made none of its own.
    fd = os.readlink(f"/proc/{service.main_pid()}/fd/3")
    assert fd == f"socket:[{inode}]" and _listening(service) == inode


def _listening(service):
    p = service.run("cat", "/proc/1/net/unix")
    inodes = [line.split()[6] for line in p.stdout.splitlines()
              if line.endswith(" " + SOCKET) and line.split()[3] == "00010000"]
    assert len(inodes) == 1, inodes
    return inodes[0]


@pytest.mark.parametrize("group, reads, changes", [
    ("nogroup", False, False), ("galsync", True, False), ("galsync-admin", True, True)])
def test_who_is_answered(service, group, reads, changes):
    # A stranger is refused before the request, and may find the connection closed.
    code = ("import contextlib, socket, sys\n"
            "s = socket.socket(socket.AF_UNIX)\n"
            "s.connect(sys.argv[1])\n"
            "with contextlib.suppress(BrokenPipeError):\n"
            "    s.sendall(sys.argv[2].encode())\n"
            "print(s.makefile().readline())")
    for verb, allowed in (("status", reads), ("resume", changes)):
        p = service.run("setpriv", "--reuid=nobody", f"--regid={group}", "--clear-groups",
                        "/usr/bin/python3", "-c", code, SOCKET, f'{{"verb": "{verb}"}}\n')
        answer = json.loads(p.stdout)
        assert answer["ok"] is allowed, answer
        assert allowed or "permission denied" in answer["error"], answer


def test_stopped_daemon_leaves_the_socket(service):
    service.run("systemctl", "stop", "galsyncd")
    assert service.run("stat", "-c", "%F", SOCKET).stdout == "socket\n"
    service.run("galsyncctl", "status", status=3)
    assert service.is_active()


def test_watch_does_not_start_a_daemon_that_was_stopped(service):
    """It goes on when one was started again; the socket is systemd's all the while."""
    service.run("systemd-run", "--quiet", "--unit=watching", "--property=StandardOutput=file:/watched",
                "/usr/sbin/galsyncctl", "watch")

    def watched(words, count):
        return wait_for(lambda: service.run("cat", "/watched", status=None).stdout.count(words)
                        >= count, f"{words} is not there")
    for n in (1, 2):
        watched(f"{LINK}: ", 1)
        service.run("systemctl", "stop", "galsyncd")
        watched("waiting until it runs again", n)
        # Whatever it does to find a daemon, it does in that time.
        time.sleep(1)
        assert service.show("ActiveState") == "inactive"
        lines = service.run("cat", "/watched").stdout.count(f"{LINK}: ")
        service.run("systemctl", "start", "galsyncd")
        watched(f"{LINK}: ", lines + 1)
    service.run("systemctl", "stop", "watching")


UNITS = ("galsyncd.service", "galsyncd.socket")


@pytest.mark.parametrize("units", [UNITS, UNITS[::-1]], ids=["service-first", "socket-first"])
def test_enabled_in_either_order(service, units):
    """The daemon has the socket of systemd, whichever is named first."""
    service.run("systemctl", "stop", "galsyncd.socket", "galsyncd.service")
    service.run("systemctl", "enable", "--now", *units)
    assert [service.show("ActiveState", unit) for unit in UNITS] == ["active"] * 2
    fd = os.readlink(f"/proc/{service.main_pid()}/fd/3")
    assert fd == f"socket:[{_listening(service)}]"
    service.run("galsyncctl", "status", status=3)
    service.run("systemctl", "disable", "--now", *units)
    assert [service.show("ActiveState", unit) for unit in UNITS] == ["inactive"] * 2
    assert not service.run("find", "/etc/systemd/system", "-name", "galsyncd.so*").stdout


def test_the_socket_is_enabled_behind_the_service(service):
    """systemd does not start it beside a daemon that listens already; the next restart does."""
    service.run("systemctl", "enable", "--now", "galsyncd.service")
    assert service.show("ActiveState", "galsyncd.socket") == "inactive"
    service.run("systemctl", "enable", "galsyncd.socket")
    service.run("systemctl", "restart", "galsyncd.service")
    fd = os.readlink(f"/proc/{service.main_pid()}/fd/3")
    assert fd == f"socket:[{_listening(service)}]"
    assert service.is_active()


OWNED = ("/etc/galsync", "/etc/galsync/galsync.conf", *KEYTABS, "/var/lib/galsync",
         "/usr/local/sbin", "/usr/share/man/man8")


def test_installed_again(service):
    """What others have set stays: owners, modes and the configuration."""
    def kept():
        return service.run("stat", "-c", "%n %U:%G %a %i", *OWNED).stdout
    service.run("chmod", "0711", "/usr/share/man/man8")
    service.run("chgrp", "galsync-admin", "/usr/share/man/man8")
    before, text = kept(), service.run("cat", "/etc/galsync/galsync.conf").stdout
    service.run("rm", "/usr/share/man/man8/galsyncd.8")
    mask = os.umask(0o077)
    try:
        service.install()
    finally:
        os.umask(mask)
    assert kept() == before and "root:galsync 640" in before and "root:galsync 750" in before
    assert service.run("cat", "/etc/galsync/galsync.conf").stdout == text
    # What is installed can be read by all, whatever the umask of make was.
    p = service.run("stat", "-c", "%a", "/usr/share/man/man8/galsyncd.8", "/usr/sbin/galsyncd",
                    *(f"/lib/systemd/system/{unit}" for unit in UNITS))
    assert p.stdout.split() == ["644", "755", "644", "644"]
    service.run("systemctl", "daemon-reload")
    service.run("systemctl", "restart", "galsyncd")


def test_uninstalled(service):
    """By make on the machine itself: the service ends, and what is the operator's stays."""
    with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as f:
        service.write("root/galsync/Makefile", f.read())
    assert service.is_active() and service.show("UnitFileState") == "enabled"
    service.run("make", "-C", "/root/galsync", "PREFIX=/usr", "uninstall")
    assert not service.processes_called("galsyncd")
    for unit in UNITS:
        assert service.show("LoadState", unit) == "not-found", unit
    assert not service.run("find", "/etc/systemd/system", "-type", "l", "-name", "galsyncd*").stdout
    assert not service.run("find", "/usr/sbin", "/lib/systemd/system", "-name", "galsync*").stdout
    p = service.run("stat", "-c", "%U:%G %a", "/etc/galsync/galsync.conf", "/var/lib/galsync/map.mdb")
    assert p.stdout.splitlines() == ["root:galsync 640", "galsync:galsync 640"]
    # A second time there is nothing to stop.
    service.run("make", "-C", "/root/galsync", "PREFIX=/usr", "uninstall")


def test_nothing_is_left(service):
    processes, directory, cgroups = service.processes(), service.dir, service.cgroups
    assert processes
    service.remove()
    assert not [pid for pid in processes if status_of(pid)]
    assert directory not in proc_self("mountinfo")
    assert not [path for path in (directory, *cgroups) if os.path.exists(path)]
