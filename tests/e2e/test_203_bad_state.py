# SPDX-License-Identifier: MIT
"""Bad input, fourth part: what can be wrong with the state directory and the map."""

import os
import signal
import socket
import subprocess
import uuid

import pytest

from badinput_helpers import (COMPLETE, DONE, FAILED, Running, check_output, check_words, conf,
                              first_logon, refused, usns, write)


@pytest.fixture(scope="module", autouse=True)
def fixture_first_logon(lab):
    first_logon(lab)


def test_second_galsyncd(lab, tmp_path):
    """The first one waits for a server that says nothing; only it may write the map."""
    with socket.create_server(("127.0.0.3", 0)) as server:
        url = f"ldap://dc1.globex.example:{server.getsockname()[1]}"
        (tmp_path / "first").mkdir()
        state = f"{tmp_path}/state"
        first = Running(lab, conf(lab, tmp_path / "first", state=state, globex={
            "servers": [url], "extra": "connect_timeout_ms = 60000;"}))
        first.wait_line("connect")
        file = conf(lab, tmp_path, state=state)
        refused(lab, file, f"state directory '{state}'", "in use by another galsyncd")
        # A reader is welcome.
        assert lab.galsyncctl("status", conf=file).returncode == DONE
        assert lab.galsyncd("--once", "--full", "--plan", conf=file).returncode == COMPLETE
        first.proc.send_signal(signal.SIGKILL)
        first.end()
    # The lock went with its owner.
    assert lab.galsyncd("--once", "--full", "--plan", conf=file).returncode == COMPLETE


def test_second_galsyncd_after_a_signal(lab, tmp_path):
    with socket.create_server(("127.0.0.3", 0)) as server:
        url = f"ldap://dc1.globex.example:{server.getsockname()[1]}"
        first = Running(lab, conf(lab, tmp_path, globex={
            "servers": [url], "extra": "connect_timeout_ms = 60000;"}))
        first.wait_line("connect")
        # Connected: now it waits for the answer.
        connection, _ = server.accept()
        with connection:
            connection.recv(1)
            first.proc.send_signal(signal.SIGTERM)
            p = first.end(timeout_s=20)
    assert p.returncode == FAILED
    check_output(lab, p)
    check_words(p.stderr, ["cancelled", "forest '"])


# The state directory

@pytest.mark.parametrize("make,words", [
    (lambda path: write(path, "a file"), ["Not a directory"]),
    (lambda path: os.symlink("/nowhere/at/all", path), ["No such file or directory"]),
    (lambda path: None, ["No such file or directory"]),
], ids=["file", "dangling", "no-parent"])
def test_state_directory(lab, tmp_path, make, words):
    state = f"{tmp_path}/state" if words != ["No such file or directory"] else f"{tmp_path}/a/b"
    make(f"{tmp_path}/state")
    refused(lab, conf(lab, tmp_path, state=state), state, *words)


# The map

def _mdb(*argv, text=None):
    p = subprocess.run(argv, input=text, text=True, capture_output=True, check=False)
    assert p.returncode == 0, p.stderr
    return p.stdout


@pytest.fixture(name="map_file")
def fixture_map_file(lab, tmp_path):
    """The map of a first run, and the configuration that goes with it."""
    lab.reset()
    first_logon(lab)
    file = conf(lab, tmp_path)
    p = lab.galsyncd("--once", "--full", conf=file)
    assert p.returncode == COMPLETE, p.stderr
    return f"{tmp_path}/state/map.mdb", file


def both_refuse(lab, file, *words):
    refused(lab, file, *words)
    refused(lab, file, *words, args=("--once", "--full", "--plan"))
    p = lab.galsyncctl("list", conf=file)
    assert (p.returncode, p.stdout) == (FAILED, "")
    check_output(lab, p)
    check_words(p.stderr, words)


def test_map_of_a_newer_format(lab, map_file):
    path, file = map_file
    dump = _mdb("mdb_dump", "-n", "-s", "meta", path)
    lines = dump.splitlines()
    at = lines.index(" " + b"format".hex()) + 1
    assert lines[at] == " 01000000"
    lines[at] = " 63000000"
    _mdb("mdb_load", "-n", "-s", "meta", path, text="\n".join(lines) + "\n")
    both_refuse(lab, file, f"map in '{os.path.dirname(path)}' has format 99",
                "this galsync knows format 1", "use the galsync that wrote it",
                "rebuilt from the stamps")
    # And doing what the message says helps: nothing is left to write but what the map held.
    os.rename(path, path + ".old")
    before = usns(lab)
    p = lab.galsyncd("--once", "--full", conf=file)
    assert p.returncode == COMPLETE, p.stderr
    assert usns(lab) == before


@pytest.mark.parametrize("damage", [
    lambda path: write(path, "rubbish" * 5000),
    lambda path: os.truncate(path, 100),
], ids=["rubbish", "cut"])
def test_damaged_map(lab, map_file, damage):
    path, file = map_file
    damage(path)
    both_refuse(lab, file, f"map in '{os.path.dirname(path)}' is damaged", "move it away",
                "rebuilt from the stamps")


def _edit_cursors(path, edit):
    """Each value of the map's cursors becomes what EDIT makes of it."""
    lines = _mdb("mdb_dump", "-n", "-s", "cursor", path).splitlines()
    first = lines.index("HEADER=END") + 2
    for at in range(first, lines.index("DATA=END"), 2):
        lines[at] = " " + edit(bytes.fromhex(lines[at].strip())).hex()
    _mdb("mdb_load", "-n", "-s", "cursor", path, text="\n".join(lines) + "\n")


# A cursor is its version, its way, and the server's database; the cookie is last.
@pytest.mark.parametrize("edit,words", [
    (lambda raw: raw[:-8], "another version, or damaged"),
    (lambda raw: b"\x63" + raw[1:], "another version, or damaged"),
    (lambda raw: b"rubbish", "another version, or damaged"),
    (lambda raw: raw[:54] + bytes(255 - octet for octet in raw[54:]), "does not take the cookie"),
], ids=["cut", "newer", "rubbish", "cookie"])
def test_bad_cursor(lab, map_file, edit, words):
    """A delta says that it cannot, everything is read, and then deltas go on."""
    path, file = map_file
    dn = lab.special["acme"]["mailbox"]
    assert "delta synchronization" in lab.galsyncd("--once", conf=file).stdout
    _edit_cursors(path, edit)
    lab.source.modify(dn, title=words)
    p = lab.galsyncd("--once", conf=file)
    assert p.returncode == COMPLETE and "full synchronization" in p.stdout, p.stdout + p.stderr
    check_words(p.stderr, [words, "everything is read"])
    guid = uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0])
    assert lab.target.search(f"(extensionAttribute15=galsync:*:{guid}*)")[0][1]["title"] == \
        [words.encode()]
    before = usns(lab)
    p = lab.galsyncd("--once", conf=file)
    assert "delta synchronization" in p.stdout, p.stdout + p.stderr
    assert usns(lab) == before


def test_map_that_reaches_its_limit(lab, tmp_path):
    lab.reset()
    first_logon(lab)
    state = tmp_path / "state"
    state.mkdir()
    # 20 MB of something else in the map, and a limit of 16.
    junk = "\n".join(f" {i:08x}\n {'00' * 60000}" for i in range(350))
    header = "VERSION=3\nformat=bytevalue\ntype=btree\nmapsize=67108864\nHEADER=END\n"
    _mdb("mdb_load", "-n", "-s", "junk", f"{state}/map.mdb", text=f"{header}{junk}\nDATA=END\n")
    file = conf(lab, tmp_path, map_size_mb=16)
    refused(lab, file, f"map in '{state}' is full", "raise map_size_mb")
    p = lab.galsyncd("--once", "--full", conf=conf(lab, tmp_path))
    assert p.returncode == COMPLETE, p.stderr


# Space

@pytest.fixture(name="disk")
def fixture_disk(tmp_path):
    """A small file system of its own, seen in the lab only."""
    path = tmp_path / "disk"
    path.mkdir()

    def size(text):
        option = f"size={text}" if not os.path.ismount(path) else f"remount,size={text}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(path)], check=True)

    size("600k")
    yield str(path), size
    subprocess.run(["umount", str(path)], check=True)


@pytest.mark.parametrize("crowd,text,words", [
    (0, "16k", ["map in '", "the disk is full", "make room"]),
    (0, "64k", ["map in '", "the disk is full", "make room"]),
    # More than a working set keeps in memory.
    (400, "240k", ["working set '", "the disk is full", "make room"]),
], ids=["lock-file", "map", "working-set"])
def test_full_disk(lab, tmp_path, disk, crowd, text, words):
    path, size = disk
    lab.reset()
    first_logon(lab)
    for i in range(crowd):
        lab.source.add(f"CN=Crowd {i},OU=Staff,{lab.source.base}", objectClass="contact",
                       mailNickname=f"crowd{i}", targetAddress=f"SMTP:crowd{i}@partner.example",
                       proxyAddresses=f"SMTP:crowd{i}@partner.example", description="x" * 1000)
    file = conf(lab, tmp_path, state=f"{path}/state")
    size(text)
    refused(lab, file, f"{path}/state", *words)
    size("6m")
    p = lab.galsyncd("--once", "--full", conf=file)
    assert p.returncode == COMPLETE, p.stderr
    # With room again everything is written, and that once.
    before = usns(lab)
    assert lab.galsyncd("--once", "--full", conf=file).returncode == COMPLETE
    assert usns(lab) == before


def test_disk_without_any_room(lab, tmp_path, disk):
    path, _ = disk
    os.mkdir(f"{path}/state")
    with open(f"{path}/ballast", "wb", buffering=0) as f:
        try:
            while f.write(bytes(4096)):
                pass
        except OSError:
            pass
    refused(lab, conf(lab, tmp_path, state=f"{path}/state"), f"{path}/state", "the disk is full")
