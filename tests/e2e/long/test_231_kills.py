# SPDX-License-Identifier: MIT
"""Hundreds of SIGKILLs in the middle of switches, undoes and proxy toggles: GALSYNC_KILLS of them
(200). The seed of a run that failed can be given again as GALSYNC_SEED."""

import os

from conftest import wait_for
from kill_helpers import GROUP, Killer, Observer, Pairs
from test_120_daemon import Daemon

KILLS = int(os.environ.get("GALSYNC_KILLS", "200"))
SEED = os.environ.get("GALSYNC_SEED")


def test_killed_at_any_moment(lab):
    conf = lab.write_conf(lab.conf_text(**{"match = [": f'marker_group = "{GROUP}"; match = ['}))
    lab.full(status=3)
    pairs = Pairs.of_keys(lab)
    daemon = Daemon(lab, conf)
    daemon.start()
    observer = Observer(lab, pairs)
    try:
        killer = Killer(lab, daemon, pairs, SEED and int(SEED))
        killer.run(KILLS)
        looks = observer.looks()
    finally:
        bad = observer.end()
        if daemon.process.poll() is None:
            daemon.end()
    assert not bad, bad[:10]
    print("looks", looks)
    assert looks > KILLS
    # Else it proves little.
    assert killer.count["open"] > KILLS / 4, killer.count
    assert all(killer.count[f"{verb} open"] for verb in ("switch", "undo", "toggle"))


def test_idle_afterwards(lab):
    """Nothing is left to be done."""
    daemon = Daemon(lab, lab.path("test.conf"))
    daemon.start()
    before = lab.source.usn(), lab.target.usn()
    done = daemon.link()["cycles"]
    daemon.ask(verb="resync")
    wait_for(lambda: daemon.link()["cycles"] > done, "no further cycle")
    assert (lab.source.usn(), lab.target.usn()) == before
    assert daemon.end() == 0
