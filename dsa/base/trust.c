/* SPDX-License-Identifier: MIT */
#include "dsa/base/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dsa/base/mem.h"
#include "dsa/base/str.h"

#define LINKS_MAX 40

static bool
is_ours(uid_t owner, uid_t also)
{
	return owner == 0 || owner == geteuid() || owner == also;
}

static bool
refuse_owner(const struct stat *st, char *why, size_t size)
{
	(void)snprintf(why, size, "belongs to user %lu, and neither to root nor to user %lu",
	    (unsigned long)st->st_uid, (unsigned long)geteuid());
	return false;
}

static bool
check_mode(const struct stat *st, mode_t closed, char *why, size_t size)
{
	if (!(st->st_mode & closed))
		return true;
	(void)snprintf(why, size, "is %s group or others (mode %04o)",
	    closed == TRUST_CLOSED ? "open to" : "writable by", (unsigned)st->st_mode & 07777U);
	return false;
}

bool
trust_stat(const struct stat *st, mode_t closed, char *why, size_t size)
{
	if (!is_ours(st->st_uid, 0))
		return refuse_owner(st, why, size);
	return check_mode(st, closed, why, size);
}

bool
trust_secret(const struct stat *st, char *why, size_t size)
{
	struct stat as_ours = *st;

	if (geteuid() == 0)
		as_ours.st_uid = 0;
	return trust_stat(&as_ours, TRUST_CLOSED, why, size);
}

bool
trust_given(const struct stat *st, char *why, size_t size)
{
	const char *sudo = getenv("SUDO_UID");
	int64_t uid;

	if (!S_ISREG(st->st_mode))
		return true;
	if (!is_ours(st->st_uid, getuid()) &&
	    !(sudo && geteuid() == 0 && str_to_i64(sudo, &uid) && uid == (int64_t)st->st_uid))
		return refuse_owner(st, why, size);
	return check_mode(st, TRUST_NOT_WRITABLE, why, size);
}

/* ---- folders ---- */

static bool
check_folder(const char *path, const struct stat *st, uid_t also, char *why, size_t size)
{
	bool ours = is_ours(st->st_uid, also);
	char reason[96];

	/* Of a sticky one, what is in it is looked at next. */
	if (ours &&
	    (st->st_mode & S_ISVTX || check_mode(st, TRUST_NOT_WRITABLE, reason, sizeof reason)))
		return true;
	if (!ours)
		(void)refuse_owner(st, reason, sizeof reason);
	(void)snprintf(why, size, "lies in '%s', which %s", path, reason);
	return false;
}

struct walk {
	char done[PATH_MAX]; /* looked at: no link in it, "" for the root */
	char rest[PATH_MAX]; /* still to go */
	unsigned links;
	uid_t also;
};

/* Takes the next part of w->rest. False if there is none. */
static bool
take_part(struct walk *w, char *ret, size_t size)
{
	const char *from = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(from, "/");

	if (!len || len >= size)
		return false;
	memcpy(ret, from, len);
	ret[len] = '\0';
	memmove(w->rest, from + len, strlen(from + len) + 1);
	return true;
}

/* The link in w->done is replaced by what it says, in front of what is still to go. */
static bool
follow(struct walk *w)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlink(w->done, target, sizeof target - 1);
	char *slash = strrchr(w->done, '/');

	if (n < 0 || ++w->links > LINKS_MAX || !slash)
		return false;
	target[n] = '\0';
	memcpy(rest, w->rest, sizeof rest);
	if (snprintf(w->rest, sizeof w->rest, "%s%s", target, rest) >= (int)sizeof w->rest)
		return false;
	if (*target == '/')
		w->done[0] = '\0';
	else
		*slash = '\0';
	return true;
}

/* Goes to PART of the folder w->done. False at what is not there. */
static bool
enter(struct walk *w, const char *part, struct stat *ret)
{
	size_t len = strlen(w->done);

	if (strcmp(part, "..") == 0) {
		char *slash = strrchr(w->done, '/');

		if (slash)
			*slash = '\0';
		return stat(*w->done ? w->done : "/", ret) == 0;
	}
	if (strcmp(part, ".") != 0 && snprintf(w->done + len, sizeof w->done - len, "/%s", part) >=
					  (int)(sizeof w->done - len))
		return false;
	return lstat(*w->done ? w->done : "/", ret) == 0;
}

/* From the root on. */
static bool
check_parts(struct walk *w, char *why, size_t size)
{
	char part[NAME_MAX + 1];
	struct stat st;

	if (stat("/", &st) < 0 || !check_folder("/", &st, w->also, why, size))
		return false;
	while (take_part(w, part, sizeof part)) {
		if (!enter(w, part, &st))
			return true;
		if (S_ISLNK(st.st_mode)) {
			if (!is_ours(st.st_uid, w->also)) {
				(void)snprintf(why, size, "leads over the link '%s' of user %lu",
				    w->done, (unsigned long)st.st_uid);
				return false;
			}
			if (!follow(w))
				return true;
		} else if (S_ISDIR(st.st_mode) && w->rest[strspn(w->rest, "/")] &&
			   !check_folder(w->done, &st, w->also, why, size)) {
			return false;
		}
	}
	return true;
}

bool
trust_folders(const char *path, uid_t also, char *why, size_t size)
{
	_cleanup_(free) struct walk *w = calloc(1, sizeof *w);
	char here[PATH_MAX] = "";

	if (!w || (*path != '/' && !getcwd(here, sizeof here))) {
		(void)snprintf(why, size, "cannot be looked at: %s", w ? "no folder" : "no memory");
		return false;
	}
	w->also = also;
	if (snprintf(w->rest, sizeof w->rest, "%s/%s", here, path) >= (int)sizeof w->rest) {
		(void)snprintf(why, size, "is too long");
		return false;
	}
	return check_parts(w, why, size);
}
