# SPDX-License-Identifier: MIT
"""The Exchange part of the AD schema, generated from schema/attributes.csv and schema/classes.csv.

Records come in stages; a schema update has to be announced after each one, because a record may
only refer to what the DC's loaded schema knows: the attributes, then the auxiliary classes with
what they add to existing classes, then the structural classes.
"""

import base64
import csv
import os
import re
import uuid

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "schema")
OPTIONAL = ("searchFlags", "rangeLower", "rangeUpper", "linkID", "isMemberOfPartialAttributeSet")
AUXILIARY = "3"
# oMObjectClass is a BER object identifier; these are the two that AD uses for DN syntaxes.
OM_OBJECT_CLASS = {
    "1.3.12.2.1011.28.0.714": bytes.fromhex("2b0c0287731c00854a"),
    "2.6.6.1.2.5.11.29": bytes.fromhex("56060102050b1d"),
}


def _rows(name):
    with open(os.path.join(HERE, name), encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def _b64(value):
    return base64.b64encode(value).decode()


def _cn(row):
    """The usual spelling where the table has none: msExchHomeMDB is ms-Exch-Home-MDB."""
    name = row["lDAPDisplayName"]
    words = re.findall("[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|[0-9]+", name)
    return row["cn"] or "-".join([words[0], *(w[0].upper() + w[1:] for w in words[1:])])


def _attribute(row, schema_dn):
    cn = _cn(row)
    lines = [f"dn: CN={cn},{schema_dn}", "changetype: add", "objectClass: attributeSchema",
             f"cn: {cn}"]
    lines += [f"{key}: {row[key]}" for key in
              ("lDAPDisplayName", "attributeID", "attributeSyntax", "oMSyntax", "isSingleValued")]
    lines += [f"{key}: {row[key]}" for key in OPTIONAL if row[key]]
    if row["oMObjectClass"]:
        lines.append("oMObjectClass:: " + _b64(OM_OBJECT_CLASS[row["oMObjectClass"]]))
    if row["schemaIDGUID"]:
        guid = row["schemaIDGUID"]      # a GUID, or its octets in base64
        lines.append("schemaIDGUID:: " +
                     (guid if guid.endswith("=") else _b64(uuid.UUID(guid).bytes_le)))
    return "\n".join(lines) + "\n"


def _class(row, attributes, schema_dn):
    lines = [f"dn: CN={row['cn']},{schema_dn}", "changetype: add", "objectClass: classSchema"]
    lines += [f"{key}: {row[key]}" for key in
              ("cn", "lDAPDisplayName", "governsID", "objectClassCategory", "subClassOf", "rDNAttID")]
    for key in ("auxiliaryClass", "possSuperiors"):
        lines += [f"{key}: {value}" for value in row[key].split("|") if value]
    lines += [f"mayContain: {a}" for a in attributes]
    return "\n".join(lines) + "\n"


def _extend(class_cn, key, values, schema_dn):
    return "\n".join([f"dn: CN={class_cn},{schema_dn}", "changetype: modify", f"add: {key}"]
                     + [f"{key}: {v}" for v in values]) + "\n"


# Classes of the base schema, by lDAPDisplayName, that the tables extend.
BASE_CLASSES = {"mailRecipient": "Mail-Recipient", "user": "User", "group": "Group",
                "contact": "Contact", "container": "Container", "top": "Top",
                "organizationalUnit": "Organizational-Unit",
                "organizationalPerson": "Organizational-Person", "person": "Person"}


def stages(schema_dn):
    """The LDIF of each stage."""
    attributes, classes = _rows("attributes.csv"), _rows("classes.csv")
    ours = {row["lDAPDisplayName"] for row in classes}
    content = {}
    for row in attributes:
        for name in filter(None, row["classes"].split("|")):
            if row["inBaseSchema"] == "yes" and name not in ours:
                continue
            content.setdefault(name, []).append(row["lDAPDisplayName"])
    yield "\n".join(_attribute(r, schema_dn) for r in attributes if r["inBaseSchema"] != "yes")
    yield "\n".join([_class(r, content.get(r["lDAPDisplayName"], []), schema_dn)
                     for r in classes if r["objectClassCategory"] == AUXILIARY])
    extensions = []
    for name, names in content.items():
        if name not in ours:
            if name not in BASE_CLASSES:
                raise KeyError(f"schema/attributes.csv: unknown class '{name}'")
            extensions.append(_extend(BASE_CLASSES[name], "mayContain", names, schema_dn))
    auxiliaries = {}
    for row in classes:
        for name in filter(None, row["auxiliaryTo"].split("|")):
            auxiliaries.setdefault(name, []).append(row["lDAPDisplayName"])
    for name, names in auxiliaries.items():
        extensions.append(_extend(BASE_CLASSES[name], "auxiliaryClass", names, schema_dn))
    yield "\n".join(extensions)
    yield "\n".join([_class(r, content.get(r["lDAPDisplayName"], []), schema_dn)
                     for r in classes if r["objectClassCategory"] != AUXILIARY])
