/* SPDX-License-Identifier: Apache-2.0 */
/* The types that most keys share; those of one key alone are in conf_stream_value.c. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/conf_keys.h"
#include "firebridge/app/conf_value.h"
#include "firebridge/net/address.h"

#define LIST_MAX 1000

struct unit {
    const char *name;
    int64_t factor;
};

/* The largest first, so that a limit is shown in the largest unit that fits. */
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"m", 60000},
    {"s", 1000},     {"ms", 1},      {NULL, 0},
};

static const struct unit size_units[] = {
    {"GiB", INT64_C(1) << 30},
    {"MiB", INT64_C(1) << 20},
    {"KiB", INT64_C(1) << 10},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"KB", 1000},
    {"kB", 1000},
    {"B", 1},
    {"", 1},
    {NULL, 0},
};

bool fb_conf_set_text(char **target, const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL)
        return false;
    free(*target);
    *target = copy;
    return true;
}

char *fb_conf_join_lines(const char *text)
{
    char *joined = strdup(text);
    size_t size = 0;

    if (joined == NULL)
        return NULL;
    for (const char *at = text; *at != '\0'; at++)
        if (*at != '\n')
            joined[size++] = *at;
    joined[size] = '\0';
    return joined;
}

static enum fb_status keep_text(const struct fb_conf_key *key, const char *text, void *base)
{
    char **target = (char **)((char *)base + key->offset);

    return fb_conf_set_text(target, text) ? FB_OK : FB_NO_MEMORY;
}

bool fb_conf_only_of(const char *text, size_t size, const char *extra)
{
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && strchr(extra, text[i]) == NULL)
            return false;
    return size > 0;
}

bool fb_conf_take_number(const char **text, int64_t *ret_number)
{
    const char *at = *text;
    int64_t number = 0;

    if (!isdigit((unsigned char)*at))
        return false;
    for (; isdigit((unsigned char)*at); at++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *at - '0', &number))
            return false;
    *text = at;
    *ret_number = number;
    return true;
}

/* A whole number and one of the units, with blanks between them or none. */
static bool take_amount(const char *text, const struct unit *units, int64_t *ret_amount)
{
    int64_t number;

    if (!fb_conf_take_number(&text, &number))
        return false;
    text += strspn(text, " \t");
    for (; units->name != NULL; units++)
        if (strcmp(units->name, text) == 0)
            return !__builtin_mul_overflow(number, units->factor, ret_amount);
    return false;
}

struct amount_text {
    char text[32];
};

static struct amount_text format_amount(int64_t amount, const struct unit *units)
{
    struct amount_text shown;

    while (units[1].name != NULL && (amount == 0 || amount % units->factor != 0))
        units++;
    snprintf(shown.text, sizeof shown.text, "%lld%s", (long long)(amount / units->factor),
             units->name);
    return shown;
}

static enum fb_status parse_text(const struct fb_conf_key *key, const char *text, void *base,
                                 struct fb_error *error)
{
    if (*text == '\0')
        return fb_fail(error, FB_INVALID, "is empty; leave the line out for the default");
    return keep_text(key, text, base);
}

static enum fb_status parse_word(const struct fb_conf_key *key, const char *text, void *base,
                                 struct fb_error *error)
{
    if (!fb_conf_only_of(text, strlen(text), "-_./+"))
        return fb_fail(error, FB_INVALID, "\"%s\"; expected one word of letters, digits and -_./+",
                       text);
    return keep_text(key, text, base);
}

static enum fb_status parse_path(const struct fb_conf_key *key, const char *text, void *base,
                                 struct fb_error *error)
{
    if (*text != '/')
        return fb_fail(error, FB_INVALID, "\"%s\"; expected a whole path, from /", text);
    return keep_text(key, text, base);
}

/* [IPv6] or a name; returns what stands behind it, NULL when it is neither. */
static const char *skip_host(const char *text)
{
    size_t size;

    if (*text == '[') {
        size = strspn(text + 1, "0123456789abcdefABCDEF:.");
        return size >= 2 && text[size + 1] == ']' ? text + size + 2 : NULL;
    }
    size = strcspn(text, ":/?#@");
    return fb_conf_only_of(text, size, "-.") ? text + size : NULL;
}

static bool is_endpoint(const char *text)
{
    int64_t port;

    if (strncmp(text, "http://", 7) == 0)
        text += 7;
    else if (strncmp(text, "https://", 8) == 0)
        text += 8;
    else
        return false;
    text = skip_host(text);
    if (text == NULL || *text == '\0')
        return text != NULL;
    if (*text++ != ':' || !fb_conf_take_number(&text, &port))
        return false;
    return *text == '\0' && port >= 1 && port <= 65535;
}

static enum fb_status parse_endpoint(const struct fb_conf_key *key, const char *text, void *base,
                                     struct fb_error *error)
{
    if (!is_endpoint(text))
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected http://HOST[:PORT] or https://HOST[:PORT], with no path",
                       /* what stands before an @ may be a password */
                       strchr(text, '@') == NULL ? text : "(hidden)");
    return keep_text(key, text, base);
}

static enum fb_status parse_role(const struct fb_conf_key *key, const char *text, void *base,
                                 struct fb_error *error)
{
    const char *account = strstr(text, ":iam::");
    bool is_arn = strncmp(text, "arn:aws", 7) == 0 && account != NULL &&
                  strspn(account + 6, "0123456789") == 12 &&
                  strncmp(account + 18, ":role/", 6) == 0 && account[24] != '\0';

    if (strcmp(text, FB_CONF_NO_ROLE) != 0 && !is_arn)
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected arn:aws:iam::ACCOUNT:role/NAME, or none", text);
    return keep_text(key, text, base);
}

static enum fb_status parse_proxy(const struct fb_conf_key *key, const char *text, void *base,
                                  struct fb_error *error)
{
    /* It is not shown, for it may hold a password. */
    if (!fb_address_is_proxy(text))
        return fb_fail(error, FB_INVALID,
                       "is none; expected http[s]://[USER:PASSWORD@]HOST[:PORT], or the word none");
    return keep_text(key, text, base);
}

static enum fb_status parse_duration(const struct fb_conf_key *key, const char *text, void *base,
                                     struct fb_error *error)
{
    int64_t *target = (int64_t *)((char *)base + key->offset);
    int64_t amount;

    if (!take_amount(text, duration_units, &amount) || amount < key->min || amount > key->max)
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected a whole number with ms, s, min, h or d, from %s to %s",
                       text, format_amount(key->min, duration_units).text,
                       format_amount(key->max, duration_units).text);
    *target = amount;
    return FB_OK;
}

static enum fb_status parse_size(const struct fb_conf_key *key, const char *text, void *base,
                                 struct fb_error *error)
{
    uint64_t *target = (uint64_t *)((char *)base + key->offset);
    int64_t amount;

    if (!take_amount(text, size_units, &amount) || amount < key->min || amount > key->max)
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected bytes, or a whole number with KiB, MiB or GiB, "
                       "from %s to %s",
                       text, format_amount(key->min, size_units).text,
                       format_amount(key->max, size_units).text);
    *target = (uint64_t)amount;
    return FB_OK;
}

static enum fb_status parse_count(const struct fb_conf_key *key, const char *text, void *base,
                                  struct fb_error *error)
{
    unsigned *target = (unsigned *)((char *)base + key->offset);
    const char *at = text;
    int64_t number;

    if (!fb_conf_take_number(&at, &number) || *at != '\0' || number < key->min || number > key->max)
        return fb_fail(error, FB_INVALID, "\"%s\"; expected a whole number from %lld to %lld", text,
                       (long long)key->min, (long long)key->max);
    *target = (unsigned)number;
    return FB_OK;
}

/* "error, warning or info" */
static void list_choices(const struct fb_conf_choice *choices, char *list, size_t size)
{
    size_t used = 0;

    for (; choices->name != NULL && used < size; choices++) {
        const char *glue = used == 0 ? "" : choices[1].name == NULL ? " or " : ", ";
        int wrote = snprintf(list + used, size - used, "%s%s", glue, choices->name);

        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

static enum fb_status parse_choice(const struct fb_conf_key *key, const char *text, void *base,
                                   struct fb_error *error)
{
    int *target = (int *)((char *)base + key->offset);
    char list[128];

    for (const struct fb_conf_choice *choice = key->choices; choice->name != NULL; choice++) {
        if (strcmp(choice->name, text) != 0)
            continue;
        *target = choice->value;
        return FB_OK;
    }
    list_choices(key->choices, list, sizeof list);
    return fb_fail(error, FB_INVALID, "\"%s\"; expected %s", text, list);
}

static enum fb_status parse_flag(const struct fb_conf_key *key, const char *text, void *base,
                                 struct fb_error *error)
{
    bool *target = (bool *)((char *)base + key->offset);

    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
        return fb_fail(error, FB_INVALID, "\"%s\"; expected yes or no", text);
    *target = text[0] == 'y';
    return FB_OK;
}

void fb_conf_list_done(struct fb_conf_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->entries[i]);
    free(list->entries);
    *list = (struct fb_conf_list){0};
}

static size_t plain_entry(const char *text)
{
    return strcspn(text, ",\n");
}

/* Quotes do not reach over the end of a line. */
static size_t quoted_entry(const char *text)
{
    bool is_quoted = false;
    size_t size;

    for (size = 0; text[size] != '\0' && text[size] != '\n'; size++) {
        if (text[size] == ',' && !is_quoted)
            break;
        if (text[size] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && text[size] == '\\' &&
                 (text[size + 1] == '"' || text[size + 1] == '\\'))
            size++;
    }
    return size;
}

typedef size_t (*entry_fn)(const char *text);

/* The next entry at `*text` without the blanks around it, which moves on; false at the end. */
static bool next_entry(const char **text, entry_fn measure, const char **ret_entry,
                       size_t *ret_size)
{
    const char *at = *text + strspn(*text, ", \t\n");
    size_t size = measure(at);

    if (*at == '\0')
        return false;
    *text = at + size;
    while (at[size - 1] == ' ' || at[size - 1] == '\t')
        size--;
    *ret_entry = at;
    *ret_size = size;
    return true;
}

static bool add_entry(struct fb_conf_list *list, const char *entry, size_t size)
{
    char **grown = realloc(list->entries, (list->count + 1) * sizeof *grown);

    if (grown == NULL)
        return false;
    list->entries = grown;
    grown[list->count] = strndup(entry, size);
    return grown[list->count] != NULL && ++list->count > 0;
}

static enum fb_status take_list(const char *text, entry_fn measure, struct fb_conf_list *ret_list,
                                struct fb_error *error)
{
    struct fb_conf_list list = {0};
    enum fb_status status = FB_OK;
    const char *entry;
    size_t size;

    while (status == FB_OK && next_entry(&text, measure, &entry, &size)) {
        if (list.count == LIST_MAX)
            status = fb_fail(error, FB_INVALID, "has over %d entries", LIST_MAX);
        else if (!add_entry(&list, entry, size))
            status = FB_NO_MEMORY;
    }
    if (status == FB_OK)
        *ret_list = list;
    else
        fb_conf_list_done(&list);
    return status;
}

enum fb_status fb_conf_take_list(const char *text, struct fb_conf_list *ret_list,
                                 struct fb_error *error)
{
    return take_list(text, plain_entry, ret_list, error);
}

enum fb_status fb_conf_take_quoted_list(const char *text, struct fb_conf_list *ret_list,
                                        struct fb_error *error)
{
    return take_list(text, quoted_entry, ret_list, error);
}

static enum fb_status parse_list(const struct fb_conf_key *key, const char *text, void *base,
                                 struct fb_error *error)
{
    struct fb_conf_list *target = (struct fb_conf_list *)((char *)base + key->offset);
    struct fb_conf_list list;
    enum fb_status status = fb_conf_take_list(text, &list, error);

    if (status != FB_OK)
        return status;
    fb_conf_list_done(target);
    *target = list;
    return FB_OK;
}

const struct fb_conf_type fb_conf_type_text = {"text", parse_text, false};
const struct fb_conf_type fb_conf_type_word = {"word", parse_word, false};
const struct fb_conf_type fb_conf_type_path = {"path", parse_path, false};
const struct fb_conf_type fb_conf_type_endpoint = {"address", parse_endpoint, false};
const struct fb_conf_type fb_conf_type_role = {"role", parse_role, false};
const struct fb_conf_type fb_conf_type_proxy = {"proxy", parse_proxy, false};
const struct fb_conf_type fb_conf_type_duration = {"duration", parse_duration, false};
const struct fb_conf_type fb_conf_type_size = {"size", parse_size, false};
const struct fb_conf_type fb_conf_type_count = {"count", parse_count, false};
const struct fb_conf_type fb_conf_type_choice = {"choice", parse_choice, false};
const struct fb_conf_type fb_conf_type_flag = {"flag", parse_flag, false};
const struct fb_conf_type fb_conf_type_list = {"list", parse_list, true};
