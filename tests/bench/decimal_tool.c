/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds the numbers of each line of stdin, from left to right, and prints the sum;
 * "-" stands for a sum that DynamoDB cannot hold. For tests against another decimal arithmetic.
 */
#include <stdio.h>
#include <string.h>

#include "firebridge/codec/decimal.h"

static bool read(const char *word, struct fb_decimal *ret_decimal)
{
    struct fb_number number;
    const char *at;

    if (fb_number_scan(word, &number, &at) == NULL || fb_number_check(&number) != FB_DEAD_NONE)
        return false;
    fb_decimal_read(&number, ret_decimal);
    return true;
}

static void print_sum(char *line)
{
    char text[FB_DECIMAL_TEXT_MAX];
    struct fb_decimal sum = {0};
    struct fb_decimal addend;

    for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n"))
        if (!read(word, &addend) || !fb_decimal_add(&sum, &addend)) {
            puts("-");
            return;
        }
    printf("%.*s\n", (int)fb_decimal_write(&sum, text), text);
}

int main(void)
{
    static char line[1 << 16];

    while (fgets(line, sizeof line, stdin) != NULL)
        print_sum(line);
    return 0;
}
