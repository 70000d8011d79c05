/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mapping says of records that add: add.NAME = NUMBER, or a template that gives one.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_CODEC_MAP_ADD_H
#define FIREBRIDGE_CODEC_MAP_ADD_H

#include "mapping.h"

/* A text without placeholders must be a number; of a template, each record's value shows. */
bool fb_map_may_be_number(const char *text, const struct fb_map_template *value);

/*
 * A number's text in a string becomes the number: {"S":"1.5"} is {"N":"1.5"} then. FB_INVALID where
 * it is none that DynamoDB holds.
 */
enum fb_status fb_map_make_number(const struct fb_map_item *item, struct fb_buffer *value,
                                  uint32_t *counted, struct fb_map_fault *ret_fault) FB_MUST_CHECK;

/* Whether what the conf says about adding goes together. FB_INVALID. */
enum fb_status fb_map_check_adding(const struct fb_mapping *mapping,
                                   const struct fb_mapping_options *options,
                                   struct fb_error *error) FB_MUST_CHECK;

#endif
