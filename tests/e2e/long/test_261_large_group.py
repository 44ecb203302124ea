# SPDX-License-Identifier: MIT
"""A group with more members than a server gives in one answer or takes in one request."""

import ldap
from galsynclab.lab import STAFF_OU
from test_117_group_details import add_group, delta, silent, there

MANY = 5100


def test_thousands_of_members(lab):
    """One more, or one less, is one value that is written."""
    ou = f"OU=Many,{STAFF_OU}"
    lab.source.add(ou, objectClass="organizationalUnit")
    names = [f"CN=many{n},{ou}" for n in range(MANY)]
    for n, dn in enumerate(names):
        alias = f"many{n}"
        lab.source.add(dn, objectClass="contact", mailNickname=alias,
                       mail=f"{alias}@acme.example", targetAddress=f"SMTP:{alias}@x.example",
                       proxyAddresses=f"SMTP:{alias}@acme.example",
                       legacyExchangeDN=f"/o=Acme/ou=First/cn=Recipients/cn={alias}")
    group = add_group(lab.source, "Thousands", "thousands")
    for n in range(0, MANY - 1, 1000):
        lab.source.change(group, (ldap.MOD_ADD, "member",
                                  [dn.encode() for dn in names[n:min(n + 1000, MANY - 1)]]))
    lab.full(status=3)
    name, _ = there(lab, group)

    def count():
        return len(lab.target.search(f"(memberOf={name})", ["cn"]))

    assert count() == MANY - 1
    # So many changes, its own, are too many for a delta.
    lab.full(status=3)
    usn = lab.target.usn()
    lab.source.change(group, (ldap.MOD_ADD, "member", [names[-1].encode()]))
    delta(lab)
    assert count() == MANY
    # A linked value moves the USN by itself: one was written, and nothing else.
    assert lab.target.usn() - usn <= 2
    usn = lab.target.usn()
    lab.source.change(group, (ldap.MOD_DELETE, "member", [names[7].encode()]))
    delta(lab)
    assert count() == MANY - 1
    assert lab.target.usn() - usn <= 2
    silent(lab)
