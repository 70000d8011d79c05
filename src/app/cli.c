/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/base/nearest.h"
#include "firebridge/base/time.h"

/* --set may be given so often. */
#define SETS_MAX 40

struct arguments {
    const char *conf_path; /* NULL: not given */
    struct fb_run_options run;
    struct fb_explain_options explain;
    struct fb_redrive_cmd_options redrive;
    const char *output; /* NULL: not given */
    const char *sets[SETS_MAX];
    bool wants_help;
    char **words; /* what is no option */
    int count;
};

struct command {
    const char *name;
    const char *usage;
    const char *summary;
    const char *help;
    const char *options; /* the short ones that it takes, in getopt's form; "h" goes with all */
    int (*run)(const struct arguments *arguments);
};

enum {
    OPTION_ONCE = 'o',
    OPTION_ACCEPT = 'a',
    OPTION_STREAM = 's',
    OPTION_KEY = 'k',
    OPTION_SET = 'e',
    OPTION_LIMIT = 'l',
    OPTION_OUTPUT = 'u',
    OPTION_SINCE = 'i',
    OPTION_REASON = 'r',
    OPTION_DRY_RUN = 'd',
    OPTION_OVERWRITE = 'w',
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"once", no_argument, NULL, OPTION_ONCE},
    {"accept-dead-letters", no_argument, NULL, OPTION_ACCEPT},
    {"stream", required_argument, NULL, OPTION_STREAM},
    {"key", required_argument, NULL, OPTION_KEY},
    {"set", required_argument, NULL, OPTION_SET},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"output", required_argument, NULL, OPTION_OUTPUT},
    {"since", required_argument, NULL, OPTION_SINCE},
    {"reason", required_argument, NULL, OPTION_REASON},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"overwrite", no_argument, NULL, OPTION_OVERWRITE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int run_run(const struct arguments *arguments);
static int run_check(const struct arguments *arguments);
static int run_explain(const struct arguments *arguments);
static int run_redrive(const struct arguments *arguments);
static int run_state(const struct arguments *arguments);
static int run_version(const struct arguments *arguments);
static int run_help(const struct arguments *arguments);

static const struct command commands[] = {
    {"run", "run [-c FILE] [--once] [--accept-dead-letters]", "carry objects to their tables",
     "Runs in the foreground, as systemd wants it, until SIGTERM or SIGINT. What is in\n"
     "flight then is written or left for next time. A second signal stops at once, and\n"
     "loses nothing either.\n"
     "\n"
     "  -c, --config FILE       the conf file; default " FB_CONF_DEFAULT_PATH "\n"
     "  --once                  work through what is there, then end: with 0, or with\n"
     "                          1 if anything is left undone\n"
     "  --accept-dead-letters   go on where max_dead_letters would stop a stream\n",
     "c:oa", run_run},
    {"check", "check [-c FILE]", "try everything that the conf file names",
     "Reads the conf, finds credentials, describes each table, lists one page of each\n"
     "prefix, and prints a line for each finding: ok, warn or FAIL. Ends with 1 if the\n"
     "daemon would not work. Changes nothing.\n"
     "\n"
     "  -c, --config FILE       the conf file; default " FB_CONF_DEFAULT_PATH "\n",
     "c:", run_check},
    {"explain", "explain [OPTION...] FILE | s3://BUCKET/KEY | -",
     "show what would become of an object",
     "Reads an object as the daemon would, and shows its compression, the form of its\n"
     "records, the first items and dead letters, and sums over all. Writes nothing.\n"
     "Ends with 1 if there are dead letters, or the object is damaged.\n"
     "\n"
     "  -c, --config FILE       the conf file; without one, the defaults\n"
     "  --stream NAME           the stream of the conf, where there are several\n"
     "  --key NAME:TYPE[,...]   the table's key, where the table is not to be asked\n"
     "  --set KEY=VALUE         another value for one of the stream's keys; repeatable\n"
     "  --limit N               show so many records; default 10\n"
     "  --output text|json      for a person, or a JSON object a line; default text\n",
     "c:skelu", run_explain},
    {"redrive", "redrive [OPTION...]", "run dead letters through the conf again",
     "What can be written now is written, and its dead letter removed; what cannot\n"
     "stays, with the new reason. The daemon may run meanwhile. Ends with 1 if a\n"
     "letter is left.\n"
     "\n"
     "  -c, --config FILE       the conf file; default " FB_CONF_DEFAULT_PATH "\n"
     "  --stream NAME           of one stream alone\n"
     "  --since TIME            those from then on, like 2026-11-22T10:00:00Z\n"
     "  --reason CODE           those with this reason, like key-missing\n"
     "  --dry-run               say what would be, and change nothing\n"
     "  --overwrite             write, though an old record may replace a newer item\n"
     "  --output table|json     for a person, or a JSON object a line; default table\n",
     "c:sirdwu", run_redrive},
    {"state", "state adopt STREAM | rename OLD NEW  [-c FILE]",
     "change what a checkpoint belongs to",
     "adopt STREAM      the checkpoint of STREAM goes on with the source and the table\n"
     "                  that the conf names now, though it was made with others\n"
     "rename OLD NEW    the checkpoint and the dead letters of OLD become those of NEW\n"
     "\n"
     "The daemon must be stopped.\n"
     "\n"
     "  -c, --config FILE       the conf file; default " FB_CONF_DEFAULT_PATH "\n",
     "c:", run_state},
    {"version", "version", "print the version, and those of the libraries",
     "Prints the version of firebridge and of the libraries it runs with.\n", "", run_version},
    {"help", "help [COMMAND]", "print this, or more on a command",
     "Prints what a command does and which options it takes.\n", "", run_help},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_overview(FILE *out)
{
    fputs("firebridge carries what Amazon Data Firehose delivers to S3 into DynamoDB.\n"
          "\n"
          "usage: firebridge COMMAND [OPTION...]\n"
          "\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "`firebridge help COMMAND` tells more; see firebridge(8) and firebridge.conf(5).\n"
          "The conf file is " FB_CONF_DEFAULT_PATH ", unless -c names another.\n"
          "Exit status: 0 well, 1 something is wrong, 2 wrong use.\n",
          out);
}

static void print_help(const struct command *command)
{
    printf("usage: firebridge %s\n\n%s", command->usage, command->help);
}

static const struct command *find_command(const char *name)
{
    struct fb_nearest nearest;

    fb_nearest_init(&nearest, name);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
        fb_nearest_offer(&nearest, commands[i].name);
    }
    fprintf(stderr, "firebridge: unknown command %s", name);
    if (nearest.name != NULL)
        fprintf(stderr, "; did you mean %s?\n", nearest.name);
    else
        fputs("; firebridge help lists them\n", stderr);
    return NULL;
}

static int wrong_use(const char *usage)
{
    fprintf(stderr, "usage: firebridge %s\n", usage);
    return FB_EXIT_USAGE;
}

static int refuse_words(const struct arguments *arguments)
{
    fprintf(stderr, "firebridge: unexpected argument %s\n", arguments->words[0]);
    return FB_EXIT_USAGE;
}

static int run_run(const struct arguments *arguments)
{
    return arguments->count > 0 ? refuse_words(arguments) : fb_cmd_run(&arguments->run);
}

static int run_check(const struct arguments *arguments)
{
    if (arguments->count > 0)
        return refuse_words(arguments);
    return fb_cmd_check(arguments->run.conf_path);
}

/* --output json, or the other word, which is the default. */
static bool take_output(const struct arguments *arguments, const char *other, bool *ret_as_json)
{
    const char *output = arguments->output == NULL ? other : arguments->output;

    *ret_as_json = strcmp(output, "json") == 0;
    if (*ret_as_json || strcmp(output, other) == 0)
        return true;
    fprintf(stderr, "firebridge: --output %s: expected %s or json\n", output, other);
    return false;
}

static int run_explain(const struct arguments *arguments)
{
    struct fb_explain_options options = arguments->explain;

    if (arguments->count != 1 || !take_output(arguments, "text", &options.as_json))
        return wrong_use("explain [OPTION...] FILE | s3://BUCKET/KEY | -");
    options.object = arguments->words[0];
    options.conf_path = arguments->conf_path;
    options.sets = arguments->sets;
    return fb_cmd_explain(&options);
}

static int run_redrive(const struct arguments *arguments)
{
    struct fb_redrive_cmd_options options = arguments->redrive;

    if (arguments->count > 0)
        return refuse_words(arguments);
    if (!take_output(arguments, "table", &options.as_json))
        return wrong_use("redrive [OPTION...]");
    options.conf_path = arguments->run.conf_path;
    options.stream = arguments->explain.stream;
    return fb_cmd_redrive(&options);
}

static int run_state(const struct arguments *arguments)
{
    char *const *words = arguments->words;

    if (arguments->count == 2 && strcmp(words[0], "adopt") == 0)
        return fb_cmd_state_adopt(arguments->run.conf_path, words[1]);
    if (arguments->count == 3 && strcmp(words[0], "rename") == 0)
        return fb_cmd_state_rename(arguments->run.conf_path, words[1], words[2]);
    return wrong_use("state adopt STREAM | rename OLD NEW  [-c FILE]");
}

static int run_version(const struct arguments *arguments)
{
    return arguments->count > 0 ? refuse_words(arguments) : fb_cmd_version();
}

static int run_help(const struct arguments *arguments)
{
    const struct command *command;

    if (arguments->count > 1)
        return wrong_use("help [COMMAND]");
    if (arguments->count == 0) {
        print_overview(stdout);
        return FB_EXIT_OK;
    }
    command = find_command(arguments->words[0]);
    if (command == NULL)
        return FB_EXIT_USAGE;
    print_help(command);
    return FB_EXIT_OK;
}

static bool is_taken(const struct command *command, int option)
{
    return option == 'h' ||
           (option != '?' && option != ':' && strchr(command->options, option) != NULL);
}

static bool refuse_value(const char *option, const char *expected)
{
    fprintf(stderr, "firebridge: %s %s: expected %s\n", option, optarg, expected);
    return false;
}

static bool take_limit(uint64_t *ret_limit)
{
    char *end = NULL;

    errno = 0;
    *ret_limit = strtoull(optarg, &end, 10);
    if (*optarg < '0' || *optarg > '9' || *end != '\0' || errno != 0)
        return refuse_value("--limit", "a whole number");
    return true;
}

static bool take_set(struct arguments *arguments)
{
    if (arguments->explain.set_count == SETS_MAX) {
        fputs("firebridge: --set is given too often\n", stderr);
        return false;
    }
    arguments->sets[arguments->explain.set_count++] = optarg;
    return true;
}

static bool take_explain_option(int option, struct arguments *arguments)
{
    struct fb_explain_options *explain = &arguments->explain;

    switch (option) {
    case OPTION_STREAM:
        explain->stream = optarg;
        return true;
    case OPTION_KEY:
        explain->key = optarg;
        return true;
    case OPTION_SET:
        return take_set(arguments);
    case OPTION_LIMIT:
        return take_limit(&explain->limit);
    default:
        arguments->output = optarg;
        return true;
    }
}

static bool take_since(int64_t *ret_since_ms)
{
    return fb_time_parse_rfc3339(optarg, ret_since_ms) == FB_OK ||
           refuse_value("--since", "a time like 2026-11-22T10:00:00Z");
}

static bool is_redrive_option(int option)
{
    return option == OPTION_SINCE || option == OPTION_REASON || option == OPTION_DRY_RUN ||
           option == OPTION_OVERWRITE;
}

static bool take_redrive_option(int option, struct arguments *arguments)
{
    struct fb_redrive_cmd_options *redrive = &arguments->redrive;

    switch (option) {
    case OPTION_SINCE:
        return take_since(&redrive->since_ms);
    case OPTION_REASON:
        redrive->reason = optarg;
        return true;
    case OPTION_DRY_RUN:
        redrive->dry_run = true;
        return true;
    default:
        redrive->overwrite = true;
        return true;
    }
}

static bool take_option(const struct command *command, int option, struct arguments *arguments)
{
    if (!is_taken(command, option)) {
        if (option != '?')
            fprintf(stderr, "firebridge: %s does not take this option\n", command->name);
        return false;
    }
    if (option == 'h')
        arguments->wants_help = true;
    else if (option == 'c')
        arguments->run.conf_path = arguments->conf_path = optarg;
    else if (option == OPTION_ONCE)
        arguments->run.once = true;
    else if (option == OPTION_ACCEPT)
        arguments->run.accept_dead_letters = true;
    else if (is_redrive_option(option))
        return take_redrive_option(option, arguments);
    else
        return take_explain_option(option, arguments);
    return true;
}

/* Only -c and -h have a short form. getopt_long itself names what is unknown, after argv[0]. */
static int run_command(const struct command *command, int argc, char **argv)
{
    struct arguments arguments = {.run.conf_path = FB_CONF_DEFAULT_PATH, .explain.limit = 10};
    static char program[] = "firebridge";
    int option;

    argv[0] = program;
    while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1)
        if (!take_option(command, option, &arguments))
            return wrong_use(command->usage);
    arguments.words = argv + optind;
    arguments.count = argc - optind;
    if (arguments.wants_help) {
        print_help(command);
        return FB_EXIT_OK;
    }
    return command->run(&arguments);
}

int fb_cli_end(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "firebridge: cannot write the output: %s\n", strerror(errno));
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
    const struct command *command;

    if (argc < 2) {
        print_overview(stderr);
        return FB_EXIT_USAGE;
    }
    command = find_command(command_name(argv[1]));
    if (command == NULL)
        return FB_EXIT_USAGE;
    return fb_cli_end(run_command(command, argc - 1, argv + 1));
}

void fb_cli_report(void *context, const char *message)
{
    (void)context;
    fprintf(stderr, "firebridge: %s\n", message);
}

struct fb_conf *fb_cli_read_conf(const char *path)
{
    struct fb_conf *conf = NULL;
    enum fb_status status = fb_conf_read(path, fb_cli_report, NULL, &conf);

    if (status == FB_OK)
        status = fb_conf_check_streams(conf, fb_cli_report, NULL);
    if (status == FB_OK)
        return conf;
    if (status == FB_NO_MEMORY)
        fb_cli_report(NULL, "out of memory");
    fb_conf_free(conf);
    return NULL;
}
