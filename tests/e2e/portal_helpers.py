# SPDX-License-Identifier: MIT
"""galsync-portal on a loopback address, and requests to it, as they are and as they should be."""

import contextlib
import http.client
import os
import re
import socket
import subprocess
import urllib.request

from conftest import BUILD, ROOT, patient, wait_for

ARTIFACTS = os.environ.get("GALSYNC_ARTIFACTS", os.path.join(BUILD, "artifacts"))


class Portal:
    """A running galsync-portal."""

    def __init__(self, directory, *options):
        self.said = os.path.join(directory, "portal.log")
        self.options, self.process, self.address, self.port = options, None, None, None

    def start(self):
        with open(self.said, "wb") as log:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "galsync-portal"), "--listen", "127.0.0.1:0", *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def address():
            assert self.process.poll() is None, self.log()
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.log())
            return found and found[1]
        self.port = int(wait_for(address, "the portal does not listen"))
        self.address = f"http://127.0.0.1:{self.port}"

    def log(self):
        with open(self.said, encoding="utf-8", errors="replace") as f:
            return f.read()

    def get(self, path, **headers):
        """The answer as text; it must be a good one."""
        request = urllib.request.Request(self.address + path, headers=headers)
        with urllib.request.urlopen(request, timeout=patient(60)) as r:
            return r.read().decode()

    def ask(self, method, path, body=None, **headers):
        """(status, headers, body) of any request."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patient(30))
        with contextlib.closing(c):
            c.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                c.putheader(name.replace("_", "-"), value)
            if body is not None:
                c.putheader("Content-Length", str(len(body)))
            c.endheaders(body)
            r = c.getresponse()
            return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()

    def raw(self, octets):
        """The first line of the answer to OCTETS; empty if the connection is just ended."""
        with socket.create_connection(("127.0.0.1", self.port), patient(30)) as s:
            s.sendall(octets)
            s.settimeout(patient(30))
            try:
                return s.recv(4096).split(b"\r\n")[0].decode(errors="replace")
            except ConnectionResetError:
                return ""

    def stop(self):
        self.process.terminate()
        assert self.process.wait(patient(30)) == 0, self.log()


@contextlib.contextmanager
def portal(directory, *options):
    p = Portal(directory, *options)
    try:
        p.start()
        yield p
        p.stop()
    finally:
        if p.process and p.process.poll() is None:
            p.process.kill()
            p.process.wait()


def people(directory, n, *touch):
    """A map of N recipients in DIRECTORY, or a change of some of them."""
    tool = os.path.join(BUILD, "bench", "people")
    if not os.path.exists(tool):
        subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={BUILD}", tool], check=True)
    os.makedirs(directory, exist_ok=True)
    subprocess.run([tool, directory, str(n), *map(str, touch)], check=True)
