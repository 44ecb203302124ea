# SPDX-License-Identifier: MIT
"""SIGKILL in the middle of switches and undoes while mail flows, and the map is lost each time:
GALSYNC_LOSSES of them (50). Every message lands once, in the mailbox in use."""

import os

# The fixtures and the traffic are those of the short test.
# pylint: disable=unused-import
from test_300_mail import (fixture_daemon, fixture_groups, fixture_mail, fixture_people,  # noqa: F401
                           kill_while_mail_flows)
from mail_helpers import finish, flow_targets, flowing

LOSSES = int(os.environ.get("GALSYNC_LOSSES", "50"))


def test_killed_and_the_map_lost(mail, daemon, people, groups, lab):
    with flowing(mail, flow_targets(people, groups[:2])) as flows:
        kill_while_mail_flows(lab, daemon, mail, people, flows, LOSSES, True)
        count = finish(mail, flows)
    print(dict(count))
    assert count["either"]
