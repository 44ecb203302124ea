/* SPDX-License-Identifier: MIT */
/* galsync-portal: reads its options, opens its socket, and then waits for a signal. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <gnutls/gnutls.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "dsa/base/log.h"
#include "dsa/base/output.h"
#include "dsa/base/str.h"
#include "dsa/config/conf.h"
#include "dsa/portal/server.h"
#include "dsa/portal/token.h"

/* gnutls_memcmp() needs nothing of what GnuTLS does at its start. */
GNUTLS_SKIP_GLOBAL_INIT

#define DEFAULT_CONF GALSYNC_SYSCONFDIR "/galsync/galsync.conf"
#define DEFAULT_SOCKET "/run/galsync/control.sock"
#define STOP_S 5 /* for those who are being answered */

enum portal_status { PORTAL_DONE = 0, PORTAL_FAILED = 1, PORTAL_USAGE = 2 };

struct options {
	const char *file, *state, *socket, *listen, *token_file;
	bool no_token;
};

static void
usage(FILE *to)
{
	(void)fputs(
	    "usage: galsync-portal [-c FILE | --state-directory DIR] [--socket PATH]\n"
	    "                      [--listen ADDRESS:PORT | --listen PATH]\n"
	    "                      [--token-file FILE | --no-token]\n"
	    "\n"
	    "  -c, --config FILE        says where the map is (default " DEFAULT_CONF ")\n"
	    "      --state-directory DIR  where the map is\n"
	    "      --socket PATH        the daemon's control socket (default " DEFAULT_SOCKET ")\n"
	    "      --listen WHERE       a loopback address and a port, or the path of a socket;\n"
	    "                           without it the socket that systemd passes\n"
	    "      --token-file FILE    clients show the token in FILE\n"
	    "      --no-token           every user of this machine may read by a loopback address\n"
	    "  -V, --version            print the version and exit\n"
	    "  -h, --help               print this and exit\n",
	    to);
}

static int
bad_usage(const char *what)
{
	if (what)
		(void)fprintf(stderr, "galsync-portal: %s\n", what);
	usage(stderr);
	return PORTAL_USAGE;
}

/* Returns -1 to go on, else the exit status. */
static int
parse(int argc, char **argv, struct options *o)
{
	enum { OPT_STATE = 256, OPT_SOCKET, OPT_LISTEN, OPT_TOKEN_FILE, OPT_NO_TOKEN };
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
	    {"state-directory", required_argument, NULL, OPT_STATE},
	    {"socket", required_argument, NULL, OPT_SOCKET},
	    {"listen", required_argument, NULL, OPT_LISTEN},
	    {"token-file", required_argument, NULL, OPT_TOKEN_FILE},
	    {"no-token", no_argument, NULL, OPT_NO_TOKEN}, {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "c:Vh", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->file = optarg; break;
		case OPT_STATE: o->state = optarg; break;
		case OPT_SOCKET: o->socket = optarg; break;
		case OPT_LISTEN: o->listen = optarg; break;
		case OPT_TOKEN_FILE: o->token_file = optarg; break;
		case OPT_NO_TOKEN: o->no_token = true; break;
		case 'V': (void)puts("galsync-portal " GALSYNC_VERSION); return PORTAL_DONE;
		case 'h': usage(stdout); return PORTAL_DONE;
		default: return bad_usage(NULL);
		}
	}
	if (optind < argc)
		return bad_usage("there are no arguments beside options");
	if (o->token_file && o->no_token)
		return bad_usage("give either --token-file or --no-token");
	return -1;
}

/* ---- the socket ---- */

/* "127.0.0.1:8080" or "[::1]:8080": an address of loopback, and no other. */
static bool
parse_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	char host[64];
	int64_t port;

	if (!colon || colon - text >= (ptrdiff_t)sizeof host || !str_to_i64(colon + 1, &port) ||
	    port < 0 || port > UINT16_MAX)
		return false;
	(void)snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
	four.sin_port = six.sin6_port = htons((uint16_t)port);
	*ret = (struct sockaddr_storage){0};
	if (inet_pton(AF_INET, host, &four.sin_addr) == 1 &&
	    ntohl(four.sin_addr.s_addr) >> 24 == 127) {
		memcpy(ret, &four, sizeof four);
		*ret_len = sizeof four;
		return true;
	}
	if (strcmp(host, "[::1]") != 0)
		return false;
	six.sin6_addr = in6addr_loopback;
	memcpy(ret, &six, sizeof six);
	*ret_len = sizeof six;
	return true;
}

static int
listen_at(const struct sockaddr *a, socklen_t len, const char *name, int *ret, struct err *err)
{
	_cleanup_(close) int fd =
	    socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1;

	if (fd < 0)
		return err_sys(err, errno, "'%s'", name);
	if (a->sa_family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(fd, a, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return err_sys(err, errno, "'%s'", name);
	*ret = fd;
	fd = -1;
	return 0;
}

/* Takes away a socket at A that nobody listens at: it is left over. */
static int
clear_path(const struct sockaddr_un *a, struct err *err)
{
	_cleanup_(close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (lstat(a->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return 0;
	if (fd < 0 || connect(fd, (const struct sockaddr *)a, sizeof *a) == 0)
		return err_sys(err, fd < 0 ? errno : EADDRINUSE, "'%s'", a->sun_path);
	return unlink(a->sun_path) < 0 ? err_sys(err, errno, "'%s'", a->sun_path) : 0;
}

/* A socket of the user's and its group's. */
static int
listen_at_path(const char *path, int *ret, struct err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	mode_t mask;
	int rc;

	if (strlen(path) >= sizeof a.sun_path)
		return err_sys(err, ENAMETOOLONG, "'%s'", path);
	memcpy(a.sun_path, path, strlen(path));
	if (clear_path(&a, err) < 0)
		return -1;
	mask = umask(0117);
	rc = listen_at((const struct sockaddr *)&a, sizeof a, path, ret, err);
	(void)umask(mask);
	return rc;
}

/* *TCP: any user of the machine can connect. */
static int
open_socket(const struct options *o, int *ret, bool *tcp, struct err *err)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof a;
	int n = sd_listen_fds(1);

	if (n > 1 || (n == 1 && o->listen))
		return err_set(err, ERR_CONF, ERR_DAEMON, ERR_NEVER, 0,
		    "%d sockets were passed%s; allowed: one, and no --listen", n,
		    o->listen ? ", and there is --listen" : "");
	if (n == 1) {
		*ret = SD_LISTEN_FDS_START;
		*tcp = getsockname(*ret, (struct sockaddr *)&a, &len) < 0 || a.ss_family != AF_UNIX;
		return 0;
	}
	*tcp = o->listen && *o->listen != '/';
	if (!o->listen || (*tcp && !parse_address(o->listen, &a, &len)))
		return err_set(err, ERR_CONF, ERR_DAEMON, ERR_NEVER, 0,
		    "--listen: '%.128s' is not allowed; allowed: 127.0.0.1:PORT, [::1]:PORT, or "
		    "the "
		    "path of a socket; or no --listen under systemd, which passes a socket",
		    o->listen ? o->listen : "");
	if (*tcp)
		return listen_at((const struct sockaddr *)&a, len, o->listen, ret, err);
	return listen_at_path(o->listen, ret, err);
}

/* ---- running ---- */

/* By --state-directory, or by the configuration, of which nothing else is needed. */
static int
find_state(const struct options *o, char **ret)
{
	_cleanup_(conf_errors_done) struct conf_errors mistakes = {0};

	if (o->state) {
		*ret = strdup(o->state);
		return *ret ? 0 : -1;
	}
	if (conf_load_state_directory(o->file, ret, &mistakes) == 0 || *ret)
		return 0;
	for (size_t i = 0; i < mistakes.n; i++)
		(void)fprintf(stderr, "%s\n", mistakes.lines[i]);
	return -1;
}

static int
fail(const struct err *err)
{
	if (log_to_journal())
		log_event(LOG_ERR, LOG_ID_NONE, NULL, "%s", err->text);
	else
		(void)fprintf(stderr, "galsync-portal: %s\n", err->text);
	return PORTAL_FAILED;
}

/* Where it listens, for who let it choose a port. */
static void
say_where(int fd)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof a;
	struct sockaddr_in four;
	struct sockaddr_in6 six;

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return;
	memcpy(&four, &a, sizeof four);
	memcpy(&six, &a, sizeof six);
	if (a.ss_family == AF_INET || a.ss_family == AF_INET6)
		(void)printf("http://%s:%d/\n", a.ss_family == AF_INET ? "127.0.0.1" : "[::1]",
		    ntohs(a.ss_family == AF_INET ? four.sin_port : six.sin6_port));
	(void)fflush(stdout);
}

/* Of what a directory is asked the answer may be long in coming: nobody waits for it any more. */
static void
give_up(int sig)
{
	(void)sig;
	_exit(PORTAL_DONE);
}

/* Until one of SET comes. */
static void
wait_for_end(struct server *server, const sigset_t *set)
{
	const struct timespec second = {.tv_sec = 1};

	while (sigtimedwait(set, NULL, &second) < 0)
		server_cut_late(server);
}

static int
serve(struct source *source, const struct server_options *so)
{
	_cleanup_(server_stop) struct server *server = NULL;
	struct err err;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	/* Before there are threads, which inherit it. */
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (server_start(source, so, &server, &err) < 0)
		return fail(&err);
	say_where(so->fd);
	(void)sd_notify(0, "READY=1\nSTATUS=serving");
	wait_for_end(server, &set);
	(void)sd_notify(0, "STOPPING=1");
	(void)signal(SIGALRM, give_up);
	(void)alarm(STOP_S);
	return PORTAL_DONE;
}

static int
run(int argc, char **argv)
{
	struct options o = {.file = DEFAULT_CONF, .socket = DEFAULT_SOCKET};
	_cleanup_(source_free) struct source *source = NULL;
	_cleanup_(free) char *state = NULL;
	struct server_options so = {
	    .fd = -1, .request_ms = SERVER_REQUEST_MS, .answer_ms = SERVER_ANSWER_MS};
	char *token = NULL;
	struct err err;
	bool tcp = false;
	int status = parse(argc, argv, &o);

	if (status >= 0)
		return status;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)mallopt(M_ARENA_MAX, 2);
	log_init();
	output_guard(OUTPUT_TEXT);
	if (find_state(&o, &state) < 0)
		return PORTAL_FAILED;
	if (open_socket(&o, &so.fd, &tcp, &err) < 0 ||
	    source_new(state, o.socket, &source, &err) < 0 ||
	    (o.token_file && token_read(o.token_file, &token, &err) < 0))
		return fail(&err);
	if (tcp && !token && !o.no_token)
		return bad_usage("every user of this machine reaches a loopback address: give "
				 "--token-file, or --no-token");
	so.token = token;
	so.local_names = tcp && !token;
	status = serve(source, &so);
	token_free(token);
	return status;
}

int
main(int argc, char **argv)
{
	return run(argc, argv);
}
