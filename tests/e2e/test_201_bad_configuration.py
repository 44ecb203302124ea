# SPDX-License-Identifier: MIT
"""Bad input, second part: the configuration, the command lines, and who is asked for."""

import os
import re

import pytest

from badinput_helpers import (COMPLETE, DONE, FAILED, USAGE, check_output, check_words, conf,
                              first_logon, refused, write)

# Each line marked with "#N" has mistake N.
TEN_MISTAKES = """state_directory = "{state}";
map_size_mb = 1;                                                            #1
forests = (
  {{ name = "acme"; domain = "acme..example";                                #2
    auth = {{ principal = "svc-galsync@ACME.EXAMPLE"; keytab = "/nowhere/keytab"; }};    #3
    tls = {{ mode = "ssl"; }};                                                #4
    mail_domain = [ "acme.example" ];                                       #5
    redirect_domain = "redirect.acme.example"; }},
  {{ name = "globex"; domain = "globex.example";
    auth = {{ mechanism = "SIMPLE"; bind_dn = "cn=x,dc=globex,dc=example";
             password_file = "{password}"; }};                                  #6
    timeout_ms = "long"; }} );                                               #7
links = (
  {{ name = "acme globex"; source = "acme"; target = "globx";                #8
    scopes = ( {{ base = "OU=Staff,DC=acme,DC=example"; target_ou = "OU=Acme,DC=globex,DC=example";
                 create = "contact"; filter = "(title=Temp"; }} );           #9
    match = [ "stamp", "luck" ]; }} );                                       #10
"""


@pytest.fixture(scope="module", autouse=True)
def fixture_first_logon(lab):
    first_logon(lab)


def test_ten_mistakes_are_ten_messages_of_one_run(lab, tmp_path):
    password = write(tmp_path / "password", "secret-of-this-test", 0o644)
    text = TEN_MISTAKES.format(state=tmp_path / "state", password=password)
    file = write(tmp_path / "galsync.conf", text)
    marked = {int(number): i for i, line in enumerate(text.splitlines(), 1)
              for number in re.findall(r"#(\d+)$", line)}
    assert len(marked) == 10
    for args in (("-t",), ("-T",), ("--once", "--full")):
        p = refused(lab, file, args=args, secret=["secret-of-this-test"])
        assert p.stdout == ""
        lines = p.stderr.splitlines()
        assert len(lines) == 12, "one for each, two more for what is wrong twice"
        for line in lines:
            assert re.match(re.escape(file) + r":\d+: [\w.\[\]]+: .+; allowed: .+", line), line
        at = [int(line[len(file) + 1:].split(":")[0]) for line in lines]
        assert at == sorted(at)
        assert set(at) >= set(marked.values()), f"no message for {set(marked.values()) - set(at)}"
        check_words(p.stderr, [
            "map_size_mb: 1", "'acme..example'", "'/nowhere/keytab' cannot be read", "'ssl'",
            "none, starttls, ldaps", "mail_domain: unknown key, did you mean 'mail_domains'?",
            "(mode 0644)",
            "timeout_ms:", "'acme globex'", "'globx'", "'(title=Temp'", "'luck'"])


def test_syntax_error_names_its_line(lab, tmp_path):
    file = write(tmp_path / "galsync.conf", 'state_directory = "x";\nforests = ( { name = ;\n')
    refused(lab, file, f"{file}:2: syntax error", "allowed: the syntax of galsync.conf(5)")


def test_included_file_is_named(lab, tmp_path):
    part = write(tmp_path / "part.conf", "\nmap_size_mb = 0;\n")
    file = write(tmp_path / "galsync.conf", '@include "part.conf"\n')
    refused(lab, file, f"{part}:2: map_size_mb:", "allowed: a whole number from 16", args=("-t",))


@pytest.mark.parametrize("make,words", [
    (lambda path: None, ["No such file or directory"]),
    (os.mkdir, ["is not a regular file"]),
    (lambda path: write(path, bytes(range(256))), [":1:"]),
    (lambda path: write(path, ""), ["forests: is missing", "links: is missing"]),
], ids=["missing", "directory", "binary", "empty"])
def test_configuration_file(lab, tmp_path, make, words):
    file = str(tmp_path / "galsync.conf")
    make(file)
    refused(lab, file, file, *words, args=("-t",))


def test_values_of_the_directory_are_checked_too(lab, tmp_path):
    """What no look at the file alone can know."""
    for values, words in (
            ({"base": "OU=Stuff,DC=acme,DC=example"},
             ["links[0].scopes[0].base: 'OU=Stuff,DC=acme,DC=example' does not exist in forest "
              "'acme'"]),
            ({"database": "CN=DB9,DC=globex,DC=example"},
             ["mailbox.databases[0]: 'CN=DB9,DC=globex,DC=example' does not exist", "'globex'"])):
        refused(lab, conf(lab, tmp_path, **values), *words)


def test_target_ou_outside_the_domain(lab, tmp_path):
    file = conf(lab, tmp_path, target_ou="OU=Acme,DC=elsewhere,DC=example")
    refused(lab, file, "galsync.conf:", "target_ou: 'OU=Acme,DC=elsewhere,DC=example'",
            "outside the domain of forest 'globex'", "allowed: an OU in globex.example",
            args=("-t",))
    # With servers instead of a domain only the connection tells.
    file = conf(lab, tmp_path, target_ou="OU=Acme,DC=elsewhere,DC=example",
                globex={"servers": ["ldap://dc1.globex.example"]})
    with open(file, encoding="utf-8") as f:
        text = f.read().replace('domain = "globex.example"; auth', "auth")
    refused(lab, write(file, text), "'globex.example'", "elsewhere.example", "forest 'globex'")


@pytest.mark.parametrize("row,words", [
    ('attribute = "shoeSize"; how = "copy"; source = "title";',
     ["attribute: 'shoeSize'", "the schema of forest 'globex' has no such attribute"]),
    ('attribute = "title"; how = "copy"; source = "shoeSize";',
     ["source: 'shoeSize'", "the schema of forest 'acme' has no such attribute"]),
    ('attribute = "whenChanged"; how = "constant"; value = "1";',
     ["attribute: 'whenChanged'", "forest 'globex' does not let it be written"]),
    ('attribute = "memberOf"; how = "copy"; source = "title";',
     ["attribute: 'memberOf'", "does not let it be written"]),
    ('attribute = "unicodePwd"; how = "constant"; value = "secret-of-this-test";',
     ["attribute:", "'unicodePwd' is governed by galsync itself or never written",
      "allowed: other attributes"]),
], ids=["attribute", "source", "read-only", "back-link", "password"])
def test_attribute_row(lab, tmp_path, row, words):
    file = conf(lab, tmp_path, link=f"attributes = ( {{ {row} }} );")
    refused(lab, file, f"{file}:", *words, secret=["secret-of-this-test"])


# Command lines

@pytest.mark.parametrize("args,words", [
    (("--full",), ["go with --once", "usage: galsyncd"]),
    (("-t", "--plan"), ["go with --once"]),
    (("-t", "-T"), ["one of -t, -T, --doctor and --once"]),
    (("--frobnicate",), ["--frobnicate", "usage: galsyncd"]),
    (("-c",), ["usage: galsyncd"]),
    (("--once", "--full", "acme-globex"), ["no arguments", "usage: galsyncd"]),
    (("--once", "--full", "--link", "nolink"), ["no link named 'nolink'", "acme-globex"]),
], ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")
def test_usage_of_galsyncd(lab, args, words):
    refused(lab, lab.path("galsync.conf"), *words, status=USAGE, args=args)


@pytest.fixture(scope="module", name="filled")
def fixture_filled(lab):
    """There is a map to ask."""
    lab.full(status=COMPLETE)
    return lab


@pytest.mark.parametrize("args,status,words", [
    ((), USAGE, ["usage: galsyncctl", "WHO is"]),
    (("pause", "\udce9"), USAGE, ["is not UTF-8"]),
    (("resync", "--object", "jos\udce9"), USAGE, ["'jos\\xE9' is not UTF-8"]),
    (("--frobnicate",), USAGE, ["--frobnicate", "usage: galsyncctl"]),
    (("frobnicate",), USAGE, ["no verb 'frobnicate'", "--help"]),
    (("show",), USAGE, ["show takes one WHO"]),
    (("show", "a", "b"), USAGE, ["show takes one WHO"]),
    (("map",), USAGE, ["lookup WHO", "export [LINK]"]),
    (("map", "lookup"), USAGE, ["lookup WHO"]),
    (("map", "import"), USAGE, ["lookup WHO"]),
    (("status", "a", "b"), USAGE, ["at most one LINK"]),
    (("status", "nolink"), USAGE, ["no link named 'nolink'"]),
    (("conflicts", "nolink"), USAGE, ["no link named 'nolink'"]),
    (("map", "export", "nolink"), USAGE, ["no link named 'nolink'"]),
    (("list", "--state", "odd"), USAGE, ["no state 'odd'", "synced"]),
    (("list", "--state"), USAGE, ["'--state'"]),
    (("show", "nobody@nowhere.example"), FAILED, ["knows no 'nobody@nowhere.example'"]),
    (("map", "lookup", "S-1-5-21-9-9-9-9"), FAILED, ["knows no 'S-1-5-21-9-9-9-9'"]),
    (("show", ""), FAILED, ["knows no ''"]),
    (("show", "x" * 5000), FAILED, ["knows no"]),
    (("show", "CN=,,,\x01\x1b[31m"), FAILED, ["knows no", "\\x1B"]),
], ids=lambda v: " ".join(v)[:24] if isinstance(v, tuple) else "")
def test_usage_of_galsyncctl(filled, args, status, words):
    for json in ((), ("--json",)):
        p = filled.galsyncctl(*json, *args)
        assert p.returncode == status, p.stderr
        assert p.stdout == ""
        check_output(filled, p)
        check_words(p.stderr, words)


def test_galsyncctl_without_a_map(lab, tmp_path):
    file = conf(lab, tmp_path)
    for args in (("status",), ("list",), ("show", "martha.full"), ("map", "export"),
                 ("conflicts",)):
        p = lab.galsyncctl(*args, conf=file)
        assert (p.returncode, p.stdout) == (FAILED, "")
        check_words(p.stderr, [f"map '{tmp_path}/state/map.mdb'", "No such file or directory",
                               "galsyncd"])
    assert not os.path.exists(tmp_path / "state"), "asking made something"


def test_galsyncctl_with_a_bad_configuration(lab, tmp_path):
    file = write(tmp_path / "galsync.conf", "map_size_mb = 0;\n")
    p = lab.galsyncctl("status", conf=file)
    assert (p.returncode, p.stdout) == (FAILED, "")
    check_words(p.stderr, [f"{file}:1: map_size_mb:", "allowed:"])


# Output that cannot be written

@pytest.mark.parametrize("args", [("--once", "--full", "--plan"), ("-T",), ("-t",), ("--help",)],
                         ids=" ".join)
def test_galsyncd_output_to_a_full_device(lab, args):
    before = lab.source.usn(), lab.target.usn()
    with open("/dev/full", "w", encoding="ascii") as full:
        p = lab.galsyncd(*args, stdout=full)
    assert p.returncode == FAILED, p.stderr
    check_words(p.stderr, ["standard output", "No space left on device"])
    assert (lab.source.usn(), lab.target.usn()) == before


@pytest.mark.parametrize("args", [("status",), ("list",), ("--json", "map", "export"),
                                  ("map", "export"), ("conflicts",), ("--help",)], ids=" ".join)
def test_galsyncctl_output_to_a_full_device(filled, args):
    with open("/dev/full", "w", encoding="ascii") as full:
        p = filled.galsyncctl(*args, stdout=full)
    assert p.returncode == FAILED, p.stderr
    check_words(p.stderr, ["standard output", "No space left on device"])


def test_help_and_version_are_no_mistake(lab):
    for run in (lab.galsyncd, lab.galsyncctl):
        for arg in ("--help", "--version"):
            p = run(arg)
            assert (p.returncode, p.stderr) == (DONE, "")
            assert p.stdout
