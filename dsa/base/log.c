/* SPDX-License-Identifier: MIT */
#define SD_JOURNAL_SUPPRESS_LOCATION /* the caller's location is passed, not ours */
#include "dsa/base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

enum log_target { LOG_TO_STDERR, LOG_TO_TERMINAL, LOG_TO_JOURNAL };

/* Process-wide by nature: there is one standard error. Written before threads exist (the target) or
 * as a single word (the level). */
static enum log_target target = LOG_TO_STDERR;
static atomic_int max_level = LOG_INFO;

/* Ids are never reused for another meaning; each has its text in conf/galsync.catalog. */
static const char *const ids[] = {
    [LOG_ID_NONE] = "",
    [LOG_ID_STARTED] = "111abb658b3d47e095b3bf1a52dd018d",
    [LOG_ID_STOPPED] = "f91c5c29dfea43249945c9fbdf760e4a",
    [LOG_ID_CONFIG_BAD] = "94933ab7acbd4b2fbfc92bb0bf6548ea",
    [LOG_ID_CONFIG_RELOADED] = "9eb776a863964775935b5dc4c3cb69d8",
    [LOG_ID_CONNECTED] = "33e355877f0742f48be109f8ede971af",
    [LOG_ID_DISCONNECTED] = "4b436ce993c84e458f1cf4fcb689a586",
    [LOG_ID_CYCLE_BEGIN] = "182ab7b784d44f9180badf3902f28ce2",
    [LOG_ID_CYCLE_END] = "d9ec756aa8664d849cb6e6425aae5b15",
    [LOG_ID_CYCLE_FAILED] = "fb3d010c96264babac99131524f13a2f",
    [LOG_ID_FULL_RESYNC] = "10924407e13948a480fae27ab57df95e",
    [LOG_ID_CHANGE] = "2233c1d26c5a48f0872c7efed3b295e5",
    [LOG_ID_ENTRY_SKIPPED] = "805753c9869042f9a3bdaca97e5ebcbd",
    [LOG_ID_ENTRY_QUARANTINED] = "fed6a49ceb1944dfa1b126ee314a2beb",
    [LOG_ID_CONFLICT] = "f9c9a9ad87f54db2a1d91e6e8cc0d806",
    [LOG_ID_HELD] = "5e0770b352c34d1aa33dcda1ff4ba2a1",
    [LOG_ID_RELEASED] = "84578c0e42dd47bf8132ee88d25f1d33",
    [LOG_ID_STORE] = "a852ce0b5f7b4b1482b248249c8809ed",
    [LOG_ID_SWITCH] = "261572527fae477b91e0b9236517f02b",
    [LOG_ID_INVARIANT] = "a77768602f6f4c5599a97a484b93f63c",
    [LOG_ID_MOVED] = "ba9e5ff897d64ccbaf0c9a0a29b39416",
    [LOG_ID_HOOK_FAILED] = "ebd33ca0d44144cba7fa8d7317ac01d4",
    [LOG_ID_RIGHTS] = "3138f616abd64bfab4dee2344edbc2a7",
    [LOG_ID_ENTRY_CLEARED] = "5848bd0c98a54669891ed7dd75b4fbf9",
    [LOG_ID_CONFLICT_RESOLVED] = "fbed97cd1c5b424d9586c3506de13ffc",
    [LOG_ID_WAVE] = "4d29e4253d954f6dab8ea6993476e859",
    [LOG_ID_DECIDED] = "7fb270c59a304406b704b91a1b63bdfb",
    [LOG_ID_MAP_ANEW] = "16bbfd5201fc4d85b31821ebdca52ce1",
};
_Static_assert(ARRAY_SIZE(ids) == LOG_ID_MAX, "a message id for each event");

static const char *const level_names[] = {
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};

/* systemd.exec(5): $JOURNAL_STREAM is "device:inode" of the journal's socket. A daemon whose
 * standard error was redirected elsewhere still has the variable, hence the comparison. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st = {0};
	char end;

	if (!stream || sscanf(stream, "%llu:%llu%c", &dev, &ino, &end) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void
log_init(void)
{
	if (stderr_is_journal())
		target = LOG_TO_JOURNAL;
	else
		target = isatty(STDERR_FILENO) ? LOG_TO_TERMINAL : LOG_TO_STDERR;
}

void
log_set_level(int level)
{
	atomic_store_explicit(&max_level, level, memory_order_relaxed);
}

bool
log_wants(int level)
{
	return level <= atomic_load_explicit(&max_level, memory_order_relaxed);
}

bool
log_to_journal(void)
{
	return target == LOG_TO_JOURNAL;
}

int
log_level_from_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
		if (strcmp(name, level_names[i]) == 0)
			return (int)i;
	return -1;
}

const char *
log_id_text(enum log_id id)
{
	return ids[id];
}

/* The fields of one line, as the journal takes them: "NAME=value". All text is owned here. */
struct line {
	struct iovec iov[20];
	int n;
};

static void
line_done(struct line *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->iov[i].iov_base);
	l->n = 0;
}

static void
line_donep(struct line *l)
{
	line_done(l);
}

/* Adds NAME=VALUE, escaped. Without memory the field is lost and the line is not. */
static void
add(struct line *l, const char *name, const char *value)
{
	size_t name_len = strlen(name);
	size_t size = name_len + 4 * strlen(value) + 2; /* \xHH is the most an octet becomes */
	char *s = (size_t)l->n < ARRAY_SIZE(l->iov) ? malloc(size) : NULL;

	if (!s)
		return;
	memcpy(s, name, name_len);
	s[name_len] = '=';
	err_escape(s + name_len + 1, size - name_len - 1, bytes_of(value));
	l->iov[l->n++] = (struct iovec){s, strlen(s)};
}

static void
add_int(struct line *l, const char *name, int value)
{
	char text[16];

	(void)snprintf(text, sizeof text, "%d", value);
	add(l, name, text);
}

static void
add_fields(struct line *l, const struct log_fields *f)
{
	const struct {
		const char *name, *value;
	} text[] = {
	    {"GALSYNC_CYCLE", f->cycle},
	    {"GALSYNC_LINK", f->link},
	    {"GALSYNC_PEER", f->peer},
	    {"GALSYNC_OP", f->op},
	    {"GALSYNC_DN", f->dn},
	    {"GALSYNC_GUID", f->guid},
	    {"GALSYNC_SIDE", f->side},
	    {"GALSYNC_ATTRS", f->attrs},
	};

	for (size_t i = 0; i < ARRAY_SIZE(text); i++)
		if (text[i].value)
			add(l, text[i].name, text[i].value);
	if (!f->err)
		return;
	if (f->err->src == ERR_SYS)
		add_int(l, "ERRNO", f->err->code);
	if (f->err->src == ERR_LDAP) {
		add_int(l, "GALSYNC_LDAP_RC", f->err->code);
		add(l, "GALSYNC_LDAP_DIAG", f->err->text);
	}
}

/* One write, so that lines of several threads do not mix. */
static void
write_stderr(int level, const char *message)
{
	_cleanup_(buf_done) struct buf b = {0};
	size_t done = 0;

	if (target != LOG_TO_TERMINAL)
		buf_printf(&b, "<%d>", level);
	buf_add_str(&b, message);
	buf_add_char(&b, '\n');
	while (!b.failed && done < b.len) {
		ssize_t n = write(STDERR_FILENO, b.data + done, b.len - done);

		if (n < 0 && errno != EINTR)
			return;
		done += n > 0 ? (size_t)n : 0;
	}
}

void
log_event_at(const char *file, int line, const char *func, int level, enum log_id id,
    const struct log_fields *fields, const char *fmt, ...)
{
	_cleanup_(line_done) struct line l = {0};
	_cleanup_(free) char *message = NULL;
	int saved = errno; /* logging does not disturb the failure it reports */
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&message, fmt, ap) < 0)
		message = NULL;
	va_end(ap);
	add(&l, "MESSAGE", message ? message : fmt);
	if (l.n == 0)
		return;
	if (target == LOG_TO_JOURNAL) {
		add_int(&l, "PRIORITY", level);
		if (id != LOG_ID_NONE)
			add(&l, "MESSAGE_ID", ids[id]);
		add(&l, "CODE_FILE", file);
		add_int(&l, "CODE_LINE", line);
		add(&l, "CODE_FUNC", func);
		if (fields)
			add_fields(&l, fields);
	}
	if (target != LOG_TO_JOURNAL || sd_journal_sendv(l.iov, l.n) < 0)
		write_stderr(level, (const char *)l.iov[0].iov_base + strlen("MESSAGE="));
	errno = saved;
}
