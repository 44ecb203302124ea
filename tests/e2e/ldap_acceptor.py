# SPDX-License-Identifier: MIT
"""ldap_acceptor.py ADDRESS PORT CERTIFICATE KEY DIGEST: an LDAPS server that demands of a Kerberos
bind, as a domain controller with LdapEnforceChannelBinding = 2 does, that it is tied to the TLS
channel that ends here (tls-server-end-point of RFC 5929, with the DIGEST of the certificate's
signature). Who is, is taken and then told so; who is not is refused in AD's words. It says "ready"
when it listens. The key of its service is in KRB5_KTNAME."""

import ctypes
import hashlib
import ssl
import sys

from ldap_refusal import message_number, serve_all, tlv

SUCCESS, SASL_BIND_IN_PROGRESS, INVALID_CREDENTIALS, UNWILLING = 0, 14, 49, 53
BIND, UNBIND = 0x60, 0x42
ANSWER = {BIND: 0x61, 0x63: 0x65, 0x77: 0x78}       # and of searches and extended operations
BOUND = "taken: the bind is tied to the channel"
REFUSED = {"bindings": "80090346: LdapErr: DSID-0C0905F0, comment: AcceptSecurityContext error, "
                       "data 80090346, v4563",
           "other": "80090308: LdapErr: DSID-0C0905F0, comment: AcceptSecurityContext error, "
                    "data 52e, v4563"}

# GSSAPI (RFC 2744)

GSS_S_CONTINUE_NEEDED, GSS_S_BAD_BINDINGS = 1, 4 << 16
# What MIT Kerberos answers if the initiator has sent bindings and they were right. Without bindings
# of the initiator it accepts, and only this tells.
GSS_C_CHANNEL_BOUND_FLAG = 2048
NO_LAYER = bytes([1, 0, 0, 0])                      # RFC 4752 section 3.2


class Buffer(ctypes.Structure):
    _fields_ = [("length", ctypes.c_size_t), ("value", ctypes.c_void_p)]

    @classmethod
    def of(cls, octets):
        buffer = cls(len(octets), ctypes.cast(ctypes.c_char_p(octets), ctypes.c_void_p))
        buffer.kept = octets
        return buffer

    def octets(self):
        return ctypes.string_at(self.value, self.length) if self.value else b""


class Bindings(ctypes.Structure):
    _fields_ = [("initiator_type", ctypes.c_uint32), ("initiator", Buffer),
                ("acceptor_type", ctypes.c_uint32), ("acceptor", Buffer), ("data", Buffer)]


gss = ctypes.CDLL("libgssapi_krb5.so.2")


class Refused(Exception):
    pass


class Context:
    """The acceptor's end of a security context."""

    def __init__(self, bindings):
        self.bindings, self.handle, self.flags = bindings, ctypes.c_void_p(), ctypes.c_uint32()
        self.complete = False

    def accept(self, token):
        """The token that answers TOKEN."""
        minor, out = ctypes.c_uint32(), Buffer()
        major = gss.gss_accept_sec_context(
            ctypes.byref(minor), ctypes.byref(self.handle), None, ctypes.byref(Buffer.of(token)),
            ctypes.byref(self.bindings), None, None, ctypes.byref(out), ctypes.byref(self.flags),
            None, None)
        if major not in (0, GSS_S_CONTINUE_NEEDED):
            raise Refused("bindings" if major == GSS_S_BAD_BINDINGS else "other")
        self.complete = major == 0
        if self.complete and not self.flags.value & GSS_C_CHANNEL_BOUND_FLAG:
            raise Refused("bindings")
        return out.octets()

    def wrap(self, octets):
        minor, out = ctypes.c_uint32(), Buffer()
        if gss.gss_wrap(ctypes.byref(minor), self.handle, 0, 0, ctypes.byref(Buffer.of(octets)),
                        None, ctypes.byref(out)):
            raise Refused("other")
        return out.octets()

    def unwrap(self, octets):
        minor, out = ctypes.c_uint32(), Buffer()
        if gss.gss_unwrap(ctypes.byref(minor), self.handle, ctypes.byref(Buffer.of(octets)),
                          ctypes.byref(out), None, None):
            raise Refused("other")
        return out.octets()


def endpoint(certificate, digest):
    """Nothing but the application data: no addresses (RFC 5056, as AD and libldap do)."""
    with open(certificate, encoding="ascii") as f:
        der = ssl.PEM_cert_to_DER_cert(f.read())
    data = b"tls-server-end-point:" + hashlib.new(digest, der).digest()
    return Bindings(0, Buffer(), 0, Buffer(), Buffer.of(data))


# LDAP

def parts(octets):
    """The elements that follow each other: [(tag, body)]."""
    found = []
    while octets:
        tag, size, at = octets[0], octets[1], 2
        if size & 0x80:
            at += size & 0x7f
            size = int.from_bytes(octets[2:at], "big")
        found.append((tag, octets[at:at + size]))
        octets = octets[at + size:]
    return found


def messages(conn):
    """What the client sends, one whole message after the other."""
    stream = conn.makefile("rb")
    while head := stream.read(2):
        more = stream.read(head[1] & 0x7f) if head[1] & 0x80 else b""
        size = int.from_bytes(more, "big") if more else head[1]
        yield head + more + stream.read(size)


def sasl_steps(context, mechanism):
    """The answers of one bind, each to the credentials that it is sent."""
    token = yield
    while True:
        answer = context.accept(token)
        if context.complete:
            break
        token = yield SASL_BIND_IN_PROGRESS, answer
    if mechanism == b"GSSAPI":
        if answer:
            yield SASL_BIND_IN_PROGRESS, answer
        choice = context.unwrap((yield SASL_BIND_IN_PROGRESS, context.wrap(NO_LAYER)))
        if choice[:1] != NO_LAYER[:1]:
            raise Refused("other")
        answer = b""
    yield SUCCESS, answer


def result(request, tag, code, text="", credentials=b""):
    extra = [tlv(0x87, credentials)] if credentials else []
    body = tlv(ANSWER[tag], tlv(10, bytes([code])), tlv(4), tlv(4, text.encode()), *extra)
    return tlv(0x30, message_number(request), body)


def serve(conn, bindings):
    steps = None
    for request in messages(conn):
        _, (tag, body), *_ = parts(parts(request)[0][1])
        if tag == UNBIND:
            return
        if tag != BIND:
            conn.sendall(result(request, tag, UNWILLING, BOUND))
            continue
        (_, mechanism), *credentials = parts(parts(body)[2][1])
        if not steps:
            steps = sasl_steps(Context(bindings), mechanism)
            next(steps)
        try:
            code, answer = steps.send(credentials[0][1] if credentials else b"")
            conn.sendall(result(request, tag, code, credentials=answer))
        except Refused as e:
            conn.sendall(result(request, tag, INVALID_CREDENTIALS, REFUSED[e.args[0]]))
            steps = None


def main(address, port, certificate, key, digest):
    bindings = endpoint(certificate, digest)
    serve_all(address, port, certificate, key, lambda conn: serve(conn, bindings))


if __name__ == "__main__":
    main(*sys.argv[1:])
