/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/command.h"
#include "firebridge/base/nearest.h"
#include "firebridge/base/time.h"
#include "human.h"

#define OPTIONS_MAX  20
#define OPTIONS_SIZE 1024 /* of a command's struct */

/* What a command says on one line. */
#define MESSAGE_SIZE 4096

/* getopt's value for an option without a letter: its row, behind all letters. */
#define FIRST_ROW 256

static void print_overview(FILE *out)
{
    const struct fb_command *command;

    fputs("firebridge carries what Amazon Data Firehose delivers to S3 into DynamoDB.\n"
          "\n"
          "usage: firebridge COMMAND [OPTION...]\n"
          "\n",
          out);
    for (size_t i = 0; (command = fb_command_at(i)) != NULL; i++)
        fprintf(out, "  %-14s%s\n", command->name, command->summary);
    fputs("\n"
          "`firebridge help COMMAND` tells more; see firebridge(8) and firebridge.conf(5).\n"
          "The conf file is " FB_CONF_DEFAULT_PATH ", unless -c names another.\n"
          "Exit status: 0 well, 1 something is wrong, 2 wrong use.\n",
          out);
}

static void print_usage(FILE *out, const struct fb_command *command)
{
    fprintf(out, "usage: firebridge %s%s%s%s\n", command->name,
            command->option_count > 0 ? " [OPTION...]" : "", command->operands != NULL ? " " : "",
            command->operands != NULL ? command->operands : "");
}

/* "  -c, --config FILE       " and its help, further lines of which begin under the first. */
static void print_option(const struct fb_option *option)
{
    const char *value = option->value != NULL ? option->value : option->choices;
    char head[80];

    snprintf(head, sizeof head, "%c%c%s--%s%s%s", option->letter != 0 ? '-' : ' ',
             option->letter != 0 ? option->letter : ' ', option->letter != 0 ? ", " : "  ",
             option->name, value != NULL ? " " : "", value != NULL ? value : "");
    /* What has no letter begins where letters do. */
    printf("  %-24s", option->letter != 0 ? head : head + 4);
    for (const char *line = option->help;;) {
        const char *end = strchrnul(line, '\n');

        printf("%.*s\n", (int)(end - line), line);
        if (*end == '\0')
            return;
        printf("%26s", "");
        line = end + 1;
    }
}

static void print_help(const struct fb_command *command)
{
    print_usage(stdout, command);
    printf("\n%s", command->help);
    if (command->option_count > 0)
        putchar('\n');
    for (size_t i = 0; i < command->option_count; i++)
        print_option(&command->options[i]);
}

static const struct fb_command *find_command(const char *name)
{
    const struct fb_command *command;
    struct fb_nearest nearest;

    fb_nearest_init(&nearest, name);
    for (size_t i = 0; (command = fb_command_at(i)) != NULL; i++) {
        if (strcmp(command->name, name) == 0)
            return command;
        fb_nearest_offer(&nearest, command->name);
    }
    (void)fb_cli_fail("unknown command %s; %s%s%s", name,
                      nearest.name != NULL ? "did you mean " : "firebridge help lists them",
                      nearest.name != NULL ? nearest.name : "", nearest.name != NULL ? "?" : "");
    return NULL;
}

static int run_help(const void *options, char *const *operands, int count)
{
    const struct fb_command *command;

    (void)options;
    if (count == 0) {
        print_overview(stdout);
        return FB_EXIT_OK;
    }
    command = find_command(operands[0]);
    if (command == NULL)
        return FB_EXIT_USAGE;
    print_help(command);
    return FB_EXIT_OK;
}

extern const struct fb_command fb_command_help;
const struct fb_command fb_command_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .operands_max = 1,
    .summary = "print this, or more on a command",
    .help = "Prints what a command does and which options it takes.\n",
    .run = run_help,
};

/* ---- values ---- */

static bool refuse_value(const struct fb_option *option, const char *text, const char *expected)
{
    (void)fb_cli_fail("--%s %s: expected %s", option->name, text, expected);
    return false;
}

static bool take_count(const struct fb_option *option, const char *text, uint64_t *ret_count)
{
    char *end = NULL;
    uint64_t count;

    errno = 0;
    count = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
        return refuse_value(option, text, "a whole number");
    if (option->most != 0 && count > option->most) {
        (void)fb_cli_fail("--%s %s: the most is %" PRIu64, option->name, text, option->most);
        return false;
    }
    *ret_count = count;
    return true;
}

static bool refuse_choice(const struct fb_option *option, const char *text)
{
    fprintf(stderr, "firebridge: --%s %s: expected ", option->name, text);
    for (const char *word = option->choices; *word != '\0'; word++) {
        if (*word == '|')
            fputs(" or ", stderr);
        else
            fputc(*word, stderr);
    }
    fputc('\n', stderr);
    return false;
}

static bool take_choice(const struct fb_option *option, const char *text, unsigned *ret_choice)
{
    const size_t size = strlen(text);
    const char *word = option->choices;

    for (unsigned i = 0;; i++) {
        const char *end = strchrnul(word, '|');

        if ((size_t)(end - word) == size && memcmp(word, text, size) == 0) {
            *ret_choice = i;
            return true;
        }
        if (*end == '\0')
            return refuse_choice(option, text);
        word = end + 1;
    }
}

static bool take_item(const struct fb_option *option, const char *text, struct fb_option_list *list)
{
    if (list->count == FB_OPTION_LIST_MAX) {
        fprintf(stderr, "firebridge: --%s is given too often\n", option->name);
        return false;
    }
    list->values[list->count++] = text;
    return true;
}

static bool take_value(const struct fb_option *option, const char *text, void *options)
{
    void *member = (char *)options + option->offset;

    switch (option->kind) {
    case FB_OPTION_FLAG:
        *(bool *)member = true;
        return true;
    case FB_OPTION_TEXT:
        *(const char **)member = text;
        return true;
    case FB_OPTION_LIST:
        return take_item(option, text, member);
    case FB_OPTION_COUNT:
        return take_count(option, text, member);
    case FB_OPTION_CHOICE:
        return take_choice(option, text, member);
    case FB_OPTION_TIME:
        return fb_time_parse_rfc3339(text, member) == FB_OK ||
               refuse_value(option, text, "a time like 2026-11-22T10:00:00Z");
    }
    return false;
}

/* ---- a command's words ---- */

/* As getopt_long wants them: all rows, and --help. */
static void list_options(const struct fb_command *command, struct option *ret_long, char *ret_short)
{
    size_t i;

    *ret_short++ = 'h';
    for (i = 0; i < command->option_count; i++) {
        const struct fb_option *option = &command->options[i];

        ret_long[i] = (struct option){
            .name = option->name,
            .has_arg = option->kind == FB_OPTION_FLAG ? no_argument : required_argument,
            .val = FIRST_ROW + (int)i,
        };
        if (option->letter == 0)
            continue;
        *ret_short++ = option->letter;
        if (option->kind != FB_OPTION_FLAG)
            *ret_short++ = ':';
    }
    ret_long[i++] = (struct option){.name = "help", .has_arg = no_argument, .val = 'h'};
    ret_long[i] = (struct option){0};
    *ret_short = '\0';
}

static const struct fb_option *find_option(const struct fb_command *command, int found)
{
    if (found >= FIRST_ROW)
        return &command->options[found - FIRST_ROW];
    for (size_t i = 0; i < command->option_count; i++)
        if (command->options[i].letter == found)
            return &command->options[i];
    return NULL;
}

/*
 * Whether the word that getopt_long has just taken for option `name` is all of it. It takes a
 * beginning as well; but a word that someone is to say because he means it is said whole.
 */
static bool is_whole(char *const *argv, const char *name)
{
    const bool has_own_value = optarg != NULL && argv[optind - 1] == optarg;
    const char *word = argv[optind - (has_own_value ? 2 : 1)] + 2;
    const size_t size = strcspn(word, "=");

    if (size == strlen(name))
        return true;
    (void)fb_cli_fail("unrecognized option '--%.*s'; did you mean --%s?", (int)size, word, name);
    return false;
}

/* getopt_long itself names what is unknown, after argv[0]. */
static bool read_options(const struct fb_command *command, int argc, char **argv, void *options,
                         bool *ret_wants_help)
{
    static char program[] = "firebridge";
    struct option long_options[OPTIONS_MAX + 2];
    char short_options[2 * OPTIONS_MAX + 2];
    int found, row = -1;

    argv[0] = program;
    list_options(command, long_options, short_options);
    while ((found = getopt_long(argc, argv, short_options, long_options, &row)) != -1) {
        const struct fb_option *option = find_option(command, found);

        if (row >= 0 && !is_whole(argv, long_options[row].name))
            return false;
        row = -1;
        if (found == 'h')
            *ret_wants_help = true;
        else if (option == NULL || !take_value(option, optarg, options))
            return false;
    }
    return true;
}

static bool check_operands(const struct fb_command *command, char *const *operands, int count)
{
    if (count > command->operands_max)
        fprintf(stderr, "firebridge: unexpected argument %s\n", operands[command->operands_max]);
    return count >= command->operands_min && count <= command->operands_max;
}

static int run_command(const struct fb_command *command, int argc, char **argv)
{
    _Alignas(max_align_t) char options[OPTIONS_SIZE] = {0};
    bool wants_help = false;
    int status = FB_EXIT_USAGE;

    if (command->option_count > OPTIONS_MAX || command->options_size > sizeof options)
        return fb_cli_fail("%s has more options than there is room for", command->name);
    if (command->defaults != NULL)
        memcpy(options, command->defaults, command->options_size);
    if (read_options(command, argc, argv, options, &wants_help)) {
        if (wants_help) {
            print_help(command);
            return FB_EXIT_OK;
        }
        if (check_operands(command, argv + optind, argc - optind))
            status = command->run(options, argv + optind, argc - optind);
    }
    if (status == FB_EXIT_USAGE)
        print_usage(stderr, command);
    return status;
}

/* Why nothing can be written any more; 0: it can, or nobody looked in time. */
static int output_errno;

bool fb_cli_flush(void)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && output_errno == 0)
        output_errno = errno;
    return output_errno == 0;
}

/* What could not be written (a full disk) is wrong. */
static int end_output(int status)
{
    if (fflush(stdout) != 0 && output_errno == 0)
        output_errno = errno;
    if (output_errno == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "firebridge: cannot write the output%s%s\n", output_errno != 0 ? ": " : "",
            output_errno != 0 ? strerror(output_errno) : "");
    return status == FB_EXIT_OK ? FB_EXIT_WRONG : status;
}

/* What most programs also answer to. */
static const char *command_name(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return "version";
    return word;
}

int fb_cli_main(int argc, char **argv)
{
    const struct fb_command *command;

    if (argc < 2) {
        print_overview(stderr);
        return FB_EXIT_USAGE;
    }
    command = find_command(command_name(argv[1]));
    if (command == NULL)
        return FB_EXIT_USAGE;
    return end_output(run_command(command, argc - 1, argv + 1));
}

/* ---- what commands share ---- */

void fb_cli_report(void *context, const char *message)
{
    char text[MESSAGE_SIZE];

    (void)context;
    fprintf(stderr, "firebridge: %s\n", fb_human_text(message, text, sizeof text));
}

int fb_cli_fail(const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fb_cli_report(NULL, message);
    return FB_EXIT_WRONG;
}

struct fb_conf *fb_cli_read_conf(const char *path)
{
    return fb_cli_read_conf_telling(path, fb_cli_report);
}

struct fb_conf *fb_cli_read_conf_telling(const char *path, fb_conf_report_fn report)
{
    struct fb_conf *conf = NULL;
    enum fb_status status = fb_conf_read(path, report, NULL, &conf);

    if (status == FB_OK)
        status = fb_conf_check_streams(conf, report, NULL);
    if (status == FB_OK)
        return conf;
    if (status == FB_NO_MEMORY)
        report(NULL, "out of memory");
    fb_conf_free(conf);
    return NULL;
}

const struct fb_conf_stream *fb_cli_find_stream(const struct fb_conf *conf, const char *name)
{
    struct fb_nearest nearest;

    fb_nearest_init(&nearest, name);
    for (size_t i = 0; i < conf->stream_count; i++) {
        if (strcmp(conf->streams[i].name, name) == 0)
            return &conf->streams[i];
        fb_nearest_offer(&nearest, conf->streams[i].name);
    }
    (void)fb_cli_fail("the conf has no stream %.64s%s%s%s", name,
                      nearest.name == NULL ? "" : "; did you mean ",
                      nearest.name == NULL ? "" : nearest.name, nearest.name == NULL ? "" : "?");
    return NULL;
}
