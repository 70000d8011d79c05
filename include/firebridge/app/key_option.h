/* SPDX-License-Identifier: Apache-2.0 */
/* What a table has of a conf: its key, as --key says it by hand, and its expiry. Any thread. */
#ifndef FIREBRIDGE_APP_KEY_OPTION_H
#define FIREBRIDGE_APP_KEY_OPTION_H

#include "firebridge/codec/mapping.h"

/* A type that is not said is what `mapping` (NULL: none) makes of the name, else S. FB_INVALID. */
enum fb_status fb_key_option_read(const char *text, const struct fb_mapping *mapping,
                                  struct fb_key_schema *ret_schema,
                                  struct fb_error *error) FB_MUST_CHECK;

/* Whether --key (NULL: it is not given) can be read; else says on stderr what is expected. */
bool fb_key_option_check(const char *text);

/* Whether the attribute is a time in seconds, made by as=epoch: by that items may expire. */
bool fb_item_is_expiry(const struct fb_map_assignment *item, const struct fb_mapping *mapping);

#endif
