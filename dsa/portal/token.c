/* SPDX-License-Identifier: MIT */
#include "dsa/portal/token.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsa/base/trust.h"

static int
refuse(const char *path, const char *why, struct err *err)
{
	return err_set(err, ERR_CONF, ERR_DAEMON, ERR_NEVER, 0,
	    "token file '%.200s' %.200s; allowed: a line of %d to %d printable characters without "
	    "blanks, in a file that its owner alone may read",
	    path, why, TOKEN_MIN, TOKEN_MAX);
}

static int
check(const char *path, char *text, size_t len, char **ret, struct err *err)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	text[len] = '\0';
	if (len < TOKEN_MIN || len > TOKEN_MAX)
		return refuse(path, "has no token of that length", err);
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return refuse(path, "has other characters", err);
	*ret = strdup(text);
	return *ret ? 0 : err_nomem(err);
}

int
token_read(const char *path, char **ret, struct err *err)
{
	_cleanup_(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char text[TOKEN_MAX + 8], why[256];
	struct stat st;
	ssize_t n;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "token file '%s'", path);
	if (!trust_secret(&st, why, sizeof why))
		return refuse(path, why, err);
	n = read(fd, text, sizeof text - 1);
	if (n < 0)
		return err_sys(err, errno, "token file '%s'", path);
	rc = check(path, text, (size_t)n, ret, err);
	explicit_bzero(text, sizeof text);
	return rc;
}

void
token_free(char *token)
{
	if (token)
		explicit_bzero(token, strlen(token));
	free(token);
}

bool
token_is_shown(const char *token, const char *header)
{
	static const char scheme[] = "Bearer ";
	size_t len = strlen(token);
	const char *shown;

	if (!header || strncasecmp(header, scheme, sizeof scheme - 1) != 0)
		return false;
	shown = header + sizeof scheme - 1;
	shown += strspn(shown, " ");
	return strlen(shown) == len && gnutls_memcmp(shown, token, len) == 0;
}
