# SPDX-License-Identifier: MIT
"""galsync-portal over two real forests, in a real browser, while a wave runs."""

import csv
import io
import json
import os

import pytest
from conftest import wait_for
from portal_helpers import ARTIFACTS, portal
from test_120_daemon import running
from test_310_wave import add_mailboxes, plan, show
from webdriver import clean, fixture_web  # noqa: F401 pylint: disable=unused-import


@pytest.fixture(scope="module", name="live")
def fixture_live(lab, tmp_path_factory):
    """(portal, daemon) over the lab's forests."""
    ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    lab.aliases = add_mailboxes(lab, ou, "portal", 3)
    lab.full(status=3)
    lab.finish_mailboxes()
    with running(lab) as d, portal(str(tmp_path_factory.mktemp("live")), "-c",
                                   lab.path("galsync.conf"), "--socket", d.socket,
                                   "--no-token") as p:
        yield p, d


def test_follows_a_wave_live(live, web):
    p, daemon = live
    alias = daemon.lab.aliases[0]
    web.open(p.address + "/")
    verdict, state = web.texts("#links .state")
    assert state in ("idle", "running") and verdict == "ATTENTION"      # there are conflicts
    assert not web.find_all(".warning")
    web.open(f"{p.address}/mailboxes?q={alias}")
    web.click("#list tbody th a")
    wait_for(lambda: "/mailbox/" in web.url(), "the link leads nowhere")
    # Parts load by themselves: both directories, attribute by attribute.
    wait_for(lambda: web.find_all("#explained") and web.find_all("#checked") and
             web.find_all("section[data-part=way] table"), "the directories' word does not come")
    assert f"Wave {alias}" in web.text("#explained") and alias in web.text("#way")
    assert "source" in web.text(".facts")
    number = plan(daemon, "\n".join(daemon.lab.aliases), at="+1s")
    # Nobody presses anything.
    wait_for(lambda: "done" in web.run(
        "return [...document.querySelectorAll('#steps tr')]"
        ".find(r => r.cells[0].innerText === 'switched').cells[1].innerText"),
             "the page does not follow")
    assert web.find_all(f"#waves a[href='/wave/{number}']")
    assert "targetAddress" in web.text("#history")
    wait_for(lambda: show(daemon, number)["state"] == "done", "the wave does not end")
    web.open(f"{p.address}/wave/{number}")
    wait_for(lambda: web.attribute("#wave-progress", "value") == "3", "the wave is not over")
    assert web.texts("#members .state") == ["done"] * 3
    web.screenshot(os.path.join(ARTIFACTS, "portal-wave.png"))
    clean(web, p.address)


def test_finds_by_display_name(live, web):
    """Which the map does not have. Who is in the map has a page, in whichever forest it was found."""
    p, daemon = live
    lab = daemon.lab
    # Both are what the source says of them: they are not switched.
    lab.source.modify(lab.special["acme"]["mailbox"], displayName="Zuzanna <b>")
    lab.source.modify(lab.special["acme"]["leading-hash"], displayName="Zuzu",
                      givenName="Zuzannah")
    web.open(f"{p.address}/mailboxes?q=zuzanna")
    assert web.text("nav.turn").startswith("0 found")
    wait_for(lambda: web.find_all("#found"), "nobody is found")
    assert sorted(web.texts("#found tbody th")) == ["Zuzanna <b>", "Zuzu"]
    assert "asked at 2" in web.text("section[data-part=found] .asked")
    web.click("#found tbody th a")
    wait_for(lambda: "/mailbox/" in web.url(), "the link leads nowhere")
    o = json.loads(p.get("/api/mailboxes/found?q=zuzanna&link=acme-globex"))
    assert len(o["items"]) == 2 and not o["more"] and not o["errors"] and o["at"]
    rows = list(csv.DictReader(io.StringIO(p.get("/mailboxes/found.csv?q=zuzanna"))))
    assert {r["name"] for r in rows} == {"Zuzanna <b>", "Zuzu"}
    # A name of one letter is refused by the daemon, and a link that there is not finds nobody.
    assert "begins" in json.loads(p.get("/api/mailboxes/found?q=z"))["errors"][0]
    assert json.loads(p.get("/api/mailboxes/found?q=zuzanna&link=none"))["items"] == []
    clean(web, p.address)


def test_members_of_a_group(live, web):
    """Both sides as the directories have them, and each member leads to its page."""
    p, daemon = live
    lab = daemon.lab
    guid = json.loads(p.get("/api/groups?q=case.group@acme.example"))["items"][0]["guid"]
    web.open(f"{p.address}/mailbox/{guid}")
    wait_for(lambda: web.find_all("section[data-part=members] table"), "no member comes")
    assert "asked at 2" in web.text("section[data-part=members] .asked")
    o = json.loads(p.get(f"/api/mailbox/{guid}/members"))
    _, group = lab.source.find("(proxyAddresses=SMTP:case.group@acme.example)", attrs=["member"])
    wanted = sorted(m.decode() for m in group["member"])
    assert sorted(i["source"] for i in o["items"] if i["result"] != "target") == wanted
    assert o["forests"][0]["members"] == len(wanted) and all(f["there"] for f in o["forests"])
    assert o["both"] == sum(i["result"] == "both" for i in o["items"]) > 0
    _, there = lab.target.find("(proxyAddresses=SMTP:case.group@acme.example)", attrs=["member"])
    assert o["both"] <= len(there["member"]) == o["forests"][1]["members"]
    rows = list(csv.DictReader(io.StringIO(p.get(f"/mailbox/{guid}/members.csv"))))
    assert len(rows) == o["found"] == len(web.texts("#members tbody tr"))
    web.click("#members tbody th a")
    wait_for(lambda: "/mailbox/" in web.url() and guid not in web.url(), "no member has a page")
    # What is no group has none, and no section of them.
    person = next(i for i in o["items"] if i["kind"] == "user")
    web.open(f"{p.address}/mailbox/{person['guid']}")
    assert web.find_all("section[data-part]")
    assert not web.find_all("section[data-part=members]")
    wait_for(lambda: not web.find_all("a.ask"), "the parts do not end")
    clean(web, p.address)


def test_metrics_are_those_of_the_map(live):
    p, daemon = live
    status, headers, body = p.ask("GET", "/metrics")
    assert status == 200 and headers["content-type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    records = len(daemon.lab.records())
    assert f'"acme-globex"' in body.decode() and f" {records}\n" in body.decode()
