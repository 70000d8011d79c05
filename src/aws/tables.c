/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/dynamodb_call.h"

/* A table's description, with its indexes. */
#define CREATE_ANSWER_MAX_BYTES ((size_t)1024 * 1024)
#define TTL_ANSWER_MAX_BYTES    ((size_t)64 * 1024)

json_t *fb_table_creation(const char *table, const struct fb_key_schema *schema)
{
    static const char *const roles[] = {"HASH", "RANGE"};
    json_t *elements = json_array();
    json_t *definitions = json_array();

    for (size_t i = 0; i < schema->count && i < sizeof roles / sizeof *roles; i++) {
        const struct fb_key_attribute *attribute = &schema->attributes[i];
        const char type[] = {(char)attribute->type, '\0'};

        (void)json_array_append_new(elements, json_pack("{s:s, s:s}", "AttributeName",
                                                        attribute->name, "KeyType", roles[i]));
        (void)json_array_append_new(definitions, json_pack("{s:s, s:s}", "AttributeName",
                                                           attribute->name, "AttributeType", type));
    }
    return json_pack("{s:s, s:o, s:o, s:s}", "TableName", table, "AttributeDefinitions",
                     definitions, "KeySchema", elements, "BillingMode", "PAY_PER_REQUEST");
}

json_t *fb_table_expiry(const char *table, const char *attribute)
{
    return json_pack("{s:s, s:{s:b, s:s}}", "TableName", table, "TimeToLiveSpecification",
                     "Enabled", 1, "AttributeName", attribute);
}

/* *ret_root: the answer, the caller's to free. */
static enum fb_status ask(struct fb_client *client, const char *operation, const char *table,
                          const json_t *request, size_t answer_max_bytes, json_t **ret_root,
                          struct fb_error *error)
{
    char *text = json_dumps(request, JSON_COMPACT);
    const struct iovec body = {text, text == NULL ? 0 : strlen(text)};
    enum fb_status status = text == NULL ? fb_fail(error, FB_NO_MEMORY, "out of memory")
                                         : fb_dynamodb_ask(client, operation, table, &body, 1,
                                                           answer_max_bytes, ret_root, error);

    free(text);
    return status;
}

enum fb_status fb_dynamodb_create_table(struct fb_client *client, const char *table,
                                        const json_t *creation, struct fb_error *error)
{
    json_t *root = NULL;
    enum fb_status status =
        ask(client, "CreateTable", table, creation, CREATE_ANSWER_MAX_BYTES, &root, error);

    json_decref(root);
    return status;
}

enum fb_status fb_dynamodb_update_ttl(struct fb_client *client, const char *table,
                                      const json_t *expiry, struct fb_error *error)
{
    json_t *root = NULL;
    enum fb_status status =
        ask(client, "UpdateTimeToLive", table, expiry, TTL_ANSWER_MAX_BYTES, &root, error);

    json_decref(root);
    return status;
}

enum fb_status fb_dynamodb_describe_ttl(struct fb_client *client, const char *table,
                                        char ret_attribute[FB_KEY_NAME_MAX + 1],
                                        struct fb_error *error)
{
    char text[FB_TABLE_NAME_MAX + 32];
    const struct iovec body = {text, (size_t)snprintf(text, sizeof text, "{\"TableName\":\"%.*s\"}",
                                                      FB_TABLE_NAME_MAX, table)};
    json_t *root = NULL;
    enum fb_status status = fb_dynamodb_ask(client, "DescribeTimeToLive", table, &body, 1,
                                            TTL_ANSWER_MAX_BYTES, &root, error);
    const json_t *described = json_object_get(root, "TimeToLiveDescription");
    const char *state = json_string_value(json_object_get(described, "TimeToLiveStatus"));
    const char *attribute = json_string_value(json_object_get(described, "AttributeName"));
    const bool is_on =
        state != NULL && (strcmp(state, "ENABLED") == 0 || strcmp(state, "ENABLING") == 0);

    if (status == FB_OK && (state == NULL || (is_on && attribute == NULL)))
        status = fb_fail(error, FB_CORRUPT,
                         "DescribeTimeToLive of table %.300s: the answer is not usable: it says no "
                         "status",
                         table);
    if (status == FB_OK)
        snprintf(ret_attribute, FB_KEY_NAME_MAX + 1, "%s", is_on ? attribute : "");
    json_decref(root);
    return status;
}
