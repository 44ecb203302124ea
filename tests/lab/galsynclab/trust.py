# SPDX-License-Identifier: MIT
"""A forest trust between the lab's two forests, in both directions.

`samba-tool domain trust create` speaks SMB to the other forest and wants winbind for its checks; the
lab has neither. So either side is told by LSA, on its own socket, what that command tells it: the
trusted domain, the secret that both share, and which names lead there. `restore` ends the trust.
"""

from . import forests, second
from .lab import FORESTS, LabError


def _open(f):
    """(LSA of the forest's domain controller, as the system; a handle; what it says of itself)."""
    # Imported here: the command's other verbs work without python3-samba.
    # pylint: disable=import-outside-toplevel
    from samba.dcerpc import lsa
    from samba.param import LoadParm
    lp = LoadParm()
    lp.load(f.smb_conf)
    conn = lsa.lsarpc("ncalrpc:[,auth_type=ncalrpc_as_system]", lp)
    attr = lsa.ObjectAttribute()
    attr.sec_qos = lsa.QosInfo()
    policy = conn.OpenPolicy2("", attr, lsa.LSA_POLICY_VIEW_LOCAL_INFORMATION |
                              lsa.LSA_POLICY_TRUST_ADMIN | lsa.LSA_POLICY_CREATE_SECRET)
    return conn, policy, conn.QueryInfoPolicy2(policy, lsa.LSA_POLICY_INFO_DNS)


def _secret(password):
    # pylint: disable=import-outside-toplevel
    import samba
    from samba.dcerpc import drsblobs, lsa
    octets = list(password.encode("utf-16-le"))
    clear = drsblobs.AuthInfoClear()
    clear.size, clear.password = len(octets), octets
    info = drsblobs.AuthenticationInformation()
    info.LastUpdateTime = samba.unix2nttime(samba.current_unix_time())
    info.AuthType = lsa.TRUST_AUTH_TYPE_CLEAR
    info.AuthInfo = clear
    array = drsblobs.AuthenticationInformationArray()
    array.count, array.array = 1, [info]
    blob = drsblobs.trustAuthInOutBlob()
    blob.count, blob.current = 1, array
    return blob


def _names(other):
    """What lies in the forest OTHER: its DNS names and its one domain."""
    from samba.dcerpc import lsa    # pylint: disable=import-outside-toplevel
    name, domain = lsa.ForestTrustRecord(), lsa.ForestTrustRecord()
    name.type = lsa.LSA_FOREST_TRUST_TOP_LEVEL_NAME
    name.forest_trust_data.string = other.dns_domain.string
    domain.type = lsa.LSA_FOREST_TRUST_DOMAIN_INFO
    domain.forest_trust_data.domain_sid = other.sid
    domain.forest_trust_data.dns_domain_name.string = other.dns_domain.string
    domain.forest_trust_data.netbios_domain_name.string = other.name.string
    info = lsa.ForestTrustInformation()
    info.count, info.entries = 2, [name, domain]
    return info


def _trust(side, other, incoming, outgoing):
    # pylint: disable=import-outside-toplevel
    from samba.dcerpc import lsa, security
    from samba.trust_utils import CreateTrustedDomainRelax
    conn, policy, _ = side
    info = lsa.TrustDomainInfoInfoEx()
    info.domain_name.string, info.netbios_name.string = other.dns_domain.string, other.name.string
    info.sid = other.sid
    info.trust_type = lsa.LSA_TRUST_TYPE_UPLEVEL
    info.trust_direction = lsa.LSA_TRUST_DIRECTION_INBOUND | lsa.LSA_TRUST_DIRECTION_OUTBOUND
    info.trust_attributes = lsa.LSA_TRUST_ATTRIBUTE_FOREST_TRANSITIVE
    tdo = CreateTrustedDomainRelax(conn, policy, info, lsa.LSA_TRUSTED_DOMAIN_ALL_ACCESS,
                                   _secret(incoming), _secret(outgoing))
    types = lsa.TrustDomainInfoSupportedEncTypes()
    types.enc_types = (security.KERB_ENCTYPE_AES128_CTS_HMAC_SHA1_96 |
                       security.KERB_ENCTYPE_AES256_CTS_HMAC_SHA1_96)
    conn.SetInformationTrustedDomain(tdo, lsa.LSA_TRUSTED_DOMAIN_SUPPORTED_ENCRYPTION_TYPES, types)
    _set_names(conn, policy, other)


def _set_names(conn, policy, other):
    # pylint: disable=import-outside-toplevel
    from samba import NTSTATUSError, ntstatus
    from samba.dcerpc import lsa
    kind = lsa.LSA_FOREST_TRUST_DOMAIN_INFO
    try:
        conn.lsaRSetForestTrustInformation(policy, other.dns_domain, kind, _names(other), 0)
    except NTSTATUSError as e:
        # It is stored, and then winbind is to be told, which is not there.
        if e.args[0] != ntstatus.NT_STATUS_OBJECT_NAME_NOT_FOUND:
            raise
    name = lsa.String()
    name.string = other.dns_domain.string
    known = conn.lsaRQueryForestTrustInformation(policy, name, kind)
    if known.count != 2:
        raise LabError(f"the names of {other.dns_domain.string} are not known")


def _serve_rpc(lab, yes):
    for f in FORESTS:
        forests.stop(f)
        second.serve_rpc(f, yes)
        forests.start(lab, f)


def add(lab):
    import samba    # pylint: disable=import-outside-toplevel
    _serve_rpc(lab, True)
    one, other = (_open(f) for f in FORESTS)
    there, back = (samba.generate_random_machine_password(120, 120) for _ in range(2))
    _trust(one, other[2], there, back)
    _trust(other, one[2], back, there)


def remove(lab):
    _serve_rpc(lab, False)
