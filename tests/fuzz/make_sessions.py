#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make_sessions.py FOLDER: the corpus of fuzz_session: what a domain controller says in a session.

The answers are made by hand after what Samba and Active Directory say. The number of a message is
the number of the request that it answers; fuzz_session.c says what is asked, in which order.
"""

import os
import sys

SEARCH, READ, CHANGES, WRITES, WATCH = 1, 2, 4, 8, 16
DOMAIN, CONFIG = "DC=acme,DC=example", "CN=Configuration,DC=acme,DC=example"
PAGED, DIRSYNC = "1.2.840.113556.1.4.319", "1.2.840.113556.1.4.841"
GUID = bytes(range(1, 17))


def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 128:
        return bytes((tag, n)) + body
    length = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def number(n, tag=2):
    return tlv(tag, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def text(s):
    return tlv(4, s if isinstance(s, bytes) else s.encode())


def control(oid, value=None):
    return tlv(0x30, text(oid), text(value) if value is not None else b"")


class Session:
    """Messages behind one another. REQUEST is the number of the request being answered."""

    def __init__(self, asks):
        self.octets, self.request = bytes([asks]), 0

    def next(self):
        self.request += 1
        return self

    def message(self, operation, *controls, request=None):
        more = tlv(0xa0, *controls) if controls else b""
        self.octets += tlv(0x30, number(self.request if request is None else request), operation,
                           more)
        return self

    def result(self, tag, code=0, diag="", *controls, request=None):
        return self.message(tlv(tag, number(code, 10), text(""), text(diag)), *controls,
                            request=request)

    def entry(self, dn, request=None, **attrs):
        values = [tlv(0x30, text(name.replace("__", ";").replace("_to_", "-").replace("_is_", "=")),
                      tlv(0x31, *map(text, v if isinstance(v, list) else [v])))
                  for name, v in attrs.items()]
        return self.message(tlv(0x64, text(dn), tlv(0x30, *values)), request=request)

    def done(self, code=0, diag="", *controls):
        return self.result(0x65, code, diag, *controls)

    def page(self, cookie=b""):
        return self.done(0, "", control(PAGED, tlv(0x30, number(0), text(cookie))))

    def dirsync(self, more, cookie):
        return self.done(0, "", control(DIRSYNC, tlv(0x30, number(more), number(0), text(cookie))))

    def usn(self, n):
        return self.next().entry("", highestCommittedUSN=str(n)).done()


def opened(asks, bind=0, diag=""):
    """Bind, rootDSE, the database's id, the other domain controllers, the schema."""
    s = Session(asks)
    s.next().result(0x61, bind, diag)
    if bind:
        return s
    s.next().entry("", dnsHostName="dc1.acme.example", defaultNamingContext=DOMAIN,
                   configurationNamingContext=CONFIG, schemaNamingContext="CN=Schema," + CONFIG,
                   dsServiceName="CN=NTDS Settings,CN=DC1," + CONFIG, highestCommittedUSN="4711",
                   isSynchronized="TRUE", supportedCapabilities=["1.2.840.113556.1.4.800"]).done()
    s.next().entry("CN=NTDS Settings,CN=DC1," + CONFIG, invocationId=GUID).done()
    s.next().entry("CN=NTDS Settings,CN=DC1," + CONFIG, objectGUID=GUID).page()
    s.next().entry("CN=Title,CN=Schema," + CONFIG, lDAPDisplayName="title",
                   attributeSyntax="2.5.5.12", oMSyntax="64", isSingleValued="TRUE",
                   rangeLower="1", rangeUpper="128")
    s.entry("CN=Member,CN=Schema," + CONFIG, lDAPDisplayName="member",
            attributeSyntax="2.5.5.1", oMSyntax="127", isSingleValued="FALSE", linkID="2")
    return s.page()


def user(s, name, **more):
    return s.entry(f"CN={name},OU=Staff,{DOMAIN}", objectGUID=GUID, name=name, title="Chief", **more)


def search():
    """Two pages; a group whose members come in pieces."""
    s = opened(SEARCH)
    user(s.next(), "a")
    s.message(tlv(0x73, text("ldap://other.example/DC=other")))
    user(s, "b").page(b"cookie")
    user(s.next(), "g", member__range_is_0_to_1=["<GUID=1>;CN=a," + DOMAIN, "CN=b," + DOMAIN])
    first = s.request
    user(s.next(), "g", member__range_is_0_to_1=["CN=a," + DOMAIN, "CN=b," + DOMAIN],
         uSNChanged="7").done()
    user(s.next(), "g", member__range_is_2_to_3=["CN=c," + DOMAIN, "CN=d," + DOMAIN],
         uSNChanged="7").done()
    tail = {"member;range=4-*": ["CN=e," + DOMAIN], "uSNChanged": "7"}
    user(s.next(), "g", **tail).done()
    s.request = first
    return s.page()


def reads():
    s = opened(READ)
    user(s.next(), "a").done()
    return s.next().done(32, "0000208D: NameErr: DSID-0310028B, problem 2001 (NO_OBJECT)")


def changes():
    """The cookie of now, and then two rounds: a new member, a rename, a deletion."""
    s = opened(CHANGES).usn(4711)
    s.next().dirsync(0, b"MSDS\3\0\0\0one").usn(4720)
    user(s.next(), "a").entry("CN=g," + DOMAIN, objectGUID=GUID,
                              **{"member;range=1-1": "CN=a," + DOMAIN})
    s.dirsync(1, b"MSDS\3\0\0\0two")
    s.next().entry("CN=b\\0ADEL:1,CN=Deleted Objects," + DOMAIN, objectGUID=GUID, isDeleted="TRUE",
                   name="b")
    return s.dirsync(0, b"MSDS\3\0\0\0three")


def changes_by_usn():
    """DirSync is refused for want of the right."""
    s = opened(CHANGES).usn(4711)
    s.next().done(50, "no right").usn(4720)
    return user(s.next(), "a").page()


def bad_cookie():
    s = opened(CHANGES).usn(4711)
    s.next().dirsync(0, b"one").usn(4720)
    return s.next().done(12, "00002014: SvcErr").next().dirsync(0, b"two")


def writes():
    s = opened(WRITES)
    s.next().result(0x67)
    return s.next().result(0x67, 50, "00002098: SecErr: DSID-03150F94, problem 4003")


def watch():
    s = opened(WATCH | WRITES).next()
    note = s.request
    s.usn(4711).entry("CN=a," + DOMAIN, request=note, objectGUID=GUID)
    s.next()                        # the end of the watch is not answered
    s.next().result(0x67)
    return s.next().result(0x67, 51, "busy")


def disconnected():
    """A notice of disconnection (RFC 4511 section 4.4.1) in the middle of a search."""
    s = opened(SEARCH | READ)
    user(s.next(), "a")
    return s.message(tlv(0x78, number(52, 10), text(""), text("going down"),
                         tlv(0x8a, b"1.3.6.1.4.1.1466.20036")), request=0)


def control_without_value():
    """In the answers to a search and to DirSync."""
    s = opened(SEARCH | CHANGES)
    s.next().done(0, "", control(PAGED)).usn(4711)
    return s.next().done(0, "", control(DIRSYNC))


def empty_control():
    s = opened(SEARCH | CHANGES)
    s.next().done(0, "", control(PAGED, "")).usn(4711)
    return s.next().done(0, "", control(DIRSYNC, ""))


def all_of_it():
    s = search()
    s.octets = bytes([SEARCH | READ | CHANGES]) + s.octets[1:]
    s.request += 3
    user(s.next(), "a").done()
    user(s.next(), "a").done().usn(4711)
    return s.next().dirsync(0, b"one").usn(4711)


SESSIONS = {
    "search": search, "reads": reads, "changes": changes, "changes-by-usn": changes_by_usn,
    "bad-cookie": bad_cookie, "writes": writes, "watch": watch, "disconnected": disconnected,
    "control-without-value": control_without_value, "empty-control": empty_control,
    "all": all_of_it,
    "bad-password": lambda: opened(0, 49, "80090308: LdapErr: DSID-0C09044E, data 52e, v4563"),
    "opened": lambda: opened(SEARCH | READ | CHANGES | WRITES | WATCH),
}

for file, make in SESSIONS.items():
    with open(os.path.join(sys.argv[1], file), "wb") as out:
        out.write(make().octets)
