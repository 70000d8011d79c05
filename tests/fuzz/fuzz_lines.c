/* SPDX-License-Identifier: Apache-2.0 */
/* Lines cut up by a pattern, and lines that are all message. */
#include "form.h"

#define PATTERN "^([^ ]+) ([0-9.]*) ?(.*)$"

static const char *const fields[] = {"id", "n", "rest"};
static const char *const numbers[] = {"n"};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const struct fuzz_options options[] = {
        {{.format = FB_FORMAT_LINES,
          .pattern = PATTERN,
          .fields = fields,
          .field_count = 3,
          .number_columns = numbers,
          .number_column_count = 1},
         "\r\n"},
        {{.format = FB_FORMAT_LINES, .pattern = PATTERN, .fields = fields, .field_count = 3},
         "\r\n"},
        {{.format = FB_FORMAT_LINES}, "\r\n"},
    };

    return fuzz_form(options, sizeof options / sizeof *options, input, size);
}
