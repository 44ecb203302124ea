# SPDX-License-Identifier: MIT
"""Waves on two real forests: mailboxes switched together at a time."""

import datetime
import json
import os
import signal
import uuid

import pytest
from conftest import wait_for
from test_120_daemon import running

N = 20
MARKER = "extensionAttribute14"


def add_mailboxes(lab, ou, prefix, n):
    """So many like the mailbox of the special cases, with old addresses; their aliases."""
    model = lab.source.read(lab.special["acme"]["mailbox"])
    aliases = []
    for i in range(n):
        alias = f"{prefix}{i:02}"
        lab.source.add(
            f"CN=Wave {alias},{ou}", objectClass="user", sAMAccountName=alias,
            userPrincipalName=f"{alias}@acme.example", displayName=f"Wave {alias}",
            mailNickname=alias, mail=f"{alias}@acme.example",
            proxyAddresses=[f"SMTP:{alias}@acme.example", f"smtp:{alias}@old.acme.example",
                            f"X500:/o=Acme Legacy/ou=First/cn=Recipients/cn={alias}"],
            homeMDB=model["homeMDB"], msExchHomeServerName=model["msExchHomeServerName"],
            msExchMailboxGuid=uuid.uuid4().bytes_le,
            legacyExchangeDN=f"/o=Acme/ou=First/cn=Recipients/cn={alias}")
        aliases.append(alias)
    return aliases


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    lab.aliases = add_mailboxes(lab, ou, "wave", N)
    lab.full(status=3)
    lab.finish_mailboxes()
    with running(lab) as d:
        yield d


def ctl(daemon, *argv, **kw):
    return daemon.lab.galsyncctl("--socket", daemon.socket, *argv, **kw)


def write(lab, text, name="wave.csv"):
    path = lab.path(name)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return path


def plan(daemon, text, *args, at="+1h"):
    """The number of a new wave."""
    p = ctl(daemon, "--json", "wave", write(daemon.lab, text), "--at", at, *args)
    assert p.returncode == 0, p.stdout + p.stderr
    return json.loads(p.stdout)["wave"]


def show(daemon, number):
    p = ctl(daemon, "--json", "wave", "show", str(number))
    assert p.returncode == 0, p.stderr
    return json.loads(p.stdout)


def ended(daemon, number, state="done", timeout_s=60):
    return wait_for(lambda: (w := show(daemon, number))["state"] == state and w,
                    f"wave {number} is not {state}", timeout_s)


def rows(lab, aliases):
    """By alias: (the source's targetAddress, the target's)."""
    flt = "(|" + "".join(f"(mailNickname={a})" for a in aliases) + ")"
    result = []
    for side in (lab.source, lab.target):
        found = side.search(flt, ["mailNickname", "targetAddress"])
        result.append({v["mailNickname"][0].decode(): v.get("targetAddress") for _, v in found})
    return {a: (result[0][a], result[1][a]) for a in aliases}


def switched(lab, aliases):
    """How many are; the others must not be, and none both."""
    found = rows(lab, aliases)
    assert all((s is None) != (t is None) for s, t in found.values()), found
    return sum(s is not None for s, _ in found.values())


def test_at_its_time(daemon, lab):
    lines = "Alias;Remark\n# the first night\n\n" + "".join(f"{a};x\n" for a in lab.aliases)
    p = ctl(daemon, "wave", write(lab, lines), "--at", "+3s", "--name", "First night")
    assert p.returncode == 0, p.stderr
    assert "line 1 is taken for a header" in p.stderr
    assert p.stdout.startswith(f"wave 1: switch of {N} mailboxes of link acme-globex at 2")
    assert switched(lab, lab.aliases) == 0
    w = ended(daemon, 1)
    assert switched(lab, lab.aliases) == N
    assert (w["mailboxes"], w["done"], w["failed"]) == (N, N, 0)
    assert w["started"] >= w["at"] and w["name"] == "First night"
    assert [r["line"] for r in w["results"]] == list(range(4, 4 + N))
    assert all(r["result"] == "done" and r["text"] == "" and r["at"] for r in w["results"])
    p = ctl(daemon, "wave", "show", "1")
    assert p.stdout.count("\ndone   CN=Wave wave") == N and "\n  at        20" in p.stdout
    p = ctl(daemon, "wave", "list")
    assert "First night" in p.stdout and " done " in p.stdout
    log = daemon.log().rpartition("wave 1 First night: begins")[2]
    assert f"wave 1 First night: done: {N} of {N} mailboxes" in log
    # A line for each change, as for everything that is written.
    assert log.count("(source): switch: +targetAddress") == N
    assert log.count("(target): switch: -targetAddress") == N


def test_back_now(daemon, lab):
    number = plan(daemon, "\n".join(lab.aliases), "--undo", at="now")
    w = ended(daemon, number)
    assert w["turn"] == "undo" and w["done"] == N
    assert switched(lab, lab.aliases) == 0


def test_forced(daemon, lab):
    """A mailbox that Exchange has not finished fails, unless the wave is forced, which is shown."""
    dn, _ = lab.target.find("(mailNickname=%s)", lab.aliases[0])
    book = lab.target.read(dn)["showInAddressBook"]
    lab.target.modify(dn, showInAddressBook=None)
    assert daemon.ask(verb="resync", object=lab.aliases[0])["status"] == 0
    w = ended(daemon, plan(daemon, lab.aliases[0], at="now"))
    assert (w["done"], w["failed"], w["force"]) == (0, 1, False)
    assert "Exchange has not finished the mailbox" in w["results"][0]["text"]
    w = ended(daemon, plan(daemon, lab.aliases[0], "--force", at="now"))
    assert (w["done"], w["failed"], w["force"]) == (1, 0, True)
    assert "switch, forced" in ctl(daemon, "wave", "show", str(w["id"])).stdout
    assert switched(lab, lab.aliases) == 1
    assert ctl(daemon, "undo-switch", lab.aliases[0]).returncode == 0
    lab.target.modify(dn, showInAddressBook=book)


def test_every_sort_of_name(daemon, lab):
    dns = {r["alias"]: r for r in lab.records().values()}
    a = [dns[x] for x in lab.aliases[:4]]
    lines = (f'"{a[0]["source"]["dn"]}",note\r\n{a[1]["source"]["guid"]}\r\n'
             f'{a[2]["source"]["sid"]},"unused, ""quoted"""\r{lab.aliases[3]}@acme.example')
    number = plan(daemon, b"\xef\xbb\xbf" + lines.encode())
    assert [r["dn"] for r in show(daemon, number)["results"]] == [r["source"]["dn"] for r in a]
    assert ctl(daemon, "wave", "cancel", str(number)).returncode == 0


def test_reschedule_and_cancel(daemon, lab):
    number = plan(daemon, "\n".join(lab.aliases[:3]), at="2099-01-01 22:00Z")
    w = show(daemon, number)
    assert w["state"] == "planned" and w["at"] == "2099-01-01T22:00:00Z" and w["started"] is None
    p = ctl(daemon, "wave", "reschedule", str(number), "--at", "2098-01-01T21:00+01:00")
    assert p.returncode == 0 and "2098-01-01T20:00:00Z" in p.stdout
    assert show(daemon, number)["at"] == "2098-01-01T20:00:00Z"
    p = ctl(daemon, "wave", "cancel", str(number))
    assert p.returncode == 0 and "0 of 3" in p.stdout
    assert show(daemon, number)["state"] == "cancelled"
    for verb in (["cancel", str(number)], ["reschedule", str(number), "--at", "+1h"]):
        p = ctl(daemon, "wave", *verb)
        assert p.returncode == 1 and f"wave {number} is cancelled" in p.stderr
    number = plan(daemon, "\n".join(lab.aliases[:3]))
    assert ctl(daemon, "wave", "reschedule", str(number), "--at", "now").returncode == 0
    assert ended(daemon, number)["done"] == 3
    assert ended(daemon, plan(daemon, "\n".join(lab.aliases[:3]), "--undo", at="now"))["done"] == 3


def test_a_wrong_file_plans_nothing(daemon, lab):
    before = ctl(daemon, "wave", "list").stdout
    other = plan(daemon, lab.aliases[5])
    assert ctl(daemon, "switch", lab.aliases[6]).returncode == 0
    lines = [
        lab.aliases[0], "nobody", lab.aliases[0].upper(), "connie.contact", lab.aliases[5],
        lab.aliases[6], ",without", '"open', '"a"b', "CN=Wave wave01,OU=Staff", "",
        lab.aliases[7], "bad\x01octet", b"latin\xe9", lab.aliases[1],
        f"{lab.aliases[8]}\r{lab.aliases[9]}", f"\t{lab.aliases[10]}", f"{lab.aliases[11]}\r", "\t "]
    text = b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines)
    p = ctl(daemon, "wave", write(lab, text), "--at", "+1h")
    assert p.returncode == 1 and p.stdout == ""
    for line, words in {
            2: "not in the map of link 'acme-globex'", 3: "named twice: line 1 has it",
            4: "it is a contact, not a mailbox", 5: f"it is in wave {other}",
            6: "switched already", 7: "first column is empty", 8: "quote is not closed",
            9: "between the closing quote and the separator", 10: "must be quoted",
            13: "control character", 14: "not UTF-8", 18: "control character"}.items():
        assert any(x.startswith(f"{lab.path('wave.csv')}:{line}: ") and words in x
                   for x in p.stderr.splitlines()), (line, p.stderr)
    assert "nothing was planned: 12 lines" in p.stderr
    p = ctl(daemon, "--json", "wave", lab.path("wave.csv"), "--at", "+1h")
    assert [x["line"] for x in json.loads(p.stdout)["problems"]] == \
        [2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 18]
    for text, words in {
            b"": "names nobody", b"# only\n\n": "names nobody", b"who\n": "names nobody",
            "Alias\nann\n".encode("utf-16"): "save it as CSV in UTF-8"}.items():
        p = ctl(daemon, "wave", write(lab, text), "--at", "+1h")
        assert p.returncode == 1 and words in p.stderr, p.stderr
    p = ctl(daemon, "wave", write(lab, f"{lab.aliases[1]}\n"), "--undo", "--at", "+1h")
    assert p.returncode == 1 and "it is not switched" in p.stderr
    p = ctl(daemon, "wave", lab.path("nowhere.csv"), "--at", "+1h")
    assert p.returncode == 1 and "No such file" in p.stderr
    assert ctl(daemon, "wave", "cancel", str(other)).returncode == 0
    assert ctl(daemon, "wave", "list").stdout.startswith(before)
    assert ctl(daemon, "undo-switch", lab.aliases[6]).returncode == 0
    assert switched(lab, lab.aliases) == 0


def test_bad_times_and_words(daemon, lab):
    path = write(lab, lab.aliases[0])
    count = len(ctl(daemon, "wave", "list").stdout.splitlines())
    for at, words in {"2020-01-01 22:00": "is past", "tomorrow": "is no time",
                      "2099-02-30 22:00": "is in no calendar"}.items():
        p = ctl(daemon, "wave", path, "--at", at)
        assert p.returncode == 2 and words in p.stderr, p.stderr
    year = datetime.date.today().year + 1
    march = max(d for d in range(25, 32) if datetime.date(year, 3, d).weekday() == 6)
    argv = ["--socket", daemon.socket, "wave", path, "--at", f"{year}-03-{march} 02:30"]
    os.environ["TZ"] = "Europe/Berlin"
    try:
        p = lab.galsyncctl(*argv)
        assert p.returncode == 2 and "does not exist" in p.stderr, p.stderr
        assert "T01:30:00+01:00 or" in p.stderr and "T03:30:00+02:00" in p.stderr
    finally:
        del os.environ["TZ"]
    for argv in (["wave"], ["wave", path], ["wave", "cancel"], ["wave", "cancel", "x"],
                 ["wave", "reschedule", "1"], ["wave", "show"], ["wave", "show", "0"],
                 ["wave", path, "--at", "+1h", "--never"], ["wave", "list", "a", "b"]):
        assert ctl(daemon, *argv).returncode == 2, argv
    for name in ("a\x1b[31m", "two\nlines", "x" * 101):
        p = ctl(daemon, "wave", path, "--at", "+1h", "--name", name)
        assert p.returncode == 1 and "without control characters" in p.stderr, name
    p = ctl(daemon, "wave", "show", "4711")
    assert p.returncode == 1 and "there is no wave 4711" in p.stderr
    p = ctl(daemon, "wave", "cancel", "4711")
    assert p.returncode == 1 and "there is no wave 4711" in p.stderr
    p = ctl(daemon, "wave", path, "--at", "+1h", "nolink")
    assert p.returncode == 1 and "there is no link 'nolink'" in p.stderr
    for request in ({"verb": "wave-plan"}, {"verb": "wave-add"}, {"verb": "wave-add", "objects": []},
                    {"verb": "wave-add", "objects": ["x"] * 501}, {"verb": "wave-cancel"},
                    {"verb": "wave-add", "objects": ["x"], "lines": []},
                    {"verb": "wave-reschedule", "wave": 1, "at": "now"},
                    {"verb": "wave-reschedule", "wave": 1, "at": 17}):
        assert not daemon.ask(**request)["ok"], request
    assert len(ctl(daemon, "wave", "list").stdout.splitlines()) == count


def test_in_parts(daemon, lab):
    """The list is kept in the connection, and used up by the plan, whatever its answer is."""
    def ask(stream, **request):
        s.sendall((json.dumps(request) + "\n").encode())
        return json.loads(stream.readline())
    with daemon.connect() as s, s.makefile() as f:
        for i, alias in enumerate(lab.aliases[:3]):
            answer = ask(f, verb="wave-add", objects=[alias])
            assert answer["mailboxes"] == i + 1 and answer["problems"] == []
        assert "goes one way" in ask(f, verb="wave-add", objects=["x"], undo=True)["error"]
        answer = ask(f, verb="wave-add", objects=[lab.aliases[1], 7])
        assert [p["text"] for p in answer["problems"]] == \
            ["it is named twice: line 2 has it", "it is no string"]
        assert "2 of 5" in ask(f, verb="wave-plan")["error"]
        assert "comes first" in ask(f, verb="wave-plan")["error"]
        assert ask(f, verb="wave-add", objects=lab.aliases[:2])["ok"]
        assert "is past" in ask(f, verb="wave-plan", at=1700000000)["error"]
        # A client that goes away in the middle leaves nothing behind.
        assert ask(f, verb="wave-add", objects=lab.aliases[:2])["ok"]
    assert daemon.ask(verb="status")["ok"]


def test_ten_thousand_lines(daemon, lab):
    """Far more than a request may hold: all of them are looked at."""
    path = write(lab, "\n".join(f"nobody-{i:05}@acme.example" for i in range(10000)))
    p = ctl(daemon, "wave", path, "--at", "+1h")
    assert p.returncode == 1 and p.stderr.count("not in the map") == 10000
    assert "nothing was planned: 10000 lines" in p.stderr


def test_one_that_fails_harms_no_other(daemon, lab):
    number = plan(daemon, "\n".join(lab.aliases[:6]))
    assert daemon.ask(verb="pause")["ok"]
    dn, _ = lab.target.find("(mailNickname=%s)", lab.aliases[2])
    address = lab.target.read(dn)["targetAddress"][0]
    lab.target.modify(dn, targetAddress="SMTP:elsewhere@example.org")
    assert ctl(daemon, "wave", "reschedule", str(number), "--at", "now").returncode == 0
    # A paused link waits, and says so.
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused")
    assert "waits: the link is paused" in ctl(daemon, "wave", "list").stdout
    assert show(daemon, number)["state"] == "planned"
    try:
        # The wave is due: it goes before the cycle that would put the target right.
        assert daemon.ask(verb="resume")["ok"]
        w = ended(daemon, number)
    finally:
        assert daemon.ask(verb="resume")["ok"]
    assert (w["done"], w["failed"]) == (5, 1)
    bad = w["results"][2]
    assert bad["result"] == "failed" and "elsewhere@example.org" in bad["text"]
    p = ctl(daemon, "wave", "show", str(number))
    assert p.stdout.count("FAILED") == 1 and "5 done, 1 failed, 0 of 6 left" in p.stdout
    lab.target.modify(dn, targetAddress=address)
    assert daemon.ask(verb="undo-switch", objects=lab.aliases[:2] + lab.aliases[3:6])["ok"]
    assert switched(lab, lab.aliases) == 0


def test_the_daemon_was_away(daemon, lab):
    """Planned before it ends, due while it is away: begun when it is back."""
    number = plan(daemon, "\n".join(lab.aliases), at="+3s")
    assert daemon.end() == 0
    at = datetime.datetime.fromisoformat(show(daemon, number)["at"].replace("Z", "+00:00"))
    assert "would wait: galsyncd does not answer" in ctl(daemon, "wave", "list").stdout \
        or datetime.datetime.now(datetime.timezone.utc) >= at
    wait_for(lambda: datetime.datetime.now(datetime.timezone.utc) >= at, "time stands still")
    p = ctl(daemon, "wave", "cancel", str(number))
    assert p.returncode == 4 and "is galsyncd running?" in p.stderr
    daemon.start()
    assert ended(daemon, number)["done"] == N
    assert switched(lab, lab.aliases) == N


def test_killed_in_the_middle(daemon, lab):
    """SIGKILL again and again while a wave runs: it goes on, and nothing ever loops."""
    number = plan(daemon, "\n".join(lab.aliases), "--undo")
    begun = daemon.log().count(f"wave {number}: begins")
    assert ctl(daemon, "wave", "reschedule", str(number), "--at", "now").returncode == 0
    wait_for(lambda: daemon.log().count(f"wave {number}: begins") > begun
             or show(daemon, number)["state"] == "done", "the wave does not begin")
    for _ in range(4):
        daemon.end(signal.SIGKILL)
        rows_now = rows(lab, lab.aliases)
        assert not any(s and t for s, t in rows_now.values())
        daemon.start()
    w = ended(daemon, number)
    assert w["done"] == N and switched(lab, lab.aliases) == 0


@pytest.mark.parametrize("forest", ["acme", "globex"])
def test_a_dc_is_down_at_its_time(daemon, lab, forest):
    number = plan(daemon, "\n".join(lab.aliases[:4]))
    said = daemon.log().count(f"wave {number}: waits")
    lab.command("dc", "stop", forest)
    try:
        wait_for(lambda: daemon.link()["failing"], "the outage is not noticed", 90)
        assert ctl(daemon, "wave", "reschedule", str(number), "--at", "now").returncode == 0
        w = wait_for(lambda: (x := show(daemon, number))["waits"] and x, "it does not say why", 90)
        assert w["state"] == "planned" and w["started"] is None
        assert "waits: " in ctl(daemon, "wave", "list").stdout
    finally:
        lab.command("dc", "start", forest)
    lab.source.conn = lab.target.conn = None
    w = ended(daemon, number, timeout_s=90)
    assert w["done"] == 4 and w["waits"] == ""
    assert daemon.log().count(f"wave {number}: waits") == said + 1
    number = plan(daemon, "\n".join(lab.aliases[:4]), "--undo", at="now")
    assert ended(daemon, number)["done"] == 4


def test_who_must_move_together(daemon, lab):
    """Asked of the directory as it is: by names, a group in a group, an OU and a filter."""
    ann, bea, cid, *_ = lab.aliases
    dns = {a: f"CN=Wave {a},{lab.special['acme']['mailbox'].split(',', 1)[1]}" for a in lab.aliases}
    lab.source.modify(dns[ann], publicDelegates=dns[bea])
    lab.source.modify(dns[cid], assistant=dns[ann])

    def told(*argv, status=3):
        p = ctl(daemon, "--json", "wave", "suggest", *argv)
        assert p.returncode == status, p.stdout + p.stderr
        return json.loads(p.stdout)
    answer = told("--file", write(lab, f"{ann}\n{lab.aliases[5]}\n"))
    assert (answer["asked"], answer["sets"], answer["splits"]) == (2, 1, 2)
    assert sorted((m["mail"].split("@")[0], m["asked"]) for m in answer["mailboxes"]) == \
        [(ann, True), (bea, False), (cid, False), (lab.aliases[5], True)]
    assert {t["tie"] for t in answer["ties"]} == {"send-on-behalf", "assistant"}
    inner, outer = (f"CN=wave-{name},{lab.source.base}" for name in ("inner", "outer"))
    lab.source.add(inner, objectClass="group", sAMAccountName="wave-inner", member=[dns[ann], dns[bea]])
    lab.source.add(outer, objectClass="group", sAMAccountName="wave-outer", member=[inner, dns[cid]])
    answer = told("--group", outer, status=0)
    assert (answer["asked"], answer["splits"]) == (3, 0)
    assert told("--ou", dns[bea])["asked"] == told("--filter", f"(mailNickname={bea})")["asked"] == 1
    p = ctl(daemon, "wave", "suggest", "--filter", f"(mailNickname={bea})", "--csv", "-")
    assert p.returncode == 3 and p.stdout.startswith("guid,set,mail,dn,why\n"), p.stderr
    assert len(p.stdout.splitlines()) == 4
    p = ctl(daemon, "wave", "suggest", "--filter", f"(mailNickname={bea})")
    assert p.returncode == 3 and f"SPLIT send-on-behalf {ann}@acme.example -> {bea}@" in p.stdout
    for argv, words in ((("--filter", "(mail=*"), "filter"), (("--ou", "nothing"), "is a DN"),
                        (("--group", "x"), "is the DN of a group")):
        p = ctl(daemon, "wave", "suggest", *argv)
        assert p.returncode == 1 and words in p.stderr, p.stderr
    # A wave of the inner group, whose assistant stays; it is planned and taken back.
    p = ctl(daemon, "wave", "--group", inner, "--at", "+1h", "--name", "Inner")
    assert p.returncode == 0 and " of 2 mailboxes " in p.stdout, p.stderr
    number = p.stdout.split()[1].rstrip(":")
    p = ctl(daemon, "wave", "check", number)
    assert p.returncode == 0, p.stdout + p.stderr
    assert f"SPLIT assistant      {cid}@acme.example -> {ann}@acme.example" in p.stdout
    assert json.loads(ctl(daemon, "--json", "wave", "check", number).stdout)["splits"] == 1
    assert ctl(daemon, "wave", "cancel", number).returncode == 0
    p = ctl(daemon, "wave", "--group", f"CN=none,{lab.source.base}", "--at", "+1h")
    assert p.returncode == 1 and "names nobody" in p.stderr
    for alias, attribute in ((ann, "publicDelegates"), (cid, "assistant")):
        lab.source.modify(dns[alias], **{attribute: None})
    for group in (outer, inner):
        lab.source.delete(group)


def test_what_is_left_is_right(daemon, lab):
    p = ctl(daemon, "verify")
    assert p.returncode == 0, p.stdout
    assert switched(lab, lab.aliases) == 0
