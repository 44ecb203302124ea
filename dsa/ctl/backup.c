/* SPDX-License-Identifier: MIT */
/* map backup: written by this process, so with the rights of the one who asks. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/json.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/shown.h"
#include "mapping/backup.h"

enum ctl_status
ctl_verb_map_backup(struct ctl *c, int argc, char **argv)
{
	const char *file = NULL;
	bool force = false;
	struct stat st = {0};
	struct err err;
	json_t *o;

	/* argv[1] is "backup". */
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--force") == 0)
			force = true;
		else if (argv[i][0] == '-' || file)
			return ctl_usage("map backup: '%s' is not understood", argv[i]);
		else
			file = argv[i];
	}
	if (!file)
		return ctl_usage("map backup takes [--force] FILE");
	if (backup_make(c->store, file, force, &err) < 0)
		return ctl_fail(&err);
	(void)stat(file, &st);
	if (!c->json) {
		(void)printf(
		    "the map is copied to %s: %lld octets\n", shown(file), (long long)st.st_size);
		return CTL_DONE;
	}
	o = json_object();
	json_put_member(&o, "file", json_of_text(file));
	json_put_member(&o, "octets", json_of_count((uint64_t)st.st_size));
	return ctl_print_json(o);
}
