/* SPDX-License-Identifier: Apache-2.0 */
#include "members.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/hash.h"
#include "firebridge/codec/json_text.h"

#define SLOTS_AT_FIRST   256
#define KEPT_CAPACITY    1024
#define KEPT_SLOTS       4096
#define MEMBERS_AT_FIRST 64

void fb_members_done(struct fb_members *members)
{
    free(members->stack);
    free(members->slots);
    *members = (struct fb_members){0};
}

void fb_members_reset(struct fb_members *members)
{
    fb_members_close(members, 0);
}

void fb_members_shrink(struct fb_members *members)
{
    fb_members_reset(members);
    if (members->capacity > KEPT_CAPACITY || members->slot_count > KEPT_SLOTS)
        fb_members_done(members);
}

enum fb_status fb_members_grow(struct fb_members *members)
{
    const uint32_t capacity = members->capacity == 0 ? MEMBERS_AT_FIRST : members->capacity * 2;
    struct fb_member *stack = realloc(members->stack, capacity * sizeof *stack);

    if (stack == NULL)
        return FB_NO_MEMORY;
    members->stack = stack;
    members->capacity = capacity;
    return FB_OK;
}

/* The next code point of a name that was checked; moves on. */
static uint32_t next_code_point(const char **p, const char *end)
{
    struct fb_text_special special = {.size = 1, .code_point = (unsigned char)**p};

    if (**p == '\\' || (unsigned char)**p >= 0x80)
        if (fb_text_special(*p, end, &special) != FB_TEXT_GOOD)
            special.size = 1;
    *p += special.size;
    return special.code_point;
}

static bool same_unescaped(const struct fb_member *a, const struct fb_member *b)
{
    const char *p = a->name;
    const char *q = b->name;
    const char *const p_end = p + a->name_size;
    const char *const q_end = q + b->name_size;

    while (p < p_end && q < q_end)
        if (next_code_point(&p, p_end) != next_code_point(&q, q_end))
            return false;
    return p == p_end && q == q_end;
}

/* The hashes are equal, which all but proves it. */
static bool same_text(const struct fb_member *a, const struct fb_member *b)
{
    if (a->escaped || b->escaped)
        return same_unescaped(a, b);
    return a->name_size == b->name_size && memcmp(a->name, b->name, a->name_size) == 0;
}

static inline bool same_name(const struct fb_member *a, const struct fb_member *b)
{
    return a->hash == b->hash && same_text(a, b);
}

/* `first` tells objects with the same names apart, so that they do not crowd one place. */
static uint32_t home_slot(const struct fb_members *members, uint64_t hash, uint32_t first)
{
    return (uint32_t)fb_hash_fold(hash, ((uint64_t)first << 1 | 1) * 0x9e3779b97f4a7c15U) &
           (members->slot_count - 1);
}

/* The slot of an earlier member of that name, or the free one where this one belongs. */
static uint32_t find_slot(const struct fb_members *members, uint32_t index, uint32_t first)
{
    const struct fb_member *member = &members->stack[index];
    uint32_t slot = home_slot(members, member->hash, first);

    while (members->slots[slot] != 0) {
        const uint32_t other = members->slots[slot] - 1;

        if (other >= first && same_name(&members->stack[other], member))
            return slot;
        slot = (slot + 1) & (members->slot_count - 1);
    }
    return slot;
}

/* Returns the one before it of that name; or NULL. */
static const struct fb_member *put(struct fb_members *members, uint32_t index, uint32_t first)
{
    const uint32_t slot = find_slot(members, index, first);
    struct fb_member *before =
        members->slots[slot] == 0 ? NULL : &members->stack[members->slots[slot] - 1];

    if (before != NULL) {
        before->superseded = true;
        before->slot = FB_MEMBERS_NO_SLOT;
    } else
        members->slots_used++;
    members->slots[slot] = index + 1;
    members->stack[index].slot = slot;
    members->stack[index].object = first;
    return before;
}

/* In the order of the stack, which is the order of insertion: so closing may simply free slots. */
static enum fb_status rehash(struct fb_members *members)
{
    const uint32_t slot_count = members->slot_count == 0 ? SLOTS_AT_FIRST : members->slot_count * 2;
    uint32_t *slots = calloc(slot_count, sizeof *slots);

    if (slots == NULL)
        return FB_NO_MEMORY;
    free(members->slots);
    members->slots = slots;
    members->slot_count = slot_count;
    members->slots_used = 0;
    for (uint32_t i = 0; i < members->count; i++)
        if (members->stack[i].slot != FB_MEMBERS_NO_SLOT)
            put(members, i, members->stack[i].object);
    return FB_OK;
}

static enum fb_status reserve_slots(struct fb_members *members, uint32_t extra)
{
    while (members->slot_count / 2 < members->slots_used + extra) {
        const enum fb_status status = rehash(members);

        if (status != FB_OK)
            return status;
    }
    return FB_OK;
}

/* The last one: those before it are superseded already. */
static const struct fb_member *find_by_scan(struct fb_members *members, uint32_t first)
{
    const uint32_t top = members->count - 1;

    for (uint32_t i = top; i > first; i--)
        if (same_name(&members->stack[i - 1], &members->stack[top])) {
            members->stack[i - 1].superseded = true;
            return &members->stack[i - 1];
        }
    return NULL;
}

enum fb_status fb_members_find_repeated(struct fb_members *members, uint32_t first,
                                        const struct fb_member **ret_before)
{
    const uint32_t size = members->count - first;
    enum fb_status status;

    if (size < FB_MEMBERS_SCANNED) {
        *ret_before = find_by_scan(members, first);
        return FB_OK;
    }
    status = reserve_slots(members, size == FB_MEMBERS_SCANNED ? size : 1);
    if (status != FB_OK)
        return status;
    if (size == FB_MEMBERS_SCANNED)
        for (uint32_t i = first; i < members->count - 1; i++)
            put(members, i, first);
    *ret_before = put(members, members->count - 1, first);
    return FB_OK;
}

/*
 * The slots of the innermost object were taken last, so freeing them leaves the table as it was
 * before that object was opened.
 */
void fb_members_close(struct fb_members *members, uint32_t first)
{
    if (members->slots_used > 0)
        for (uint32_t i = first; i < members->count; i++)
            if (members->stack[i].slot != FB_MEMBERS_NO_SLOT) {
                members->slots[members->stack[i].slot] = 0;
                members->slots_used--;
            }
    members->count = first;
}
