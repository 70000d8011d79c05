/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/dynamodb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/dynamodb_call.h"

#define DESCRIBE_ANSWER_MAX_BYTES ((size_t)1024 * 1024)

static bool copy_member(const json_t *object, const char *name, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL && (size_t)snprintf(to, size, "%s", text) < size;
}

static bool find_type(const json_t *definitions, const char *name, enum fb_key_type *ret_type)
{
    size_t i;
    json_t *definition;

    json_array_foreach(definitions, i, definition)
    {
        const char *its_name = json_string_value(json_object_get(definition, "AttributeName"));
        const char *type = json_string_value(json_object_get(definition, "AttributeType"));

        if (its_name == NULL || type == NULL || strcmp(its_name, name) != 0)
            continue;
        *ret_type = (enum fb_key_type)type[0];
        return strlen(type) == 1 && strchr("SNB", type[0]) != NULL;
    }
    return false;
}

/* HASH goes first, whatever the order in the answer. */
static bool read_schema(const json_t *table, struct fb_key_schema *schema)
{
    const json_t *definitions = json_object_get(table, "AttributeDefinitions");
    const json_t *elements = json_object_get(table, "KeySchema");
    bool has_hash = false;
    size_t i;
    json_t *element;

    schema->count = json_array_size(elements);
    if (schema->count < 1 || schema->count > 2)
        return false;
    json_array_foreach(elements, i, element)
    {
        const char *role = json_string_value(json_object_get(element, "KeyType"));
        bool is_hash = role != NULL && strcmp(role, "HASH") == 0;
        struct fb_key_attribute *attribute = &schema->attributes[is_hash ? 0 : 1];

        if (role == NULL || (!is_hash && schema->count == 1) || (is_hash && has_hash) ||
            !copy_member(element, "AttributeName", attribute->name, sizeof attribute->name) ||
            !find_type(definitions, attribute->name, &attribute->type))
            return false;
        attribute->name_size = strlen(attribute->name);
        has_hash = has_hash || is_hash;
    }
    return has_hash;
}

/* On demand there may be a maximum, too; -1 is none (API reference, "OnDemandThroughput"). */
static void read_capacity(const json_t *table, struct fb_table *read)
{
    const json_t *billing = json_object_get(table, "BillingModeSummary");
    const char *mode = json_string_value(json_object_get(billing, "BillingMode"));
    json_int_t units;

    read->is_provisioned = mode == NULL || strcmp(mode, "PAY_PER_REQUEST") != 0;
    units = json_integer_value(
        read->is_provisioned
            ? json_object_get(json_object_get(table, "ProvisionedThroughput"), "WriteCapacityUnits")
            : json_object_get(json_object_get(table, "OnDemandThroughput"),
                              "MaxWriteRequestUnits"));
    read->write_units = units > 0 ? (uint64_t)units : 0;
    read->is_provisioned = read->is_provisioned && units > 0;
}

static bool read_table(const json_t *root, struct fb_table *ret_table)
{
    const json_t *table = json_object_get(root, "Table");
    struct fb_table read = {0};

    if (!copy_member(table, "TableArn", read.arn, sizeof read.arn) ||
        !copy_member(table, "TableStatus", read.status, sizeof read.status) ||
        !read_schema(table, &read.schema))
        return false;
    read_capacity(table, &read);
    read.created_ms =
        (int64_t)(json_number_value(json_object_get(table, "CreationDateTime")) * 1000.0 + 0.5);
    *ret_table = read;
    return true;
}

enum fb_status fb_dynamodb_describe_table(struct fb_client *client, const char *table,
                                          struct fb_table *ret_table, struct fb_error *error)
{
    struct fb_dynamodb_call call;
    struct iovec body;
    char text[FB_TABLE_NAME_MAX + 32];
    json_t *root = NULL;
    enum fb_status status = fb_dynamodb_call_init(&call, client, "DescribeTable", table,
                                                  DESCRIBE_ANSWER_MAX_BYTES, error);

    if (status != FB_OK)
        return status;
    snprintf(text, sizeof text, "{\"TableName\":\"%s\"}", table);
    body = (struct iovec){text, strlen(text)};
    status = fb_dynamodb_call_perform(&call, client, &body, 1, error);
    if (status == FB_OK) {
        root = json_loadb(call.answer.bytes, call.answer.size, 0, NULL);
        if (!read_table(root, ret_table))
            status = fb_dynamodb_call_refuse(&call, error, "it describes no table");
    }
    json_decref(root);
    fb_dynamodb_call_done(&call);
    return status;
}

bool fb_table_is_usable(const struct fb_table *table)
{
    return strcmp(table->status, "ACTIVE") == 0 || strcmp(table->status, "UPDATING") == 0;
}
