# SPDX-License-Identifier: MIT
"""Seen before it is done: plans in every form, saved and applied, and dry runs of a switch."""

import csv
import hashlib
import io
import json
import os
import stat

import pytest
from conftest import wait_for
from test_120_daemon import running
from test_310_wave import add_mailboxes, ctl

N = 12


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    lab.ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    lab.aliases = add_mailboxes(lab, lab.ou, "plan", N)
    lab.full(status=3)
    lab.finish_mailboxes()
    with running(lab) as d:
        assert d.ask(verb="resync")["status"] == 3
        # What is planned and applied here no cycle of its own makes meanwhile.
        assert d.ask(verb="pause")["ok"]
        wait_for(lambda: d.link()["state"] == "paused", "not paused", 60)
        yield d


def source_dn(lab, i):
    return f"CN=Wave {lab.aliases[i]},{lab.ou}"


def target_of(lab, i):
    return lab.target.find("(mailNickname=%s)", lab.aliases[i])


def title_of(lab, i):
    return target_of(lab, i)[1].get("title", [b""])[0].decode()


def save(daemon, name, *args):
    path = daemon.lab.path(name)
    p = ctl(daemon, "plan", "--save", path, *args)
    assert p.returncode == 3, p.stdout + p.stderr
    return path, p


def lines_of(path):
    with open(path, encoding="utf-8") as f:
        return f.readlines()


def write_sealed(path, lines):
    """The lines with a check sum that is right, as who edits the file can make it."""
    text = "".join(lines)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text + json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest()}) + "\n")


def steps_of(path):
    return [json.loads(line)["step"] for line in lines_of(path) if line.startswith('{"step"')]



def test_forms(daemon, lab):
    lab.source.modify(source_dn(lab, 0), title='Chief, "A"')
    dn, _ = target_of(lab, 0)
    ldif = ctl(daemon, "plan")
    assert ldif.returncode == 3
    assert f"dn: {dn}" in ldif.stdout and "add: title" in ldif.stdout
    assert "# conflict (" in ldif.stdout and "# planned 1\n" in ldif.stdout
    diff = ctl(daemon, "plan", "-o", "diff")
    assert diff.returncode == 3
    assert f"modify '{dn}' in globex: project\n  title: + 'Chief, \"A\"'\n" in diff.stdout
    assert "# conflict (" in diff.stdout and "# planned 1\n" in diff.stdout
    rows = list(csv.DictReader(io.StringIO(ctl(daemon, "plan", "-o", "csv").stdout)))
    assert [(r["forest"], r["dn"], r["operation"], r["attribute"], r["old"], r["new"])
            for r in rows if r["record"] == "change"] == \
        [("globex", dn, "modify", "title", "", 'Chief, "A"')]
    assert {"conflict", "count"} <= {r["record"] for r in rows}
    objects = [json.loads(line) for line in ctl(daemon, "plan", "-o", "json").stdout.splitlines()]
    assert objects[0]["galsync_plan"] == 1 and objects[0]["link"] == "acme-globex"
    assert len([o for o in objects if "step" in o]) == 1 and "sha256" in objects[-1]
    assert ctl(daemon, "plan", "-o", "frob").returncode == 2


def test_one_object(daemon, lab):
    lab.source.modify(source_dn(lab, 1), title="Clerk")
    p = ctl(daemon, "plan", "--object", lab.aliases[1], "-o", "diff")
    assert p.returncode == 0, p.stdout + p.stderr
    assert p.stdout.count("modify '") == 1 and "'Clerk'" in p.stdout
    p = ctl(daemon, "plan", "--object", "nobody@acme.example")
    assert p.returncode == 1 and "is not in the map" in p.stderr


def test_apply_makes_the_plan(daemon, lab):
    path, p = save(daemon, "first.plan")
    assert "2 steps are saved" in p.stdout
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    p = ctl(daemon, "plan", "--save", path)
    assert p.returncode == 1 and "exists" in p.stderr.lower()
    assert title_of(lab, 0) == ""
    p = ctl(daemon, "apply", path)
    assert p.returncode == 0, p.stdout + p.stderr
    assert "2 made in cycle " in p.stdout and "0 refused" in p.stdout
    assert title_of(lab, 0) == 'Chief, "A"' and title_of(lab, 1) == "Clerk"
    # Once more does nothing.
    usn = lab.target.usn(), lab.source.usn()
    p = ctl(daemon, "--json", "apply", path)
    answer = json.loads(p.stdout)
    assert p.returncode == 3 and (answer["made"], answer["refused"]) == (0, 2)
    assert all("nothing of it is to be done now" in r["text"] for r in answer["results"])
    assert (lab.target.usn(), lab.source.usn()) == usn


def test_one_that_moved_on_is_refused(daemon, lab):
    for i in (0, 1, 2):
        lab.source.modify(source_dn(lab, i), title=f"Title {i}")
    path, _ = save(daemon, "second.plan")
    lab.target.modify(target_of(lab, 1)[0], title="Another's")
    p = ctl(daemon, "apply", path)
    assert p.returncode == 3
    refused = [line for line in p.stdout.splitlines() if line.startswith("REFUSED")]
    assert len(refused) == 1 and refused[0].startswith(f"REFUSED {target_of(lab, 1)[0]}: ")
    assert "the directory has moved on" in refused[0]
    assert [title_of(lab, i) for i in (0, 1, 2)] == ["Title 0", "Another's", "Title 2"]
    # A cycle finds what is left.
    assert daemon.ask(verb="resync")["status"] == 3
    assert title_of(lab, 1) == "Title 1"


def test_an_edited_file_does_nothing_it_may_not(daemon, lab):
    for i in (0, 1):
        lab.source.modify(source_dn(lab, i), title=f"Again {i}")
    path, _ = save(daemon, "third.plan")
    *lines, checksum = lines_of(path)
    edited = [line.replace('"Again 0"', '"King"') for line in lines]
    assert edited != lines
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(edited + [checksum])
    usn = lab.target.usn(), lab.source.usn()
    p = ctl(daemon, "apply", path)
    assert p.returncode == 1 and "the check sum is another one" in p.stderr
    assert f"third.plan:{len(lines) + 1}" in p.stderr
    admins = f"CN=Domain Admins,CN=Users,{lab.target.base}"
    step = next(line for line in lines if '"Again 0"' in line)
    added = step.replace(target_of(lab, 0)[0], admins).replace('"title"', '"description"')
    write_sealed(path, [line.replace('"Again 0"', '"King"') for line in lines if '"Again 1"' not in
                        line][:-1] + [added] + lines[-1:])
    p = ctl(daemon, "apply", path)
    assert p.returncode == 3 and "0 made" in p.stdout and "2 refused" in p.stdout, p.stdout + p.stderr
    assert (lab.target.usn(), lab.source.usn()) == usn
    # What was taken out is not made, and what was left in is.
    write_sealed(path, [line for line in lines if '"Again 1"' not in line])
    p = ctl(daemon, "apply", path)
    assert p.returncode == 0 and "1 made" in p.stdout and "1 of the present plan" in p.stdout
    assert [title_of(lab, i) for i in (0, 1)] == ["Again 0", "Title 1"]


@pytest.mark.parametrize("text,words", [
    ("", "it is empty"), ("{}\n", "it is no line of a plan"), ("x\n", "it is no JSON object"),
    ('{"galsync_plan":2}\n', "the format is not known")])
def test_what_is_no_plan(daemon, lab, text, words):
    path = lab.path("no.plan")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    p = ctl(daemon, "apply", path)
    assert p.returncode == 1 and words in p.stderr and "no.plan:" in p.stderr


@pytest.mark.parametrize("request_,words", [
    ({"verb": "apply"}, "apply-add"), ({"verb": "apply-add", "steps": []}, "1 to 500"),
    ({"verb": "apply-add", "steps": [{"flow": "forward", "dn": "x", "sha256": "00"}]}, "step 1"),
    ({"verb": "plan", "form": "x"}, "\"form\""), ({"verb": "plan", "object": 7}, "\"object\"")])
def test_bad_requests(daemon, request_, words):
    answer = daemon.ask(**request_)
    assert not answer["ok"] and words in answer["error"]


# ---- dry runs ----

def look(daemon, *args):
    """The status and {alias: (ok, text, {what is not so: why})}."""
    p = ctl(daemon, "--json", *args)
    assert p.returncode in (0, 3), p.stdout + p.stderr
    answer = json.loads(p.stdout)
    assert (p.returncode == 3) == (answer["broken"] > 0 or bool(answer.get("problems")))
    return p.returncode, {r["dn"].partition(",")[0].rpartition(" ")[2]: (r["ok"], r["text"], {
        k: v for k, v in r["checks"].items() if isinstance(v, str)}) for r in answer["results"]}


def broken_things(lab):
    """{number of the mailbox: (what is broken, how, how it is mended)}; what is not there cannot be
    asked for."""
    def target(i, **attrs):
        lab.target.modify(target_of(lab, i)[0], **attrs)

    def source(i, **attrs):
        lab.source.modify(source_dn(lab, i), **attrs)

    def without(values, end):
        return [v for v in values if not v.lower().endswith(end.encode())]

    mail = {i: lab.source.read(source_dn(lab, i))["proxyAddresses"] for i in range(N)}
    there = {i: target_of(lab, i)[1] for i in range(N)}
    return {
        2: ({"stamp"}, lambda: target(2, extensionAttribute15="mine")),
        3: ({"source_mailbox"}, lambda: source(3, homeMDB=None, msExchHomeServerName=None)),
        4: ({"target_mailbox"}, lambda: target(4, homeMDB=None, msExchHomeServerName=None)),
        5: ({"source_address"},
            lambda: source(5, proxyAddresses=without(mail[5], "@redirect.acme.example"))),
        6: ({"target_unique"}, lambda: target(7, proxyAddresses=[
            *there[7]["proxyAddresses"],
            f"smtp:{lab.aliases[6]}@redirect.globex.example".encode()])),
        8: ({"target_x500"}, lambda: target(8, proxyAddresses=[
            v for v in there[8]["proxyAddresses"]
            if not v.endswith(f"/o=Acme/ou=First/cn=Recipients/cn={lab.aliases[8]}".encode())])),
        9: ({"source_redirection"}, lambda: source(9, targetAddress="SMTP:x@third.example")),
        10: ({"target_redirection"}, lambda: target(10, targetAddress="SMTP:x@third.example")),
        11: ({"source_object"}, lambda: lab.source.delete(source_dn(lab, 11))),
    }


def test_dry_runs(daemon, lab):
    """Each precondition is broken on a mailbox of its own, and all are named at once."""
    names = [a for i, a in enumerate(lab.aliases) if i != 1]
    status, found = look(daemon, "switch", "--dry-run", *names)
    assert status == 0 and len(found) == len(names), found
    assert all(ok and not text and not bad for ok, text, bad in found.values()), found
    wave = lab.path("wave.csv")
    with open(wave, "w", encoding="utf-8") as f:
        f.write("\n".join(names) + "\n")
    planned = json.loads(ctl(daemon, "--json", "wave", wave, "--at", "2099-01-01 22:00").stdout)
    usn = lab.target.usn(), lab.source.usn()
    assert look(daemon, "wave", "check", str(planned["wave"])) == (0, found)
    assert (lab.target.usn(), lab.source.usn()) == usn
    want = broken_things(lab)
    # The address of its alias that another object has is not its own any more if it takes it.
    for _, breaks in want.values():
        breaks()
    usn = lab.target.usn(), lab.source.usn()
    for args in (("switch", "--dry-run", *names), ("wave", "check", str(planned["wave"]))):
        status, found = look(daemon, *args)
        assert status == 3
        for i, alias in enumerate(lab.aliases):
            if i in (1, 7):
                continue
            ok, _, bad = found[alias]
            assert set(bad) == want.get(i, (set(),))[0], (alias, found[alias])
            assert ok == (i not in want)
    assert (lab.target.usn(), lab.source.usn()) == usn
    p = ctl(daemon, "switch", "--dry-run", *names)
    assert p.returncode == 3
    head, *rows = p.stdout.splitlines()
    assert head.split()[0] == "MAP" and head.split()[-1] == "MAILBOX"
    assert sum(row.startswith("BROKEN") for row in rows) == len(want)
    assert "       T-BOX: the target object has no mailbox" in p.stdout
    assert rows[-1] == f"{len(names)} checked, {len(want)} broken, 0 switched already"
    # The switch refuses for the same reasons, and what can be switched is told as that.
    p = ctl(daemon, "switch", lab.aliases[4], lab.aliases[0])
    assert p.returncode == 1 and "the target object has no mailbox" in p.stdout
    _, found = look(daemon, "switch", "--dry-run", lab.aliases[0], lab.aliases[4])
    assert found[lab.aliases[0]] == (True, "switched already", {})


def test_dry_run_of_a_file(daemon, lab):
    file = lab.path("list.csv")
    with open(file, "w", encoding="utf-8") as f:
        f.write(f"{lab.aliases[1]}\nnobody@acme.example\n")
    before = ctl(daemon, "--json", "wave", "list").stdout
    p = ctl(daemon, "wave", file, "--dry-run")
    assert p.returncode == 3 and "nobody@acme.example" in p.stdout + p.stderr
    assert "1 checked, 0 broken" in p.stdout
    assert ctl(daemon, "--json", "wave", "list").stdout == before
    p = ctl(daemon, "wave", "check", "77")
    assert p.returncode == 1 and "there is no wave 77" in p.stderr
    p = ctl(daemon, "switch", "--dry-run", "nobody@acme.example")
    assert p.returncode == 1 and "nothing was looked at: 1 of 1" in p.stderr
