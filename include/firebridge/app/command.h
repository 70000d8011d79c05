/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands and their options, as rows of tables. The command line, `help` and the completion of
 * shells all come from them.
 *
 * A command is a `const struct fb_command` in the file that does it, and a line in commands.c. An
 * option is a row that says where in the command's own struct of options its value goes.
 *
 * Threads: main alone.
 */
#ifndef FIREBRIDGE_APP_COMMAND_H
#define FIREBRIDGE_APP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/app/conf.h"

/* The type of the member that a value goes to. */
enum fb_option_kind {
    FB_OPTION_FLAG,   /* bool */
    FB_OPTION_TEXT,   /* const char *, of argv */
    FB_OPTION_LIST,   /* struct fb_option_list: may be given again and again */
    FB_OPTION_COUNT,  /* uint64_t */
    FB_OPTION_TIME,   /* int64_t, milliseconds since 1970; given as RFC 3339 has it */
    FB_OPTION_CHOICE, /* unsigned: which of `choices` */
};

#define FB_OPTION_LIST_MAX 40

struct fb_option_list {
    const char *values[FB_OPTION_LIST_MAX];
    size_t count;
};

struct fb_option {
    const char *name; /* without its dashes */
    char letter;      /* its short form; 0: it has none */
    enum fb_option_kind kind;
    size_t offset;       /* of the member */
    const char *value;   /* what the help calls the value; NULL for a flag and a choice */
    const char *choices; /* "table|json" */
    uint64_t most;       /* of a count; 0: no limit */
    const char *help;    /* lines of up to 53 characters */
};

/* Rows that many commands have; `type` is the struct of the command's options. */
#define FB_OPTION_CONFIG(type)                                                                     \
    {                                                                                              \
        .name = "config", .letter = 'c', .kind = FB_OPTION_TEXT,                                   \
        .offset = offsetof(type, conf_path), .value = "FILE",                                      \
        .help = "the conf file; default " FB_CONF_DEFAULT_PATH                                     \
    }
#define FB_OPTION_OUTPUT(type)                                                                     \
    {                                                                                              \
        .name = "output", .kind = FB_OPTION_CHOICE, .offset = offsetof(type, output),              \
        .choices = "table|json", .help = "for a person, or as JSON; default table"                 \
    }

enum fb_output { FB_OUTPUT_TABLE, FB_OUTPUT_JSON };

struct fb_command {
    const char *name;
    const char *operands; /* as the usage shows them; NULL: none */
    const char *verbs;    /* the words to choose the first operand from, "adopt|rename"; or NULL */
    int operands_min, operands_max;
    const char *summary; /* a line of the overview */
    const char *help;    /* sentences, in lines of up to 79 characters */
    const struct fb_option *options;
    size_t option_count;
    const void *defaults; /* the struct of options when none is given; NULL: it has none */
    size_t options_size;
    /* Does it, and returns the exit status. FB_EXIT_USAGE is followed by the usage. */
    int (*run)(const void *options, char *const *operands, int operand_count);
};

/* For the initializer of a command whose options are in the array `rows`. */
#define FB_OPTIONS(rows) .options = (rows), .option_count = sizeof(rows) / sizeof *(rows)

/* The i-th command in the order of the overview; NULL behind the last. */
const struct fb_command *fb_command_at(size_t i);

#endif
