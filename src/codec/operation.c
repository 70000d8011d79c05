/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/operation.h"

#include <string.h>

static const char *const names[] = {
    [FB_PUT] = "put",     [FB_DELETE] = "delete", [FB_INSERT] = "insert",
    [FB_NEWER] = "newer", [FB_UPDATE] = "update", [FB_LEAVE_OUT] = "leave-out",
};

const char *fb_operation_name(enum fb_operation operation)
{
    return names[operation];
}

bool fb_operation_find(const char *name, size_t size, enum fb_operation *ret_operation)
{
    for (size_t i = 0; i < FB_LEAVE_OUT; i++)
        if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0) {
            *ret_operation = (enum fb_operation)i;
            return true;
        }
    return false;
}
