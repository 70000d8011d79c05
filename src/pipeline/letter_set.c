/* SPDX-License-Identifier: Apache-2.0 */
#include "letter_set.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Of SHA-256: two letters of a stream never meet in so many. */
#define NAME_BYTES 16

#define SLOTS_AT_FIRST ((size_t)1 << 10)

/* 64 MiB. Repeats stand near each other; where there are more letters, the set begins anew. */
#define SLOTS_MAX ((size_t)1 << 22)

struct name {
    unsigned char bytes[NAME_BYTES];
};

struct fb_letter_set {
    struct name *slots; /* zeros: free */
    size_t slot_count;  /* a power of two */
    size_t used;
};

struct fb_letter_set *fb_letter_set_new(void)
{
    struct fb_letter_set *set = calloc(1, sizeof *set);

    if (set == NULL)
        return NULL;
    set->slot_count = SLOTS_AT_FIRST;
    set->slots = calloc(set->slot_count, sizeof *set->slots);
    if (set->slots == NULL) {
        free(set);
        return NULL;
    }
    return set;
}

void fb_letter_set_free(struct fb_letter_set *set)
{
    if (set == NULL)
        return;
    free(set->slots);
    free(set);
}

/* The texts with their NULs, so that none runs into the next. */
static bool make_name(const struct fb_letter *letter, struct name *ret_name)
{
    const uint64_t numbers[] = {letter->record_number, letter->offset_bytes, letter->size_bytes};
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_made = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(context, letter->bucket, strlen(letter->bucket) + 1) == 1 &&
                   EVP_DigestUpdate(context, letter->key, strlen(letter->key) + 1) == 1 &&
                   EVP_DigestUpdate(context, letter->etag, strlen(letter->etag) + 1) == 1 &&
                   EVP_DigestUpdate(context, numbers, sizeof numbers) == 1 &&
                   EVP_DigestUpdate(context, letter->text, letter->text_size) == 1 &&
                   EVP_DigestFinal_ex(context, digest, NULL) == 1;

    EVP_MD_CTX_free(context);
    if (is_made)
        memcpy(ret_name->bytes, digest, NAME_BYTES);
    return is_made;
}

static bool is_free(const struct name *slot)
{
    static const struct name zeros;

    return memcmp(slot, &zeros, sizeof zeros) == 0;
}

/* Where it is, or belongs. */
static struct name *find(struct name *slots, size_t slot_count, const struct name *name)
{
    uint64_t at;

    memcpy(&at, name->bytes, sizeof at);
    while (!is_free(&slots[at % slot_count]) &&
           memcmp(&slots[at % slot_count], name, sizeof *name) != 0)
        at++;
    return &slots[at % slot_count];
}

/* At most half of the slots are used. */
static bool make_room(struct fb_letter_set *set)
{
    struct name *slots;

    if (set->used < set->slot_count / 2)
        return true;
    if (set->slot_count == SLOTS_MAX) {
        memset(set->slots, 0, set->slot_count * sizeof *set->slots);
        set->used = 0;
        return true;
    }
    slots = calloc(2 * set->slot_count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < set->slot_count; i++)
        if (!is_free(&set->slots[i]))
            *find(slots, 2 * set->slot_count, &set->slots[i]) = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->slot_count *= 2;
    return true;
}

enum fb_status fb_letter_set_add(struct fb_letter_set *set, const struct fb_letter *letter)
{
    struct name name;
    struct name *slot;

    if (!make_room(set) || !make_name(letter, &name))
        return FB_NO_MEMORY;
    slot = find(set->slots, set->slot_count, &name);
    if (!is_free(slot))
        return FB_CONFLICT;
    *slot = name;
    set->used++;
    return FB_OK;
}
