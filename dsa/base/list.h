/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_LIST_H
#define GALSYNC_BASE_LIST_H

/*
 * Growing arrays. A list is three fields of its owner: a pointer to the elements, how many there
 * are, and how many fit. list_grow() makes room for one more, and the caller puts it there:
 *
 *	if (list_grow(l->v, l->n, l->cap) < 0)
 *		return err_nomem(err);
 *	l->v[l->n++] = element;
 *
 * A list begins as zeros, and its owner frees the array with free(). The macros know the size of an
 * element from the type of the pointer. They assign to the pointer and to the capacity, and
 *evaluate them more than once. Without memory the list is what it was.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* The array with room for N elements, moved; NULL without memory. */
static inline void *
list_resized(void *v, size_t n, size_t *cap, size_t size)
{
	v = reallocarray(v, n, size);
	if (v)
		*cap = n;
	return v;
}

/* The body of list_grow(): the array, moved where it had to grow, or NULL without memory. */
static inline void *
list_grown(void *v, size_t n, size_t *cap, size_t size)
{
	return n < *cap ? v : list_resized(v, *cap ? *cap * 2 : 2, cap, size);
}

static inline bool
list_has_room(size_t n, size_t cap, size_t more)
{
	return more <= cap - n;
}

#define list_take_over_(v, call)                                                                   \
	__extension__({                                                                            \
		__typeof__(v) list_v_ = (call);                                                    \
		if (list_v_)                                                                       \
			(v) = list_v_;                                                             \
		list_v_ ? 0 : -1;                                                                  \
	})
#define list_size_of_(v) sizeof(__typeof__(*(v)))

/* Makes V[N] an element of the array, whose CAP elements are doubled when they are used up. N is at
 * most CAP; a list that ends in NULL asks with its number of elements plus one. 0, or -1 without
 * memory. */
#define list_grow(v, n, cap) list_take_over_(v, list_grown((v), (n), &(cap), list_size_of_(v)))

/* Makes room for MORE elements behind the N that are there, where their number is known. 0, or -1
 * without memory. */
#define list_reserve(v, n, cap, more)                                                              \
	(list_has_room((n), (cap), (more))                                                         \
		? 0                                                                                \
		: list_take_over_(v, list_resized((v), (n) + (more), &(cap), list_size_of_(v))))

/* list_grow() for a short list that keeps no capacity: the array has N + 1 elements afterwards. */
#define list_grow_by_one(v, n) list_take_over_(v, reallocarray((v), (n) + 1, list_size_of_(v)))

#endif
