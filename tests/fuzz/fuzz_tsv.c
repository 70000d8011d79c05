/* SPDX-License-Identifier: Apache-2.0 */
/* With a head line, and with columns of the conf. */
#include "form.h"

static const char *const columns[] = {"id", "n", "x"};
static const char *const numbers[] = {"n"};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const struct fuzz_options options[] = {
        {{.format = FB_FORMAT_TSV}, "\r\n"},
        {{.format = FB_FORMAT_TSV,
          .columns = columns,
          .column_count = 3,
          .number_columns = numbers,
          .number_column_count = 1},
         "\r\n"},
    };

    return fuzz_form(options, sizeof options / sizeof *options, input, size);
}
