/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/answers.h"

#include <stdlib.h>

#include "dsa/base/mem.h"

void
worker_answer_free(struct worker_answer *a)
{
	if (!a)
		return;
	json_decref(a->results);
	free(a);
}

void
answers_add(struct answers *l, struct worker_answer *a)
{
	a->next = l->first;
	l->first = a;
}

struct worker_answer *
answers_take(struct answers *l, uint64_t number)
{
	for (struct worker_answer **at = &l->first; *at; at = &(*at)->next)
		if ((*at)->number == number) {
			struct worker_answer *a = *at;

			*at = TAKE(a->next);
			return a;
		}
	return NULL;
}

void
answers_forget(struct answers *l, uint64_t number)
{
	struct worker_answer **at = &l->first;

	while (*at) {
		struct worker_answer *a = *at;

		if (a->number > number) {
			at = &a->next;
			continue;
		}
		*at = TAKE(a->next);
		worker_answer_free(a);
	}
}

void
answers_done(struct answers *l)
{
	answers_forget(l, UINT64_MAX);
}
