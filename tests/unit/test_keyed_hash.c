/* SPDX-License-Identifier: MIT */

/* The keyed hash, and that whatever is looked up by foreign values uses it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dsa/base/keyed_hash.h"
#include "mapping/match.h"

/* The published vectors are of the key 00 01 ... 0f; those of the zero key are what Python says
 * (PYTHONHASHSEED=0). */
static void
vectors(void **state)
{
	static const struct {
		bool zero;
		const char *text;
		size_t len;
		uint64_t want;
	} cases[] = {{false, "", 0, 0xabac0158050fc4dc}, {false, "\0", 1, 0xc9f49bf37d57ca93},
	    {true, "a", 1, 0x407448d2b89b1813}, {true, "12345678", 8, 0x3489982430560a87},
	    {true, "Hello, world", 12, 0x948a6723198f9133}};
	uint8_t key[2][KEYED_HASH_KEY] = {{0}};

	(void)state;
	for (uint8_t i = 0; i < KEYED_HASH_KEY; i++)
		key[0][i] = i;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(keyed_hash_siphash(key[cases[i].zero],
				     (struct bytes){cases[i].text, cases[i].len}),
		    cases[i].want);
}

static void
case_and_seed(void **state)
{
	const struct bytes upper = bytes_of("CEO@Globex.Example"),
			   lower = bytes_of("ceo@globex.example");

	(void)state;
	assert_true(keyed_hash(upper, 0) == keyed_hash(upper, 0));
	assert_true(keyed_hash(upper, 0) != keyed_hash(lower, 0));
	assert_true(keyed_hash_nocase(upper, 0) == keyed_hash_nocase(lower, 0));
	assert_true(keyed_hash_nocase(upper, 0) == keyed_hash(lower, 0));
	assert_true(keyed_hash(upper, 0) != keyed_hash(upper, 1));
}

/* The hash under which another process finds an address. */
static uint64_t
of_another_process(void)
{
	char path[256] = "";
	uint64_t got = 0;
	int pipes[2];
	pid_t pid;

	assert_true(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(pipes[1], STDOUT_FILENO);
		(void)execl(path, path, "--hash", (char *)NULL);
		_exit(1);
	}
	(void)close(pipes[1]);
	assert_int_equal(read(pipes[0], &got, sizeof got), sizeof got);
	(void)close(pipes[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return got;
}

static uint64_t
of_an_address(void)
{
	return match_key_hash(MATCH_KEY_SMTP, bytes_of("ceo@globex.example"));
}

static void
each_process_has_a_key(void **state)
{
	(void)state;
	assert_true(of_an_address() == of_an_address());
	assert_true(of_another_process() != of_another_process());
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(case_and_seed),
	    cmocka_unit_test(each_process_has_a_key),
	};

	if (argc > 1 && strcmp(argv[1], "--hash") == 0) {
		uint64_t h = of_an_address();

		return write(STDOUT_FILENO, &h, sizeof h) != (ssize_t)sizeof h;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
