/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `firebridge completion`: what bash and zsh need to complete the command line, from the same
 * tables as the help.
 */
#include <stdio.h>
#include <string.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"

enum shell { BASH, ZSH };

/* `words` with a space in place of each '|'. */
static void print_words(const char *words)
{
    for (; *words != '\0'; words++)
        putchar(*words == '|' ? ' ' : *words);
}

static bool is_file(const struct fb_option *option)
{
    return option->value != NULL && strcmp(option->value, "FILE") == 0;
}

static bool takes_file(const struct fb_command *command)
{
    return command->operands != NULL && strstr(command->operands, "FILE") != NULL;
}

/* ---- bash ---- */

/* What may follow an option of this command: a file, one of some words, or what nobody knows. */
static void print_bash_values(const struct fb_command *command)
{
    printf("        %s:-c)", command->name);
    puts(" COMPREPLY=($(compgen -f -- \"$word\")); return ;;");
    for (size_t i = 0; i < command->option_count; i++) {
        const struct fb_option *option = &command->options[i];

        if (option->kind == FB_OPTION_FLAG)
            continue;
        printf("        %s:--%s) ", command->name, option->name);
        if (is_file(option)) {
            fputs("COMPREPLY=($(compgen -f -- \"$word\")); ", stdout);
        } else if (option->choices != NULL) {
            fputs("COMPREPLY=($(compgen -W '", stdout);
            print_words(option->choices);
            fputs("' -- \"$word\")); ", stdout);
        }
        puts("return ;;");
    }
}

static void print_bash_words(const struct fb_command *command)
{
    const struct fb_command *named;

    printf("        %s) words='--help", command->name);
    for (size_t i = 0; i < command->option_count; i++)
        printf(" --%s", command->options[i].name);
    if (command->verbs != NULL) {
        putchar(' ');
        print_words(command->verbs);
    }
    for (size_t i = 0; strcmp(command->name, "help") == 0 && (named = fb_command_at(i)) != NULL;
         i++)
        printf(" %s", named->name);
    printf("'%s ;;\n", takes_file(command) ? "; files=-f" : "");
}

static void print_bash(void)
{
    const struct fb_command *command;

    puts("# bash completion of firebridge; made by `firebridge completion bash`\n"
         "_firebridge()\n"
         "{\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "    local command=${COMP_WORDS[1]} words='' files=''\n"
         "    COMPREPLY=()\n"
         "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "        COMPREPLY=($(compgen -W '");
    for (size_t i = 0; (command = fb_command_at(i)) != NULL; i++)
        printf("            %s\n", command->name);
    puts("            ' -- \"$word\"))\n"
         "        return\n"
         "    fi\n"
         "    case $command:$before in");
    for (size_t i = 0; (command = fb_command_at(i)) != NULL; i++)
        if (command->option_count > 0)
            print_bash_values(command);
    puts("    esac\n"
         "    case $command in");
    for (size_t i = 0; (command = fb_command_at(i)) != NULL; i++)
        print_bash_words(command);
    puts("    esac\n"
         "    COMPREPLY=($(compgen $files -W \"$words\" -- \"$word\"))\n"
         "}\n"
         "complete -o filenames -F _firebridge firebridge");
}

/* ---- zsh ---- */

/* Inside '...' of zsh and the [...] of _arguments; a help of several lines becomes one. */
static void print_zsh_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (*text == '\n')
            putchar(' ');
        else if (strchr("[]:\\", *text) != NULL)
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void print_zsh_option(const struct fb_option *option)
{
    printf("                '%s--%s", option->kind == FB_OPTION_LIST ? "*" : "", option->name);
    putchar('[');
    print_zsh_text(option->help);
    putchar(']');
    if (option->kind != FB_OPTION_FLAG) {
        putchar(':');
        print_zsh_text(option->value != NULL ? option->value : option->name);
        putchar(':');
        if (is_file(option)) {
            fputs("_files", stdout);
        } else if (option->choices != NULL) {
            putchar('(');
            print_words(option->choices);
            putchar(')');
        }
    }
    fputs("' \\\n", stdout);
}

static void print_zsh_command(const struct fb_command *command)
{
    const struct fb_command *named;

    printf("        %s)\n            _arguments '--help[print what it does]' \\\n", command->name);
    for (size_t i = 0; i < command->option_count; i++)
        print_zsh_option(&command->options[i]);
    if (command->verbs != NULL) {
        fputs("                '1:what:(", stdout);
        print_words(command->verbs);
        fputs(")' \\\n", stdout);
    }
    if (takes_file(command))
        fputs("                '1:object:_files' \\\n", stdout);
    if (strcmp(command->name, "help") == 0) {
        fputs("                '1:command:(", stdout);
        for (size_t i = 0; (named = fb_command_at(i)) != NULL; i++)
            printf("%s%s", i > 0 ? " " : "", named->name);
        fputs(")' \\\n", stdout);
    }
    puts("                && return ;;");
}

static void print_zsh(void)
{
    const struct fb_command *command;

    puts("#compdef firebridge\n"
         "# zsh completion of firebridge; made by `firebridge completion zsh`\n"
         "_firebridge()\n"
         "{\n"
         "    local -a commands\n"
         "    commands=(");
    for (size_t i = 0; (command = fb_command_at(i)) != NULL; i++) {
        printf("        '%s:", command->name);
        print_zsh_text(command->summary);
        puts("'");
    }
    puts("    )\n"
         "    if (( CURRENT == 2 )); then\n"
         "        _describe command commands\n"
         "        return\n"
         "    fi\n"
         "    (( CURRENT-- ))\n"
         "    shift words\n"
         "    case $words[1] in");
    for (size_t i = 0; (command = fb_command_at(i)) != NULL; i++)
        print_zsh_command(command);
    puts("    esac\n"
         "}\n"
         "_firebridge \"$@\"");
}

static const char shells[] = "bash|zsh";

static int run_completion(const void *row, char *const *operands, int operand_count)
{
    (void)row;
    (void)operand_count;
    if (strcmp(operands[0], "bash") == 0)
        print_bash();
    else if (strcmp(operands[0], "zsh") == 0)
        print_zsh();
    else
        return FB_EXIT_USAGE;
    return FB_EXIT_OK;
}

extern const struct fb_command fb_command_completion;
const struct fb_command fb_command_completion = {
    .name = "completion",
    .operands = "bash | zsh",
    .verbs = shells,
    .operands_min = 1,
    .operands_max = 1,
    .summary = "print what a shell needs to complete commands",
    .help = "Prints a script that completes commands and options in bash or zsh.\n"
            "`make install` puts both where the shells look for them.\n",
    .run = run_completion,
};
