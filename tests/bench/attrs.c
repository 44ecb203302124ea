/* SPDX-License-Identifier: MIT */
/*
 * What galsyncd asks the two forests of a configuration's first link for, one attribute a line, so
 * that the tools it is measured against read the same:
 *
 *   attrs CONF       prints "FOREST ATTRIBUTE" lines
 */
#include <stdio.h>

#include "dsa/config/conf.h"
#include "dsa/ldap/ldap.h"
#include "dsa/rules/table.h"
#include "mapping/record.h"

static void
print(const struct dir *d, const char *const *attrs)
{
	for (; *attrs; attrs++)
		(void)printf("%s %s\n", d->name, *attrs);
}

static int
run(const struct conf *conf, struct err *err)
{
	const struct conf_link *link = &conf->links[0];
	_cleanup_(dir_free) struct dir *source = NULL, *target = NULL;
	_cleanup_(table_free) struct table *table = NULL;

	if (ldap_dir_new(&link->source->dir, true, &source, err) < 0 ||
	    ldap_dir_new(&link->target->dir, true, &target, err) < 0 || dir_open(source, err) < 0 ||
	    dir_open(target, err) < 0 ||
	    table_new(link, source->ops->schema(source), target->ops->schema(target), &table, err) <
		0)
		return -1;
	print(source, table->source_attrs);
	print(target, table->target_attrs);
	return 0;
}

int
main(int argc, char **argv)
{
	_cleanup_(conf_errors_done) struct conf_errors errors = {0};
	_cleanup_(conf_free) struct conf *conf = NULL;
	struct err err = {.text = ""};

	if (argc != 2) {
		(void)fputs("usage: attrs CONF\n", stderr);
		return 2;
	}
	if (conf_load(argv[1], &conf, &errors) < 0) {
		(void)fprintf(stderr, "attrs: %s: not valid\n", argv[1]);
		return 1;
	}
	if (run(conf, &err) < 0) {
		(void)fprintf(stderr, "attrs: %s\n", err.text);
		return 1;
	}
	return 0;
}
