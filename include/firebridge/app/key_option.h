/* SPDX-License-Identifier: Apache-2.0 */
/* --key NAME[:TYPE][,NAME[:TYPE]]: a table's key, said by hand. Pure; any thread. */
#ifndef FIREBRIDGE_APP_KEY_OPTION_H
#define FIREBRIDGE_APP_KEY_OPTION_H

#include "firebridge/codec/mapping.h"

/* A type that is not said is what `mapping` (NULL: none) makes of the name, else S. FB_INVALID. */
enum fb_status fb_key_option_read(const char *text, const struct fb_mapping *mapping,
                                  struct fb_key_schema *ret_schema,
                                  struct fb_error *error) FB_MUST_CHECK;

#endif
