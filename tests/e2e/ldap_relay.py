#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A relay that stands in for a domain controller's LDAPS port and understands what it hands on, so
that it can answer a request in the server's place.

    ldap_relay.py ADDRESS PORT TO_PORT CERTIFICATE KEY CA

It listens on PORT with the certificate, and connects to TO_PORT of the same address, whose
certificate the CA must have issued. One command a line on stdin, each answered by two numbers: the
requests it has answered itself so far, and the changes it has handed on.

    pass                      hand everything on
    answer CODE SORT [SKIP]   all requests of the SORT but the first SKIP are answered with the
                              result CODE; the SORT is bind, search or change
    count                     nothing is changed
"""

import asyncio
import ssl
import sys

CHANGES = {0x66: 0x67, 0x68: 0x69, 0x4a: 0x6b, 0x6c: 0x6d}      # modify, add, delete, rename
ANSWERS = {"bind": {0x60: 0x61}, "search": {0x63: 0x65}, "change": CHANGES}


async def read_message(reader):
    """One LDAP message: all of its octets, those of its number, and the tag of the operation."""
    head = await reader.readexactly(2)
    size = head[1]
    if size & 0x80:
        more = await reader.readexactly(size & 0x7f)
        head, size = head + more, int.from_bytes(more, "big")
    body = await reader.readexactly(size)
    end = 2 + body[1]
    return head + body, body[:end], body[end]


def result(number, tag, code):
    text = b"by the relay"
    inner = bytes([0x0a, 1, code, 0x04, 0, 0x04, len(text)]) + text
    message = number + bytes([tag, len(inner)]) + inner
    return bytes([0x30, len(message)]) + message


class LdapRelay:
    def __init__(self, address, port, to_port, certificate, key, ca):
        self.address, self.port, self.to_port = address, port, to_port
        self.server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_tls.load_cert_chain(certificate, key)
        self.client_tls = ssl.create_default_context(cafile=ca)
        self.answers, self.code, self.skip = {}, 0, 0
        self.answered = self.changes = 0

    async def listen(self):
        await asyncio.start_server(self.connected, self.address, self.port, ssl=self.server_tls)

    def own_answer(self, number, tag):
        """What the relay says in the server's place, or None."""
        if tag not in self.answers:
            return None
        if self.skip:
            self.skip -= 1
            return None
        self.answered += 1
        return result(number, self.answers[tag], self.code)

    async def requests(self, reader, writer, up_writer):
        while True:
            message, number, tag = await read_message(reader)
            answer = self.own_answer(number, tag)
            if answer:
                writer.write(answer)
                continue
            self.changes += tag in CHANGES
            up_writer.write(message)
            await up_writer.drain()

    async def connected(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection(
                self.address, self.to_port, ssl=self.client_tls)
        except OSError:
            writer.transport.abort()
            return
        tasks = [asyncio.create_task(self.requests(reader, writer, up_writer)),
                 asyncio.create_task(hand_on(up_reader, writer))]
        _, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        # What they ended with is how connections end.
        await asyncio.gather(*tasks, return_exceptions=True)
        for w in (writer, up_writer):
            w.transport.abort()


async def hand_on(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def main(address, port, to_port, certificate, key, ca):
    relay = LdapRelay(address, int(port), int(to_port), certificate, key, ca)
    await relay.listen()
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while line := (await stdin.readline()).decode().split():
        if line[0] == "pass":
            relay.answers = {}
        elif line[0] == "answer":
            relay.code, relay.skip = int(line[1]), int(line[3]) if line[3:] else 0
            relay.answers = ANSWERS[line[2]]
        print(relay.answered, relay.changes, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
