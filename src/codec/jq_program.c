/* SPDX-License-Identifier: Apache-2.0 */
#include "jq_program.h"

#if FB_HAVE_jq

#include <jq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jq_wire.h"

#define MESSAGE_BYTES 512

struct fb_jq_pair {
    jq_state *filter, *transform; /* NULL: none */
};

/* ---- compiling ---- */

/* The first of what jq complains about, which the others follow from. */
struct complaint {
    char text[MESSAGE_BYTES];
};

static void one_line(char *text)
{
    size_t size = strlen(text);

    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' '))
        text[--size] = '\0';
    for (char *at = text; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
    fb_make_printable(text);
}

/*
 * To a caller of libjq 1.6 an error whose message is null looks like the end of a program's
 * outputs: the record would be left out, as if the program had said so.
 */
static const char prelude[] = "def fb_error: error;"
                              "def error: if . == null then (\"null\"|fb_error) else fb_error end;"
                              "def error(f): f|error;";

/* jq thinks that it was called by a shell. */
static const char guess[] = " (Unix shell quoting issues?)";

static void cut_out(char *text, const char *part)
{
    char *at = strstr(text, part);

    if (at != NULL)
        memmove(at, at + strlen(part), strlen(at + strlen(part)) + 1);
}

static void on_complaint(void *context, jv message)
{
    static const char lead[] = "jq: error: ";
    struct complaint *complaint = context;

    message = jq_format_error(message);
    if (complaint->text[0] == '\0' && jv_get_kind(message) == JV_KIND_STRING) {
        const char *text = jv_string_value(message);

        text += strncmp(text, lead, strlen(lead)) == 0 ? strlen(lead) : 0;
        snprintf(complaint->text, sizeof complaint->text, "%s", text);
        cut_out(complaint->text, guess);
        cut_out(complaint->text, prelude);
        one_line(complaint->text);
    }
    jv_free(message);
}

static void on_no_memory(void *context)
{
    (void)context;
    _exit(FB_JQ_EXIT_NO_MEMORY);
}

/* Inputs and what is to be printed are a program's own business with jq's command line. */
static jv no_input(jq_state *jq, void *context)
{
    (void)jq;
    (void)context;
    return jv_invalid_with_msg(jv_string("there is no input but the record"));
}

static void say_nothing(void *context, jv message)
{
    (void)context;
    jv_free(message);
}

static enum fb_status compile(const char *key, const char *source, jq_state **ret_program,
                              struct fb_error *error)
{
    struct complaint complaint = {0};
    char *program = NULL;
    jq_state *jq;
    bool compiles;

    if (source == NULL)
        return FB_OK;
    jq = jq_init();
    /* On the program's first line, so that jq names its lines as the conf has them. */
    if (jq == NULL || asprintf(&program, "%s%s", prelude, source) < 0) {
        if (jq != NULL)
            jq_teardown(&jq);
        return fb_fail(error, FB_NO_MEMORY, "no memory for a jq program");
    }
    jq_set_nomem_handler(jq, on_no_memory, NULL);
    jq_set_error_cb(jq, on_complaint, &complaint);
    jq_set_input_cb(jq, no_input, NULL);
    jq_set_debug_cb(jq, say_nothing, NULL);
    jq_set_attr(jq, jv_string("JQ_ORIGIN"), jv_string("."));
    jq_set_attr(jq, jv_string("PROGRAM_ORIGIN"), jv_string("."));
    jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
    compiles = jq_compile(jq, program) != 0;
    free(program);
    if (!compiles) {
        jq_teardown(&jq);
        return fb_fail(error, FB_INVALID, "%s: %s", key, complaint.text);
    }
    jq_set_error_cb(jq, say_nothing, NULL);
    *ret_program = jq;
    return FB_OK;
}

enum fb_status fb_jq_pair_compile(const struct fb_jq_programs *programs,
                                  struct fb_jq_pair **ret_pair, struct fb_error *error)
{
    struct fb_jq_pair *pair = calloc(1, sizeof *pair);
    enum fb_status status;

    if (pair == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a jq program");
    status = compile("filter_jq", programs->filter, &pair->filter, error);
    if (status == FB_OK)
        status = compile("transform_jq", programs->transform, &pair->transform, error);
    if (status == FB_OK)
        *ret_pair = pair;
    else
        free(pair);
    return status;
}

/* ---- running ---- */

/* What a record gives: the bytes of the buffer from `begin` on. */
struct outputs {
    struct fb_buffer *buffer;
    size_t begin;
    uint64_t max_bytes;
    uint64_t count;
};

static void append(struct outputs *out, const char *text, size_t size)
{
    if (fb_buffer_append(out->buffer, text, size) != FB_OK)
        _exit(FB_JQ_EXIT_NO_MEMORY);
}

static enum fb_jq_outcome fail(struct outputs *out, const char *failed, const char *why)
{
    char message[MESSAGE_BYTES];

    snprintf(message, sizeof message, "%s: %s", failed, why);
    one_line(message);
    out->buffer->size = out->begin;
    append(out, message, strlen(message) + 1);
    return FB_JQ_FAILS;
}

/* What an invalid value says, which need be no string. Takes over the value. */
static enum fb_jq_outcome fail_as(struct outputs *out, const char *failed, jv invalid)
{
    jv message = jv_invalid_get_msg(invalid);
    enum fb_jq_outcome outcome;

    if (jv_get_kind(message) != JV_KIND_STRING)
        message = jv_dump_string(message, 0);
    outcome = fail(out, failed, jv_string_value(message));
    jv_free(message);
    return outcome;
}

/* There is no further output: at a program's end, or since it failed. */
static enum fb_jq_outcome ended(jq_state *program, jv invalid, const char *failed,
                                struct outputs *out, enum fb_jq_outcome otherwise)
{
    if (jv_invalid_has_msg(jv_copy(invalid)))
        return fail_as(out, failed, invalid);
    jv_free(invalid);
    return jq_halted(program) ? fail(out, failed, "it halts") : otherwise;
}

static enum fb_jq_outcome filter(jq_state *program, jv record, struct outputs *out)
{
    jv output;
    jv_kind kind;

    jq_start(program, record, 0);
    output = jq_next(program);
    if (!jv_is_valid(output))
        return ended(program, output, "filter_jq fails", out, FB_JQ_LEAVES_OUT);
    kind = jv_get_kind(output);
    jv_free(output);
    return kind == JV_KIND_FALSE || kind == JV_KIND_NULL ? FB_JQ_LEAVES_OUT : FB_JQ_TAKES;
}

/* Takes over the output. */
static enum fb_jq_outcome take_output(jv output, struct outputs *out)
{
    const jv_kind kind = jv_get_kind(output);
    jv text;
    size_t size;

    if (kind != JV_KIND_OBJECT) {
        jv_free(output);
        return fail(out, "transform_jq gives what is no object", jv_kind_name(kind));
    }
    text = jv_dump_string(output, 0);
    size = (size_t)jv_string_length_bytes(jv_copy(text)) + 1;
    if (out->buffer->size - out->begin + size > out->max_bytes) {
        jv_free(text);
        return fail(out, "transform_jq gives too much", "its outputs are too large together");
    }
    append(out, jv_string_value(text), size);
    jv_free(text);
    out->count++;
    return FB_JQ_TAKES;
}

static enum fb_jq_outcome transform(jq_state *program, jv record, struct outputs *out)
{
    jv output;

    jq_start(program, record, 0);
    while (jv_is_valid(output = jq_next(program)))
        if (take_output(output, out) != FB_JQ_TAKES)
            return FB_JQ_FAILS;
    return ended(program, output, "transform_jq fails", out,
                 out->count > 0 ? FB_JQ_TAKES : FB_JQ_LEAVES_OUT);
}

enum fb_jq_outcome fb_jq_pair_run(struct fb_jq_pair *pair, const char *json, size_t size,
                                  bool transforms, uint64_t out_max, struct fb_buffer *out,
                                  uint64_t *ret_count)
{
    struct outputs outputs = {.buffer = out, .begin = out->size, .max_bytes = out_max};
    jv record = jv_parse_sized(json, (int)size);
    enum fb_jq_outcome outcome = FB_JQ_TAKES;

    *ret_count = 0;
    if (!jv_is_valid(record))
        return fail_as(&outputs, "jq cannot read the record", record);
    if (pair->filter != NULL)
        outcome = filter(pair->filter, jv_copy(record), &outputs);
    if (outcome == FB_JQ_TAKES && pair->transform != NULL && transforms)
        outcome = transform(pair->transform, record, &outputs);
    else
        jv_free(record);
    *ret_count = outputs.count;
    return outcome;
}

#else

enum fb_status fb_jq_pair_compile(const struct fb_jq_programs *programs,
                                  struct fb_jq_pair **ret_pair, struct fb_error *error)
{
    (void)ret_pair;
    return fb_fail(error, FB_INVALID, "%s: this build cannot run jq, as it is without libjq",
                   programs->filter != NULL ? "filter_jq" : "transform_jq");
}

enum fb_jq_outcome fb_jq_pair_run(struct fb_jq_pair *pair, const char *json, size_t size,
                                  bool transforms, uint64_t out_max, struct fb_buffer *out,
                                  uint64_t *ret_count)
{
    (void)pair;
    (void)json;
    (void)size;
    (void)transforms;
    (void)out_max;
    (void)out;
    (void)ret_count;
    return FB_JQ_FAILS;
}

#endif
