/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/ldap_keytab.h"

#include <krb5.h>

#include <stdio.h>
#include <string.h>

#include "dsa/base/mem.h"
#include "dsa/base/str.h"

static bool
is_aes(krb5_enctype e)
{
	return e == ENCTYPE_AES128_CTS_HMAC_SHA1_96 || e == ENCTYPE_AES256_CTS_HMAC_SHA1_96 ||
	       e == ENCTYPE_AES128_CTS_HMAC_SHA256_128 || e == ENCTYPE_AES256_CTS_HMAC_SHA384_192;
}

static void
add_name(krb5_enctype e, struct buf *names)
{
	char name[64];

	if (krb5_enctype_to_name(e, false, name, sizeof name) != 0)
		(void)snprintf(name, sizeof name, "type %d", (int)e);
	if (!names->data || !strstr((const char *)names->data, name))
		buf_printf(names, "%s%s", names->len ? ", " : "", name);
}

/* The names of the types of PRINCIPAL's keys; *RET_AES: one is for AES. */
static void
look_at_keys(krb5_context ctx, krb5_keytab keytab, krb5_const_principal principal,
    struct buf *names, bool *ret_aes)
{
	krb5_keytab_entry entry;
	krb5_kt_cursor cursor;

	if (krb5_kt_start_seq_get(ctx, keytab, &cursor) != 0)
		return;
	while (krb5_kt_next_entry(ctx, keytab, &entry, &cursor) == 0) {
		if (krb5_principal_compare(ctx, entry.principal, principal)) {
			add_name(entry.key.enctype, names);
			*ret_aes |= is_aes(entry.key.enctype);
		}
		(void)krb5_free_keytab_entry_contents(ctx, &entry);
	}
	(void)krb5_kt_end_seq_get(ctx, keytab, &cursor);
}

static void
look_at_file(krb5_context ctx, const struct dir_conf *conf, struct buf *names, bool *ret_aes)
{
	_cleanup_(free) char *file = str_printf("FILE:%s", conf->keytab);
	krb5_principal principal = NULL;
	krb5_keytab keytab = NULL;

	if (file && krb5_parse_name(ctx, conf->principal, &principal) == 0 &&
	    krb5_kt_resolve(ctx, file, &keytab) == 0) {
		look_at_keys(ctx, keytab, principal, names, ret_aes);
		(void)krb5_kt_close(ctx, keytab);
	}
	krb5_free_principal(ctx, principal);
}

bool
ldap_keytab_lacks_aes(const struct dir_conf *conf, char *text, size_t size)
{
	_cleanup_(buf_done) struct buf names = {0};
	krb5_context ctx;
	bool aes = false;

	if (conf->mechanism == AUTH_SIMPLE || !conf->keytab || !conf->principal ||
	    krb5_init_context(&ctx) != 0)
		return false;
	look_at_file(ctx, conf, &names, &aes);
	krb5_free_context(ctx);
	if (aes || !names.len || names.failed)
		return false;
	(void)snprintf(text, size,
	    "the keytab '%s' has no AES key of '%s', only %s: today's domain controllers give no "
	    "ticket for it; let the account use AES (msDS-SupportedEncryptionTypes 24), set its "
	    "password anew and export the keytab again",
	    conf->keytab, conf->principal, (const char *)names.data);
	return true;
}
