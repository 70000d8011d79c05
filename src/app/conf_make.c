/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of the conf files to a conf. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/conf.h"
#include "firebridge/app/conf_file.h"
#include "firebridge/app/conf_items.h"
#include "firebridge/app/conf_value.h"
#include "firebridge/base/buffer.h"

static void free_principal(struct fb_conf_principal *principal)
{
    free(principal->profile);
    free(principal->role_arn);
    free(principal->external_id);
}

static void free_stream(struct fb_conf_stream *stream)
{
    free(stream->name);
    free(stream->source);
    free(stream->bucket);
    free(stream->prefix);
    free(stream->expected_bucket_owner);
    free(stream->table);
    free_principal(&stream->principal);
    free_principal(&stream->source_principal);
    free_principal(&stream->table_principal);
    free(stream->time_zone);
    fb_conf_list_done(&stream->exclude);
    free(stream->compression);
    fb_conf_list_done(&stream->columns);
    fb_conf_list_done(&stream->number_columns);
    free(stream->pattern);
    fb_conf_list_done(&stream->fields);
    free(stream->filter_jq);
    free(stream->transform_jq);
    free(stream->where);
    fb_conf_items_done(&stream->items);
    fb_conf_list_done(&stream->flattens);
    fb_conf_list_done(&stream->renames);
    fb_conf_list_done(&stream->drops);
    fb_conf_list_done(&stream->keeps);
    free(stream->missing.text);
    free(stream->write);
    free(stream->marker_table);
    free(stream->marker_ttl_attribute);
    free(stream->dead_letters);
    free(stream->letters_bucket);
    free(stream->letters_prefix);
    fb_conf_list_done(&stream->write_map);
    free(stream->version_attribute);
    free(stream->text);
    *stream = (struct fb_conf_stream){0};
}

static void free_metrics(struct fb_conf_metrics *metrics)
{
    free(metrics->statsd);
    free(metrics->emf);
    free(metrics->listen);
    free(metrics->name_space);
    free(metrics->text);
}

static void free_aws(struct fb_conf_aws *aws)
{
    free(aws->region);
    free(aws->endpoint_s3);
    free(aws->endpoint_dynamodb);
    free(aws->endpoint_imds);
    free(aws->endpoint_sts);
    free_principal(&aws->principal);
    free(aws->role_session_name);
    free(aws->proxy);
    free(aws->no_proxy);
    free(aws->ca_bundle);
    free(aws->text);
    *aws = (struct fb_conf_aws){0};
}

void fb_conf_free(struct fb_conf *conf)
{
    if (conf == NULL)
        return;
    free_aws(&conf->aws);
    free_metrics(&conf->metrics);
    free(conf->daemon.state_dir);
    free(conf->daemon.runtime_dir);
    free(conf->daemon.state_backup);
    free(conf->daemon.backup_bucket);
    free(conf->daemon.backup_key);
    for (size_t i = 0; i < conf->stream_count; i++)
        free_stream(&conf->streams[i]);
    free(conf->streams);
    for (size_t i = 0; i < conf->file_count; i++)
        free(conf->files[i]);
    free(conf->files);
    free(conf);
}

/*
 * Some types tell lines apart, such as a list's. The lines of anything else are joined with nothing
 * between them, so that a prefix that is longer than a line can be written at all.
 */
static enum fb_status parse(const struct fb_conf_key *key, const char *text, void *base,
                            struct fb_error *error)
{
    enum fb_status status;
    char *joined;

    if (key->type->takes_lines)
        return key->type->parse(key, text, base, error);
    joined = fb_conf_join_lines(text);
    if (joined == NULL)
        return FB_NO_MEMORY;
    status = key->type->parse(key, joined, base, error);
    free(joined);
    return status;
}

/* Also what another value replaces is checked, so that a mistake does not wait for its day. */
static void check_values(struct fb_conf_text *text, const struct fb_conf_section *section)
{
    struct {
        struct fb_conf_aws aws;
        struct fb_conf_daemon daemon;
        struct fb_conf_metrics metrics;
        struct fb_conf_stream stream;
    } scratch = {0};
    void *bases[] = {[FB_CONF_AWS] = &scratch.aws,
                     [FB_CONF_DAEMON] = &scratch.daemon,
                     [FB_CONF_METRICS] = &scratch.metrics,
                     [FB_CONF_STREAM] = &scratch.stream};

    for (size_t k = 0; k < FB_CONF_KEY_COUNT; k++) {
        const struct fb_conf_value *value = &section->values[k];
        struct fb_error error = {0};
        enum fb_status status;

        if (value->text == NULL)
            continue;
        status = parse(&fb_conf_keys[k], value->text, bases[section->kind], &error);
        if (status == FB_NO_MEMORY)
            text->status = status;
        else if (status != FB_OK)
            fb_conf_text_mistake(text, value->file, value->line, "%s: %s", fb_conf_keys[k].name,
                                 error.message);
    }
    free_aws(&scratch.aws);
    free_metrics(&scratch.metrics);
    free(scratch.daemon.state_dir);
    free(scratch.daemon.runtime_dir);
    free(scratch.daemon.state_backup);
    free(scratch.daemon.backup_bucket);
    free(scratch.daemon.backup_key);
    free_stream(&scratch.stream);
}

static bool is_shared(const struct fb_conf_section *section)
{
    return section->kind == FB_CONF_STREAM && strcmp(section->stream, "*") == 0;
}

static bool is_stream(const struct fb_conf_section *section)
{
    return section->kind == FB_CONF_STREAM && !is_shared(section);
}

static const struct fb_conf_section *find_shared(const struct fb_conf_text *text)
{
    for (size_t i = 0; i < text->section_count; i++)
        if (is_shared(&text->sections[i]))
            return &text->sections[i];
    return NULL;
}

/* The value that counts; a default stands nowhere. */
static struct fb_conf_value value_of(const struct fb_conf_section *section,
                                     const struct fb_conf_section *shared, size_t key)
{
    if (section != NULL && section->values[key].text != NULL)
        return section->values[key];
    if (shared != NULL && shared->values[key].text != NULL)
        return shared->values[key];
    return (struct fb_conf_value){
        .text = fb_conf_keys[key].is_late ? NULL : (char *)fb_conf_keys[key].default_text};
}

static void check_required(struct fb_conf_text *text, const struct fb_conf_section *section,
                           const struct fb_conf_section *shared)
{
    for (size_t k = 0; k < FB_CONF_KEY_COUNT; k++)
        if (fb_conf_keys[k].is_required && value_of(section, shared, k).text == NULL)
            fb_conf_text_mistake(text, section->file, section->line,
                                 "[stream %s] has no %s, and there is no default for it",
                                 section->stream, fb_conf_keys[k].name);
}

static enum fb_status add_items(const struct fb_conf_section *section, struct fb_conf_items *items,
                                struct fb_error *error)
{
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < section->item_count && status == FB_OK; i++) {
        const struct fb_conf_item_value *item = &section->items[i];
        const struct fb_conf_place place = {item->value.file, item->value.line};
        char *joined = item->value.text != NULL ? fb_conf_join_lines(item->value.text) : NULL;

        status = joined == NULL ? FB_NO_MEMORY
                                : fb_conf_items_set(items,
                                                    &(struct fb_map_assignment){
                                                        .name = item->name,
                                                        .value = joined,
                                                        .is_added = item->is_added,
                                                    },
                                                    place, error);
        free(joined);
    }
    return status;
}

/* Each section has few enough. */
static void check_items(struct fb_conf_text *text, const struct fb_conf_section *section,
                        const struct fb_conf_section *shared)
{
    struct fb_conf_items items = {0};
    struct fb_error error = {0};
    enum fb_status status;

    if (shared == NULL || shared->item_count + section->item_count <= FB_CONF_ITEMS_MAX)
        return;
    status = add_items(shared, &items, &error);
    if (status == FB_OK)
        status = add_items(section, &items, &error);
    if (status == FB_NO_MEMORY)
        text->status = status;
    else if (status != FB_OK)
        fb_conf_text_mistake(text, section->file, section->line,
                             "[stream %s]: %s, with those of "
                             "[stream *]",
                             section->stream, error.message);
    fb_conf_items_done(&items);
}

static size_t check(struct fb_conf_text *text, const char *path)
{
    const struct fb_conf_section *shared = find_shared(text);
    size_t mistakes_before = text->mistakes;
    size_t streams = 0;

    for (size_t i = 0; i < text->section_count; i++) {
        check_values(text, &text->sections[i]);
        if (!is_stream(&text->sections[i]))
            continue;
        streams++;
        check_required(text, &text->sections[i], shared);
        check_items(text, &text->sections[i], shared);
    }
    /* A refused section may have been the stream: then that mistake is enough. */
    if (streams == 0 && mistakes_before == 0)
        fb_conf_text_mistake(text, path, 0,
                             "there is no stream; write a section [stream NAME] with source = "
                             "s3://BUCKET/PREFIX and table = TABLE");
    return streams;
}

/* All that was said for a section, or stands for it, in one text. Items may be taken twice. */
static enum fb_status gather(enum fb_conf_kind kind, const struct fb_conf_section *section,
                             const struct fb_conf_section *shared, char **ret_text)
{
    const struct fb_conf_section *const sections[] = {shared, section};
    struct fb_buffer text;
    enum fb_status status = FB_OK;

    fb_buffer_init(&text, SIZE_MAX / 2);
    for (size_t k = 0; k < FB_CONF_KEY_COUNT && status == FB_OK; k++) {
        const struct fb_conf_value value = value_of(section, shared, k);

        if (fb_conf_keys[k].kind == kind && value.text != NULL)
            status = fb_buffer_printf(&text, "%s = %s\n", fb_conf_keys[k].name, value.text);
    }
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; sections[s] != NULL && i < sections[s]->item_count; i++)
            if (status == FB_OK)
                status = fb_buffer_printf(
                    &text, "%s.%s = %s\n", sections[s]->items[i].is_added ? "add" : "item",
                    sections[s]->items[i].name, sections[s]->items[i].value.text);
    if (status == FB_OK)
        status = fb_buffer_terminate(&text);
    if (status == FB_OK)
        *ret_text = text.bytes;
    else
        fb_buffer_done(&text);
    return status;
}

/* All values are checked: only memory can fail. */
static enum fb_status fill(enum fb_conf_kind kind, const struct fb_conf_section *section,
                           const struct fb_conf_section *shared, void *base)
{
    enum fb_status status = FB_OK;

    for (size_t k = 0; k < FB_CONF_KEY_COUNT && status == FB_OK; k++) {
        const struct fb_conf_value value = value_of(section, shared, k);

        if (fb_conf_keys[k].kind == kind && value.text != NULL)
            status = parse(&fb_conf_keys[k], value.text, base, NULL);
    }
    return status;
}

static enum fb_status fill_stream(const struct fb_conf_section *section,
                                  const struct fb_conf_section *shared,
                                  struct fb_conf_stream *stream)
{
    enum fb_status status = FB_OK;

    stream->place = (struct fb_conf_place){section->file, section->line};
    for (size_t k = 0; k < FB_CONF_KEY_COUNT; k++) {
        const struct fb_conf_value value = value_of(section, shared, k);

        stream->places[k] = (struct fb_conf_place){value.file, value.line};
    }
    if (!fb_conf_set_text(&stream->name, section->stream))
        return FB_NO_MEMORY;
    status = gather(FB_CONF_STREAM, section, shared, &stream->text);
    if (status == FB_OK && shared != NULL)
        status = add_items(shared, &stream->items, NULL);
    if (status == FB_OK)
        status = add_items(section, &stream->items, NULL);
    return status == FB_OK ? fill(FB_CONF_STREAM, section, shared, stream) : status;
}

/* `sections`: of each kind but streams the one that there is, or NULL. */
static enum fb_status fill_singles(const struct fb_conf_section *const sections[FB_CONF_STREAM],
                                   struct fb_conf *conf)
{
    void *const targets[FB_CONF_STREAM] = {[FB_CONF_AWS] = &conf->aws,
                                           [FB_CONF_DAEMON] = &conf->daemon,
                                           [FB_CONF_METRICS] = &conf->metrics};
    enum fb_status status = FB_OK;

    for (int kind = 0; kind < FB_CONF_STREAM && status == FB_OK; kind++)
        status = fill((enum fb_conf_kind)kind, sections[kind], NULL, targets[kind]);
    if (status == FB_OK)
        status = gather(FB_CONF_AWS, sections[FB_CONF_AWS], NULL, &conf->aws.text);
    if (status == FB_OK)
        status = gather(FB_CONF_METRICS, sections[FB_CONF_METRICS], NULL, &conf->metrics.text);
    return status;
}

static enum fb_status fill_conf(const struct fb_conf_text *text, struct fb_conf *conf)
{
    const struct fb_conf_section *shared = find_shared(text);
    const struct fb_conf_section *singles[FB_CONF_STREAM] = {NULL};
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < text->section_count && status == FB_OK; i++) {
        const struct fb_conf_section *section = &text->sections[i];

        if (is_stream(section))
            status = fill_stream(section, shared, &conf->streams[conf->stream_count++]);
        else if (!is_shared(section))
            singles[section->kind] = section;
    }
    return status == FB_OK ? fill_singles(singles, conf) : status;
}

static struct fb_conf *new_conf(size_t streams)
{
    struct fb_conf *conf = calloc(1, sizeof *conf);

    if (conf == NULL)
        return NULL;
    conf->streams = calloc(streams, sizeof *conf->streams);
    if (conf->streams != NULL)
        return conf;
    free(conf);
    return NULL;
}

enum fb_status fb_conf_make(struct fb_conf_text *text, const char *path, struct fb_conf **ret_conf)
{
    size_t streams = check(text, path);
    struct fb_conf *conf;
    enum fb_status status;

    if (text->status != FB_OK)
        return text->status;
    if (text->mistakes > 0 || streams == 0)
        return FB_INVALID;
    conf = new_conf(streams);
    if (conf == NULL)
        return FB_NO_MEMORY;
    status = fill_conf(text, conf);
    if (status != FB_OK) {
        fb_conf_free(conf);
        return status;
    }
    conf->files = text->files;
    conf->file_count = text->file_count;
    text->files = NULL;
    text->file_count = 0;
    *ret_conf = conf;
    return FB_OK;
}

enum fb_status fb_conf_new_default(struct fb_conf **ret_conf)
{
    const struct fb_conf_section *const none[FB_CONF_STREAM] = {NULL};
    struct fb_conf *conf = new_conf(1);
    enum fb_status status;

    if (conf == NULL)
        return FB_NO_MEMORY;
    conf->stream_count = 1;
    status = fill_singles(none, conf);
    if (status == FB_OK)
        status = fill(FB_CONF_STREAM, NULL, NULL, &conf->streams[0]);
    if (status == FB_OK)
        *ret_conf = conf;
    else
        fb_conf_free(conf);
    return status;
}

static enum fb_status set_key(struct fb_conf_stream *stream, const char *name, const char *value,
                              struct fb_error *error)
{
    const size_t key = fb_conf_key_find(FB_CONF_STREAM, name);
    const char *nearest = fb_conf_key_nearest(FB_CONF_STREAM, name);

    if (key < FB_CONF_KEY_COUNT) {
        stream->places[key] = (struct fb_conf_place){0};
        return parse(&fb_conf_keys[key], value, stream, error);
    }
    return fb_fail(error, FB_INVALID, "a stream has no key %s%s%s%s", name,
                   nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "?");
}

static void cut_blanks(char *text)
{
    size_t size = strlen(text);

    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        text[--size] = '\0';
}

static enum fb_status set_item(struct fb_conf_stream *stream, const char *assignment,
                               struct fb_error *error)
{
    struct fb_conf_item_name name;
    const struct fb_conf_place nowhere = {0};
    enum fb_status status = fb_conf_item_take_name(&assignment, &name, error);
    char *value;

    if (status != FB_OK)
        return status;
    value = strdup(assignment + 1 + strspn(assignment + 1, " \t"));
    if (value == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    cut_blanks(value);
    status = fb_conf_items_set(
        &stream->items,
        &(struct fb_map_assignment){.name = name.text, .value = value, .is_added = name.is_added},
        nowhere, error);
    free(value);
    return status;
}

static enum fb_status set_by_table(struct fb_conf_stream *stream, const char *assignment,
                                   struct fb_error *error)
{
    const char *equals = strchr(assignment, '=');
    char *name;
    char *value;
    enum fb_status status;

    if (equals == NULL)
        return fb_fail(error, FB_INVALID, "expected KEY=VALUE");
    name = strndup(assignment, (size_t)(equals - assignment));
    value = strdup(equals + 1 + strspn(equals + 1, " \t"));
    if (name != NULL && value != NULL) {
        cut_blanks(name);
        cut_blanks(value);
        status = set_key(stream, name, value, error);
    } else {
        status = fb_fail(error, FB_NO_MEMORY, "out of memory");
    }
    free(name);
    free(value);
    return status;
}

enum fb_status fb_conf_stream_set(struct fb_conf_stream *stream, const char *assignment,
                                  struct fb_error *error)
{
    assignment += strspn(assignment, " \t");
    return fb_conf_item_begins(assignment) ? set_item(stream, assignment, error)
                                           : set_by_table(stream, assignment, error);
}
