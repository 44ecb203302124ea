# SPDX-License-Identifier: MIT
"""A value of others where the stamp belongs: never lost, reported, and over when it is gone."""

import json

import pytest

from badinput_helpers import conf, refused

STAMP = "extensionAttribute15"
HR = b"HR-4711"


def delta(lab):
    p = lab.galsyncd("--once")
    assert p.returncode == 3, f"status {p.returncode}\n{p.stdout}\n{p.stderr}"
    assert "delta synchronization" in p.stdout, p.stdout + p.stderr
    return p


def conflict(lab, key):
    """The conflict of a populated source object, or None."""
    p = lab.galsyncctl("--json", "conflicts")
    found = [c for c in json.loads(p.stdout) if c["source_dn"] == lab.special["acme"][key]]
    return found[0] if found else None


KEYS = ["mail-match", "group-match", "contact-match"]


def test_before_the_first_match(lab):
    dns = {key: lab.special["globex"][key] for key in KEYS}
    for dn in dns.values():
        lab.target.modify(dn, **{STAMP: HR})
    before = {key: lab.target.read(dn) for key, dn in dns.items()}
    p = lab.full(status=3)
    assert f"{STAMP}=HR-4711" in p.stderr + p.stdout
    assert "HR-4711" in lab.galsyncctl("conflicts").stdout
    for key, dn in dns.items():
        c = conflict(lab, key)
        assert (c["reason"], c["what"], c["candidates"]) == ("stamp", f"{STAMP}=HR-4711", [dn])
        assert "stamp_attribute" in c["help"]
        lab.source.modify(lab.special["acme"][key], telephoneNumber="+1 4711")
    delta(lab)
    lab.full(status=3)
    for key, dn in dns.items():
        assert lab.target.read(dn) == before[key], "nothing at all was written"
        assert conflict(lab, key)["reason"] == "stamp"
        lab.target.modify(dn, **{STAMP: None})
    delta(lab)
    for key, dn in dns.items():
        after = lab.target.read(dn)
        assert after[STAMP][0].startswith(b"galsync:matched:")
        assert after["telephoneNumber"] == [b"+1 4711"]
        assert conflict(lab, key) is None


def test_upon_a_counterpart(lab):
    """Put over the stamp of an object that is synchronized already."""
    dn, source_dn = lab.special["globex"]["mail-match"], lab.special["acme"]["mail-match"]
    lab.full(status=3)
    assert lab.target.read(dn)[STAMP][0].startswith(b"galsync:matched:")
    lab.target.modify(dn, **{STAMP: HR})
    lab.source.modify(source_dn, title="Later")
    delta(lab)
    assert conflict(lab, "mail-match")["reason"] == "stamp"
    lab.full(status=3)
    target = lab.target.read(dn)
    assert target[STAMP] == [HR]
    assert target.get("title") != [b"Later"]
    lab.target.modify(dn, **{STAMP: None})
    lab.full(status=3)
    target = lab.target.read(dn)
    assert target[STAMP][0].startswith(b"galsync:matched:")
    assert target["title"] == [b"Later"]
    assert conflict(lab, "mail-match") is None


@pytest.mark.parametrize("attribute,args,words", [
    ("displayName", ("-t",), ["forests[1].stamp_attribute: 'displayName' is read or written"]),
    ("description", ("--once", "--full"),
     ["stamp_attribute: 'description' of forest 'globex' takes several values; allowed: a "
      "single-valued Unicode string attribute that takes 80 characters"]),
    ("employeeID", ("--once", "--full"),
     ["stamp_attribute: 'employeeID' of forest 'globex' is too short"]),
    ("instanceType", ("--once", "--full"),
     ["stamp_attribute: 'instanceType' of forest 'globex' cannot be written"]),
], ids=["used", "several-values", "short", "read-only"])
def test_attribute_that_cannot_hold_a_stamp(lab, tmp_path, attribute, args, words):
    file = conf(lab, tmp_path, globex={"extra": f'stamp_attribute = "{attribute}";'})
    refused(lab, file, "galsync.conf:", *words, args=args)


@pytest.mark.parametrize("args", [("--once", "--full"), ("--once",)], ids=["full", "delta"])
def test_another_attribute_later(lab, args):
    """After a synchronization, too, one that cannot hold a stamp is refused before anything is written."""
    own = 'redirect_domain = "redirect.globex.example";'
    lab.full(status=3)
    lab.source.modify(lab.special["acme"]["mail-match"], title="Not written")
    file = lab.write_conf(lab.conf_text(**{own[:-1]: f'stamp_attribute = "description"; {own[:-1]}'}))
    refused(lab, file, "test.conf:", "takes several values", args=args)


def test_marker_beside_the_stamp(lab, tmp_path):
    file = conf(lab, tmp_path, link=f'marker_attribute = "{STAMP}";')
    refused(lab, file, "marker_attribute:", f"'{STAMP}' carries the stamp in forest 'acme'",
            "allowed: another attribute", args=("-t",))
