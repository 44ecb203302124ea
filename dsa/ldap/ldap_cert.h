/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_CERT_H
#define GALSYNC_LDAP_LDAP_CERT_H

/*
 * Says in words why a server's certificate (X.509, RFC 5280) was refused. It explains a decision
 * that the TLS library has made and makes none itself: nothing here may ever be used to accept one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/mem.h"

/* Looks at the certificate DER of a server that was asked for as HOST at NOW_S, where CA_FILE holds
 * the trusted authorities. Writes one sentence; false if DER is no certificate. Any octets are
 * survived. */
bool ldap_cert_describe(struct bytes der, const char *host, const char *ca_file, int64_t now_s,
    char *text, size_t size);

#endif
