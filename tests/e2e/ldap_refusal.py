# SPDX-License-Identifier: MIT
"""ldap_refusal.py ADDRESS PORT CERTIFICATE KEY CODE TEXT: an LDAPS server that answers each bind
with the result CODE and TEXT. It says "ready" when it listens."""

import socket
import ssl
import sys


def tlv(tag, *parts):
    body = b"".join(parts)
    assert len(body) < 65536
    n = len(body)
    return bytes([tag] + ([n] if n < 128 else [0x82, n >> 8, n & 255])) + body


def message_number(request):
    """Behind the header of the message and that of the number."""
    at = 2 + (request[1] & 0x7f if request[1] & 0x80 else 0)
    return request[at:at + 2 + request[at + 1]]


def serve_all(address, port, certificate, key, serve):
    """Calls SERVE with each connection, one after the other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server((address, int(port)))
    print("ready", flush=True)
    while True:
        plain, _ = listener.accept()
        try:
            with context.wrap_socket(plain, server_side=True) as conn:
                serve(conn)
        except OSError:
            pass        # the client did not like the certificate, or went away


def main(address, port, certificate, key, code, text):
    def refuse(conn):
        request = conn.recv(65536)
        if request:
            answer = tlv(0x61, tlv(10, bytes([int(code)])), tlv(4), tlv(4, text.encode()))
            conn.sendall(tlv(0x30, message_number(request), answer))
            conn.recv(65536)

    serve_all(address, port, certificate, key, refuse)


if __name__ == "__main__":
    main(*sys.argv[1:])
