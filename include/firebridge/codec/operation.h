/* SPDX-License-Identifier: Apache-2.0 */
/* What a record does to the item of its key. A reader gives no record that is left out. */
#ifndef FIREBRIDGE_CODEC_OPERATION_H
#define FIREBRIDGE_CODEC_OPERATION_H

enum fb_operation { FB_PUT, FB_DELETE, FB_LEAVE_OUT };

#endif
