#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A relay in front of a domain controller that does to connections what networks do.

    relay.py ADDRESS PORT TO_PORT

It listens on PORT and connects to TO_PORT of the same address. One command a line on stdin, each
answered by the number of connections that were accepted so far:

    pass          hand everything on
    delay MS      hand everything on, each piece MS later
    refuse        listen no more; the connections that there are break
    break         the connections that there are break; others are handed on
    hole          accept, and hand nothing on any more, in either direction
    busy          break the connections; answer every bind with busy (51)
    cut OCTETS    each connection breaks when the server has sent so much more
    count         nothing is changed
"""

import asyncio
import sys


def busy(request):
    """The answer to an LDAP request, which is a bind, as the first one always is."""
    at = 2 + (request[1] & 0x7f if request[1] & 0x80 else 0)
    number = request[at:at + 2 + request[at + 1]]
    result = number + bytes.fromhex("6107 0a0133 0400 0400")
    return b"\x30" + bytes([len(result)]) + result


class Relay:
    def __init__(self, address, port, to_port):
        self.address, self.port, self.to_port = address, port, to_port
        self.mode, self.value, self.accepted = "pass", 0, 0
        self.open = asyncio.Event()
        self.open.set()
        self.server, self.writers, self.left = None, set(), {}

    async def listen(self):
        self.server = await asyncio.start_server(self.connected, self.address, self.port)

    async def connected(self, reader, writer):
        self.accepted += 1
        self.writers.add(writer)
        if self.mode == "busy":
            writer.write(busy(await reader.read(65536)))
            await reader.read()
            return
        await self.open.wait()
        try:
            up_reader, up_writer = await asyncio.open_connection(self.address, self.to_port)
        except OSError:
            writer.transport.abort()
            return
        self.writers.add(up_writer)
        self.left[up_reader] = self.value
        pair = (writer, up_writer)
        await asyncio.gather(self.pump(reader, up_writer, pair), self.pump(up_reader, writer, pair))
        self.left.pop(up_reader, None)

    async def pump(self, reader, writer, pair):
        try:
            while data := await reader.read(65536):
                await self.open.wait()
                if self.mode == "delay":
                    await asyncio.sleep(self.value / 1000)
                if self.mode == "cut" and reader in self.left:
                    data = data[:self.left[reader]]
                    self.left[reader] -= len(data)
                writer.write(data)
                await writer.drain()
                if self.mode == "cut" and self.left.get(reader) == 0:
                    break
        except OSError:
            pass
        for w in pair:
            self.writers.discard(w)
            w.close()

    async def set(self, mode, value):
        self.mode, self.value = ("pass" if mode == "break" else mode), value
        self.left = {reader: value for reader in self.left}
        if mode == "hole":
            self.open.clear()
        else:
            self.open.set()
        if mode in ("refuse", "busy", "break"):
            if mode == "refuse" and self.server:
                self.server.close()
                self.server = None
            for w in self.writers:
                w.transport.abort()
            self.writers.clear()
        if mode != "refuse" and not self.server:
            await self.listen()


async def main(address, port, to_port):
    relay = Relay(address, int(port), int(to_port))
    await relay.listen()
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while line := (await stdin.readline()).decode().split():
        if line[0] != "count":
            await relay.set(line[0], int(line[1]) if line[1:] else 0)
        print(relay.accepted, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
