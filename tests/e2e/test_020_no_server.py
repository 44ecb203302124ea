# SPDX-License-Identifier: MIT
"""galsyncd where no server answers, for which no lab is needed: what it tells systemd, as the test
hears it in systemd's place, and how a link is named where there are several."""

import contextlib
import os
import signal
import socket
import subprocess
import time

import pytest
from badinput_helpers import write
from conftest import BUILD, patient

CONF = """
state_directory = "{dir}/state";
forests = ( {forests} );
links = ( {links} );
"""
LINK = """{{ name = "{one}-{two}"; source = "{one}"; target = "{two}"; interval_s = 60;
  scopes = ( {{ base = "OU=A,DC={one},DC=example"; target_ou = "OU=B,DC={two},DC=example";
               create = "contact"; }} ); }}"""
FOREST = """{{ name = "{name}"; servers = [ "ldap://127.0.0.1:1" ]; redirect_domain = "{name}.test";
  auth = {{ mechanism = "SIMPLE"; bind_dn = "CN=x,DC={name},DC=example";
           password_file = "{dir}/password"; }}; tls = {{ mode = "starttls"; }}; }}"""


class Notified:
    """A daemon whose NOTIFY_SOCKET is ours."""

    def __init__(self, directory, *links):
        self.control, self.conf, self.heard = (
            str(directory / "control.sock"), str(directory / "galsync.conf"), [])
        write(directory / "password", "Passw0rd")
        self.text = CONF.format(
            dir=directory,
            forests=", ".join(FOREST.format(dir=directory, name=n) for n in ("one", "two")),
            links=", ".join(LINK.format(one=one, two=two) for one, two in links))
        write(self.conf, self.text)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(directory / "notify"))
        self.socket.settimeout(0.1)
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "galsyncd"), "-c", self.conf,
             "--socket", self.control],
            env={**os.environ, "NOTIFY_SOCKET": str(directory / "notify"),
                 "WATCHDOG_USEC": "400000"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def next(self, until):
        while time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                self.heard.append(self.socket.recv(4096).decode())
                return self.heard[-1]
        raise AssertionError(f"nothing more is told: {self.heard}")

    def wait(self, *wanted, timeout_s=30):
        """The next messages that begin with WANTED, in this order; others are passed over."""
        until, found = time.monotonic() + patient(timeout_s), []
        while len(found) < len(wanted):
            message = self.next(until)
            if message.startswith(wanted[len(found)]):
                found.append(message)
        return found

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.socket.close()


@pytest.fixture(name="daemon")
def fixture_daemon(tmp_path):
    d = Notified(tmp_path, ("one", "two"))
    yield d
    d.end()


@pytest.fixture(name="both_ways")
def fixture_both_ways(tmp_path):
    d = Notified(tmp_path, ("one", "two"), ("two", "one"))
    yield d
    d.end()


def count(daemon, prefix):
    return sum(m.startswith(prefix) for m in daemon.heard)


def test_ready_status_watchdog_stopping(daemon):
    daemon.wait("READY=1")
    status = daemon.wait("STATUS=one-two: waiting: ")[0]
    assert "127.0.0.1" in status and "last cycle never" in status
    # An outage is no hang.
    daemon.wait("WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1")
    daemon.process.send_signal(signal.SIGTERM)
    daemon.wait("STOPPING=1")
    assert daemon.process.wait(patient(20)) == 0
    assert count(daemon, "READY=1") == 1 and not count(daemon, "RELOADING=1")


def test_reload(daemon):
    daemon.wait("READY=1")
    for text in (daemon.text, daemon.text.replace("= 60", '= "often"')):
        write(daemon.conf, text)
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        daemon.process.send_signal(signal.SIGHUP)
        reloading, _ = daemon.wait("RELOADING=1\nMONOTONIC_USEC=", "READY=1")
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        assert before <= int(reloading.partition("MONOTONIC_USEC=")[2]) <= after
    daemon.process.send_signal(signal.SIGTERM)
    _, log = daemon.process.communicate(timeout=patient(20))
    assert b": reloaded" in log and b"the old one stays in effect" in log


@pytest.mark.parametrize("verb", [("switch",), ("undo-switch",), ("proxy-toggle",),
                                  ("proxy-toggle", "--dry-run"), ("verify",)])
def test_which_link(both_ways, verb):
    def said(*argv, status=1):
        p = subprocess.run([os.path.join(BUILD, "galsyncctl"), "-c", both_ways.conf,
                            "--socket", both_ways.control, *argv],
                           capture_output=True, text=True, check=False)
        assert p.returncode == status, p.stdout + p.stderr
        return p.stdout + p.stderr
    both_ways.wait("READY=1")
    assert "there are several links: name one" in said(*verb, "ann")
    assert "there is no link 'three'" in said(*verb, "--link", "three", "ann")
    assert "'ann' is not in the map" in said(*verb, "--link", "two-one", "ann")
    assert "[--link LINK]" in said(*verb, "--link", "one-two", "--link", "two-one", "x", status=2)
