/* SPDX-License-Identifier: Apache-2.0 */
/* `check`, the table: its key, its expiry, what it takes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "firebridge/app/identity.h"
#include "firebridge/app/key_option.h"
#include "firebridge/aws/aws_error.h"
#include "firebridge/aws/tables.h"
#include "firebridge/pipeline/marker.h"

static enum fb_status check_key(const struct fb_conf_stream *stream, const struct fb_table *table,
                                struct fb_error *error)
{
    struct fb_mapping *mapping = NULL;
    enum fb_status status = fb_conf_mapping(stream, 0, &mapping, error);

    if (status == FB_OK)
        status = fb_conf_check_key(stream, mapping, &table->schema, error);
    fb_mapping_free(mapping);
    return status;
}

static void print_table(struct fb_check *check, const struct fb_conf_stream *stream,
                        const struct fb_table *table)
{
    const struct fb_key_attribute *keys = table->schema.attributes;
    bool has_sort_key = table->schema.count == 2;
    char sort_key[FB_KEY_NAME_MAX + 8] = "";
    char fingerprint[FB_FINGERPRINT_SIZE];
    struct fb_stream_identity identity;
    struct fb_error error = {0};

    if (has_sort_key)
        snprintf(sort_key, sizeof sort_key, ", %s (%c)", keys[1].name, (char)keys[1].type);
    fb_check_find(check, fb_table_is_usable(table) ? FB_FINDING_OK : FB_FINDING_FAIL,
                  "stream %s: table %s is %s, key %s (%c)%s", stream->name, stream->table,
                  table->status, keys[0].name, (char)keys[0].type, sort_key);
    if (check_key(stream, table, &error) != FB_OK)
        fb_check_find(check, FB_FINDING_FAIL, "stream %s: table %s: %s", stream->name,
                      stream->table, error.message);
    fb_stream_identity_of(stream, table, fingerprint, &identity);
    if (check->state != NULL &&
        fb_state_stream_check(check->state, stream->name, &identity, &error) != FB_OK)
        fb_check_find(check, FB_FINDING_FAIL, "stream %s: %s", stream->name, error.message);
}

/* Markers that do not expire stay for ever. */
static void print_expiry(struct fb_check *check, const struct fb_conf_stream *stream,
                         const char *table, struct fb_client *client)
{
    const char *const ours = stream->marker_ttl_attribute;
    char attribute[FB_KEY_NAME_MAX + 1];
    struct fb_error error = {0};

    if (fb_dynamodb_describe_ttl(client, table, attribute, &error) != FB_OK)
        fb_check_find(
            check, fb_aws_error_is_denial(&error) ? FB_FINDING_OK : FB_FINDING_WARN,
            "stream %s: whether markers expire cannot be seen (dynamodb:DescribeTimeToLive): %s",
            stream->name, error.message);
    else if (attribute[0] == '\0')
        fb_check_find(
            check, FB_FINDING_WARN,
            "stream %s: time to live is off in table %s, so markers stay for ever: aws dynamodb "
            "update-time-to-live --table-name %s --time-to-live-specification "
            "Enabled=true,AttributeName=%s",
            stream->name, table, table, ours);
    else if (strcmp(attribute, ours) != 0)
        fb_check_find(check, FB_FINDING_WARN,
                      "stream %s: items of table %s expire by %s, so markers stay for ever; set "
                      "marker_ttl_attribute = %s",
                      stream->name, table, attribute, attribute);
    else
        fb_check_find(check, FB_FINDING_OK,
                      "stream %s: markers in table %s expire by %s, after %lld days", stream->name,
                      table, ours,
                      (long long)(fb_conf_marker_ttl_ms(stream) / (24 * 3600 * INT64_C(1000))));
}

/* Of a stream that adds: where its markers are to stand. */
static void check_markers(struct fb_check *check, const struct fb_conf_stream *stream,
                          const struct fb_table *table, struct fb_client *client)
{
    const bool is_apart = stream->marker_table != NULL;
    struct fb_table own = *table;
    struct fb_error error = {0};
    const struct fb_markers markers = {
        .table = is_apart ? stream->marker_table : stream->table,
        .schema = &own.schema,
        .ttl_attribute = stream->marker_ttl_attribute,
    };
    enum fb_status status =
        is_apart ? fb_dynamodb_describe_table(client, markers.table, &own, &error) : FB_OK;

    if (status == FB_OK)
        status = fb_markers_check(&markers, &error);
    if (status != FB_OK)
        fb_check_find(check, FB_FINDING_FAIL, "stream %s: %s", stream->name, error.message);
    else
        print_expiry(check, stream, markers.table, client);
}

/* The attribute by which items of the mapping expire; NULL: none. */
static const char *find_expiry(const struct fb_conf_stream *stream)
{
    struct fb_mapping *mapping = NULL;
    const char *found = NULL;

    if (fb_conf_mapping(stream, 0, &mapping, NULL) != FB_OK)
        return NULL;
    for (size_t i = 0; i < stream->items.count && found == NULL; i++)
        if (fb_item_is_expiry(&stream->items.assignments[i], mapping))
            found = stream->items.assignments[i].name;
    fb_mapping_free(mapping);
    return found;
}

/* Items with a time after which they are nobody's stay for ever, unless the table is told. */
static void check_expiry(struct fb_check *check, const struct fb_conf_stream *stream,
                         struct fb_client *client)
{
    const char *ours = find_expiry(stream);
    char attribute[FB_KEY_NAME_MAX + 1];
    struct fb_error error = {0};

    if (ours == NULL)
        return;
    if (fb_dynamodb_describe_ttl(client, stream->table, attribute, &error) != FB_OK)
        fb_check_find(check, fb_aws_error_is_denial(&error) ? FB_FINDING_OK : FB_FINDING_WARN,
                      "stream %s: whether items expire by %s cannot be seen "
                      "(dynamodb:DescribeTimeToLive): %s",
                      stream->name, ours, error.message);
    else if (attribute[0] == '\0')
        fb_check_find(check, FB_FINDING_WARN,
                      "stream %s: time to live is off in table %s, so items with %s stay for ever: "
                      "aws dynamodb update-time-to-live --table-name %s "
                      "--time-to-live-specification Enabled=true,AttributeName=%s",
                      stream->name, stream->table, ours, stream->table, ours);
    else if (strcmp(attribute, ours) != 0)
        fb_check_find(check, FB_FINDING_WARN,
                      "stream %s: items of table %s expire by %s, and not by item.%s", stream->name,
                      stream->table, attribute, ours);
    else
        fb_check_find(check, FB_FINDING_OK, "stream %s: items of table %s expire by %s",
                      stream->name, stream->table, ours);
}

static void check_capacity(struct fb_check *check, const struct fb_conf_stream *stream,
                           const struct fb_table *table)
{
    if (table->write_units > 0 && stream->max_write_units > table->write_units)
        fb_check_find(check, FB_FINDING_WARN,
                      "stream %s: max_write_units = %u is more than table %s takes: %" PRIu64
                      " write units a second (%s)",
                      stream->name, stream->max_write_units, stream->table, table->write_units,
                      table->is_provisioned ? "provisioned" : "the maximum on demand");
}

bool fb_check_table(struct fb_check *check, const struct fb_conf_stream *stream,
                    struct fb_table *ret_table)
{
    struct fb_client client;
    struct fb_error error = {0};
    enum fb_status status;

    if (!fb_check_client(check, stream, FB_SIDE_TABLE, &client))
        return false;
    status = fb_dynamodb_describe_table(&client, stream->table, ret_table, &error);
    if (status == FB_OK) {
        print_table(check, stream, ret_table);
        check_capacity(check, stream, ret_table);
        if (fb_conf_may_add(stream))
            check_markers(check, stream, ret_table, &client);
        check_expiry(check, stream, &client);
    } else {
        fb_check_find(check, FB_FINDING_FAIL, "stream %s: table %s: %s", stream->name,
                      stream->table, error.message);
    }
    fb_environment_client_done(&client);
    return status == FB_OK;
}
