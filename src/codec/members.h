/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of the objects that are open while a record is transcoded: a stack on which names
 * that occur twice are found. Few members are compared by hash, many go through a table, so that
 * hostile input costs no more than linear work.
 *
 * Invariant: the members of an inner object lie above those of the outer one; an object's members
 *            are all in the table or none is.
 * Threads:   one owner.
 */
#ifndef FIREBRIDGE_CODEC_MEMBERS_H
#define FIREBRIDGE_CODEC_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"

/* From so many members on an object uses the table. */
#define FB_MEMBERS_SCANNED 32

#define FB_MEMBERS_NO_SLOT UINT32_MAX

struct fb_member {
    uint64_t hash;          /* of the name, unescaped */
    const char *name;       /* as the text has it */
    const char *made_with;  /* what of a conf made the name of the record's; NULL: nothing */
    uint32_t name_size;     /* there */
    uint32_t out_begin;     /* place in the output */
    uint32_t counted_begin; /* the item's counted size before this member */
    uint32_t slot;          /* in the table */
    uint32_t object;        /* the first member of its object, when it is in the table */
    bool escaped;           /* the name */
    bool superseded;        /* a later member has the same name, or it is dropped as a null */
};

struct fb_members {
    struct fb_member *stack;
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* index into the stack + 1, 0 when free */
    uint32_t slot_count;
    uint32_t slots_used;
};

void fb_members_done(struct fb_members *members);

/* Forgets all members, whatever was open. */
void fb_members_reset(struct fb_members *members);

/* Gives back memory that only an extraordinary record needed. */
void fb_members_shrink(struct fb_members *members);

/* Room for one more. */
enum fb_status fb_members_grow(struct fb_members *members) FB_MUST_CHECK;

/*
 * Looks whether the topmost member, of the object whose first member is `first`, repeats a name.
 * Gives the one before it of that name, now superseded; or NULL.
 */
enum fb_status fb_members_find_repeated(struct fb_members *members, uint32_t first,
                                        const struct fb_member **ret_before) FB_MUST_CHECK;

/* Takes the members from `first` on off the stack. */
void fb_members_close(struct fb_members *members, uint32_t first);

#endif
