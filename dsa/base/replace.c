/* SPDX-License-Identifier: MIT */
#include "dsa/base/replace.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/str.h"

struct replace {
	char *path, *name; /* the file's, and for the time being */
	int fd;
};

static void
release(struct replace *r)
{
	closep(&r->fd);
	free(r->path);
	free(r->name);
	free(r);
}

int
replace_begin(const char *path, bool leftover_is_ours, struct replace **ret, struct err *err)
{
	struct replace *r = calloc(1, sizeof *r);
	int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (leftover_is_ours ? 0 : O_EXCL);
	int rc;

	if (!r)
		return err_nomem(err);
	r->fd = -1;
	r->path = strdup(path);
	r->name = str_printf("%s.new", path);
	if (!r->path || !r->name) {
		release(r);
		return err_nomem(err);
	}
	r->fd = open(r->name, flags, 0600);
	/* Emptied by its descriptor: a name with a link behind it was refused. */
	if (r->fd < 0 || fchmod(r->fd, 0600) < 0 || ftruncate(r->fd, 0) < 0) {
		rc = err_sys(err, errno, "'%s'", r->name);
		release(r);
		return rc;
	}
	*ret = r;
	return 0;
}

int
replace_fd(const struct replace *r)
{
	return r->fd;
}

const char *
replace_name(const struct replace *r)
{
	return r->name;
}

int
replace_write(struct replace *r, struct bytes v, struct err *err)
{
	const char *p = v.data;

	while (v.len > 0) {
		ssize_t n = write(r->fd, p, v.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "write of '%s'", r->name);
		p += n;
		v.len -= (size_t)n;
	}
	return 0;
}

/* The name is in the directory, whose own turn it is to be brought to the disk. */
static int
sync_folder(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_(free) char *folder =
	    slash ? strndup(path, (size_t)(slash - path + 1)) : strdup(".");
	_cleanup_(close) int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (!folder)
		return err_nomem(err);
	/* A file system that has nothing to bring to a disk says so by EINVAL. */
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		return err_sys(err, errno, "'%s'", folder);
	return 0;
}

/* Not every file system knows how to rename without replacing; such a one has links. */
static int
give_free_name(const struct replace *r)
{
	if (renameat2(AT_FDCWD, r->name, AT_FDCWD, r->path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL || link(r->name, r->path) < 0)
		return -1;
	(void)unlink(r->name);
	return 0;
}

int
replace_end(struct replace *r, bool may_replace, struct err *err)
{
	int rc;

	if (fsync(r->fd) < 0) {
		rc = err_sys(err, errno, "'%s'", r->name);
		replace_abort(r);
		return rc;
	}
	if ((may_replace ? rename(r->name, r->path) : give_free_name(r)) < 0) {
		rc = err_sys(err, errno, "'%s'", r->path);
		replace_abort(r);
		return rc;
	}
	rc = sync_folder(r->path, err);
	release(r);
	return rc;
}

void
replace_abort(struct replace *r)
{
	if (!r)
		return;
	(void)unlink(r->name);
	release(r);
}
