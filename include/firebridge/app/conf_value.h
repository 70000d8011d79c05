/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of values share. Pure; any thread. */
#ifndef FIREBRIDGE_APP_CONF_VALUE_H
#define FIREBRIDGE_APP_CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/app/conf.h"

/* Puts a copy in place of what was there; false when there is no memory. */
bool fb_conf_set_text(char **target, const char *text);

/* Entries by commas or on lines of their own, without the blanks around them. */
enum fb_status fb_conf_take_list(const char *text, struct fb_conf_list *ret_list,
                                 struct fb_error *error) FB_MUST_CHECK;
/* The same, but a comma in double quotes is the entry's. */
enum fb_status fb_conf_take_quoted_list(const char *text, struct fb_conf_list *ret_list,
                                        struct fb_error *error) FB_MUST_CHECK;
void fb_conf_list_done(struct fb_conf_list *list);

/* A copy without the ends of lines; NULL without memory. */
char *fb_conf_join_lines(const char *text) FB_MUST_CHECK;

/* At least one byte, and all ASCII letters, digits or one of `extra`. */
bool fb_conf_only_of(const char *text, size_t size, const char *extra);

/* Digits at `*text`, which moves on behind them; false when there are none or too many. */
bool fb_conf_take_number(const char **text, int64_t *ret_number);

#endif
