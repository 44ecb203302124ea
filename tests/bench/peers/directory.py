# SPDX-License-Identifier: MIT
"""What both peers have in common: two directories, what is copied, and what a contact for a source
object looks like. They are honest scripts of the kind that administrators write: they find what
they made by a stamp, write what differs, and do no more.

What they do not do, and galsync does: match existing objects, adopt, rename, follow moves, find that
an object has left from one that could not be read, translate references and groups, look for who
holds an address or a name, keep what others wrote, limit damage, remember, undo, redirect mail.
"""

import os

import ldap
import ldap.controls
import ldap.sasl

STAMP = "extensionAttribute15"
COPIED = ["displayName", "givenName", "sn", "title", "department", "company", "l", "st", "c", "co",
          "postalCode", "streetAddress", "telephoneNumber", "mobile", "facsimileTelephoneNumber",
          "physicalDeliveryOfficeName", "mailNickname"]
READ = ["objectGUID", "mail", *COPIED]
FILTER = "(&(objectClass=user)(mailNickname=*)(mail=*))"
PAGE = 1000


class Directory:
    """One side, bound by the ticket in the cache CACHE."""

    def __init__(self, uri, cache):
        os.environ["KRB5CCNAME"] = cache
        self.conn = ldap.initialize(uri)
        self.conn.set_option(ldap.OPT_REFERRALS, 0)
        self.conn.set_option(ldap.OPT_X_SASL_NOCANON, True)
        self.conn.sasl_interactive_bind_s("", ldap.sasl.gssapi())

    def read_all(self, base, filterstr, attrs):
        """{DN: attributes} of everything, in pages."""
        control = ldap.controls.SimplePagedResultsControl(True, PAGE, "")
        found = {}
        while True:
            number = self.conn.search_ext(base, ldap.SCOPE_SUBTREE, filterstr, attrs,
                                          serverctrls=[control])
            _, rows, _, controls = self.conn.result3(number)
            found.update((dn, values) for dn, values in rows if dn)
            cookie = [c.cookie for c in controls if c.controlType == control.controlType]
            if not cookie or not cookie[0]:
                return found
            control.cookie = cookie[0]


def stamp_of(source):
    return b"peer:" + source["objectGUID"][0].hex().encode()


def wanted(source):
    """The attributes of the contact for a source object."""
    values = {a: source[a] for a in COPIED if a in source}
    values[STAMP] = [stamp_of(source)]
    values["mail"] = source["mail"]
    values["targetAddress"] = [b"SMTP:" + source["mail"][0]]
    values["proxyAddresses"] = [b"SMTP:" + source["mail"][0]]
    return values


def name_of(source, ou):
    return f"CN=peer-{source['objectGUID'][0].hex()},{ou}"


def addition(source):
    return [("objectClass", [b"contact"]), *wanted(source).items()]


def difference(have, want):
    """What makes HAVE into WANT, of the attributes that are copied."""
    names = [*COPIED, "mail", "targetAddress", "proxyAddresses"]
    return [(ldap.MOD_REPLACE, a, want.get(a)) for a in names
            if sorted(have.get(a, [])) != sorted(want.get(a, []))]
