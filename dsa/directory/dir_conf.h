/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_DIR_CONF_H
#define GALSYNC_DIRECTORY_DIR_CONF_H

/*
 * How a forest is reached: plain values, filled by the configuration. All strings are owned by the
 * configuration and outlive the directory that uses them.
 */

#include <stddef.h>

enum auth_mechanism { AUTH_GSSAPI, AUTH_GSS_SPNEGO, AUTH_SIMPLE };
enum tls_mode { TLS_NONE, TLS_STARTTLS, TLS_LDAPS };

struct dir_conf {
	const char *name; /* of the forest, for messages */
	const char
	    *domain;	  /* DNS name of the domain; servers are found by SRV if SERVERS is empty */
	const char *site; /* AD site to prefer in discovery, or NULL */
	const char *const *servers; /* LDAP URLs in order of preference */
	size_t n_servers;
	enum auth_mechanism mechanism;
	const char *principal, *keytab;	     /* GSSAPI, GSS-SPNEGO */
	const char *bind_dn, *password_file; /* SIMPLE */
	enum tls_mode tls;
	const char *ca_file;	/* PEM, or NULL for the system's */
	int connect_timeout_ms; /* TCP and TLS set-up, bind */
	int timeout_ms;		/* no progress of any request for so long: the server is given up */
	int return_after_s;	/* to the first of SERVERS, from another one; 0: never */
	int page_size;		/* entries a page asked for */
	int window;		/* write requests under way at once */
};

#endif
