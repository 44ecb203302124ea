# SPDX-License-Identifier: MIT
"""The daemon: changes flow by themselves, through commands, outages, crashes and bad clients."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import uuid

import pytest
from conftest import BUILD, patient, wait_for

STAMP = "extensionAttribute15"


class Daemon:
    """A running galsyncd. Its log is in DIR/log/galsyncd.log, behind that of earlier ones."""

    def __init__(self, lab, conf=None):
        self.lab, self.socket = lab, lab.path("control.sock")
        self.conf = conf or lab.path("galsync.conf")
        self.process = None
        path = lab.log("galsyncd.log")
        self.log_begins = os.path.getsize(path) if os.path.exists(path) else 0

    def start(self):
        with open(self.lab.log("galsyncd.log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "galsyncd"), "-c", self.conf, "--socket", self.socket],
                env={**os.environ, **self.lab.env()}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        self.wait_idle()

    def log(self):
        with open(self.lab.log("galsyncd.log"), "rb") as f:
            f.seek(self.log_begins)
            return f.read().decode(errors="replace")

    def ask(self, **request):
        """The answer to one request; events are left out."""
        with self.request(**request) as s:
            return self.answer(s)

    def request(self, **request):
        """The connection on which it was made."""
        s = self.connect()
        s.sendall((json.dumps(request) + "\n").encode())
        return s

    @staticmethod
    def answer(s):
        for line in s.makefile():
            answer = json.loads(line)
            if "event" not in answer:
                return answer
        raise AssertionError("no answer")

    def connect(self, timeout_s=60):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(patient(timeout_s))
        s.connect(self.socket)
        return s

    def link(self):
        return self.ask(verb="status")["links"][0]

    def wait_idle(self, timeout_s=60):
        def idle():
            assert self.process.poll() is None, self.log()[-2000:]
            with contextlib.suppress(OSError):
                link = self.link()
                return link["state"] == "idle" and link["cycles"] > 0 and link
            return None
        return wait_for(idle, "the daemon is not idle", timeout_s)

    def end(self, sig=signal.SIGTERM, timeout_s=120):
        self.process.send_signal(sig)
        return self.process.wait(timeout_s)


@contextlib.contextmanager
def running(lab, conf=None):
    """A daemon that is idle; it may be ended and started again meanwhile."""
    d = Daemon(lab, conf)
    try:
        d.start()
        yield d
        if d.process.poll() is None:
            assert d.end() == 0
    finally:
        if d.process and d.process.poll() is None:
            d.end(signal.SIGKILL)


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    with running(lab) as d:
        yield d


def counterpart(lab, dn):
    guid = uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0])
    rows = lab.target.search(f"({STAMP}=galsync:*:{guid}*)")
    return rows[0][1] if rows else {}


def test_a_change_flows(daemon, lab):
    dn = lab.special["acme"]["mailbox"]
    lab.source.modify(dn, title="Flows")
    wait_for(lambda: counterpart(lab, dn).get("title") == [b"Flows"], "the change is not there", 30)


def test_a_deletion_flows(daemon, lab):
    """It is told of too: nobody waits for the interval, which is twice as long as this."""
    ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    dn, alias = f"CN=Goes Soon,{ou}", "goessoon"
    lab.source.add(dn, objectClass="contact", displayName="Goes Soon", mailNickname=alias,
                   mail=f"{alias}@acme.example", proxyAddresses=f"SMTP:{alias}@acme.example",
                   targetAddress=f"SMTP:{alias}@example.org",
                   legacyExchangeDN=f"/o=Acme/cn=Recipients/cn={alias}")
    wait_for(lambda: counterpart(lab, dn), "it is not created", 30)
    target, _ = lab.target.find("(mailNickname=%s)", alias)
    daemon.wait_idle()
    lab.source.delete(dn)
    wait_for(lambda: lab.target.read(target).get("msExchHideFromAddressLists") == [b"TRUE"],
             "who left is not hidden", 30)


def test_idle_writes_nothing(daemon, lab):
    before = lab.source.usn(), lab.target.usn()
    done = daemon.wait_idle()["cycles"]
    assert daemon.ask(verb="resync", object=lab.special["acme"]["mailbox"])["ok"]
    wait_for(lambda: daemon.link()["cycles"] > done, "no further cycle")
    assert (lab.source.usn(), lab.target.usn()) == before


def test_pause_and_resume(daemon, lab):
    dn = lab.special["acme"]["mailbox"]
    assert daemon.ask(verb="pause")["ok"]
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused")
    lab.source.modify(dn, title="While paused")
    assert counterpart(lab, dn)["title"] == [b"Flows"]
    assert daemon.ask(verb="resume")["ok"]
    wait_for(lambda: counterpart(lab, dn)["title"] == [b"While paused"], "not resumed", 30)


def test_ctl(daemon, lab):
    def ctl(*argv):
        return lab.galsyncctl("--socket", daemon.socket, *argv)
    p = ctl("resync")
    assert p.returncode == 3 and "unchanged" in p.stdout, p.stderr
    p = ctl("resync", "--object", "martha.full")
    assert p.returncode == 0, p.stderr
    p = ctl("resync", "--object", "nobody")
    assert p.returncode == 1 and "not in the map" in p.stderr
    p = ctl("plan")
    assert p.returncode == 3 and p.stdout.startswith("version: 1") and "changetype" not in p.stdout
    lab.source.modify(lab.special["acme"]["comma"], title="Planned")
    p = ctl("status")
    assert "daemon         " in p.stdout and "\njournal\n  entries        " in p.stdout
    link, = json.loads(ctl("--json", "status").stdout)
    journal = daemon.ask(verb="status")["journal"]
    assert journal["entries"] >= link["journal"] > 0 and journal["octets"] >= 4096
    assert link["journal_oldest"] == journal["oldest"] and link["journal_octets"] >= 4096
    p = lab.galsyncctl("--socket", lab.path("nothing.sock"), "watch")
    assert p.returncode == 4


def test_who_is_not_synchronized_is_told_why(daemon, lab):
    """By each verb that is about one object: nothing is done, and that is no success."""
    def ctl(*argv):
        p = lab.galsyncctl("--socket", daemon.socket, *argv)
        return p.returncode, p.stdout + p.stderr

    def guid_of(dn):
        return str(uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0]))

    nobody, dn = "6f9619ff-8b86-d011-b42d-00c04fc964ff", lab.special["acme"]["japanese"]
    status, text = ctl("resync", "--object", nobody)
    assert status == 1 and text.endswith(f"forest 'acme' has no object with GUID {nobody}\n")
    hidden = lab.special["acme"]["hidden"]
    status, text = ctl("resync", "--object", guid_of(hidden))
    assert status == 1 and f"'{hidden}' is not synchronized: hidden" in text
    status, text = ctl("resync", "--object", guid_of(f"OU=Staff,{lab.source.base}"))
    assert status == 1 and "it is no recipient" in text

    # One that was synchronized, and leaves by this very cycle.
    guid = guid_of(dn)
    daemon.ask(verb="pause")
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused")
    lab.source.modify(dn, msExchHideFromAddressLists="TRUE")
    answer = daemon.ask(verb="resync", object=guid)
    assert (answer["ok"], answer["status"]) == (False, 1)
    assert answer["error"] == f"'{dn}' is not synchronized: hidden"
    assert answer["summary"]["left"]["hidden"] == 1
    for verb in ("switch", "undo-switch", "proxy-toggle"):
        status, text = ctl(verb, guid)
        assert status == 1 and "its source object has left the synchronization" in text, verb
        assert ctl(verb, nobody)[0] == 1
    status, text = ctl("proxy-toggle", "--dry-run", guid)
    assert status == 1 and "its source object has left the synchronization" in text
    status, text = ctl("verify", guid)
    assert status == 3 and "BROKEN objects: source object" in text
    assert "there:     it has left the synchronization\n" in text
    assert "1 left or are finished: only that nothing loops was checked" in text
    status, text = ctl("verify", "--move-ready", guid)
    assert status == 3 and "MISSING object: source object" in text
    for verb in ("approve", "reject", "show"):
        assert ctl(verb, nobody)[0] == 1
    lab.source.modify(dn, msExchHideFromAddressLists=None)
    assert ctl("resync", "--object", guid)[0] == 0
    assert daemon.ask(verb="resume")["ok"]


def test_lost_mailbox_by_resync_of_one_object(daemon, lab):
    dn = lab.special["acme"]["japanese"]
    assert daemon.ask(verb="pause")["ok"]
    guid = uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0])
    target_dn, before = lab.target.search(f"({STAMP}=galsync:*:{guid}*)")[0]
    lab.target.modify(target_dn, homeMDB=None, msExchMailboxGuid=None, mailNickname=None)
    assert daemon.ask(verb="resync", object=str(guid))["ok"]
    after = lab.target.read(target_dn)
    for name in ("homeMDB", "msExchMailboxGuid", "mailNickname"):
        assert after[name] == before[name]
    assert daemon.ask(verb="resume")["ok"]


def configuration(daemon):
    """What the daemon says of it; galsyncctl, which sees the file too, does not see less."""
    told = daemon.ask(verb="status")["configuration"]
    p = daemon.lab.galsyncctl("--socket", daemon.socket, "--json", "status")
    assert json.loads(p.stdout)[0]["configuration"] == told
    return told


def status_of(daemon, **kw):
    p = daemon.lab.galsyncctl("--socket", daemon.socket, "status", **kw)
    assert not p.stderr
    return p.returncode, p.stdout


def test_status_for_monitoring(daemon, lab):
    """A line and metrics, of what status says; without a daemon the line says that."""
    def ctl(*args, socket=daemon.socket):
        return lab.galsyncctl("--socket", socket, "status", *args)
    plain, p = ctl(), ctl("--check")
    assert p.returncode == plain.returncode == 3 and not p.stderr
    assert re.fullmatch(r"GALSYNC ATTENTION - acme-globex: \d+ conflicts.* \| 'acme-globex "
                        r"correspondences'=\d+ .*\n", p.stdout), p.stdout
    p = ctl("--check", socket=lab.path("none.sock"))
    assert p.returncode == 1 and "BROKEN - acme-globex: no daemon answers, " in p.stdout
    file = lab.path("galsync.prom")
    p = ctl(f"--metrics={file}")
    assert (p.returncode, p.stdout, p.stderr) == (0, "", "")
    with open(file, encoding="utf-8") as f:
        text = f.read()
    assert os.stat(file).st_mode & 0o777 == 0o644
    assert 'galsync_correspondences{link="acme-globex",state="synced"} ' in text
    assert 'galsync_link_health{link="acme-globex"} 1\n' in text
    assert "\ngalsync_daemon_up 1\n" in "\n" + ctl("--metrics").stdout
    assert ctl("--metrics=/nowhere/x.prom").returncode == 1
    assert ctl("--metric").returncode == 2
    link, = json.loads(lab.galsyncctl("--socket", daemon.socket, "--json", "status").stdout)
    assert sum(link["conflicts_by"].values()) == link["conflicts"] > 0
    assert link["daemon"]["interval_s"] == 60


def test_list(daemon, lab):
    """Which, in which columns, in which order, and in which form."""
    def ctl(*args, status=0):
        p = lab.galsyncctl("list", *args, conf=daemon.conf)
        assert p.returncode == status, p.stdout + p.stderr
        return p.stdout if status == 0 else p.stderr
    every = ctl().splitlines()
    assert every[0].split() == ["KIND", "STATE", "ACTIVE", "TARGET", "ADDRESS", "COUNTERPART"]
    assert len(ctl("--kind", "group").splitlines()) + len(ctl("--kind", "user").splitlines()) + \
        len(ctl("--kind", "contact").splitlines()) == len(every) + 2
    rows = [line.split(",", 2) for line in ctl("-o", "csv", "--columns", "alias,client,source",
                                               "--sort", "alias").splitlines()]
    assert rows[0] == ["alias", "client", "source"] and len(rows) == len(every)
    aliases = [row[0].lower() for row in rows[1:]]
    assert aliases == sorted(aliases)
    as_json = json.loads(ctl("-o", "json", "--sort", "alias"))
    assert [r["alias"].lower() for r in as_json] == aliases
    ou = rows[-1][2].strip('"').partition(",")[2]
    below = json.loads(ctl("-o", "json", "--ou", ou.upper(), "--active", "source"))
    assert 0 < len(below) <= len(as_json)
    assert json.loads(ctl("-o", "json", "--ou", f"OU=None,{ou}")) == []
    assert all(r["source"]["dn"].endswith(ou) or r["target"]["dn"].endswith(ou) for r in below)
    assert ctl("--active", "target") == ""
    # By the width that characters have: each column begins where its head does.
    wide = [r for r in as_json if not r["alias"].isascii() or not r["source"]["dn"].isascii()]
    assert wide
    for argv, words in ((("--kind", "x"), "there are: user"), (("--columns", "alias,x"), "no column 'x'"),
                        (("--sort", "a,b"), "no column"), (("--sort", "alias,kind"), "one column"),
                        (("--wave", "99"), "no wave 99"), (("--wave", "x"), "no number"),
                        (("-o", "xml"), "table, csv or json"), (("--held", "--kind", "user"), "either"),
                        (("--active", "x"), "source target"), (("--json", "-o", "csv"), "either")):
        assert words in ctl(*argv, status=2), argv


def test_a_pager_on_a_terminal_alone(daemon, lab):
    program = os.path.join(BUILD, "galsyncctl")

    def shown(*args, pager="sed s/^/P:/"):
        mine, its = pty.openpty()
        with subprocess.Popen([program, "-c", daemon.conf, *args, "list"], stdin=its, stdout=its,
                              stderr=its, env={**os.environ, "PAGER": pager}) as p:
            os.close(its)
            text = b""
            with contextlib.suppress(OSError):
                while piece := os.read(mine, 65536):
                    text += piece
            os.close(mine)
        assert p.returncode == 0, text
        return text.decode().replace("\r\n", "\n")
    plain = lab.galsyncctl("list", conf=daemon.conf).stdout
    assert shown() == "".join(f"P:{line}\n" for line in plain.splitlines())
    for text in (shown("--no-pager"), shown(pager=""), shown(pager="cat")):
        assert text == plain
    # One that is left early is no failure.
    assert shown(pager="head -n 1").startswith("KIND")


def test_times_of_status_are_in_one_zone(daemon, monkeypatch):
    monkeypatch.setenv("TZ", "NST3:30NDT")
    text = status_of(daemon)[1]
    times = re.findall(r"\d{4}-\d\d-\d\dT[\d:]*(\S*?)[,\n]", text)
    assert len(times) >= 3 and set(times) <= {"-03:30", "-02:30"}, text
    assert re.search(r"\ntimes\n  zone           N[SD]T, UTC-0[23]:30\n$", text), text


def test_a_mistake_is_told_before_it_matters(daemon, lab):
    """The daemon has not been told to load it; without one, that it cannot start."""
    with open(daemon.conf, encoding="utf-8") as f:
        good = f.read()
    try:
        with open(daemon.conf, "w", encoding="utf-8") as f:
            f.write(good.replace("interval_s = 60", "interval_s = \"often\""))
        status, text = status_of(daemon)
        assert status == 3 and "\n  state          BROKEN: the one that was loaded 20" in text
        assert "interval_s" in text and "correspondences" in text
        p = lab.galsyncctl("--socket", lab.path("none.sock"), "status")
        assert p.returncode == 3 and "daemon         not running" in p.stdout
        assert "\n  state          BROKEN: galsyncd cannot start\n" in p.stdout
        p = lab.galsyncctl("list")
        assert p.returncode == 0 and not p.stderr
    finally:
        with open(daemon.conf, "w", encoding="utf-8") as f:
            f.write(good)
    p = lab.galsyncctl("--socket", lab.path("none.sock"), "status")
    assert "\n  state          valid\n" in p.stdout
    assert "\n  state          in effect since 20" in status_of(daemon)[1]


def test_watch_goes_on_behind_a_restart(daemon, lab):
    with subprocess.Popen([os.path.join(BUILD, "galsyncctl"), "--socket", daemon.socket, "watch"],
                          env={**os.environ, **lab.env()}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as p:
        lines = iter(p.stdout.readline, b"")
        try:
            for sig in (signal.SIGTERM, signal.SIGKILL):
                assert next(lines).startswith(b"acme-globex: ")
                daemon.end(sig)
                assert any(b"waiting until it runs again" in line for line in lines)
                daemon.start()
        finally:
            p.kill()


def test_reload(daemon, lab):
    with open(daemon.conf, encoding="utf-8") as f:
        good = f.read()
    try:
        with open(daemon.conf, "w", encoding="utf-8") as f:
            f.write(good.replace("interval_s = 60", "interval_s = \"often\""))
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "the old one stays in effect" in daemon.log(), "the mistake is not reported")
        assert "interval_s" in daemon.log()
        assert daemon.wait_idle()
        told = configuration(daemon)
        assert told["state"] == "refused" and told["file"] == daemon.conf
        assert told["loaded"] <= told["refused_since"] and "interval_s" in told["error"]
        # It stays so, since the first time, however often it is asked for, and with another mistake.
        for line in ("map_size_mb = 1024;\n", "no syntax\n"):
            with open(daemon.conf, "w", encoding="utf-8") as f:
                f.write(good + line)
            lines = daemon.log().count("the old one stays in effect")
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda n=lines: daemon.log().count("the old one stays in effect") > n, "no line")
            assert configuration(daemon)["refused_since"] == told["refused_since"]
            status, text = status_of(daemon)
            assert status == 3 and "\n  state          REFUSED since 20" in text, text
            assert "\n  mistake        " in text and "\n  daemon         " in text
        assert "correspondences" not in text    # nobody knows where the map is
        assert lab.galsyncctl("list").returncode == 1
        assert lab.galsyncctl("--state-directory", lab.path("state"), "list").returncode == 0
    finally:
        with open(daemon.conf, "w", encoding="utf-8") as f:
            f.write(good)
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "galsync.conf: reloaded" in daemon.log(), "not reloaded")
    daemon.wait_idle()
    assert configuration(daemon)["state"] == "in effect" and not configuration(daemon)["error"]
    assert "\n  state          in effect since 20" in status_of(daemon)[1]
    # Nothing refers to the configuration that was.
    assert daemon.ask(verb="plan")["ok"]


@pytest.mark.parametrize("forest", ["acme", "globex"])
def test_dc_stops_and_comes_back(daemon, lab, forest):
    dn = lab.special["acme"]["mailbox"]
    lab.command("dc", "stop", forest)
    try:
        wait_for(lambda: daemon.link()["failing"], "the outage is not noticed", 90)
        lines = daemon.log().count("tried again until it works")
    finally:
        lab.command("dc", "start", forest)
    lab.source.conn = lab.target.conn = None
    lab.source.modify(dn, title=f"After {forest}")
    wait_for(lambda: counterpart(lab, dn).get("title") == [f"After {forest}".encode()],
             "the change is not there after the outage", 90)
    assert not daemon.wait_idle()["failing"]
    # One line when it starts and one when it ends, however many attempts there were.
    assert daemon.log().count("tried again until it works") == lines
    assert "works again" in daemon.log()


def test_killed_in_the_middle_and_started_again(daemon, lab):
    dns = [lab.special["acme"][k] for k in ("comma", "polish", "turkish", "cyrillic", "long-name")]
    for dn in dns:
        lab.source.modify(dn, title="Killed")
    daemon.end(signal.SIGKILL)
    for dn in dns:
        lab.source.modify(dn, department="Killed")
    daemon.start()
    wait_for(lambda: all(counterpart(lab, dn).get("department") == [b"Killed"]
                         and counterpart(lab, dn).get("title") == [b"Killed"] for dn in dns),
             "not everything arrived")
    assert daemon.wait_idle()


@pytest.mark.parametrize("octets", [
    b"\0" * 100 + b"\n", b"{}\n", b"[1,2]\n", b'{"verb": 7}\n', b'{"verb": "format"}\n',
    b'{"verb": "resync", "link": "nope"}\n', b'{"version": 99, "verb": "status"}\n',
    b'{"verb":"status","verb":"pause"}\n', b"\xff\xfe\xfd\n", b"not json\n"])
def test_bad_requests_are_refused(daemon, octets):
    with daemon.connect() as s:
        s.sendall(octets)
        answer = json.loads(s.makefile().readline())
    assert answer["ok"] is False and answer["error"]


def test_endless_line(daemon):
    with daemon.connect() as s:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            s.sendall(b"x" * (10 << 20))
        with contextlib.suppress(ConnectionResetError):
            assert b"at most" in s.recv(4096)
    assert daemon.ask(verb="status")["ok"]


def test_partial_lines_and_silent_clients(daemon):
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            s = stack.enter_context(daemon.connect())
            s.sendall(b'{"verb": "sta')
        with daemon.connect() as s:
            for octet in b'{"verb": "status"}\n':
                s.sendall(bytes([octet]))
            assert json.loads(s.makefile().readline())["ok"]


def test_a_watcher_who_never_reads(daemon, lab):
    with daemon.connect() as s:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            s.sendall(b'{"verb": "watch"}\n' * 50000)
        assert daemon.ask(verb="status")["ok"]
    assert lab


def test_nobody_gets_the_answer_of_another(daemon):
    """A client that hangs up before its answer leaves nothing for the next one."""
    for _ in range(5):
        with daemon.connect() as gone:
            gone.sendall(b'{"verb":"verify"}\n')
        with daemon.connect() as s:
            stream = s.makefile("rwb")
            answer = {"ok": False, "error": "another request waiting"}
            while "another request waiting" in answer.get("error", ""):
                stream.write(b'{"verb":"resync"}\n')
                stream.flush()
                answer = {"event": "progress"}
                while "event" in answer:
                    answer = json.loads(stream.readline())
            assert answer["status"] in (0, 3), answer
            assert answer["summary"]["kind"] == "full"
            assert "results" not in answer and "unlisted" not in answer


def test_thousand_connections(daemon):
    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            with contextlib.suppress(OSError):
                stack.enter_context(daemon.connect(5))
    wait_for(lambda: answers(daemon), "the daemon does not answer after the crowd has gone")


def answers(daemon):
    with contextlib.suppress(OSError, AssertionError, json.JSONDecodeError):
        return daemon.ask(verb="status")["ok"]
    return False


def test_strangers_are_refused(daemon):
    code = ("import socket; s = socket.socket(socket.AF_UNIX); s.connect('%s'); "
            "print(s.recv(4096).decode())" % daemon.socket)
    # The lab is in a temporary directory that is root's alone.
    for path in (daemon.lab.dir, os.path.dirname(daemon.lab.dir)):
        os.chmod(path, os.stat(path).st_mode | 0o011)
    p = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                        "/usr/bin/python3", "-c", code], capture_output=True, text=True, check=False)
    assert "permission denied" in p.stdout + p.stderr


def test_stops_within_seconds(daemon):
    assert daemon.end() == 0
    assert not os.path.exists(daemon.socket)
    daemon.start()
