/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a record under a mapping. A new case is a line in `cases`: the mapping as in a
 * conf, one key a line; the record; and the item, the reason of its dead letter, or "left out".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/mapping.h"
#include "firebridge/codec/transcode.h"

#define SEED      7
#define LIST_MAX  16
#define COUNT(of) (sizeof(of) / sizeof *(of))

/* A conf's lines, cut into options. */
struct conf {
    char text[1024];
    struct fb_map_assignment items[LIST_MAX];
    const char *renames[LIST_MAX], *flattens[LIST_MAX], *drops[LIST_MAX], *keeps[LIST_MAX],
        *write_map[LIST_MAX];
    struct fb_mapping_options options;
};

static size_t split(char *value, const char **entries)
{
    size_t count = 0;

    for (char *entry = strtok(value, ","); entry != NULL; entry = strtok(NULL, ",")) {
        entry += strspn(entry, " ");
        assert_true(count < LIST_MAX);
        entries[count++] = entry;
    }
    return count;
}

static void take_line(struct conf *conf, char *line)
{
    struct fb_mapping_options *options = &conf->options;
    char *value = strstr(line, " = ");

    assert_non_null(value);
    *value = '\0';
    value += 3;
    if (strncmp(line, "item.", 5) == 0)
        conf->items[options->item_count++] = (struct fb_map_assignment){line + 5, value, false};
    else if (strncmp(line, "add.", 4) == 0)
        conf->items[options->item_count++] = (struct fb_map_assignment){line + 4, value, true};
    else if (strcmp(line, "rename") == 0)
        options->rename_count = split(value, conf->renames);
    else if (strcmp(line, "flatten") == 0)
        options->flatten_count = split(value, conf->flattens);
    else if (strcmp(line, "drop") == 0)
        options->drop_count = split(value, conf->drops);
    else if (strcmp(line, "keep") == 0)
        options->keep_count = split(value, conf->keeps);
    else if (strcmp(line, "where") == 0)
        options->where = value;
    else if (strcmp(line, "number_overflow") == 0)
        options->overflow =
            strcmp(value, "string") == 0 ? FB_MAP_OVERFLOW_STRING : FB_MAP_OVERFLOW_ROUND;
    else if (strcmp(line, "invalid_utf8") == 0)
        options->utf8 = strcmp(value, "replace") == 0 ? FB_MAP_UTF8_REPLACE : FB_MAP_UTF8_BINARY;
    else if (strcmp(line, "write") == 0)
        options->write = value;
    else if (strcmp(line, "write.map") == 0)
        options->write_map_count = split(value, conf->write_map);
    else if (strcmp(line, "null") == 0)
        options->null = strcmp(value, "drop") == 0 ? FB_MAP_NULL_DROP : FB_MAP_NULL_DEAD_LETTER;
    else if (strcmp(line, "missing") == 0 && strcmp(value, "drop-attribute") == 0)
        options->missing = FB_MAP_MISSING_DROP;
    else {
        assert_string_equal(line, "missing");
        options->missing = FB_MAP_MISSING_TEXT;
        options->missing_text = value;
    }
}

static void read_conf(const char *text, struct conf *conf)
{
    char *line = conf->text;

    *conf = (struct conf){0};
    assert_true(strlen(text) < sizeof conf->text);
    strcpy(conf->text, text);
    conf->options.items = conf->items;
    conf->options.renames = conf->renames;
    conf->options.flattens = conf->flattens;
    conf->options.drops = conf->drops;
    conf->options.keeps = conf->keeps;
    conf->options.write_map = conf->write_map;
    while (*line != '\0') {
        char *end = line + strcspn(line, "\n");
        char *next = *end == '\0' ? end : end + 1;

        *end = '\0';
        take_line(conf, line);
        line = next;
    }
}

static const struct fb_key_schema string_schema = {
    .attributes = {{.name = "pk", .name_size = 2, .type = FB_KEY_STRING}}, .count = 1};

struct mapping_case {
    const char *conf, *record, *result;
};

static const struct mapping_case cases[] = {
    /* what is added */
    {"write = add\nitem.pk = {id}\nadd.n = 1", "{\"id\":\"a\",\"x\":2}",
     "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}"},
    {"write = add\nitem.pk = p#{id}\nitem.last = {t}\nadd.n = {v}\nadd.m = -{v}",
     "{\"id\":\"a\",\"v\":1.50,\"t\":\"now\",\"pk\":\"own\",\"last\":[1]}",
     "{\"pk\":{\"S\":\"p#a\"},\"last\":{\"S\":\"now\"},\"n\":{\"N\":\"1.50\"},\"m\":{\"N\":\"-1."
     "50\"}}"},
    {"write = add\nitem.pk = p\nadd.n = {v}", "{\"v\":\"2e3\"}",
     "{\"pk\":{\"S\":\"p\"},\"n\":{\"N\":\"2e3\"}}"},
    {"write = add\nitem.pk = p\nadd.n = {v:as=number}", "{\"v\":7}",
     "{\"pk\":{\"S\":\"p\"},\"n\":{\"N\":\"7\"}}"},
    {"write = add\nitem.pk = p\nadd.n = {v}", "{\"v\":\"two\"}", "mapping"},
    {"write = add\nitem.pk = p\nadd.n = {v}", "{\"v\":true}", "mapping"},
    {"write = add\nitem.pk = p\nadd.n = {v}", "{\"v\":1e126}", "mapping"},
    {"write = add\nitem.pk = p\nadd.n = {v}", "{}", "mapping"},
    {"write = add\nmissing = drop-attribute\nitem.pk = p\nadd.n = {v}\nadd.m = 1", "{}",
     "{\"pk\":{\"S\":\"p\"},\"m\":{\"N\":\"1\"}}"},
    /* of a record that only adds no field is looked at that is not asked for */
    {"write = add\nitem.pk = p\nadd.n = 1\nnull = dead-letter", "{\"x\":null,\"y\":1e999}",
     "{\"pk\":{\"S\":\"p\"},\"n\":{\"N\":\"1\"}}"},
    {"write = {op}\nwrite.map = A: add, P: put, D: delete\nitem.pk = {id}\nadd.n = {v}",
     "{\"op\":\"A\",\"id\":\"a\",\"v\":1,\"pk\":\"own\",\"n\":9}",
     "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}"},
    {"write = {op}\nwrite.map = A: add, P: put, D: delete\nitem.pk = {id}\nadd.n = {v}",
     "{\"op\":\"P\",\"id\":\"a\",\"n\":9}",
     "{\"op\":{\"S\":\"P\"},\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"9\"},\"pk\":{\"S\":\"a\"}}"},
    /* items */
    {"item.pk = user#{id}", "{\"id\":42}", "{\"id\":{\"N\":\"42\"},\"pk\":{\"S\":\"user#42\"}}"},
    {"item.pk = {a.b}/{c.1}", "{\"a\":{\"b\":\"x\"},\"c\":[1,\"y\"]}",
     "{\"a\":{\"M\":{\"b\":{\"S\":\"x\"}}},\"c\":{\"L\":[{\"N\":\"1\"},{\"S\":\"y\"}]},"
     "\"pk\":{\"S\":\"x/y\"}}"},
    {"item.pk = {id}", "{\"pk\":\"old\",\"id\":\"new\"}",
     "{\"id\":{\"S\":\"new\"},\"pk\":{\"S\":\"new\"}}"},
    {"item.pk = {pk:upper}", "{\"pk\":\"old\"}", "{\"pk\":{\"S\":\"OLD\"}}"},
    {"item.pk = {\\\"a.b\\\"}", "{\"a.b\":\"x\"}", NULL},
    {"item.pk = {\"a.b\"}", "{\"a.b\":\"x\"}", "{\"a.b\":{\"S\":\"x\"},\"pk\":{\"S\":\"x\"}}"},
    {"item.pk = {id}\nitem.n = {v:as=number}", "{\"id\":\"a\",\"v\":\"1.50\"}",
     "{\"id\":{\"S\":\"a\"},\"v\":{\"S\":\"1.50\"},\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1.50\"}}"},
    {"item.pk = {id}\nitem.n = {v:as=number}", "{\"id\":\"a\",\"v\":\"12,5\"}", "mapping"},
    {"item.pk = {id}", "{\"id\":\"\"}", "key-empty"},
    /* the key is read where it stands in the end */
    {"write = delete\nitem.pk = user#{id}",
     "{\"x\":1,\"id\":\"a\",\"x\":\"long and longer\",\"x\":2}",
     "delete {\"pk\":{\"S\":\"user#a\"}}"},
    {"write = delete\nitem.pk = {id}\nnull = drop", "{\"x\":null,\"id\":\"a\"}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = delete\nitem.pk = {id}", "{\"pk\":\"something else\",\"id\":\"a\"}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    /* a path ends where its value is none that has parts */
    {"item.pk = {a.b}", "{\"a\":5,\"c\":{\"b\":\"x\"}}", "mapping"},
    {"drop = a.b", "{\"a\":[],\"c\":{\"b\":1},\"pk\":\"a\",\"o\":[{\"a\":\"\"},{\"b\":2}]}",
     "{\"a\":{\"L\":[]},\"c\":{\"M\":{\"b\":{\"N\":\"1\"}}},\"pk\":{\"S\":\"a\"},\"o\":{\"L\":[{"
     "\"M\":{\"a\":{"
     "\"S\":\"\"}}},{\"M\":{\"b\":{\"N\":\"2\"}}}]}}"},
    /* of a repeated name the last value counts, with what is in it */
    {"item.pk = {a.b}", "{\"a\":{\"b\":\"x\"},\"a\":{\"c\":1}}", "mapping"},
    {"item.pk = {a.b.0}", "{\"a\":{\"b\":[\"x\"]},\"a\":7}", "mapping"},
    /* what is not there */
    {"item.pk = {id}", "{\"x\":1}", "mapping"},
    {"item.pk = {id}\nmissing = drop-attribute", "{\"x\":1}", "key-missing"},
    {"item.pk = {id}\nitem.y = {z}\nmissing = drop-attribute", "{\"id\":\"a\"}",
     "{\"id\":{\"S\":\"a\"},\"pk\":{\"S\":\"a\"}}"},
    {"item.pk = {id}\nmissing = {none}", "{\"x\":1}",
     "{\"x\":{\"N\":\"1\"},\"pk\":{\"S\":\"{none}\"}}"},
    {"item.pk = {id:default=nobody}", "{\"x\":1}",
     "{\"x\":{\"N\":\"1\"},\"pk\":{\"S\":\"nobody\"}}"},
    /* rename */
    {"rename = id > pk", "{\"id\":\"a\",\"x\":1}", "{\"pk\":{\"S\":\"a\"},\"x\":{\"N\":\"1\"}}"},
    {"rename = id > pk, x > y", "{\"x\":1,\"id\":\"a\"}",
     "{\"y\":{\"N\":\"1\"},\"pk\":{\"S\":\"a\"}}"},
    {"rename = id > pk", "{\"pk\":\"old\",\"id\":\"new\"}", "mapping"},
    {"rename = id > pk", "{\"id\":\"new\",\"pk\":\"old\"}", "mapping"},
    {"rename = id > pk\nnull = drop", "{\"id\":\"new\",\"pk\":null}", "mapping"},
    {"rename = id > pk\nnull = drop", "{\"pk\":null,\"id\":\"new\"}", "mapping"},
    {"rename = id > pk, user > pk", "{\"id\":\"new\",\"user\":1}", "mapping"},
    {"rename = id > pk", "{\"id\":\"old\",\"id\":\"new\"}", "{\"pk\":{\"S\":\"new\"}}"},
    {"rename = id > pk\ndrop = pk", "{\"id\":\"new\",\"pk\":\"old\"}", "{\"pk\":{\"S\":\"new\"}}"},
    {"rename = o.a > b", "{\"pk\":\"a\",\"o\":{\"a\":1,\"b\":2}}", "mapping"},
    {"rename = id > pk\nwhere = exists(x)", "{\"id\":\"new\",\"pk\":\"old\"}", "left out"},
    {"rename = x > y\nwrite = delete", "{\"pk\":\"a\",\"x\":1,\"y\":2}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    {"rename = id > pk\nwrite = delete", "{\"pk\":\"old\",\"id\":\"new\"}", "mapping"},
    {"rename = id > pk\nwrite = delete\nitem.pk = {id}", "{\"pk\":\"old\",\"id\":\"new\"}",
     "delete {\"pk\":{\"S\":\"new\"}}"},
    {"rename = o.id > key", "{\"pk\":\"a\",\"o\":{\"id\":1}}",
     "{\"pk\":{\"S\":\"a\"},\"o\":{\"M\":{\"key\":{\"N\":\"1\"}}}}"},
    /* drop */
    {"drop = x", "{\"pk\":\"a\",\"x\":1}", "{\"pk\":{\"S\":\"a\"}}"},
    {"drop = x, y", "{\"x\":{\"a\":[1,{\"b\":2}]},\"pk\":\"a\",\"y\":\"s\"}",
     "{\"pk\":{\"S\":\"a\"}}"},
    {"drop = o.x", "{\"pk\":\"a\",\"o\":{\"x\":1,\"y\":2}}",
     "{\"pk\":{\"S\":\"a\"},\"o\":{\"M\":{\"y\":{\"N\":\"2\"}}}}"},
    {"drop = o.x", "{\"pk\":\"a\",\"o\":{\"x\":1},\"x\":3}",
     "{\"pk\":{\"S\":\"a\"},\"o\":{\"M\":{}},\"x\":{\"N\":\"3\"}}"},
    {"item.pk = {x}\ndrop = x", "{\"x\":\"a\"}", "{\"pk\":{\"S\":\"a\"}}"},
    {"drop = x", "{\"pk\":\"a\",\"\\u0078\":1}", "{\"pk\":{\"S\":\"a\"}}"},
    /* keep */
    {"keep = pk, n", "{\"a\":[1],\"pk\":\"a\",\"n\":1,\"z\":{\"n\":2}}",
     "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}"},
    {"keep = pk\nrename = id > pk", "{\"id\":\"a\",\"x\":1}", "{\"pk\":{\"S\":\"a\"}}"},
    {"keep = o\nitem.pk = {id}", "{\"id\":\"a\",\"o\":{\"x\":1}}",
     "{\"o\":{\"M\":{\"x\":{\"N\":\"1\"}}},\"pk\":{\"S\":\"a\"}}"},
    /* flatten */
    {"flatten = product: product_", "{\"pk\":\"a\",\"product\":{\"id\":7,\"tags\":[1]}}",
     "{\"pk\":{\"S\":\"a\"},\"product_id\":{\"N\":\"7\"},\"product_tags\":{\"L\":[{\"N\":\"1\"}]}"
     "}"},
    {"flatten = p: p_\nrename = p.id > pk", "{\"p\":{\"id\":\"a\",\"n\":1}}",
     "{\"pk\":{\"S\":\"a\"},\"p_n\":{\"N\":\"1\"}}"},
    {"flatten = p: p_\ndrop = p.internal", "{\"pk\":\"a\",\"p\":{\"internal\":{\"x\":1},\"n\":1}}",
     "{\"pk\":{\"S\":\"a\"},\"p_n\":{\"N\":\"1\"}}"},
    {"flatten = p: p_", "{\"p_n\":0,\"p\":{\"n\":1},\"pk\":\"a\"}", "mapping"},
    {"flatten = p: p_", "{\"p\":{\"n\":1},\"pk\":\"a\",\"p_n\":0}", "mapping"},
    {"flatten = p:", "{\"pk\":\"a\",\"p\":{\"pk\":\"other\"}}", "mapping"},
    {"flatten = p: x_, q: x_", "{\"pk\":\"a\",\"p\":{\"n\":1},\"q\":{\"n\":2}}", "mapping"},
    {"flatten = p: x_, q: x_", "{\"pk\":\"a\",\"p\":{\"n\":1,\"n\":2},\"q\":{\"m\":3}}",
     "{\"pk\":{\"S\":\"a\"},\"x_n\":{\"N\":\"2\"},\"x_m\":{\"N\":\"3\"}}"},
    {"flatten = p: p_", /* through the table of names */
     "{\"pk\":\"a\",\"p_33\":0,\"p\":{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,"
     "\"8\":1,"
     "\"9\":1,\"10\":1,\"11\":1,\"12\":1,\"13\":1,\"14\":1,\"15\":1,\"16\":1,\"17\":1,\"18\":1,"
     "\"19\":1,\"20\":1,\"21\":1,\"22\":1,\"23\":1,\"24\":1,\"25\":1,\"26\":1,\"27\":1,\"28\":1,"
     "\"29\":1,\"30\":1,\"31\":1,\"32\":1,\"33\":1}}",
     "mapping"},
    {"flatten = p: p_, p.q: q_", "{\"p\":{\"q\":{\"n\":1}},\"pk\":\"a\"}",
     "{\"q_n\":{\"N\":\"1\"},\"pk\":{\"S\":\"a\"}}"},
    {"flatten = p: p_", "{\"p\":{},\"pk\":\"a\"}", "{\"pk\":{\"S\":\"a\"}}"},
    {"flatten = p: p_", "{\"p\":5,\"pk\":\"a\"}", "{\"p\":{\"N\":\"5\"},\"pk\":{\"S\":\"a\"}}"},
    {"flatten = p: p_\nkeep = pk, p_n", "{\"p\":{\"n\":1,\"m\":2},\"pk\":\"a\"}",
     "{\"p_n\":{\"N\":\"1\"},\"pk\":{\"S\":\"a\"}}"},
    {"flatten = p: p_\nrename = p.id > pk\nkeep = pk", "{\"p\":{\"id\":\"a\",\"n\":1},\"x\":1}",
     "{\"pk\":{\"S\":\"a\"}}"},
    {"flatten = p: p_, p.q: q_\nkeep = pk, q_n", "{\"p\":{\"q\":{\"n\":1,\"m\":2}},\"pk\":\"a\"}",
     "{\"q_n\":{\"N\":\"1\"},\"pk\":{\"S\":\"a\"}}"},
    {"flatten = p: p_", "{\"p\":{\"n\":1},\"pk\":\"a\",\"p\":{\"m\":2}}", "mapping"},
    {"flatten = p: p_", "{\"p\":{\"n\":1},\"pk\":\"a\",\"p\":2}", "mapping"},
    {"flatten = p.q: q_", "{\"p\":{\"q\":{\"n\":1}},\"pk\":\"a\",\"p\":{\"q\":{\"n\":2}}}",
     "{\"pk\":{\"S\":\"a\"},\"p\":{\"M\":{\"q_n\":{\"N\":\"2\"}}}}"},
    /* null */
    {"null = drop", "{\"pk\":null}", "key-missing"},
    {"null = drop", "{\"pk\":\"a\",\"x\":null,\"o\":{\"y\":null,\"z\":1},\"l\":[null]}",
     "{\"pk\":{\"S\":\"a\"},\"o\":{\"M\":{\"z\":{\"N\":\"1\"}}},\"l\":{\"L\":[{\"NULL\":true}]}}"},
    {"null = dead-letter", "{\"pk\":\"a\",\"x\":null}", "mapping"},
    {"null = drop", "{\"pk\":\"a\",\"x\":1,\"x\":null}", "{\"pk\":{\"S\":\"a\"}}"},
    {"null = dead-letter\ndrop = x", "{\"pk\":\"a\",\"x\":{\"y\":null}}", "{\"pk\":{\"S\":\"a\"}}"},
    {"null = drop\nitem.pk = {id}", "{\"x\":null,\"id\":\"abcdefgh\",\"y\":null}",
     "{\"id\":{\"S\":\"abcdefgh\"},\"pk\":{\"S\":\"abcdefgh\"}}"},
    {"item.a = {id}\nitem.pk = k{id}", "{\"id\":1,\"a\":2,\"pk\":\"old\"}",
     "{\"id\":{\"N\":\"1\"},\"a\":{\"S\":\"1\"},\"pk\":{\"S\":\"k1\"}}"},
    /* numbers */
    {"number_overflow = string", "{\"pk\":\"a\",\"n\":1e400}",
     "{\"pk\":{\"S\":\"a\"},\"n\":{\"S\":\"1e400\"}}"},
    {"number_overflow = round", "{\"pk\":\"a\",\"n\":1e400}", "number-range"},
    {"number_overflow = round", "{\"pk\":\"a\",\"n\":-1e-400}",
     "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"0\"}}"},
    {"number_overflow = round", "{\"pk\":\"a\",\"n\":-1.23456789012345678901234567890123456785}",
     "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"-12345678901234567890123456789012345679E-37\"}}"},
    {"number_overflow = round", "{\"pk\":\"a\",\"n\":999999999999999999999999999999999999995}",
     "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1E39\"}}"},
    {"number_overflow = round", "{\"pk\":\"a\",\"n\":100000000000000000000000000000000000000.4}",
     "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1E38\"}}"},
    {"drop = o.n", "{\"pk\":\"a\",\"o\":{\"n\":1e400}}", "{\"pk\":{\"S\":\"a\"},\"o\":{\"M\":{}}}"},
    {"drop = o", "{\"pk\":\"a\",\"o\":[1e400]}", "{\"pk\":{\"S\":\"a\"}}"},
    {"where = n < 0", "{\"pk\":\"a\",\"n\":1e400}", "left out"},
    {"where = n > 0", "{\"pk\":\"a\",\"n\":1e400}", "number-range"},
    {"where = n < 0\nnull = dead-letter", "{\"pk\":\"a\",\"n\":null}", "left out"},
    /* strings that are not UTF-8 */
    {"where = exists(pk)", "{\"pk\":\"a\",\"s\":\"\xff\"}", "invalid-utf8"},
    {"invalid_utf8 = replace", "{\"pk\":\"a\",\"s\":\"x\xffy\"}",
     "{\"pk\":{\"S\":\"a\"},\"s\":{\"S\":\"x\xef\xbf\xbdy\"}}"},
    {"invalid_utf8 = replace", "{\"pk\":\"a\",\"\xe2\x82\":[\"\\ud800\\n\"]}",
     "{\"pk\":{\"S\":\"a\"},\"\xef\xbf\xbd\":{\"L\":[{\"S\":\"\xef\xbf\xbd\\n\"}]}}"},
    {"invalid_utf8 = replace", "{\"pk\":\"a\xf0\x9f\"}", "invalid-utf8"},
    {"invalid_utf8 = replace", "{\"pk\":\"a\",\"x\xff\":1,\"x\xfe\":2}", "mapping"},
    {"invalid_utf8 = replace", "{\"pk\":\"a\",\"o\":{\"x\xff\":1,\"x\xef\xbf\xbd\":2}}", "mapping"},
    {"invalid_utf8 = replace\nflatten = o: o_", "{\"pk\":\"a\",\"o\":{\"x\xff\":1,\"x\xfe\":2}}",
     "mapping"},
    {"invalid_utf8 = replace", "{\"pk\":\"a\",\"x\":\"\xff\",\"x\":2}",
     "{\"pk\":{\"S\":\"a\"},\"x\":{\"N\":\"2\"}}"},
    {"invalid_utf8 = replace\nitem.pk = {s:hash}", "{\"s\":\"\xff\"}", "mapping"},
    {"invalid_utf8 = replace\nitem.pk = {s}\nitem.t = {l:as=json}",
     "{\"s\":\"k\",\"l\":[\"\xff\"]}",
     "{\"s\":{\"S\":\"k\"},\"l\":{\"L\":[{\"S\":\"\xef\xbf\xbd\"}]},\"pk\":{\"S\":\"k\"},"
     "\"t\":{\"S\":\"[\\\"\xef\xbf\xbd\\\"]\"}}"},
    {"invalid_utf8 = replace\nwhere = s = \"\xef\xbf\xbd\"", "{\"pk\":\"a\",\"s\":\"\xff\"}",
     "{\"pk\":{\"S\":\"a\"},\"s\":{\"S\":\"\xef\xbf\xbd\"}}"},
    {"invalid_utf8 = replace\nitem.pk = {@sha256}", "{\"s\":\"\xff\"}",
     "{\"s\":{\"S\":\"\xef\xbf\xbd\"},\"pk\":{\"S\":"
     "\"3a13a24dfddf7dcdd57091ebad8659032661d3e1eedd78c50d015e70fc8b546b\"}}"},
    {"invalid_utf8 = replace", "{\"pk\":\"a\",\"s\":\"\xff\",\"n\":1e400}", "number-range"},
    {"invalid_utf8 = binary", "{\"pk\":\"a\",\"s\":\"x\xff\\n\"}",
     "{\"pk\":{\"S\":\"a\"},\"s\":{\"B\":\"eP8K\"}}"},
    {"invalid_utf8 = binary", "{\"pk\":\"a\",\"l\":[\"\\udc00\", \"\xe2\x82\", \"b\"]}",
     "{\"pk\":{\"S\":\"a\"},\"l\":{\"L\":[{\"B\":\"7bCA\"},{\"B\":\"4oI=\"},{\"S\":\"b\"}]}}"},
    {"invalid_utf8 = binary\ndrop = s", "{\"pk\":\"a\",\"s\":\"\xff\"}", "{\"pk\":{\"S\":\"a\"}}"},
    {"invalid_utf8 = binary", "{\"pk\":\"a\",\"\xff\" : 1}", "invalid-utf8"},
    {"invalid_utf8 = binary", "{\"pk\":\"\xff\"}", "invalid-utf8"},
    {"invalid_utf8 = binary\nitem.t = {s}", "{\"pk\":\"a\",\"s\":\"\xff\"}", "mapping"},
    {"invalid_utf8 = binary\nitem.t = {o:as=json}", "{\"pk\":\"a\",\"o\":[\"\xff\"]}", "mapping"},
    {"invalid_utf8 = binary\nwhere = s = x", "{\"pk\":\"a\",\"s\":\"\xff\"}", "left out"},
    {"invalid_utf8 = binary\nwhere = exists(s)", "{\"pk\":\"a\",\"s\":\"\xff\"}",
     "{\"pk\":{\"S\":\"a\"},\"s\":{\"B\":\"/w==\"}}"},
    /* what is not there */
    {"missing = drop-attribute\nitem.x = {y}", "{\"pk\":\"a\",\"x\":1,\"z\":2}",
     "{\"pk\":{\"S\":\"a\"},\"z\":{\"N\":\"2\"}}"},
    {"missing = drop-attribute\nitem.x = {y}\nitem.z = {pk}", "{\"pk\":\"a\"}",
     "{\"pk\":{\"S\":\"a\"},\"z\":{\"S\":\"a\"}}"},
    {"missing = drop-attribute\nitem.pk = {y}", "{\"pk\":\"a\"}", "key-missing"},
    /* elements, and no prefix */
    {"drop = l.1, l.3, m.0.x", "{\"pk\":\"a\",\"l\":[1,[2],3,\"4\"],\"m\":[{\"x\":1,\"y\":2}]}",
     "{\"pk\":{\"S\":\"a\"},\"l\":{\"L\":[{\"N\":\"1\"},{\"N\":\"3\"}]},"
     "\"m\":{\"L\":[{\"M\":{\"y\":{\"N\":\"2\"}}}]}}"},
    {"drop = l.0", "{\"l\":[1],\"pk\":\"a\"}", "{\"l\":{\"L\":[]},\"pk\":{\"S\":\"a\"}}"},
    {"flatten = p:", "{\"p\":{\"n\":1,\"q\":{}},\"pk\":\"a\"}",
     "{\"n\":{\"N\":\"1\"},\"q\":{\"M\":{}},\"pk\":{\"S\":\"a\"}}"},
    {"flatten = p:\nkeep = pk, n", "{\"p\":{\"n\":1,\"m\":2},\"pk\":\"a\"}",
     "{\"n\":{\"N\":\"1\"},\"pk\":{\"S\":\"a\"}}"},
    {"flatten = p:", "{\"p\":{\"pk\":\"in\"},\"x\":1}",
     "{\"pk\":{\"S\":\"in\"},\"x\":{\"N\":\"1\"}}"},
    {"rename = p > ", "{}", NULL},
    /* write */
    {"write = delete", "{\"pk\":\"a\",\"n\":1e400}", "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = delete\nnull = dead-letter", "{\"pk\":\"a\",\"n\":null}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = delete\nnull = dead-letter", "{\"pk\":null}", "key-type"},
    {"write = put", "{\"pk\":\"a\"}", "{\"pk\":{\"S\":\"a\"}}"},
    {"write = delete", "{\"n\":1,\"pk\":\"\\u0061\",\"z\":{}}",
     "delete {\"pk\":{\"S\":\"\\u0061\"}}"},
    {"write = {op}\nwrite.map = I: put, U:put, D: delete\nitem.pk = u#{id}\nitem.x = {y}",
     "{\"op\":\"D\",\"id\":7}", "delete {\"pk\":{\"S\":\"u#7\"}}"},
    {"write = {op}\nwrite.map = I: put, D: delete", "{\"op\":\"I\",\"pk\":\"a\"}",
     "{\"op\":{\"S\":\"I\"},\"pk\":{\"S\":\"a\"}}"},
    {"write = {op}\nwrite.map = I: put, D: delete", "{\"op\":\"X\",\"pk\":\"a\"}", "mapping"},
    {"write = {op}\nwrite.map = I: put, D: delete", "{\"pk\":\"a\"}", "mapping"},
    {"write = delete", "{\"n\":1}", "key-missing"},
    {"write = {op}", "{}", NULL},
    {"write = remove", "{}", NULL},
    {"write.map = I: put", "{}", NULL},
    {"write = {op}\nwrite.map = I: get", "{}", NULL},
    /* where */
    {"where = n > 1", "{\"pk\":\"a\",\"n\":2}", "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"2\"}}"},
    {"where = n > 1", "{\"pk\":\"a\",\"n\":1}", "left out"},
    {"where = exists(x)\nitem.pk = {x}", "{\"n\":1}", "left out"},
    {"where = o.a = yes\ndrop = o", "{\"o\":{\"a\":\"yes\"},\"pk\":\"a\"}",
     "{\"pk\":{\"S\":\"a\"}}"},
};

/* In the records <40*x> is forty times an x. */
static const struct mapping_case limit_cases[] = {
    /* what a delete does not need is no fault */
    {"write = delete", "{\"pk\":\"a\",\"x\":\"<390000*x>\",\"y\":\"<200000*y>\"}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = delete", "{\"x\":\"<390000*x>\",\"y\":\"<200000*y>\",\"pk\":\"a\"}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = {op}\nwrite.map = I: put, D: delete",
     "{\"x\":[\"<390000*x>\",\"<200000*y>\"],\"pk\":\"a\",\"op\":\"D\"}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = {op}\nwrite.map = I: put, D: delete",
     "{\"x\":[\"<390000*x>\",\"<200000*y>\"],\"pk\":\"a\",\"op\":\"I\"}", "item-too-large"},
    {"write = delete", "{\"pk\":\"a\",\"x\":<40*[>1<40*]>}", "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = delete", "{\"pk\":\"a\",\"x\":\"\xff\",\"\":1}", "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = delete", "{\"pk\":\"a\",\"x\":{\"\":1,\"<66000*x>\":2}}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = delete", "{\"pk\":\"a\",\"x\":<40*[>\"\xff\"<40*]>}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = delete\ninvalid_utf8 = binary", "{\"pk\":\"a\",\"x\":<40*[>\"\xff\"<40*]>}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = delete", "{\"pk\":\"\xff\"}", "invalid-utf8"},
    {"write = delete\nitem.pk = {x}", "{\"x\":\"\xff\"}", "invalid-utf8"},
    {"write = delete\nitem.pk = {id}", "{\"id\":\"a\",\"x\":\"\xff\"}",
     "delete {\"pk\":{\"S\":\"a\"}}"},
    {"write = {op}\nwrite.map = I: put, D: delete",
     "{\"pk\":\"a\",\"op\":\"I\",\"x\":<40*[>1<40*]>}", "too-deep"},
    {"write = {op}\nwrite.map = I: put, D: delete", "{\"pk\":\"a\",\"op\":\"\xff\"}",
     "invalid-utf8"},
    /* nor of a record that is left out, wherever it says so */
    {"where = t = yes", "{\"pk\":\"a\",\"x\":\"<390000*x>\",\"y\":\"<200000*y>\",\"t\":\"no\"}",
     "left out"},
    {"where = t = yes", "{\"pk\":\"a\",\"x\":\"<390000*x>\",\"y\":\"<200000*y>\",\"t\":\"yes\"}",
     "item-too-large"},
    {"where = t = yes", "{\"pk\":\"a\",\"x\":<40*[>1<40*]>,\"t\":\"no\"}", "left out"},
    {"where = t = yes", "{\"pk\":\"a\",\"x\":<40*[>1<40*]>,\"t\":\"yes\"}", "too-deep"},
    {"where = t = yes", "{\"pk\":\"a\",\"x\":\"\xff\",\"t\":\"no\"}", "left out"},
    {"where = t = yes", "{\"pk\":\"a\",\"x\":\"\xff\",\"t\":\"yes\"}", "invalid-utf8"},
    {"where = t = yes", "{\"pk\":\"a\",\"\":1,\"t\":\"no\"}", "left out"},
    {"where = t = yes", "{\"pk\":\"a\",\"\":1,\"t\":\"yes\"}", "empty-attribute-name"},
    {"where = t = yes", "{\"pk\":\"a\",\"<66000*x>\":1,\"t\":\"yes\"}", "attribute-name-too-long"},
    /* nor of one that adds */
    {"write = {op}\nwrite.map = A: add, P: put\nitem.pk = {id}\nadd.n = 1",
     "{\"id\":\"a\",\"op\":\"A\",\"x\":\"<390000*x>\",\"y\":\"<200000*y>\",\"z\":\"\xff\"}",
     "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}"},
    /* what something takes the place of does not count */
    {"item.x = {x:slice=0-3}", "{\"pk\":\"a\",\"x\":\"<500000*x>\"}",
     "{\"pk\":{\"S\":\"a\"},\"x\":{\"S\":\"xxx\"}}"},
    {"null = drop", "{\"pk\":\"a\",\"x\":\"<300000*x>\",\"x\":\"<200000*x>\",\"x\":1,\"z\":2}",
     "{\"pk\":{\"S\":\"a\"},\"x\":{\"N\":\"1\"},\"z\":{\"N\":\"2\"}}"},
    {"item.x = {y}\nitem.z = {y}", "{\"pk\":\"a\",\"y\":\"<200000*x>\"}", "item-too-large"},
    {"item.x = {x:slice=0-1}\nitem.y = {y}\nmissing = drop-attribute",
     "{\"pk\":\"a\",\"x\":\"<400000*x>\",\"z\":1}",
     "{\"pk\":{\"S\":\"a\"},\"z\":{\"N\":\"1\"},\"x\":{\"S\":\"x\"}}"},
    /* what is large in the output alone */
    {"item.a = {n:as=number}\nitem.b = {n:as=number}\nitem.c = {n:as=number}\n"
     "item.d = {n:as=number}\nitem.e = {n:as=number}\nitem.f = {n:as=number}\n"
     "item.g = {n:as=number}\nitem.h = {n:as=number}\nitem.i = {n:as=number}\n"
     "drop = n",
     "{\"pk\":\"a\",\"n\":0.<1000000*0>}", "item-too-large"},
};

static const struct fb_key_schema binary_schema = {
    .attributes = {{.name = "pk", .name_size = 2, .type = FB_KEY_BINARY}}, .count = 1};

static const struct mapping_case binary_key_cases[] = {
    {"item.pk = {b:as=binary}", "{\"b\":\"SGFsbG8=\"}",
     "{\"b\":{\"S\":\"SGFsbG8=\"},\"pk\":{\"B\":\"SGFsbG8=\"}}"},
    {"item.pk = {b:as=binary}\nwrite = delete", "{\"b\":\"SGFsbG8=\"}",
     "delete {\"pk\":{\"B\":\"SGFsbG8=\"}}"},
    {"item.pk = {b:as=binary}", "{\"b\":\"\"}", "key-empty"},
    {"item.pk = {b:as=binary}\nmissing = SGFsbG8=", "{}", "key-type"},
    {"drop = x", "{\"pk\":\"SGFsbG8=\"}", "key-type"},
};

/* The caller frees it. */
static char *unroll(const char *record)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(stream);
    while (*record != '\0') {
        char *letter = NULL;
        long count = *record == '<' ? strtol(record + 1, &letter, 10) : 0;

        if (count == 0)
            assert_true(fputc(*record++, stream) != EOF);
        else
            record = letter + 3;
        for (; count > 0; count--)
            assert_true(fputc(letter[1], stream) != EOF);
    }
    assert_int_equal(fclose(stream), 0);
    return text;
}

/* An item, the key of a delete, or what becomes of the record instead. The caller frees it. */
static char *outcome(const struct fb_transcoded *transcoded)
{
    char *text;
    int size;

    if (transcoded->is_left_out)
        size = asprintf(&text, "left out");
    else if (transcoded->reason != FB_DEAD_NONE)
        size = asprintf(&text, "%s", fb_dead_reason_name(transcoded->reason));
    else
        size = asprintf(&text, "%s%.*s", transcoded->operation == FB_DELETE ? "delete " : "",
                        (int)transcoded->item_size, transcoded->item);
    assert_true(size > 0);
    return text;
}

static void expect(const struct fb_key_schema *key_schema, const char *conf_text,
                   const char *record, const char *result)
{
    const size_t size = strlen(record);
    char *text = calloc(1, size + FB_TEXT_SLACK + 1);
    struct fb_transcoder *transcoder;
    struct fb_transcoded transcoded;
    struct fb_mapping *mapping;
    struct fb_error error = {0};
    struct conf conf;
    char *made;

    assert_non_null(text);
    memcpy(text, record, size);
    read_conf(conf_text, &conf);
    if (fb_mapping_new(&conf.options, SEED, &mapping, &error) != FB_OK) {
        if (result != NULL)
            fail_msg("%s: %s", conf_text, error.message);
        free(text);
        return;
    }
    assert_non_null(result);
    assert_int_equal(fb_transcoder_new(key_schema, SEED, mapping, &transcoder), FB_OK);
    if (fb_transcode(transcoder, text, size, &transcoded) != FB_OK)
        fail_msg("%s: %.200s", conf_text, record);
    assert_int_equal(transcoded.size, size);
    made = outcome(&transcoded);
    if (strcmp(made, result) != 0)
        fail_msg("%s: %.200s became %.200s, not %s", conf_text, record, made, result);
    free(made);
    fb_transcoder_free(transcoder);
    fb_mapping_free(mapping);
    free(text);
}

static void a_record_becomes_what_the_mapping_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect(&string_schema, cases[i].conf, cases[i].record, cases[i].result);
}

static void what_a_record_is_not_taken_for_is_no_fault_of_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(limit_cases); i++) {
        char *record = unroll(limit_cases[i].record);

        expect(&string_schema, limit_cases[i].conf, record, limit_cases[i].result);
        free(record);
    }
}

static void a_template_makes_a_binary_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(binary_key_cases); i++)
        expect(&binary_schema, binary_key_cases[i].conf, binary_key_cases[i].record,
               binary_key_cases[i].result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_becomes_what_the_mapping_says),
        cmocka_unit_test(what_a_record_is_not_taken_for_is_no_fault_of_it),
        cmocka_unit_test(a_template_makes_a_binary_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
