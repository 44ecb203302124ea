# SPDX-License-Identifier: MIT
"""The hook that sends mail: who gets it, in which language, once, and nothing that a name could forge."""

import email
import email.policy
import json
import os
import shutil
import socketserver
import subprocess
import threading

import pytest
from conftest import ROOT

GUID = "00000000-0000-0000-0000-00000000000a"
OTHER = "00000000-0000-0000-0000-00000000000b"


class Mail:
    """The hook with a configuration, templates and a sendmail of its own."""

    def __init__(self, path):
        self.path = path
        shutil.copytree(os.path.join(ROOT, "conf", "mail"), path / "templates")
        self.sendmail(f'cat >"{path}/mail.$(ls "{path}" | grep -c "^mail\\.")"\n'
                      f'printf "%s\\n" "$*" >>"{path}/argv"')
        self.conf()

    def sendmail(self, text):
        (self.path / "sendmail").write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (self.path / "sendmail").chmod(0o755)

    def conf(self, more="", welcome="yes", by=None):
        by = by or f"sendmail = {self.path}/sendmail"
        (self.path / "conf").write_text(
            f"[mail]\nfrom = Migration <mig@globex.example>\noperators = Ops <ops@acme.example>, "
            f"ops@globex.example\n{by}\n[welcome]\nenabled = {welcome}\n"
            "updater = https://updater.example/x\n[goodbye]\nenabled = yes\n[places]\n"
            f"templates = {self.path}/templates\nstate = {self.path}/state\n{more}", encoding="utf-8")

    def run(self, event, status=0):
        text = event if isinstance(event, str) else json.dumps(event)
        p = subprocess.run([os.path.join(ROOT, "conf", "hook-mail"), "--conf", self.path / "conf", "x"],
                           input=text, capture_output=True, text=True, timeout=60, check=False)
        assert p.returncode == status and "Traceback" not in p.stderr, p.stderr
        return p.stdout + p.stderr

    def sent(self):
        files = sorted(self.path.glob("mail.*"), key=lambda p: int(p.suffix[1:]))
        return [email.message_from_bytes(f.read_bytes(), policy=email.policy.default) for f in files]

    def state(self):
        return {f.name: f.read_text() for f in (self.path / "state").glob("*")}


@pytest.fixture(name="mail")
def fixture_mail(tmp_path):
    return Mail(tmp_path)


def event(kind="switched", active="target", guid=GUID, **target):
    return {"version": 1, "event": kind, "id": f"{guid}-1700000000-7", "attempt": 1,
            "link": "acme-globex", "origin": "source", "kind": "user",
            "time": "2026-12-01T20:00:00Z", "active": active,
            "source": {"forest": "acme", "dn": "CN=Jo,OU=Staff,DC=acme,DC=example", "guid": guid,
                       "displayName": "Jo Doe", "mail": "jo@acme.example", "culture": None,
                       "country": None},
            "target": {"forest": "globex", "dn": "CN=Jo,OU=Acme,DC=globex,DC=example", "guid": OTHER,
                       "displayName": "Jo Doe", "mail": "jo@acme.example", **target}}


def test_a_welcome(mail):
    assert mail.run(event()) == "hook-mail: welcome: sent\n"
    m, = mail.sent()
    assert (m["From"], m["To"], m["Subject"]) == \
        ("Migration <mig@globex.example>", "jo@acme.example", "Your mailbox has moved")
    assert m["Auto-Submitted"] == "auto-generated" and m["Date"] and m["Message-ID"]
    text = m.get_content()
    assert "Dear Jo Doe," in text and "moved to globex" in text and "https://updater.example/x" in text
    assert (mail.path / "argv").read_text() == "-i -f mig@globex.example -- jo@acme.example\n"
    assert mail.state() == {f"{GUID}.welcome": "sent\n"}


def test_once(mail):
    for said in ("sent", "was sent before", "was sent before"):
        assert mail.run(event()) == f"hook-mail: welcome: {said}\n"
    # Turned back, and switched again: the goodbye is another message.
    assert mail.run(event("undone", "source")) == "hook-mail: goodbye: sent\n"
    mail.run(event())
    assert [m["Subject"] for m in mail.sent()] == \
        ["Your mailbox has moved", "Your mailbox is where it was before"]
    mail.run(event(guid=OTHER))
    assert len(mail.sent()) == 3


def test_a_failure_is_tried_again_and_a_crash_is_not(mail):
    mail.sendmail("cat >/dev/null; exit 75")
    assert "75" in mail.run(event(), status=1) and mail.state() == {}
    mail.sendmail(f'kill -9 $PPID; cat >"{mail.path}/mail.0"')
    p = subprocess.run([os.path.join(ROOT, "conf", "hook-mail"), "--conf", mail.path / "conf", "x"],
                       input=json.dumps(event()), capture_output=True, text=True, check=False)
    assert p.returncode == -9 and mail.state() == {f"{GUID}.welcome": "begun\n"}
    assert "may have been sent before, and is not sent again" in mail.run(event())


@pytest.mark.parametrize("switch", ["welcome", "kind", "event", "group"])
def test_nothing_for_others(mail, switch):
    e = event()
    if switch == "welcome":
        mail.conf(welcome="no")
    elif switch == "kind":
        e["kind"] = "group"
    elif switch == "event":
        e["event"] = "created"
    else:
        e["active"] = ["target"]
    if switch == "group":
        del e["active"]
    assert mail.run(e) == "" and mail.sent() == [] and not (mail.path / "state").exists()


@pytest.mark.parametrize("culture, country, dn, subject", [
    ("de-CH", None, None, "CH and de"), ("de-AT,en-US", "CH", None, "Ihr Postfach ist umgezogen"),
    ("fr-FR", "CH", None, "CH"), (None, "CH", None, "CH"), (None, "FR", None, "Your mailbox has moved"),
    ("../../etc/passwd", "CH", None, "CH"), ("de", None, "CN=Jo, ou=zurich,DC=globex,DC=example", "Zurich"),
    ("de", None, "CN=Jo,OU=Not-Zurich,DC=globex,DC=example", "Ihr Postfach ist umgezogen")])
def test_which_template(mail, culture, country, dn, subject):
    mail.conf("[regions]\nzurich = OU=Bern,DC=globex,DC=example\n"
              "    OU=Zurich,DC=globex,DC=example\n")
    for region, text in (("de-CH", "CH and de"), ("CH", "CH"), ("zurich", "Zurich")):
        (mail.path / "templates" / f"welcome.{region}.txt").write_text(f"Subject: {text}\n\nx\n")
    target = {"culture": culture, "country": country, **({"dn": dn} if dn else {})}
    mail.run(event(**target))
    assert [m["Subject"] for m in mail.sent()] == [subject]


HOSTILE = "Eve\r\nBcc: all@acme.example\r\n\r\nBody\u2028x\u202e\x1b[2J ${updater} $mail"


def test_a_hostile_name_is_text(mail):
    (mail.path / "templates" / "welcome.txt").write_text("Subject: Hello $displayName\n\n<$displayName>\n")
    mail.run(event(displayName=HOSTILE))
    m, = mail.sent()
    assert m["Bcc"] is None and m["To"] == "jo@acme.example"
    assert m["Subject"] == "Hello Eve  Bcc: all@acme.example    Body x  [2J ${updater} $mail"
    assert m.get_content().splitlines() == [
        "<Eve  Bcc: all@acme.example    Body x  [2J ${updater} $mail>"]


@pytest.mark.parametrize("address", [
    "", "jo", "jo@acme.example,all@acme.example", "jo@acme.example\nBcc: x@x.x", "-oQ/tmp@acme.example ",
    "<jo@acme.example>", "j o@acme.example", "jo@acme.example\x00", "jo@[127.0.0.1]", "a" * 65 + "@x.example"])
def test_what_is_no_address(mail, address):
    e = event(mail=address)
    e["source"]["mail"] = None
    assert "has no address that mail can be sent to" in mail.run(e)
    assert mail.sent() == []


@pytest.mark.parametrize("guid", ["", "../../x", "x" * 36, None, 7])
def test_what_is_no_person(mail, guid):
    e = event()
    e["source"]["guid"] = e["target"]["guid"] = guid
    assert "does not say who it is about" in mail.run(e)
    assert mail.sent() == []


WAVE = {"version": 1, "event": "wave", "id": "00000000-0000-0000-0000-000000000000-1700000000-9",
        "link": "acme-globex", "time": "2026-12-01T20:10:00Z",
        "wave": {"id": 7, "name": "Sales", "undo": False, "total": 212, "succeeded": 210, "failed": 2,
                 "failures": [{"dn": "CN=Jo,DC=acme", "text": "no\nmailbox"}]}}


def test_a_wave(mail):
    assert mail.run(WAVE) == "hook-mail: wave: sent\n"
    assert mail.run(WAVE) == "hook-mail: wave: was sent before\n"
    m, = mail.sent()
    assert m["To"] == "ops@acme.example, ops@globex.example"
    assert m["Subject"] == "Wave 7 Sales: 210 of 212, 2 failed"
    assert "  CN=Jo,DC=acme: no mailbox\n  and 1 more\n" in m.get_content()
    assert (mail.path / "argv").read_text() == \
        "-i -f mig@globex.example -- ops@acme.example ops@globex.example\n"


@pytest.mark.parametrize("text", ["", "[]", "{", "7", '{"event": "wave"}', '{"event": "wave", "wave": 7}',
                                  '{"event": "switched", "kind": "user", "active": "target"}'])
def test_any_input_ends_with_a_word(mail, text):
    p = subprocess.run([os.path.join(ROOT, "conf", "hook-mail"), "--conf", mail.path / "conf", "x"],
                       input=text, capture_output=True, text=True, check=False)
    assert p.returncode in (0, 1) and p.stderr.startswith("hook-mail: "), p.stderr
    assert "Traceback" not in p.stderr and mail.sent() == []


@pytest.mark.parametrize("more, words", [
    ("[nope]\n", "[nope] is no section"), ("[wave]\nenable = no\n", "[wave] enable: unknown"),
    ("[wave]\nenabled = maybe\n", "Not a boolean"), ("[regions]\na/b = DC=x\n", "no part of a file name")])
def test_what_is_wrong_with_the_configuration(mail, more, words):
    mail.conf(more)
    assert words in mail.run(event(), status=1)
    mail.conf(by="sendmail = /x\nsmtp = y")
    assert "either smtp or sendmail" in mail.run(event(), status=1)


class Server(socketserver.StreamRequestHandler):
    """As much of a mail server as is needed, which refuses who is called refused@..., and hangs up
    when it has the message to hangs@..."""

    def handle(self):
        said = self.server.said
        self.wfile.write(b"220 x\r\n")
        for line in self.rfile:
            said.append(line.decode().strip())
            if said[-1].upper() == "DATA":
                self.wfile.write(b"354 go\r\n")
                while self.rfile.readline() != b".\r\n":
                    pass
                if any("hangs@" in line for line in said):
                    return
                self.wfile.write(b"250 ok\r\n")
            elif said[-1].upper() == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"550 no\r\n" if "refused" in said[-1] else b"250 ok\r\n")


def test_by_smtp(mail):
    with socketserver.TCPServer(("127.0.0.1", 0), Server) as server:
        server.said = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        mail.conf(by=f"smtp = 127.0.0.1:{server.server_address[1]}")
        assert "sent" in mail.run(event())
        e = event(guid=OTHER, mail="refused@acme.example")
        assert "refused" in mail.run(e, status=1)
        assert f"{OTHER}.welcome" not in mail.state()
        e = event(guid=OTHER, mail="hangs@acme.example")
        assert "it may have been sent, and is not sent again" in mail.run(e)
        assert "is not sent again" in mail.run(e)
        server.shutdown()
    said = " ".join(server.said).upper()
    assert "MAIL FROM:<MIG@GLOBEX.EXAMPLE>" in said and "RCPT TO:<JO@ACME.EXAMPLE>" in said
    assert mail.state() == {f"{GUID}.welcome": "sent\n", f"{OTHER}.welcome": "begun\n"}


def test_the_sample_is_what_the_program_has(mail):
    """Every setting is in it, with its default; uncommented it is a configuration."""
    with open(os.path.join(ROOT, "conf", "hook-mail.conf"), encoding="utf-8") as f:
        sample = f.read()
    with open(os.path.join(ROOT, "conf", "hook-mail"), encoding="utf-8") as f:
        program = f.read()
    found = {}
    exec(program.partition("\nclass Refused")[0], found)     # pylint: disable=exec-used
    for section, keys in found["DEFAULTS"].items():
        text = sample.partition(f"[{section}]\n")[2].partition("\n[")[0]
        for key, default in keys.items():
            assert f"#{key} = {default}\n" in text or f"\n{key} = " in f"\n{text}" or \
                f"# Example: {key} = " in text, f"[{section}] {key}"
    (mail.path / "conf").write_text(sample)
    assert mail.run({"event": "created"}) == ""
