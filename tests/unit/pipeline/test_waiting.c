/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in a lane, in virtual time: how items of one key fold, who waits behind whom, what is
 * due when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/pipeline/waiting.h"

#define BATCH FB_BATCH_MAX_ITEMS

static struct fb_item_pool *pool;
static struct fb_waiting *waiting;
static struct fb_write *taken[BATCH];
static uint64_t number;

static const struct fb_key_schema schema = {
    .attributes = {{.name = "k", .name_size = 1, .type = FB_KEY_STRING}}, .count = 1};

static void make(int64_t linger_ms, int64_t coalesce_for_ms, size_t coalesce_items)
{
    const struct fb_waiting_options options = {
        .target = {.table = "t", .schema = &schema, .version_attribute = "v"},
        .linger_ms = linger_ms,
        .coalesce_for_ms = coalesce_for_ms,
        .coalesce_items = coalesce_items,
        .max_call_bytes = 1 << 20,
        .seed = 7,
    };

    number = 0;
    assert_int_equal(fb_item_pool_new(1 << 22, &pool, NULL), FB_OK);
    assert_int_equal(fb_waiting_new(&options, &waiting), FB_OK);
}

static void end(void)
{
    fb_item_pool_put(pool, fb_waiting_drain(waiting));
    fb_waiting_free(waiting);
    assert_int_equal(fb_item_pool_in_use_bytes(pool), 0);
    fb_item_pool_free(pool);
}

static const enum fb_operation operations[] = {
    ['p'] = FB_PUT, ['d'] = FB_DELETE, ['i'] = FB_INSERT, ['n'] = FB_NEWER, ['u'] = FB_UPDATE};

/* Of a key of one attribute, and one more for each sign: '+' sets it, '-' removes it. */
static void make_update(char *json, size_t size, const char *signs)
{
    size_t used = (size_t)snprintf(json, size, "{\"k\":{\"S\":\"a\"}");

    for (int i = 0; signs[i] != '\0'; i++)
        used += (size_t)snprintf(json + used, size - used, ",\"a%d\":%s", i,
                                 signs[i] == '-' ? "{\"NULL\":true}" : "{\"N\":\"1\"}");
    snprintf(json + used, size - used, "}");
}

/* "p" is a put, "n5" a newer of version 5, "ns" one whose version is a string, "u+-" an update. */
static void add(char key, const char *what, int64_t now_ms)
{
    char json[128] = "{}";
    struct fb_record record = {.number = number++,
                               .text = "",
                               .key = &key,
                               .key_size = 1,
                               .key_hash = (uint64_t)key << 32 | (uint64_t)key << 40,
                               .operation = operations[(unsigned char)*what],
                               .item = json,
                               .item_counted_bytes = 100};
    struct fb_item *item = NULL;

    if (*what == 'u')
        make_update(json, sizeof json, what + 1);
    if (*what == 'n') {
        snprintf(json, sizeof json, "{\"v\":{\"%c\":\"%s\"}}", what[1] == 's' ? 'S' : 'N',
                 what + 1);
        record.version_at = 5;
        record.version_size = (uint32_t)strlen(json) - 6;
    }
    record.item_size = strlen(json);
    assert_int_equal(fb_item_pool_get(pool, &record, NULL, &item), FB_OK);
    assert_int_equal(fb_waiting_add(waiting, item, now_ms), FB_OK);
}

static void done(struct fb_write *write, int64_t now_ms)
{
    struct fb_item *item = write->first;

    fb_waiting_done(waiting, write, now_ms);
    while (item != NULL) {
        struct fb_item *next = item->folded;

        item->next = NULL;
        fb_item_pool_put(pool, item);
        item = next;
    }
}

/* Takes everything, call after call, as "0 1+2 ..": the numbers of a write, the winner's in
 * brackets where there are several. */
static const char *carry_out(int64_t now_ms)
{
    static char text[512];
    size_t size = 0;
    size_t count;

    text[0] = '\0';
    while ((count = fb_waiting_take(waiting, now_ms, true, BATCH, taken)) > 0)
        for (size_t i = 0; i < count; i++) {
            for (struct fb_item *item = taken[i]->first; item != NULL; item = item->folded) {
                const bool wins = item == taken[i]->winner && taken[i]->count > 1;

                size +=
                    (size_t)snprintf(text + size, sizeof text - size, "%s%s%d%s",
                                     item != taken[i]->first ? "+"
                                     : size > 0              ? " "
                                                             : "",
                                     wins ? "(" : "", (int)item->record_number, wins ? ")" : "");
            }
            done(taken[i], now_ms);
        }
    return text;
}

static void items_of_one_key_fold_as_their_modes_say(void **state)
{
    static const struct {
        const char *items; /* of one key, one behind the other */
        const char *writes;
    } cases[] = {
        {"p", "0"},
        {"p p p", "0+1+(2)"},
        {"p d p", "0+1+(2)"},
        {"p d", "0+(1)"},
        {"d d", "0+(1)"},
        {"i i i", "(0)+1+2"},
        {"p i", "(0)+1"},
        {"u i", "0 1"},
        {"n1 i", "0 1"},
        {"n1 i n2", "0 1 2"},
        {"d i", "0 1"},
        {"d i i", "0 (1)+2"},
        {"d i p", "0 1+(2)"},
        {"i p", "0+(1)"},
        {"i d i", "0+(1) 2"},
        {"n1 n2", "0+(1)"},
        {"n2 n1", "(0)+1"},
        {"n2 n2.0", "(0)+1"},
        {"n9 n10 n8", "0+(1)+2"},
        {"n-1 n-2 n0", "0+1+(2)"},
        {"n1e2 n99", "(0)+1"},
        {"n1 ns", "0 1"},
        {"ns nt", "0 1"},
        {"nsb nsa nsc", "0+1+(2)"},
        {"p n1", "0 1"},
        {"n1 p", "0+(1)"},
        {"u u u", "0+1+(2)"},
        {"u+ u+", "0+(1)"},
        {"u- u", "0 1"},
        {"u- u+++", "0+(1)"},
        {"u+ u-", "0 1"},
        {"u u+-", "0 1"},
        {"d u", "0 1"},
        {"d u u", "0 1+(2)"},
        {"p u", "0 1"},
        {"u p", "0+(1)"},
        {"u d u", "0+(1) 2"},
        {"i u i u", "0 1 2 3"},
        {"u i u", "0 1 2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char items[64];

        make(0, 0, 0);
        snprintf(items, sizeof items, "%s", cases[i].items);
        for (char *item = strtok(items, " "); item != NULL; item = strtok(NULL, " "))
            add('a', item, 0);
        if (strcmp(carry_out(0), cases[i].writes) != 0) {
            end();
            make(0, 0, 0);
            snprintf(items, sizeof items, "%s", cases[i].items);
            for (char *item = strtok(items, " "); item != NULL; item = strtok(NULL, " "))
                add('a', item, 0);
            print_message("%s\n", cases[i].items);
            assert_string_equal(carry_out(0), cases[i].writes);
        }
        assert_int_equal(fb_waiting_writes(waiting), 0);
        end();
    }
}

static void a_call_goes_out_when_it_is_full_or_its_first_item_lingered(void **state)
{
    (void)state;
    make(50, 0, 0);
    assert_int_equal(fb_waiting_next_ms(waiting, 0, false), INT64_MAX);
    add('a', "p", 100);
    assert_int_equal(fb_waiting_next_ms(waiting, 100, false), 150);
    assert_int_equal(fb_waiting_take(waiting, 100, false, BATCH, taken), 0);
    assert_int_equal(fb_waiting_next_ms(waiting, 100, true), 100);
    for (int i = 1; i < BATCH; i++)
        add((char)('a' + i), "p", 110);
    assert_in_range(fb_waiting_next_ms(waiting, 110, false), 0, 110);
    add('A', "p", 110);
    assert_int_equal(fb_waiting_take(waiting, 110, false, BATCH, taken), BATCH);
    assert_int_equal(fb_waiting_next_ms(waiting, 110, false), 160);
    for (int i = 0; i < BATCH; i++)
        done(taken[i], 110);
    end();
}

static void calls_of_one_item_do_not_linger(void **state)
{
    (void)state;
    make(50, 0, 0);
    add('a', "n1", 100);
    add('b', "u", 100);
    assert_int_equal(fb_waiting_next_ms(waiting, 100, false), 100);
    assert_int_equal(fb_waiting_take(waiting, 100, false, BATCH, taken), 1);
    done(taken[0], 100);
    assert_int_equal(fb_waiting_take(waiting, 100, false, BATCH, taken), 1);
    done(taken[0], 100);
    end();
}

static void an_item_waits_for_later_ones_of_its_key(void **state)
{
    (void)state;
    make(0, 5000, 0);
    add('a', "p", 0);
    add('b', "p", 1000);
    for (int64_t now_ms = 100; now_ms < 5000; now_ms += 100)
        add('a', "p", now_ms);
    assert_int_equal(fb_waiting_next_ms(waiting, 4999, false), 5000);
    assert_int_equal(fb_waiting_take(waiting, 5000, false, BATCH, taken), 1);
    assert_int_equal(taken[0]->count, 50);
    done(taken[0], 5000);
    assert_int_equal(fb_waiting_next_ms(waiting, 5000, false), 6000);
    end();
}

static void with_too_many_items_the_oldest_go_out(void **state)
{
    (void)state;
    make(0, 5000, 10);
    for (int i = 0; i < 10; i++)
        add((char)('a' + i), "p", i);
    assert_int_equal(fb_waiting_take(waiting, 20, false, BATCH, taken), 0);
    add('z', "p", 20);
    assert_int_equal(fb_waiting_take(waiting, 20, false, 1, taken), 1);
    assert_int_equal(taken[0]->first->record_number, 0);
    done(taken[0], 20);
    assert_int_equal(fb_waiting_take(waiting, 20, false, BATCH, taken), 0);
    end();
}

static void what_was_throttled_waits_aside_while_others_go_on(void **state)
{
    int64_t due_ms;

    (void)state;
    make(0, 0, 0);
    add('a', "p", 0);
    add('b', "p", 0);
    assert_int_equal(fb_waiting_take(waiting, 0, false, BATCH, taken), 2);
    assert_false(fb_waiting_is_hot(waiting, taken[0], 0));
    due_ms = fb_waiting_aside(waiting, taken[0], 0);
    assert_in_range(due_ms, 1, 50);
    done(taken[1], 0);
    add('a', "p", 0); /* folds into the one aside */
    add('c', "p", 0);
    assert_string_equal(carry_out(0), "3");
    assert_int_equal(fb_waiting_next_ms(waiting, 0, true), due_ms);
    assert_int_equal(fb_waiting_take(waiting, due_ms, false, BATCH, taken), 1);
    assert_int_equal(taken[0]->count, 2);
    assert_true(fb_waiting_is_hot(waiting, taken[0], due_ms));
    done(taken[0], due_ms);
    end();
}

static void a_key_that_is_throttled_again_and_again_waits_longer(void **state)
{
    int64_t now_ms = 0;
    int64_t longest_ms = 0;

    (void)state;
    make(0, 0, 0);
    add('a', "p", 0);
    for (int i = 0; i < 50; i++) {
        int64_t due_ms;

        assert_int_equal(fb_waiting_take(waiting, now_ms, false, BATCH, taken), 1);
        due_ms = fb_waiting_aside(waiting, taken[0], now_ms);
        assert_in_range(due_ms - now_ms, 1, 10000);
        if (due_ms - now_ms > longest_ms)
            longest_ms = due_ms - now_ms;
        now_ms = due_ms;
    }
    assert_true(longest_ms > 5000);
    end();
}

static void what_cannot_fold_with_one_aside_waits_behind_it(void **state)
{
    int64_t due_ms;

    (void)state;
    make(0, 0, 0);
    add('a', "d", 0);
    assert_int_equal(fb_waiting_take(waiting, 0, false, BATCH, taken), 1);
    due_ms = fb_waiting_aside(waiting, taken[0], 0);
    add('a', "u", 0);
    add('a', "u", 0);
    assert_string_equal(carry_out(0), "");
    assert_string_equal(carry_out(due_ms), "0 1+(2)");
    end();
}

/* Each of them, in order, and before what came meanwhile. */
static void a_refused_write_is_taken_apart(void **state)
{
    (void)state;
    make(0, 0, 0);
    for (int i = 0; i < 3; i++)
        add('a', "p", 0);
    assert_int_equal(fb_waiting_take(waiting, 0, false, BATCH, taken), 1);
    fb_waiting_part(waiting, taken[0], 0);
    add('a', "p", 0);
    add('a', "p", 0);
    assert_string_equal(carry_out(0), "0 1 2 3+(4)");
    end();
}

static void what_was_behind_a_refused_write_follows_its_parts(void **state)
{
    (void)state;
    make(0, 0, 0);
    add('a', "u", 0);
    add('a', "u", 0);
    add('a', "n1", 0);
    assert_int_equal(fb_waiting_take(waiting, 0, false, BATCH, taken), 1);
    fb_waiting_part(waiting, taken[0], 0);
    add('a', "n2", 0);
    assert_string_equal(carry_out(0), "0 1 2+(3)");
    end();
}

static void a_write_goes_out_by_the_call_of_the_item_that_won(void **state)
{
    (void)state;
    make(0, 1000, 0);
    add('a', "u", 0);
    add('b', "u", 0);
    add('c', "p", 1);
    add('a', "p", 2);
    assert_int_equal(fb_waiting_take(waiting, 1000, false, BATCH, taken), 1);
    assert_int_equal(taken[0]->kind, FB_WRITE_BATCH);
    assert_int_equal(taken[0]->count, 2);
    done(taken[0], 1000);
    assert_string_equal(carry_out(1000), "1 2");
    end();
}

static void a_call_is_cut_by_its_bytes(void **state)
{
    const struct fb_waiting_options options = {.target = {.table = "t", .schema = &schema},
                                               .max_call_bytes = 5};

    (void)state;
    make(0, 0, 0);
    fb_waiting_free(waiting);
    assert_int_equal(fb_waiting_new(&options, &waiting), FB_OK);
    for (int i = 0; i < 6; i++)
        add((char)('a' + i), "p", 0);
    assert_int_equal(fb_waiting_take(waiting, 0, true, BATCH, taken), 2);
    done(taken[0], 0);
    done(taken[1], 0);
    end();
}

/* Of thousands of keys, all kinds of fates, none is lost and each key's order is kept. */
static void whatever_becomes_of_calls_each_keys_order_is_kept(void **state)
{
    enum { KEYS = 60, ROUNDS = 3000 };
    static const char *const whats[] = {"p", "d", "i", "n1", "n2", "u", "u"};
    uint64_t last[128] = {0};
    struct fb_random random;
    uint64_t left = 0;
    int64_t now_ms = 0;

    (void)state;
    make(3, 20, 200);
    fb_random_init(&random, 5);
    for (int round = 0; round < ROUNDS || left > 0; round++, now_ms += 2) {
        size_t count;

        for (int i = 0; i < 8 && round < ROUNDS && left < 1000; i++, left++)
            add((char)(' ' + fb_random_next(&random) % KEYS), whats[fb_random_next(&random) % 7],
                now_ms);
        count = fb_waiting_take(waiting, now_ms, round % 5 == 0, BATCH, taken);
        for (size_t i = count; i > 0; i--) {
            struct fb_write *write = taken[i - 1];
            uint64_t *before = &last[(unsigned char)*fb_item_key(write->first)];

            switch (fb_random_next(&random) % 4) {
            case 0:
                fb_waiting_aside(waiting, write, now_ms);
                break;
            case 1:
                if (write->count > 1)
                    fb_waiting_part(waiting, write, now_ms);
                else
                    fb_waiting_back(waiting, write);
                break;
            default:
                for (struct fb_item *item = write->first; item != NULL; item = item->folded) {
                    assert_true(item->record_number + 1 > *before);
                    *before = item->record_number + 1;
                    left--;
                }
                done(write, now_ms);
            }
        }
    }
    assert_int_equal(fb_waiting_writes(waiting), 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_of_one_key_fold_as_their_modes_say),
        cmocka_unit_test(a_call_goes_out_when_it_is_full_or_its_first_item_lingered),
        cmocka_unit_test(calls_of_one_item_do_not_linger),
        cmocka_unit_test(an_item_waits_for_later_ones_of_its_key),
        cmocka_unit_test(with_too_many_items_the_oldest_go_out),
        cmocka_unit_test(what_was_throttled_waits_aside_while_others_go_on),
        cmocka_unit_test(a_key_that_is_throttled_again_and_again_waits_longer),
        cmocka_unit_test(what_cannot_fold_with_one_aside_waits_behind_it),
        cmocka_unit_test(a_refused_write_is_taken_apart),
        cmocka_unit_test(what_was_behind_a_refused_write_follows_its_parts),
        cmocka_unit_test(a_write_goes_out_by_the_call_of_the_item_that_won),
        cmocka_unit_test(a_call_is_cut_by_its_bytes),
        cmocka_unit_test(whatever_becomes_of_calls_each_keys_order_is_kept),
    };

    return cmocka_run_group_tests_name("pipeline/waiting", tests, NULL, NULL);
}
