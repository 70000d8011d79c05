/* SPDX-License-Identifier: Apache-2.0 */
/* What took the place of an object under its key. */
#ifndef FIREBRIDGE_PIPELINE_SUCCESSOR_H
#define FIREBRIDGE_PIPELINE_SUCCESSOR_H

#include "firebridge/pipeline/decoder.h"

/*
 * After a 412. FB_CHANGED: what is there now is a pending object of its own. FB_NOT_FOUND: there
 * is nothing any more. Otherwise nothing is known, and the GET is to be tried again.
 */
enum fb_status fb_successor_take(const struct fb_decoder_options *options,
                                 const struct fb_state_object *object,
                                 struct fb_error *error) FB_MUST_CHECK;

#endif
