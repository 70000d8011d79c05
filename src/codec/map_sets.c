/* SPDX-License-Identifier: Apache-2.0 */
/* Sets, without what is in them twice: strings by their bytes, numbers by their value. */
#include <string.h>

#include "firebridge/codec/hash.h"
#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/json_text.h"
#include "map_types.h"

struct set {
    struct fb_buffer *out;
    struct fb_buffer *kept; /* the elements so far: a size of 32 bits, and its bytes */
    uint32_t *table;        /* by hash: where in `kept`, and one more; 0: free */
    size_t mask;
    uint64_t hash_seed;
    bool is_of_numbers;
    size_t elements;
    uint64_t counted;
    const char *what;
};

static size_t count_elements(struct fb_json_cursor array)
{
    size_t count = 0;

    (void)fb_json_enter_array(&array);
    for (; fb_json_next_element(&array); count++)
        fb_json_skip(&array);
    return count;
}

/* Room for twice the elements, so that a search ends. */
static enum fb_status make_table(struct set *set, struct fb_buffer *part, size_t elements)
{
    size_t slots = 4;
    enum fb_status status;

    while (slots < elements * 2)
        slots *= 2;
    fb_buffer_reset(part);
    status = fb_buffer_reserve(part, slots * sizeof *set->table);
    if (status != FB_OK)
        return status;
    memset(part->bytes, 0, slots * sizeof *set->table);
    set->table = (uint32_t *)(void *)part->bytes;
    set->mask = slots - 1;
    return FB_OK;
}

/* The slot that has these bytes, or the free one where they go. */
static uint32_t *find(const struct set *set, const char *bytes, size_t size)
{
    size_t at = (size_t)fb_hash_bytes(set->hash_seed, bytes, size) & set->mask;

    for (; set->table[at] != 0; at = (at + 1) & set->mask) {
        const char *kept = set->kept->bytes + set->table[at] - 1;
        uint32_t kept_size;

        memcpy(&kept_size, kept, sizeof kept_size);
        if (kept_size == size && memcmp(kept + sizeof kept_size, bytes, size) == 0)
            break;
    }
    return &set->table[at];
}

static enum fb_status refuse(struct set *set, const char *what)
{
    set->what = what;
    return FB_INVALID;
}

/* What the element means, behind what is kept, with room for its size before it and a NUL behind:
 * it is not kept yet. */
static enum fb_status read_element(struct set *set, struct fb_json_cursor *element,
                                   char **ret_bytes, size_t *ret_size)
{
    const char *const begins = element->at;
    struct fb_json_text text = {begins, 0};
    const bool is_string = fb_json_take_string(element, &text);
    enum fb_status status;

    if (*begins == '[' || *begins == '{' || *begins == 'n')
        return refuse(set, "an element of a set is a string, a number or a boolean");
    if (!is_string) {
        fb_json_skip(element);
        text.size = (size_t)(element->at - begins);
    }
    status = fb_buffer_reserve(set->kept, sizeof(uint32_t) + text.size + FB_NUMBER_CANONICAL_MAX);
    if (status != FB_OK)
        return status;
    *ret_bytes = set->kept->bytes + set->kept->size + sizeof(uint32_t);
    *ret_size = fb_text_unescape(text.bytes, text.size, *ret_bytes);
    (*ret_bytes)[*ret_size] = '\0';
    return FB_OK;
}

static enum fb_status check_number(struct set *set, const char *bytes, size_t size,
                                   struct fb_number *ret_number)
{
    const char *at;

    if (fb_number_scan(bytes, ret_number, &at) != bytes + size)
        return refuse(set, "an element that is no number");
    return fb_number_check(ret_number) == FB_DEAD_NONE
               ? FB_OK
               : refuse(set, "a number of over 38 digits, or outside 1E-130 to 9.9E+125");
}

/* Keeps what `size` bytes stand behind what is kept. */
static void keep(struct set *set, uint32_t *slot, const char *bytes, size_t size)
{
    const uint32_t kept_size = (uint32_t)size;
    char *kept = set->kept->bytes + set->kept->size;

    *slot = (uint32_t)set->kept->size + 1;
    memcpy(kept, &kept_size, sizeof kept_size);
    memmove(kept + sizeof kept_size, bytes, size);
    set->kept->size += sizeof kept_size + size;
}

static enum fb_status write_element(struct set *set, const char *bytes, size_t size)
{
    enum fb_status status = fb_buffer_append_text(set->out, set->elements++ == 0 ? "\"" : ",\"");

    if (status == FB_OK)
        status = fb_map_append_escaped(set->out, bytes, size);
    return status == FB_OK ? fb_buffer_append(set->out, "\"", 1) : status;
}

static enum fb_status add_element(struct set *set, struct fb_json_cursor *element)
{
    char canonical[FB_NUMBER_CANONICAL_MAX];
    struct fb_number number;
    const char *same;
    size_t same_size;
    char *bytes;
    size_t size;
    uint32_t *slot;
    enum fb_status status = read_element(set, element, &bytes, &size);

    if (status == FB_OK && set->is_of_numbers)
        status = check_number(set, bytes, size, &number);
    if (status != FB_OK)
        return status;
    same = set->is_of_numbers ? canonical : bytes;
    same_size = set->is_of_numbers ? fb_number_canonical(&number, canonical) : size;
    slot = find(set, same, same_size);
    if (*slot != 0)
        return FB_OK;
    status = write_element(set, bytes, size);
    set->counted += set->is_of_numbers ? fb_number_counted_bytes(&number) : size;
    keep(set, slot, same, same_size);
    return status;
}

static enum fb_status add_elements(struct set *set, struct fb_json_cursor array)
{
    enum fb_status status = FB_OK;

    (void)fb_json_enter_array(&array);
    while (status == FB_OK && fb_json_next_element(&array))
        status = add_element(set, &array);
    if (status == FB_OK && set->elements == 0)
        return refuse(set, "an empty set");
    return status;
}

static enum fb_status write_array(struct set *set, const struct fb_map_operand *operand,
                                  struct fb_map_scratch *scratch)
{
    const struct fb_json_cursor array = {operand->value.bytes};
    enum fb_status status = make_table(set, &scratch->parts[1], count_elements(array));

    set->kept = &scratch->parts[2];
    fb_buffer_reset(set->kept);
    return status == FB_OK ? add_elements(set, array) : status;
}

/* A set of one. */
static enum fb_status write_one(struct set *set, struct fb_map_operand operand,
                                struct fb_map_scratch *scratch)
{
    struct fb_number number;
    enum fb_status status = set->is_of_numbers
                                ? fb_map_to_number(&operand, scratch, &number, &set->what)
                                : fb_map_to_text(&operand, scratch, &set->what);

    if (status == FB_OK)
        status = write_element(set, operand.value.bytes, operand.value.size);
    if (status == FB_OK)
        set->counted = set->is_of_numbers ? fb_number_counted_bytes(&number) : operand.value.size;
    return status;
}

static enum fb_status write_set(struct set *set, const struct fb_map_operand *operand,
                                struct fb_map_scratch *scratch, uint32_t *ret_counted,
                                const char **ret_what)
{
    enum fb_status status =
        fb_buffer_append_text(set->out, set->is_of_numbers ? "{\"NS\":[" : "{\"SS\":[");

    if (status == FB_OK)
        status = operand->value.kind == FB_MAP_IS_ARRAY ? write_array(set, operand, scratch)
                                                        : write_one(set, *operand, scratch);
    *ret_what = set->what;
    *ret_counted = set->counted > UINT32_MAX ? UINT32_MAX : (uint32_t)set->counted;
    return status == FB_OK ? fb_buffer_append(set->out, "]}", 2) : status;
}

enum fb_status fb_map_write_string_set(const struct fb_map_operand *operand,
                                       struct fb_map_scratch *scratch, uint64_t hash_seed,
                                       uint32_t *ret_counted, const char **ret_what)
{
    struct set set = {.out = &scratch->out, .hash_seed = hash_seed};

    return write_set(&set, operand, scratch, ret_counted, ret_what);
}

enum fb_status fb_map_write_number_set(const struct fb_map_operand *operand,
                                       struct fb_map_scratch *scratch, uint64_t hash_seed,
                                       uint32_t *ret_counted, const char **ret_what)
{
    struct set set = {.out = &scratch->out, .hash_seed = hash_seed, .is_of_numbers = true};

    return write_set(&set, operand, scratch, ret_counted, ret_what);
}
