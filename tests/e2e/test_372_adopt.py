# SPDX-License-Identifier: MIT
"""An estate of another migration tool: planned, adopted, synchronized; its values stay."""

import json

import pytest
from galsynclab.lab import ACME, GLOBEX, PEOPLE_OU, STAFF_OU
from test_120_daemon import running

STAMP, KEY, STATE = "extensionAttribute7", "extensionAttribute15", "extensionAttribute13"
# The account of the lab may write the default attribute of the mark.
ADOPT = f'adopt = ( {{ tool = "qmm"; keep = [ "{STATE}" ]; }} );'
ACTIVE, SWITCHED, TWICE = 1, 2, 3


def person(forest, parent, number, key, proxies, **more):
    alias = f"{'s' if forest is ACME else 't'}tool{number}"
    return f"CN=Tool {alias},{parent}", {
        "objectClass": "user", "sAMAccountName": alias, "userAccountControl": "514",
        "displayName": alias, "mailNickname": alias, "mail": f"{alias}@{forest.domain}",
        "proxyAddresses": [f"SMTP:{alias}@{forest.domain}", *proxies],
        "legacyExchangeDN": f"{forest.admin_group}/cn=Recipients/cn={alias}",
        "homeMDB": forest.databases[0], "msExchHomeServerName": forest.home_server,
        "msExchRecipientTypeDetails": "1", "msExchRecipientDisplayType": "1073741824",
        KEY: f"{key:032X}", STATE: f"ID{alias}/CF:0", **more}


class Estate:
    def __init__(self, lab):
        self.lab, self.source, self.target = lab, {}, {}
        for n in ACTIVE, SWITCHED, TWICE:
            self.add(lab.source, self.source, n, person(
                ACME, STAFF_OU, n, n, [f"smtp:stool{n}@source.qmm"],
                **({"targetAddress": f"SMTP:stool{n}@target.qmm"} if n == SWITCHED else {})))
        for n, key in (ACTIVE, ACTIVE), (SWITCHED, SWITCHED), (TWICE, TWICE), (4, TWICE):
            self.add(lab.target, self.target, n, person(
                GLOBEX, PEOPLE_OU, n, key, [f"smtp:stool{n}@target.qmm"],
                **({"targetAddress": f"SMTP:stool{n}@source.qmm"} if n == ACTIVE else {})))

    @staticmethod
    def add(side, dns, number, what):
        dns[number], attrs = what
        side.add(dns[number], **attrs)

    def values(self):
        """What the tool has on both sides."""
        return [(dn, e[KEY], e[STATE])
                for side, dns in ((self.lab.source, self.source), (self.lab.target, self.target))
                for dn, e in ((dn, side.read(dn)) for dn in dns.values())]


@pytest.fixture(scope="module", name="estate")
def fixture_estate(lab):
    return Estate(lab)


def test_plan_adopt_synchronize(lab, estate):
    conf = lab.write_conf(lab.conf_text(**{
        'mail_domains = [ "globex.example" ];':
            f'mail_domains = [ "globex.example" ]; stamp_attribute = "{STAMP}";',
        'name = "acme-globex";': f'name = "acme-globex"; {ADOPT}'}))
    values = estate.values()
    with running(lab, conf) as daemon:
        def ctl(*args):
            return lab.galsyncctl("--socket", daemon.socket, *args, conf=conf)

        # Nothing gets in the way of the adoption.
        waiting = {c["source_dn"] for c in json.loads(ctl("--json", "conflicts").stdout)
                   if c["reason"] == "adopt"}
        assert waiting == set(estate.source.values())
        before = lab.source.usn(), lab.target.usn(), lab.records()
        plan = ctl("adopt", "--plan")
        assert plan.returncode == 3, plan.stdout + plan.stderr
        assert "2 pairs would be adopted: of 1 the source is active, of 1 the target" in plan.stdout
        assert f"NOT ADOPTED qmm {TWICE:032X}: several objects of one side" in plan.stdout
        for number in TWICE, 4:
            assert estate.target[number] in plan.stdout
        adopted = ctl("adopt")
        assert adopted.returncode == 3, adopted.stdout + adopted.stderr
        assert "2 pairs are adopted" in adopted.stdout
        assert (lab.source.usn(), lab.target.usn()) == before[:2]
        assert len(lab.records()) == len(before[2]) + 2
        ctl("resync")
        again = json.loads(ctl("--json", "adopt", "--plan").stdout)
        assert again["summary"]["by_verdict"] == {"known": 2, "several": 1}
        found = json.loads(ctl("--json", "verify", estate.source[ACTIVE],
                               estate.source[SWITCHED]).stdout)
        assert found["results"] == []
    source = {n: lab.source.read(dn) for n, dn in estate.source.items()}
    target = {n: lab.target.read(dn) for n, dn in estate.target.items()}
    assert estate.values() == values
    assert target[ACTIVE]["targetAddress"] == [b"SMTP:stool1@redirect.acme.example"]
    assert "targetAddress" not in source[ACTIVE]
    assert source[SWITCHED]["targetAddress"] == [b"SMTP:stool2@redirect.globex.example"]
    assert "targetAddress" not in target[SWITCHED]
    assert target[ACTIVE][STAMP][0].endswith(b":source")
    assert target[SWITCHED][STAMP][0].endswith(b":target")
    assert STAMP not in target[TWICE] and STAMP not in target[4]
    before = lab.source.usn(), lab.target.usn()
    lab.full(status=3, conf=conf)
    assert (lab.source.usn(), lab.target.usn()) == before
