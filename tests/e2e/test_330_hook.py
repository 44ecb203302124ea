# SPDX-License-Identifier: MIT
"""The hook program: told of switches on two real forests, whatever it and the daemon do."""

import contextlib
import glob
import json
import os
import re
import shutil
import signal

import pytest
from conftest import wait_for
from galsynclab.lab import ACME, PEOPLE_OU, RETURN_OU, TARGET_OU
from test_120_daemon import Daemon
from test_130_switch import both

KEY = "comma"


class Hook:
    """The script, what it does now, and what it was told."""

    def __init__(self, lab):
        self.dir = lab.path("hook")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.program = os.path.join(self.dir, "hook")
        self.does("")

    def path(self, name):
        return os.path.join(self.dir, name)

    def does(self, text):
        """Writes the program anew, all at once, and forgets what was told."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.path("told"))
        with open(self.path("new"), "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\nd='{self.dir}'\n{text}\ncat >>$d/told\n")
            os.fchmod(f.fileno(), 0o755)
        os.rename(self.path("new"), self.program)

    def told(self):
        with contextlib.suppress(FileNotFoundError), open(self.path("told"), encoding="utf-8") as f:
            return [json.loads(line) for line in f]
        return []

    def wait(self, count, timeout_s=60):
        return wait_for(lambda: len(self.told()) >= count and self.told(), "the hook is not told",
                        timeout_s)


@pytest.fixture(scope="module", name="hook")
def fixture_hook(lab):
    return Hook(lab)


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab, hook):
    conf = lab.write_conf(lab.conf_text(**{
        "match = [": f'hook = "{hook.program}"; hook_timeout_s = 2; match = ['}))
    lab.full(status=3)
    lab.finish_mailboxes()
    lab.aliases = {k: lab.source.read(lab.special["acme"][k])["mailNickname"][0].decode()
                   for k in (KEY, "polish", "turkish")}
    d = Daemon(lab, conf)
    d.start()
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


def turn(daemon, verb, *keys):
    answer = daemon.ask(verb=verb, objects=[daemon.lab.aliases[k] for k in keys])
    assert answer["ok"] and all(r["ok"] for r in answer["results"]), answer


def status(daemon):
    p = daemon.lab.galsyncctl("--json", "status", conf=daemon.conf)
    return json.loads(p.stdout)[0]["hook"]


def test_is_told_of_switch_and_undo(daemon, lab, hook):
    turn(daemon, "switch", KEY)
    e = hook.wait(1)[0]
    source, target, guid = both(lab, KEY)
    alias = lab.aliases[KEY]
    assert (e["version"], e["event"], e["link"], e["attempt"], e["active"]) == (
        1, "switched", "acme-globex", 1, "target")
    assert e["time"].endswith("Z")
    assert e["source"]["dn"] == lab.special["acme"][KEY]
    assert e["source"]["server"] == "dc1.acme.example"
    assert e["source"]["mail"] == source["mail"][0].decode()
    assert e["source"]["targetAddress"] == f"SMTP:{alias}@redirect.globex.example"
    assert e["target"]["guid"] == guid and e["target"]["forest"] == "globex"
    assert e["target"]["legacyExchangeDN"] == target["legacyExchangeDN"][0].decode()
    assert e["target"]["targetAddress"] is None
    assert e["target"]["redirectAddress"] == f"{alias}@redirect.globex.example"
    # Nothing happens, nothing is told.
    turn(daemon, "switch", KEY)
    turn(daemon, "undo-switch", KEY)
    e, undone = hook.wait(2)
    assert (undone["event"], undone["active"]) == ("undone", "source")
    assert undone["id"] != e["id"]
    # The program has written its line before it ends, and the event goes after that.
    wait_for(lambda: status(daemon) == {"waiting": 0, "failing": 0, "given_up": 0, "error": None},
             "the events are not done")


def test_one_that_fails_and_one_that_hangs(daemon, lab, hook):
    """Neither harms a switch or another mailbox; when they work again all is told in its order."""
    fails, hangs = lab.aliases[KEY], lab.aliases["polish"]
    hook.does(f"""read -r line
case $line in
*'"alias":"{fails}"'*) echo no mail today; exit 3 ;;
*'"alias":"{hangs}"'*) trap '' TERM; sleep 1000 & wait; sleep 1000 ;;
esac
echo "$line" >>$d/told""")
    turn(daemon, "switch", KEY, "polish", "turkish")
    assert b"redirect.globex" in both(lab, KEY)[0]["targetAddress"][0]
    assert hook.wait(1)[0]["source"]["alias"] == lab.aliases["turkish"]
    turn(daemon, "undo-switch", KEY, "polish", "turkish")
    wait_for(lambda: status(daemon)["failing"] == 2, "the failures are not noted")
    log = daemon.log()
    assert "exit status 3; tried again in" in log and "no mail today" in log
    assert "it did not end within 2 s; tried again in" in log
    p = lab.galsyncctl("status", conf=daemon.conf)
    assert "hook           4 waiting, 2 failing, 0 given up: it did not end" in p.stdout, p.stdout
    hook.wait(2)
    hook.does("")
    told = hook.wait(4)
    for key in (KEY, "polish"):
        mine = [e for e in told if e["source"]["dn"] == lab.special["acme"][key]]
        assert [(e["event"], e["attempt"] > 1) for e in mine] == [
            ("switched", True), ("undone", False)]
    wait_for(lambda: status(daemon)["waiting"] == 0, "events are left")


def test_stopped_and_killed_while_it_runs(daemon, hook):
    for sig, key in ((signal.SIGTERM, KEY), (signal.SIGKILL, "polish")):
        hook.does("echo >>$d/began; n=0\n"
                  "while [ ! -e $d/go ] && [ $n -lt 1000 ]; do n=$((n + 1)); sleep 0.05; done")
        daemon.end()
        with open(daemon.conf, encoding="utf-8") as f:
            text = f.read()
        with open(daemon.conf, "w", encoding="utf-8") as f:
            f.write(text.replace("hook_timeout_s = 2", "hook_timeout_s = 3600"))
        daemon.start()
        turn(daemon, "switch", key)
        wait_for(lambda: os.path.exists(hook.path("began")), "the hook does not begin")
        assert daemon.end(sig) == (0 if sig == signal.SIGTERM else -sig)
        assert status(daemon)["waiting"] == 1
        # A hook whose daemon was killed is an orphan: this lets it end.
        with open(hook.path("go"), "w", encoding="utf-8"):
            pass
        daemon.start()
        told = hook.wait(1)
        assert {e["event"] for e in told} == {"switched"} and len({e["id"] for e in told}) == 1
        wait_for(lambda: status(daemon)["waiting"] == 0, "the event is not delivered")
        turn(daemon, "undo-switch", key)
        wait_for(lambda: hook.told()[-1]["event"] == "undone", "the undo is not told")
        # The program has written its line before it ends, and the event goes after that.
        wait_for(lambda: status(daemon)["waiting"] == 0, "the undo is not delivered")
        os.remove(hook.path("began"))
        os.remove(hook.path("go"))


def test_the_map_is_lost_while_an_event_waits(daemon, lab, hook):
    """The event does not: it is told with its number, once."""
    hook.does("exit 3")
    turn(daemon, "switch", KEY)
    wait_for(lambda: status(daemon)["failing"] == 1, "the failure is not noted")
    assert daemon.end() == 0
    for path in glob.glob(lab.path("state", "map.mdb*")):
        os.unlink(path)
    hook.does("")
    log = len(daemon.log())
    daemon.start()
    assert "1 events" in daemon.log()[log:]
    event = hook.wait(1)[0]
    assert (event["event"], event["source"]["dn"]) == ("switched", lab.special["acme"][KEY])
    wait_for(lambda: status(daemon)["waiting"] == 0, "the event is not delivered")
    turn(daemon, "undo-switch", KEY)
    undone = hook.wait(2)[1:]
    assert [e["event"] for e in undone] == ["undone"] and undone[0]["id"] != event["id"]


def test_reload_takes_another_hook(daemon, hook):
    other = hook.path("other")
    with open(other, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\ncat >>{hook.path('other-told')}\n")
        os.fchmod(f.fileno(), 0o755)
    with open(daemon.conf, encoding="utf-8") as f:
        text = f.read()
    with open(daemon.conf, "w", encoding="utf-8") as f:
        f.write(text.replace(f'"{hook.program}"', f'"{other}"'))
    lines = daemon.log().count(": reloaded")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.log().count(": reloaded") > lines, "not reloaded")
    turn(daemon, "switch", KEY)
    wait_for(lambda: os.path.exists(hook.path("other-told")), "the new hook is not told")
    turn(daemon, "undo-switch", KEY)


def test_recipients(daemon, lab, hook):
    """One that is created, in either direction, one that is matched, and one that leaves; each when
    it is there, with the name that Update-Recipient needs."""
    hook.does("")
    with open(daemon.conf, encoding="utf-8") as f:
        text = f.read()
    events = 'hook_events = [ "created", "matched", "left", "reported", "wave" ]; hook_timeout_s'
    with open(daemon.conf, "w", encoding="utf-8") as f:
        text = re.sub('hook = "[^"]*"', f'hook = "{hook.program}"', text)
        text = re.sub(r"interval_s = \d+", "interval_s = 1", text)
        f.write(text.replace("hook_timeout_s",
                             f'return_contacts_ou = "{RETURN_OU}"; {events}', 1))
    lines = daemon.log().count(": reloaded")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.log().count(": reloaded") > lines, "not reloaded")
    ou = lab.special["acme"]["polish"].split(",", 1)[1]
    lab.source.add(f"CN=New One,{ou}", objectClass="contact", mailNickname="new.one",
                   legacyExchangeDN="/o=X/cn=new.one",
                   mail="new.one@acme.example", targetAddress="SMTP:new.one@else.example",
                   proxyAddresses="SMTP:new.one@acme.example", displayName="New One")
    lab.target.add(f"CN=There Already,{TARGET_OU}", objectClass="user", sAMAccountName="there",
                   mail="there@acme.example")
    lab.source.add(f"CN=There Already,{ou}", objectClass="user", sAMAccountName="there",
                   mailNickname="there", legacyExchangeDN="/o=X/cn=there",
                   mail="there@acme.example", userAccountControl=514,
                   proxyAddresses="SMTP:there@acme.example", displayName="There Already",
                   msExchHomeServerName=ACME.home_server, msExchRecipientTypeDetails=1)
    lab.target.add(f"CN=Native,{PEOPLE_OU}", objectClass="contact", mailNickname="native",
                   legacyExchangeDN="/o=X/cn=native",
                   mail="native@globex.example", targetAddress="SMTP:native@else.example",
                   proxyAddresses="SMTP:native@globex.example", displayName="Native")
    wanted = {("created", "source", "contact"): "new.one", ("matched", "source", "user"): "there",
              ("created", "target", "contact"): "native"}
    told = {}

    def all_told():
        told.update({k: e for e in hook.told() for k in [(e["event"], e["origin"], e["kind"])]
                     if e[e["origin"]]["alias"] == wanted.get(k)})
        return len(told) == len(wanted)
    wait_for(all_told, "not all is told")
    made = told["created", "source", "contact"]["target"]
    assert made["dn"] == f"CN=New One,{TARGET_OU}" and made["mail"] == "new.one@acme.example"
    assert lab.target.read(made["dn"]) and made["server"] == "dc1.globex.example"
    assert told["matched", "source", "user"]["target"]["dn"] == f"CN=There Already,{TARGET_OU}"
    contact = told["created", "target", "contact"]["source"]
    assert contact["dn"] == f"CN=Native,{RETURN_OU}" and lab.source.read(contact["dn"])
    lab.source.delete(f"CN=New One,{ou}")
    left = wait_for(lambda: [e for e in hook.told() if e["event"] == "left"], "it has not left")[0]
    assert left["target"]["dn"] == f"CN=New One,{TARGET_OU}"
    wait_for(lambda: status(daemon)["waiting"] == 0, "the events are not delivered")


def test_configuration_is_checked(lab, hook):
    bad = hook.path("bad")
    conf = lab.write_conf(lab.conf_text(**{"match = [": f'hook = "{bad}"; match = ['}))
    p = lab.galsyncd("-t", conf=conf)
    assert p.returncode == 1 and "links[0].hook" in p.stderr and "cannot be executed" in p.stderr
    with open(bad, "w", encoding="utf-8"):
        pass
    os.chmod(bad, 0o777)
    p = lab.galsyncd("-t", conf=conf)
    assert p.returncode == 1 and "writable by group or others" in p.stderr
    os.chmod(bad, 0o755)
    assert lab.galsyncd("-t", conf=conf).returncode == 0


def test_a_wave_and_a_report(daemon, lab, hook):
    """Of a wave with a mailbox that cannot be turned, and of the client of one that was."""
    hook.does("")
    alias = lab.aliases[KEY]
    file = lab.path("wave.csv")
    with open(file, "w", encoding="utf-8") as f:
        f.write(f"{alias}\n")
    p = lab.galsyncctl("--socket", daemon.socket, "wave", file, "--at", "now", "--name", "Night")
    assert p.returncode == 0, p.stderr
    wave = hook.wait(1)[0]
    assert (wave["event"], wave["link"]) == ("wave", "acme-globex") and wave["time"].endswith("Z")
    assert {k: wave["wave"][k] for k in ("name", "undo", "total", "succeeded", "failed", "failures")} == \
        {"name": "Night", "undo": False, "total": 1, "succeeded": 1, "failed": 0, "failures": []}
    p = lab.galsyncctl("--socket", daemon.socket, "client", alias, "--result", "failed",
                       "--machine", "PC-1", "--text", "no profile")
    assert p.returncode == 0, p.stderr
    told = hook.wait(2)[1]
    assert (told["event"], told["active"]) == ("reported", "target")
    assert told["source"]["dn"] == lab.special["acme"][KEY]
    assert told["client"] == {"result": "failed", "machine": "PC-1", "text": "no profile"}
    turn(daemon, "undo-switch", KEY)
