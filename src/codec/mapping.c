/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles a mapping. First every path is put into the tree, then the tree is told what to do, as a
 * tree that grows moves its nodes.
 */
#include "mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "firebridge/codec/hash.h"
#include "firebridge/codec/transcode.h"
#include "map_add.h"

struct compiler {
    const struct fb_mapping_options *options;
    struct fb_mapping *mapping;
    bool is_second;     /* the tree stands: now its nodes are told what to do */
    bool wants_version; /* some record's operation may be `newer` */
    struct fb_error *error;
};

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static enum fb_status wrong(struct compiler *compiler, const char *key, const char *text,
                            const char *expected)
{
    return fb_fail(compiler->error, FB_INVALID, "%s: \"%.200s\"; expected %s", key, text, expected);
}

/* ---- names ---- */

/* A name to be written: as JSON has it inside the quotes. */
struct name {
    char *json;
    size_t size, counted_bytes;
    uint64_t hash;
};

size_t fb_map_escape(const char *bytes, size_t size, char *json)
{
    size_t written = 0;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\')
            json[written++] = '\\';
        json[written++] = bytes[i];
    }
    return written;
}

static enum fb_status make_name(struct compiler *compiler, const char *key, const char *bytes,
                                size_t size, size_t least_size, struct name *ret)
{
    char *json;

    if (size < least_size || size > FB_ATTRIBUTE_NAME_MAX_BYTES)
        return fb_fail(compiler->error, FB_INVALID, "%s: an attribute's name has 1 to %d bytes",
                       key, FB_ATTRIBUTE_NAME_MAX_BYTES);
    json = malloc(2 * size + 1);
    if (json == NULL)
        return fb_fail(compiler->error, FB_NO_MEMORY, "no memory for a mapping");
    ret->json = json;
    ret->size = fb_map_escape(bytes, size, json);
    ret->counted_bytes = size;
    ret->hash = fb_hash_bytes(compiler->mapping->tree.hash_seed, bytes, size);
    return FB_OK;
}

/* A name up to the end of the text, in double quotes or plain; `name` has room for the text. */
static bool take_name(const char *text, char *name, size_t *ret_size)
{
    const char *at = skip_blanks(text);
    size_t size = 0;

    if (*at != '"') {
        size = strlen(at);
        memcpy(name, at, size);
        while (size > 0 && (name[size - 1] == ' ' || name[size - 1] == '\t'))
            size--;
        *ret_size = size;
        return size > 0;
    }
    for (at++; *at != '"' && *at != '\0'; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        name[size++] = *at;
    }
    *ret_size = size;
    return *at == '"' && *skip_blanks(at + 1) == '\0' && size > 0;
}

/* ---- what is done with fields ---- */

static enum fb_status act(struct compiler *compiler, const char *key, struct fb_map_node *node,
                          enum fb_map_action action)
{
    if (!compiler->is_second)
        return FB_OK;
    if (node->action != FB_MAP_TAKE && node->action != action)
        return fb_fail(compiler->error, FB_INVALID,
                       "%s: something else is to be done with %.*s already", key,
                       (int)node->name_size, node->name);
    node->action = action;
    /* By its slot is it known whether it is there twice, which has no one meaning. */
    if (action == FB_MAP_FLATTEN && node->slot == FB_MAP_NO_SLOT)
        node->slot = compiler->mapping->tree.slot_count++;
    return FB_OK;
}

static enum fb_status set_target(struct compiler *compiler, const char *key,
                                 struct fb_map_node *node, const char *bytes, size_t size)
{
    struct name name = {0};
    enum fb_status status;

    if (!compiler->is_second)
        return FB_OK;
    /* It is written as it is, and hashed with the name behind it. */
    if (node->action == FB_MAP_FLATTEN &&
        (memchr(bytes, '"', size) != NULL || memchr(bytes, '\\', size) != NULL))
        return wrong(compiler, key, bytes, "no quote or backslash in what stands before names");
    status = make_name(compiler, key, bytes, size, node->action == FB_MAP_FLATTEN ? 0 : 1, &name);
    if (status != FB_OK)
        return status;
    free(node->to);
    node->to = name.json;
    node->to_size = name.size;
    node->to_counted_bytes = name.counted_bytes;
    node->to_hash = name.hash;
    return FB_OK;
}

/* "FROM > TO", "PATH: PREFIX": a path, the mark, and a name. */
static enum fb_status take_pair(struct compiler *compiler, const char *key, const char *text,
                                char mark, enum fb_map_action action, const char *expected)
{
    const char *at = skip_blanks(text);
    char *name = malloc(strlen(text) + 1);
    struct fb_map_node *node = NULL;
    enum fb_status status;
    size_t size = 0;

    if (name == NULL)
        return fb_fail(compiler->error, FB_NO_MEMORY, "no memory for a mapping");
    status = fb_map_path_parse(&compiler->mapping->tree, &at, &node, compiler->error);
    if (status == FB_OK) {
        at = skip_blanks(at);
        /* Behind a flattened path there may be nothing: the names inside stay as they are. */
        if (*at != mark || (!take_name(at + 1, name, &size) &&
                            (action != FB_MAP_FLATTEN || *skip_blanks(at + 1) != '\0')))
            status = wrong(compiler, key, text, expected);
    } else {
        fb_error_prefix(compiler->error, "%s", key);
    }
    name[size] = '\0';
    if (status == FB_OK)
        status = act(compiler, key, node, action);
    if (status == FB_OK)
        status = set_target(compiler, key, node, name, size);
    free(name);
    return status;
}

static enum fb_status take_renames(struct compiler *compiler)
{
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < compiler->options->rename_count && status == FB_OK; i++)
        status = take_pair(compiler, "rename", compiler->options->renames[i], '>', FB_MAP_RENAME,
                           "FROM > TO");
    return status;
}

static enum fb_status take_flattens(struct compiler *compiler)
{
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < compiler->options->flatten_count && status == FB_OK; i++)
        status = take_pair(compiler, "flatten", compiler->options->flattens[i], ':', FB_MAP_FLATTEN,
                           "PATH: PREFIX");
    return status;
}

static enum fb_status take_drops(struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->options->drop_count; i++) {
        const char *const text = compiler->options->drops[i];
        const char *at = skip_blanks(text);
        struct fb_map_node *node;
        enum fb_status status =
            fb_map_path_parse(&compiler->mapping->tree, &at, &node, compiler->error);

        if (status != FB_OK)
            fb_error_prefix(compiler->error, "drop");
        else if (*skip_blanks(at) != '\0')
            status = wrong(compiler, "drop", text, "a path");
        else
            status = act(compiler, "drop", node, FB_MAP_DROP);
        if (status != FB_OK)
            return status;
    }
    return FB_OK;
}

bool fb_map_is_target(const struct fb_mapping *mapping, const struct fb_map_node *node,
                      const char *name, size_t size)
{
    return node->action == FB_MAP_RENAME &&
           node->to_hash == fb_hash_bytes(mapping->tree.hash_seed, name, size);
}

const char *fb_map_behind_prefix(const struct fb_map_node *around, const char *name, size_t *size)
{
    const size_t prefix_size = around->action == FB_MAP_FLATTEN ? around->to_size : 0;

    if (*size <= prefix_size || (prefix_size > 0 && memcmp(name, around->to, prefix_size) != 0))
        return NULL;
    *size -= prefix_size;
    return name + prefix_size;
}

bool fb_map_is_named(const struct fb_map_node *node, const char *name, size_t size)
{
    return name != NULL && node->name_size == size && memcmp(node->name, name, size) == 0;
}

/* The names that are kept are those in the end: of fields as they are, renamed, or flattened. */
static void keep_by_name(const struct fb_mapping *mapping, struct fb_map_node *around,
                         const char *name, size_t size)
{
    size_t own_size = size;
    const char *own_name = fb_map_behind_prefix(around, name, &own_size);

    for (uint32_t i = 0; i < around->child_count; i++) {
        struct fb_map_node *node = &around->children[i];

        if (node->action == FB_MAP_RENAME ? fb_map_is_target(mapping, node, name, size)
                                          : fb_map_is_named(node, own_name, own_size))
            node->is_kept = true;
        if (node->action == FB_MAP_FLATTEN)
            keep_by_name(mapping, node, name, size);
    }
}

/* A field that no other rule names must be in the tree to be kept. */
static enum fb_status plant_kept(struct compiler *compiler, struct fb_map_node *around,
                                 const char *name, size_t size)
{
    size_t own_size = size;
    const char *own_name = fb_map_behind_prefix(around, name, &own_size);
    struct fb_map_node *planted;
    enum fb_status status = FB_OK;

    if (own_name != NULL)
        status = fb_map_node_add(&compiler->mapping->tree, around, own_name, own_size, &planted,
                                 compiler->error);
    for (uint32_t i = 0; status == FB_OK && i < around->child_count; i++)
        if (around->children[i].action == FB_MAP_FLATTEN)
            status = plant_kept(compiler, &around->children[i], name, size);
    return status;
}

static enum fb_status take_keeps(struct compiler *compiler)
{
    struct fb_mapping *mapping = compiler->mapping;

    mapping->keeps_only = compiler->options->keep_count > 0 || fb_mapping_only_adds(mapping);
    for (size_t i = 0; i < compiler->options->keep_count; i++) {
        const char *const text = compiler->options->keeps[i];
        char *name = malloc(strlen(text) + 1);
        enum fb_status status = FB_OK;
        size_t size;

        if (name == NULL)
            return fb_fail(compiler->error, FB_NO_MEMORY, "no memory for a mapping");
        if (!take_name(text, name, &size))
            status = wrong(compiler, "keep", text, "an attribute's name");
        if (status == FB_OK)
            status = plant_kept(compiler, &mapping->tree.root, name, size);
        if (status == FB_OK)
            keep_by_name(mapping, &mapping->tree.root, name, size);
        free(name);
        if (status != FB_OK)
            return status;
    }
    return FB_OK;
}

/* ---- what is made ---- */

static enum fb_status make_item(struct compiler *compiler,
                                const struct fb_map_assignment *assignment,
                                struct fb_map_item *item)
{
    char key[300];
    struct name name = {0};
    enum fb_status status;

    snprintf(key, sizeof key, "%s.%.255s", assignment->is_added ? "add" : "item", assignment->name);
    status = make_name(compiler, key, assignment->name, strlen(assignment->name), 1, &name);
    if (status != FB_OK)
        return status;
    item->name = name.json;
    item->name_size = name.size;
    item->name_counted_bytes = name.counted_bytes;
    item->hash = name.hash;
    item->is_added = assignment->is_added;
    status = fb_map_template_new(assignment->value, &compiler->mapping->tree, &item->value,
                                 compiler->error);
    if (status == FB_INVALID || status == FB_TOO_LARGE)
        fb_error_prefix(compiler->error, "%s", key);
    if (status == FB_OK && item->is_added && !fb_map_may_be_number(assignment->value, item->value))
        status = wrong(compiler, key, assignment->value, "a number, or a template that gives one");
    return status;
}

static enum fb_status take_items(struct compiler *compiler)
{
    struct fb_mapping *mapping = compiler->mapping;
    const size_t count = compiler->options->item_count;
    enum fb_status status = FB_OK;

    mapping->items = calloc(count + 1, sizeof *mapping->items);
    if (mapping->items == NULL)
        return fb_fail(compiler->error, FB_NO_MEMORY, "no memory for a mapping");
    for (size_t i = 0; i < count && status == FB_OK; i++)
        status = make_item(compiler, &compiler->options->items[i],
                           &mapping->items[mapping->item_count++]);
    return status;
}

/* A text is a template without placeholders. */
static enum fb_status take_missing(struct compiler *compiler)
{
    const char *const text = compiler->options->missing_text;
    char *braced;
    size_t size = 0;
    enum fb_status status;

    compiler->mapping->missing = compiler->options->missing;
    if (compiler->options->missing != FB_MAP_MISSING_TEXT)
        return FB_OK;
    braced = malloc(2 * strlen(text) + 1);
    if (braced == NULL)
        return fb_fail(compiler->error, FB_NO_MEMORY, "no memory for a mapping");
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '{' || *at == '}')
            braced[size++] = *at;
        braced[size++] = *at;
    }
    braced[size] = '\0';
    status = fb_map_template_new(braced, &compiler->mapping->tree,
                                 &compiler->mapping->missing_value, compiler->error);
    free(braced);
    return status;
}

static enum fb_status take_where(struct compiler *compiler)
{
    enum fb_status status;

    if (compiler->options->where == NULL)
        return FB_OK;
    status = fb_map_where_new(compiler->options->where, &compiler->mapping->tree,
                              &compiler->mapping->where, compiler->error);
    if (status == FB_INVALID || status == FB_TOO_LARGE)
        fb_error_prefix(compiler->error, "where");
    return status;
}

/* ---- what is done with it ---- */

static bool take_operation(struct compiler *compiler, const char *word,
                           enum fb_operation *ret_operation)
{
    if (!fb_operation_find(word, strlen(word), ret_operation))
        return false;
    compiler->mapping->may_add |= *ret_operation == FB_ADD;
    compiler->wants_version |= *ret_operation == FB_NEWER;
    return true;
}

/* "VALUE: OPERATION" */
static enum fb_status take_meaning(struct compiler *compiler, const char *text,
                                   struct fb_map_write *write)
{
    const char *const colon = strrchr(text, ':');
    struct name name = {0};
    size_t size = colon == NULL ? 0 : (size_t)(colon - text);
    enum fb_status status;

    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    if (size == 0 || !take_operation(compiler, skip_blanks(colon + 1), &write->operation))
        return wrong(compiler, "write.map", text, "VALUE: and one of " FB_OPERATION_NAMES);
    status = make_name(compiler, "write.map", text, size, 1, &name);
    if (status != FB_OK)
        return status;
    write->value = name.json;
    write->size = name.size;
    return FB_OK;
}

static enum fb_status take_write_map(struct compiler *compiler)
{
    struct fb_mapping *mapping = compiler->mapping;
    const size_t count = compiler->options->write_map_count;
    enum fb_status status = FB_OK;

    mapping->write_map = calloc(count + 1, sizeof *mapping->write_map);
    if (mapping->write_map == NULL)
        return fb_fail(compiler->error, FB_NO_MEMORY, "no memory for a mapping");
    for (size_t i = 0; i < count && status == FB_OK; i++)
        status = take_meaning(compiler, compiler->options->write_map[i],
                              &mapping->write_map[mapping->write_map_count++]);
    return status;
}

static enum fb_status take_write(struct compiler *compiler)
{
    const char *const write = compiler->options->write;
    const bool has_map = compiler->options->write_map_count > 0;
    enum fb_status status;

    if (write == NULL || take_operation(compiler, write, &compiler->mapping->operation)) {
        if (!has_map)
            return FB_OK;
        return fb_fail(compiler->error, FB_INVALID,
                       "write.map: write must be a template, like {op}, for there to be values");
    }
    if (strchr(write, '{') == NULL)
        return wrong(compiler, "write", write, FB_OPERATION_NAMES ", or a template like {op}");
    if (!has_map)
        return fb_fail(compiler->error, FB_INVALID,
                       "write: write.map must say what the values of %.100s mean", write);
    status = fb_map_template_new(write, &compiler->mapping->tree, &compiler->mapping->write,
                                 compiler->error);
    if (status == FB_INVALID || status == FB_TOO_LARGE)
        fb_error_prefix(compiler->error, "write");
    if (status == FB_OK && fb_map_template_type(compiler->mapping->write) != FB_MAP_TYPE_STRING)
        status = wrong(compiler, "write", write, "a template that gives a string");
    return status == FB_OK ? take_write_map(compiler) : status;
}

static enum fb_status take_version(struct compiler *compiler)
{
    const char *const version = compiler->options->version_attribute;

    if (!compiler->wants_version)
        return FB_OK;
    if (version == NULL)
        return fb_fail(compiler->error, FB_INVALID,
                       "write: newer needs version_attribute, the name of an item's attribute "
                       "that grows");
    if (*version == '\0' || strlen(version) > FB_ATTRIBUTE_NAME_MAX_BYTES)
        return fb_fail(compiler->error, FB_INVALID,
                       "version_attribute: an attribute's name has 1 to %d bytes",
                       FB_ATTRIBUTE_NAME_MAX_BYTES);
    compiler->mapping->version = strdup(version);
    return compiler->mapping->version != NULL
               ? FB_OK
               : fb_fail(compiler->error, FB_NO_MEMORY, "no memory for a mapping");
}

static enum fb_status take_jq(struct compiler *compiler)
{
    const struct fb_jq_programs programs = {.filter = compiler->options->filter_jq,
                                            .transform = compiler->options->transform_jq};

    if (programs.filter == NULL && programs.transform == NULL)
        return FB_OK;
    if (programs.transform != NULL)
        compiler->mapping->transform_sum =
            (uint32_t)crc32_z(0, (const Bytef *)programs.transform, strlen(programs.transform));
    return fb_jq_new(&programs, &compiler->mapping->jq, compiler->error);
}

/* ---- the module ---- */

static enum fb_status take_rules(struct compiler *compiler)
{
    enum fb_status status = take_flattens(compiler);

    if (status == FB_OK)
        status = take_renames(compiler);
    if (status == FB_OK)
        status = take_drops(compiler);
    return status;
}

static enum fb_status compile(struct compiler *compiler)
{
    enum fb_status status = take_items(compiler);

    if (status == FB_OK)
        status = take_missing(compiler);
    if (status == FB_OK)
        status = take_where(compiler);
    if (status == FB_OK)
        status = take_write(compiler);
    if (status == FB_OK)
        status = fb_map_check_adding(compiler->mapping, compiler->options, compiler->error);
    if (status == FB_OK)
        status = take_rules(compiler);
    compiler->is_second = true;
    if (status == FB_OK)
        status = take_rules(compiler);
    if (status == FB_OK)
        status = take_keeps(compiler);
    if (status == FB_OK)
        status = take_version(compiler);
    if (status == FB_OK)
        status = take_jq(compiler);
    return status;
}

bool fb_mapping_is_needed(const struct fb_mapping_options *options)
{
    return options->item_count > 0 || options->rename_count > 0 || options->flatten_count > 0 ||
           options->drop_count > 0 || options->keep_count > 0 || options->null > FB_MAP_NULL_KEEP ||
           options->overflow != FB_MAP_OVERFLOW_DEAD_LETTER ||
           options->utf8 != FB_MAP_UTF8_DEAD_LETTER || options->where != NULL ||
           options->filter_jq != NULL || options->transform_jq != NULL ||
           options->write_map_count > 0 ||
           (options->write != NULL && strcmp(options->write, "put") != 0);
}

enum fb_status fb_mapping_new(const struct fb_mapping_options *options, uint64_t hash_seed,
                              struct fb_mapping **ret_mapping, struct fb_error *error)
{
    struct fb_mapping *mapping = calloc(1, sizeof *mapping);
    struct compiler compiler = {.options = options, .mapping = mapping, .error = error};
    enum fb_status status;

    if (mapping == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a mapping");
    fb_map_tree_init(&mapping->tree, hash_seed);
    mapping->tree.partitions = options->partitions;
    mapping->tree.partition_count = options->partition_count;
    mapping->null = options->null;
    mapping->overflow = options->overflow;
    mapping->utf8 = options->utf8;
    status = compile(&compiler);
    if (status == FB_OK)
        *ret_mapping = mapping;
    else
        fb_mapping_free(mapping);
    return status;
}

void fb_mapping_free(struct fb_mapping *mapping)
{
    if (mapping == NULL)
        return;
    for (size_t i = 0; i < mapping->item_count; i++) {
        free(mapping->items[i].name);
        fb_map_template_free(mapping->items[i].value);
    }
    free(mapping->items);
    for (size_t i = 0; i < mapping->write_map_count; i++)
        free(mapping->write_map[i].value);
    free(mapping->write_map);
    free(mapping->version);
    fb_map_template_free(mapping->write);
    fb_map_template_free(mapping->missing_value);
    fb_map_where_free(mapping->where);
    fb_map_tree_done(&mapping->tree);
    fb_jq_free(mapping->jq);
    free(mapping);
}

void fb_mapping_seal(void)
{
    fb_jq_seal();
}

uint32_t fb_mapping_transform_sum(const struct fb_mapping *mapping)
{
    return mapping == NULL ? 0 : mapping->transform_sum;
}

const char *fb_mapping_version_attribute(const struct fb_mapping *mapping)
{
    return mapping == NULL ? NULL : mapping->version;
}
