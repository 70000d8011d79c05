/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/access_point.h"

#include <stdio.h>
#include <string.h>

#include "firebridge/aws/partition.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* arn:PARTITION:SERVICE:REGION:ACCOUNT:TYPE/NAME, as far as fields go. */
enum { ARN, PARTITION, SERVICE, REGION, ACCOUNT, TYPE, NAME, FIELD_COUNT };

struct field {
    const char *text;
    int size;
};

bool fb_access_point_is(const char *bucket)
{
    return strncmp(bucket, "arn:", 4) == 0;
}

/* The name's separator may be a colon, too; its own characters are neither. */
size_t fb_access_point_size(const char *text)
{
    size_t size = strcspn(text, "/");
    const char *type = ":accesspoint";
    size_t type_size = strlen(type);

    if (text[size] == '/' && size >= type_size &&
        memcmp(text + size - type_size, type, type_size) == 0)
        size += 1 + strcspn(text + size + 1, "/");
    return size;
}

static size_t split(const char *arn, struct field fields[FIELD_COUNT])
{
    size_t count = 0;

    for (; count < FIELD_COUNT; count++) {
        size_t size = strcspn(arn, count < TYPE ? ":" : ":/");

        fields[count] = (struct field){arn, (int)size};
        if (arn[size] == '\0')
            return count + 1;
        arn += size + 1;
    }
    return FIELD_COUNT + 1; /* something stands behind the name */
}

static bool is(const struct field *field, const char *text)
{
    return strlen(text) == (size_t)field->size && memcmp(field->text, text, strlen(text)) == 0;
}

static bool consists_of(const struct field *field, const char *characters, int min, int max)
{
    return field->size >= min && field->size <= max &&
           strspn(field->text, characters) >= (size_t)field->size;
}

static enum fb_status refuse(const struct field *fields, const char *arn, struct fb_error *error)
{
    if (is(&fields[SERVICE], "s3") && fields[REGION].size > 0 && is(&fields[TYPE], "accesspoint"))
        return fb_fail(error, FB_INVALID,
                       "'%.200s' is no access point's ARN "
                       "(arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME)",
                       arn);
    return fb_fail(error, FB_UNSUPPORTED,
                   "'%.200s': of ARNs, only those of access points in one region can be read from "
                   "(arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME); take that, or the bucket's name",
                   arn);
}

enum fb_status fb_access_point_parse(const char *arn, struct fb_access_point *ret_point,
                                     struct fb_error *error)
{
    struct field fields[FIELD_COUNT] = {{0}};
    struct fb_access_point point;
    size_t count = split(arn, fields);

    if (count < NAME || !is(&fields[ARN], "arn"))
        return fb_fail(error, FB_INVALID, "'%.200s' is no ARN", arn);
    if (count != FIELD_COUNT || !is(&fields[SERVICE], "s3") || !is(&fields[TYPE], "accesspoint") ||
        !consists_of(&fields[REGION], LOWER DIGITS "-", 1, FB_REGION_SIZE - 1) ||
        !consists_of(&fields[ACCOUNT], DIGITS, 12, 12) ||
        !consists_of(&fields[NAME], LOWER DIGITS "-", 3, 50))
        return refuse(fields, arn, error);
    snprintf(point.name, sizeof point.name, "%.*s", fields[NAME].size, fields[NAME].text);
    snprintf(point.account, sizeof point.account, "%.*s", fields[ACCOUNT].size,
             fields[ACCOUNT].text);
    snprintf(point.region, sizeof point.region, "%.*s", fields[REGION].size, fields[REGION].text);
    if (!is(&fields[PARTITION], fb_partition_of(point.region)->name))
        return fb_fail(error, FB_INVALID, "'%.200s': region %s is in partition %s", arn,
                       point.region, fb_partition_of(point.region)->name);
    *ret_point = point;
    return FB_OK;
}
