/* SPDX-License-Identifier: Apache-2.0 */
#include "map_path.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/base/nearest.h"
#include "firebridge/codec/hash.h"
#include "firebridge/codec/json_cursor.h"

#define CHILDREN_AT_FIRST 4

/* DynamoDB's limit for an attribute's name, far beyond what anyone writes. */
#define NAME_MAX_BYTES 65535

/* ---- the tree ---- */

void fb_map_tree_init(struct fb_map_tree *tree, uint64_t hash_seed)
{
    *tree = (struct fb_map_tree){
        .root = {.element = FB_MAP_NO_ELEMENT, .slot = FB_MAP_NO_SLOT},
        .hash_seed = hash_seed,
    };
}

/* As deep as a path has parts. */
static void node_done(struct fb_map_node *node)
{
    for (uint32_t i = 0; i < node->child_count; i++)
        node_done(&node->children[i]);
    free(node->children);
    free(node->child_table);
    free(node->to);
    free(node->name);
}

void fb_map_tree_done(struct fb_map_tree *tree)
{
    node_done(&tree->root);
    fb_map_tree_init(tree, tree->hash_seed);
}

static void enter_in_table(struct fb_map_node *node, uint32_t child)
{
    const uint32_t mask = 2 * node->child_capacity - 1;
    uint32_t at = (uint32_t)node->children[child].hash & mask;

    while (node->child_table[at] != 0)
        at = (at + 1) & mask;
    node->child_table[at] = child + 1;
}

static enum fb_status grow_children(struct fb_map_node *node)
{
    const uint32_t capacity =
        node->child_capacity == 0 ? CHILDREN_AT_FIRST : 2 * node->child_capacity;
    struct fb_map_node *children = realloc(node->children, capacity * sizeof *children);
    uint32_t *table;

    if (children == NULL)
        return FB_NO_MEMORY;
    node->children = children;
    table = calloc((size_t)2 * capacity, sizeof *table);
    if (table == NULL)
        return FB_NO_MEMORY;
    free(node->child_table);
    node->child_table = table;
    node->child_capacity = capacity;
    for (uint32_t i = 0; i < node->child_count; i++)
        enter_in_table(node, i);
    return FB_OK;
}

/* "0", "17"; not "007", which is only a name. */
static uint32_t element_number(const char *name, size_t size)
{
    uint64_t number = 0;

    if (size == 0 || size > 10 || (size > 1 && name[0] == '0'))
        return FB_MAP_NO_ELEMENT;
    for (size_t i = 0; i < size; i++) {
        if (name[i] < '0' || name[i] > '9')
            return FB_MAP_NO_ELEMENT;
        number = number * 10 + (uint64_t)(name[i] - '0');
    }
    return number < FB_MAP_NO_ELEMENT ? (uint32_t)number : FB_MAP_NO_ELEMENT;
}

static enum fb_status add_child(struct fb_map_node *parent, uint64_t hash, const char *name,
                                size_t size)
{
    struct fb_map_node child = {.hash = hash, .name_size = size, .slot = FB_MAP_NO_SLOT};

    if (parent->child_count == parent->child_capacity && grow_children(parent) != FB_OK)
        return FB_NO_MEMORY;
    child.name = calloc(1, size + 1);
    if (child.name == NULL)
        return FB_NO_MEMORY;
    memcpy(child.name, name, size);
    child.element = element_number(child.name, child.name_size);
    if (child.element != FB_MAP_NO_ELEMENT && child.element >= parent->element_end)
        parent->element_end = child.element + 1;
    parent->children[parent->child_count++] = child;
    enter_in_table(parent, parent->child_count - 1);
    return FB_OK;
}

static bool is_called(const struct fb_map_node *node, const char *name, size_t size, bool escaped)
{
    const struct fb_json_text text = {name, size};

    if (escaped)
        return fb_json_text_is(&text, node->name, node->name_size);
    return size == node->name_size && memcmp(name, node->name, size) == 0;
}

const struct fb_map_node *fb_map_node_member(const struct fb_map_node *parent, uint64_t hash,
                                             const char *name_json, size_t name_size, bool escaped)
{
    const uint32_t mask = 2 * parent->child_capacity - 1;
    uint32_t at = (uint32_t)hash & mask;

    if (parent->child_count == 0)
        return NULL;
    for (; parent->child_table[at] != 0; at = (at + 1) & mask) {
        const struct fb_map_node *child = &parent->children[parent->child_table[at] - 1];

        if (child->hash == hash && is_called(child, name_json, name_size, escaped))
            return child;
    }
    return NULL;
}

const struct fb_map_node *fb_map_node_element(const struct fb_map_node *parent, uint32_t index)
{
    if (index >= parent->element_end)
        return NULL;
    for (uint32_t i = 0; i < parent->child_count; i++)
        if (parent->children[i].element == index)
            return &parent->children[i];
    return NULL;
}

enum fb_status fb_map_node_add(const struct fb_map_tree *tree, struct fb_map_node *parent,
                               const char *name, size_t size, struct fb_map_node **ret_child,
                               struct fb_error *error)
{
    const uint64_t hash = fb_hash_bytes(tree->hash_seed, name, size);
    const struct fb_map_node *child = fb_map_node_member(parent, hash, name, size, false);

    if (child == NULL) {
        if (add_child(parent, hash, name, size) != FB_OK)
            return fb_fail(error, FB_NO_MEMORY, "no memory for a path");
        child = &parent->children[parent->child_count - 1];
    }
    *ret_child = &parent->children[child - parent->children];
    return FB_OK;
}

/* ---- paths ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '@';
}

static const char *behind_plain(const char *p)
{
    while (is_plain(*p))
        p++;
    return p;
}

/* *text stands behind the opening quote. */
static enum fb_status parse_quoted(const char **text, struct fb_buffer *name,
                                   struct fb_error *error)
{
    enum fb_status status = FB_OK;

    for (; **text != '"' && status == FB_OK; ++*text) {
        if (**text == '\\' && *++*text != '"' && **text != '\\')
            return fb_fail(error, FB_INVALID,
                           "in a quoted name a backslash stands before \" or \\ only");
        if (**text == '\0')
            return fb_fail(error, FB_INVALID, "the closing \" of a quoted name is missing");
        status = fb_buffer_append(name, *text, 1);
    }
    if (status == FB_OK)
        ++*text;
    return status;
}

static enum fb_status parse_part(const char **text, struct fb_buffer *name, struct fb_error *error)
{
    const char *const begin = *text;
    enum fb_status status;

    fb_buffer_reset(name);
    if (*begin == '"') {
        ++*text;
        status = parse_quoted(text, name, error);
    } else {
        if (!is_plain(*begin))
            return fb_fail(error, FB_INVALID,
                           "a field's name is expected here; one with other characters than "
                           "letters, digits, _, - and @ stands in double quotes");
        *text = behind_plain(begin);
        status = fb_buffer_append(name, begin, (size_t)(*text - begin));
    }
    if (status == FB_TOO_LARGE)
        return fb_fail(error, status, "a field's name is over %d bytes", NAME_MAX_BYTES);
    if (status == FB_NO_MEMORY)
        return fb_fail(error, status, "no memory for a path");
    return status;
}

static enum fb_status parse_parts(struct fb_map_tree *tree, const char **text,
                                  struct fb_buffer *name, struct fb_map_node **ret_node,
                                  struct fb_error *error)
{
    struct fb_map_node *node = &tree->root;

    for (unsigned part = 1;; part++) {
        enum fb_status status = parse_part(text, name, error);

        if (status != FB_OK)
            return status;
        if (part > FB_MAP_PATH_PARTS_MAX)
            return fb_fail(error, FB_TOO_LARGE, "a path of more than %d parts",
                           FB_MAP_PATH_PARTS_MAX);
        status = fb_map_node_add(tree, node, name->size > 0 ? name->bytes : "", name->size, &node,
                                 error);
        if (status != FB_OK)
            return status;
        if (**text != '.')
            break;
        ++*text;
    }
    *ret_node = node;
    return FB_OK;
}

enum fb_status fb_map_path_parse(struct fb_map_tree *tree, const char **text,
                                 struct fb_map_node **ret_node, struct fb_error *error)
{
    struct fb_buffer name;
    enum fb_status status;

    fb_buffer_init(&name, NAME_MAX_BYTES);
    status = parse_parts(tree, text, &name, ret_node, error);
    fb_buffer_done(&name);
    return status;
}

static enum fb_status parse_path(struct fb_map_tree *tree, const char **text,
                                 struct fb_map_source *ret_source, struct fb_error *error)
{
    const char *const begin = *text;
    struct fb_map_node *node;
    enum fb_status status = fb_map_path_parse(tree, text, &node, error);

    if (status != FB_OK)
        return status;
    if (node->slot == FB_MAP_NO_SLOT) {
        if (tree->slot_count == FB_MAP_PATHS_MAX) {
            *text = begin;
            return fb_fail(error, FB_TOO_LARGE, "more than %d different paths", FB_MAP_PATHS_MAX);
        }
        node->slot = tree->slot_count++;
    }
    *ret_source = (struct fb_map_source){.kind = FB_MAP_PATH, .slot = node->slot};
    return FB_OK;
}

/* ---- built-in values ---- */

static const struct {
    const char *name;
    enum fb_map_source_kind kind;
} built_ins[] = {
    {"@now", FB_MAP_NOW},         {"@ingest_time", FB_MAP_INGEST_TIME},
    {"@bucket", FB_MAP_BUCKET},   {"@object", FB_MAP_OBJECT},
    {"@etag", FB_MAP_ETAG},       {"@record", FB_MAP_RECORD},
    {"@offset", FB_MAP_OFFSET},   {"@stream", FB_MAP_STREAM},
    {"@arrival", FB_MAP_ARRIVAL}, {"@partition", FB_MAP_PARTITION},
    {"@error", FB_MAP_ERROR},     {"@sha256", FB_MAP_SHA256},
    {"@uuid5", FB_MAP_UUID5},     {"@shard", FB_MAP_SHARD},
};

#define BUILT_IN_COUNT (sizeof built_ins / sizeof *built_ins)

static enum fb_status fail_unknown(const char *begin, size_t size, struct fb_error *error)
{
    char word[FB_NEAREST_MAX_BYTES + 1] = "";
    struct fb_nearest nearest;

    memcpy(word, begin, size < FB_NEAREST_MAX_BYTES ? size : FB_NEAREST_MAX_BYTES);
    fb_nearest_init(&nearest, word);
    for (size_t i = 0; i < BUILT_IN_COUNT; i++)
        fb_nearest_offer(&nearest, built_ins[i].name);
    if (nearest.name != NULL)
        return fb_fail(error, FB_INVALID,
                       "there is no built-in value %s; did you mean %s? "
                       "A field of that name is written in quotes: \"%s\"",
                       word, nearest.name, word);
    return fb_fail(error, FB_INVALID,
                   "there is no built-in value %s; there are @now, @ingest_time, @bucket, @object, "
                   "@etag, @record, @offset, @stream, @arrival, @partition.NAME, @error.NAME, "
                   "@sha256, @uuid5, "
                   "@shard:N. A field of that name is written in quotes: \"%s\"",
                   word, word);
}

static bool is_known_partition(const struct fb_map_tree *tree, const char *name)
{
    for (size_t i = 0; i < tree->partition_count; i++)
        if (strcmp(tree->partitions[i], name) == 0)
            return true;
    return tree->partitions == NULL;
}

/* What `kind` is called, and how it is written. */
static enum fb_status parse_name(const char **text, const char *kind, const char *example,
                                 struct fb_map_source *source, struct fb_error *error)
{
    struct fb_buffer name;
    enum fb_status status;

    if (**text != '.')
        return fb_fail(error, FB_INVALID, "a dot and %s name are expected here, as in %s", kind,
                       example);
    ++*text;
    fb_buffer_init(&name, NAME_MAX_BYTES);
    status = parse_part(text, &name, error);
    if (status == FB_OK && name.size >= sizeof source->name)
        status = fb_fail(error, FB_TOO_LARGE, "%s name is over %zu bytes", kind,
                         sizeof source->name - 1);
    if (status == FB_OK && name.size == 0)
        status = fb_fail(error, FB_INVALID, "%s name is empty", kind);
    if (status == FB_OK)
        memcpy(source->name, name.bytes, name.size);
    fb_buffer_done(&name);
    return status;
}

static enum fb_status parse_partition(const struct fb_map_tree *tree, const char **text,
                                      struct fb_map_source *source, struct fb_error *error)
{
    enum fb_status status =
        parse_name(text, "a partition key's", "@partition.customer", source, error);

    if (status != FB_OK || is_known_partition(tree, source->name))
        return status;
    return fb_fail(error, FB_INVALID,
                   "the source's prefix has no !{partitionKeyFromQuery:%s}, and no such of Lambda",
                   source->name);
}

static enum fb_status parse_shards(const char **text, struct fb_map_source *source,
                                   struct fb_error *error)
{
    const char *p = *text;
    uint32_t shards = 0;

    if (*p == ':')
        for (p++; *p >= '0' && *p <= '9' && shards <= FB_MAP_SHARDS_MAX; p++)
            shards = shards * 10 + (uint32_t)(*p - '0');
    if (shards == 0 || shards > FB_MAP_SHARDS_MAX)
        return fb_fail(error, FB_INVALID,
                       "a colon and a number from 1 to %d are expected here, as in @shard:16",
                       FB_MAP_SHARDS_MAX);
    source->shards = shards;
    *text = p;
    return FB_OK;
}

static enum fb_status parse_built_in(const struct fb_map_tree *tree, const char **text,
                                     struct fb_map_source *ret_source, struct fb_error *error)
{
    const char *const begin = *text;
    const size_t size = (size_t)(behind_plain(begin) - begin);
    struct fb_map_source source = {.slot = FB_MAP_NO_SLOT};
    enum fb_status status = FB_OK;
    size_t i = 0;

    while (i < BUILT_IN_COUNT &&
           (strncmp(built_ins[i].name, begin, size) != 0 || built_ins[i].name[size] != '\0'))
        i++;
    if (i == BUILT_IN_COUNT)
        return fail_unknown(begin, size, error);
    source.kind = built_ins[i].kind;
    *text += size;
    if (source.kind == FB_MAP_PARTITION)
        status = parse_partition(tree, text, &source, error);
    else if (source.kind == FB_MAP_ERROR)
        status = parse_name(text, "a field's", "@error.errorCode", &source, error);
    else if (source.kind == FB_MAP_SHARD)
        status = parse_shards(text, &source, error);
    if (status == FB_OK)
        *ret_source = source;
    return status;
}

enum fb_status fb_map_source_parse(struct fb_map_tree *tree, const char **text,
                                   struct fb_map_source *ret_source, struct fb_error *error)
{
    if (**text == '@')
        return parse_built_in(tree, text, ret_source, error);
    return parse_path(tree, text, ret_source, error);
}
