/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "firebridge/base/thread.h"
#include "firebridge/pipeline/item.h"

static struct fb_item_pool *pool;
static struct fb_stop stop;

static int make_pool(void **state)
{
    (void)state;
    fb_stop_init(&stop, NULL);
    return fb_item_pool_new(10000, &pool, NULL) == FB_OK ? 0 : -1;
}

static int free_pool(void **state)
{
    (void)state;
    fb_item_pool_free(pool);
    return 0;
}

static enum fb_status get(size_t text_size, struct fb_item **ret_item)
{
    static char text[200000];
    struct fb_record record = {.number = 3,
                               .offset_bytes = 30,
                               .text = text,
                               .text_size = text_size,
                               .item = "{i}",
                               .item_size = 3,
                               .key = "kk",
                               .key_size = 2,
                               .key_hash = 77,
                               .operation = FB_DELETE};

    memset(text, 't', sizeof text);
    return fb_item_pool_get(pool, &record, &stop, ret_item);
}

static void an_item_is_a_copy_of_its_record(void **state)
{
    struct fb_item *item = NULL;

    (void)state;
    assert_int_equal(get(5, &item), FB_OK);
    assert_int_equal(item->key_hash, 77);
    assert_int_equal(item->operation, FB_DELETE);
    assert_memory_equal(fb_item_key(item), "kk", 2);
    assert_memory_equal(fb_item_json(item), "{i}", 3);
    assert_memory_equal(fb_item_text(item), "ttttt", 5);
    fb_item_pool_put(pool, item);
    assert_int_equal(fb_item_pool_in_use_bytes(pool), 0);
}

static void a_block_that_came_back_is_used_again(void **state)
{
    struct fb_item *first = NULL, *second = NULL;

    (void)state;
    assert_int_equal(get(5, &first), FB_OK);
    fb_item_pool_put(pool, first);
    assert_int_equal(get(9, &second), FB_OK);
    assert_ptr_equal(first, second);
    fb_item_pool_put(pool, second);
}

static void kept_blocks_of_another_size_make_room(void **state)
{
    struct fb_item *items[14], *large = NULL;

    (void)state;
    for (int i = 0; i < 14; i++)
        assert_int_equal(get(5, &items[i]), FB_OK);
    for (int i = 0; i < 14; i++) {
        items[i]->next = NULL;
        fb_item_pool_put(pool, items[i]);
    }
    assert_int_equal(get(7000, &large), FB_OK);
    fb_item_pool_put(pool, large);
}

static void one_item_larger_than_the_pool_goes_alone(void **state)
{
    struct fb_item *item = NULL;

    (void)state;
    assert_int_equal(get(150000, &item), FB_OK);
    fb_item_pool_put(pool, item);
}

static void *put_soon(void *argument)
{
    usleep(20000);
    fb_item_pool_put(pool, argument);
    return NULL;
}

static void a_full_pool_waits_until_something_comes_back(void **state)
{
    struct fb_item *first = NULL, *second = NULL;
    pthread_t thread;

    (void)state;
    assert_int_equal(get(8000, &first), FB_OK);
    assert_int_equal(fb_thread_start(&thread, "putter", put_soon, first, NULL), FB_OK);
    assert_int_equal(get(8000, &second), FB_OK);
    pthread_join(thread, NULL);
    fb_item_pool_put(pool, second);
}

static void a_stop_ends_the_wait(void **state)
{
    struct fb_item *first = NULL, *second = NULL;

    (void)state;
    assert_int_equal(get(8000, &first), FB_OK);
    fb_stop_request(&stop, FB_STOP_DRAIN);
    assert_int_equal(get(8000, &second), FB_CANCELED);
    fb_item_pool_put(pool, first);
}

static void without_a_stop_token_a_full_pool_says_so_at_once(void **state)
{
    struct fb_record record = {.text = "", .item = "", .key = "k", .key_size = 1};
    struct fb_item *first = NULL, *second = NULL;

    (void)state;
    assert_int_equal(get(8000, &first), FB_OK);
    record.text = fb_item_text(first);
    record.text_size = 8000;
    assert_int_equal(fb_item_pool_get(pool, &record, NULL, &second), FB_CANCELED);
    fb_item_pool_put(pool, first);
    assert_int_equal(get(8000, &second), FB_OK);
    fb_item_pool_put(pool, second);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_pool, free_pool)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_item_is_a_copy_of_its_record),
        CASE(a_block_that_came_back_is_used_again),
        CASE(kept_blocks_of_another_size_make_room),
        CASE(one_item_larger_than_the_pool_goes_alone),
        CASE(a_full_pool_waits_until_something_comes_back),
        CASE(a_stop_ends_the_wait),
        CASE(without_a_stop_token_a_full_pool_says_so_at_once),
    };

    return cmocka_run_group_tests_name("pipeline/item", tests, NULL, NULL);
}
