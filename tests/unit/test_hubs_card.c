/* SPDX-License-Identifier: MIT */
/* Model cards: front matter, tables, links, fences, facts of a clone (src/hubs/card*.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hubs/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fs.h"
#include "base/limits.h"

PTM_DEFINE_CLEANUP(card_freep, ptmi_card *, ptmi_card_free)

static ptmi_card *parse(const char *text)
{
    ptmi_card *card = NULL;
    struct ptm_err err = {0};
    ptm_rc rc = ptmi_card_parse(text, strlen(text), "card", &card, &err);
    if (rc != PTM_OK) fail_msg("%s", err.msg);
    return card;
}

static void refuse(const char *text, size_t len, ptm_rc want, const char *words)
{
    ptmi_card *card = NULL;
    struct ptm_err err = {0};
    assert_int_equal(ptmi_card_parse(text, len, "some/README.md", &card, &err), want);
    assert_null(card);
    assert_non_null(strstr(err.msg, "some/README.md"));
    assert_non_null(strstr(err.msg, words));
}

static void check_meta(const ptmi_card *card, const char *key, const char *want)
{
    const char *got = ptmi_card_meta(card, key);
    if (!want) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_string_equal(got, want);
}

static void test_hubs_card__front_matter_gives_scalars_and_lists(void **state)
{
    (void)state;
    PTM_AUTO(card_freep)
    ptmi_card *card = parse("---\n"
                            "title: \"Once: a net\"\n"
                            "order: 10\n"
                            "tags: [vision, 'two words']\n"
                            "datasets:\n- squad\n- a/b\n"
                            "empty:\nnothing: ~\nquoted: \"\"\n"
                            "deep:\n  title: inner\n  list:\n  - x\n"
                            "mixed:\n- a\n- {k: v}\n- [n]\n- b\n"
                            "accelerator: \u201ccuda\u201d \n"
                            "---\n\n# Body\n");
    check_meta(card, "title", "Once: a net");
    check_meta(card, "order", "10");
    check_meta(card, "tags", "vision");
    assert_string_equal(ptmi_card_meta_item(card, "tags", 1), "two words");
    assert_null(ptmi_card_meta_item(card, "tags", 2));
    assert_string_equal(ptmi_card_meta_item(card, "datasets", 1), "a/b");
    check_meta(card, "empty", NULL);
    check_meta(card, "nothing", NULL);
    check_meta(card, "quoted", "");
    check_meta(card, "deep", NULL);
    check_meta(card, "list", NULL);
    assert_string_equal(ptmi_card_meta_item(card, "mixed", 0), "a");
    assert_string_equal(ptmi_card_meta_item(card, "mixed", 1), "b");
    assert_null(ptmi_card_meta_item(card, "mixed", 2));
    check_meta(card, "accelerator", "\u201ccuda\u201d");
    check_meta(card, "absent", NULL);
}

static void test_hubs_card__crlf_reads_as_lf(void **state)
{
    (void)state;
    PTM_AUTO(card_freep)
    ptmi_card *card = parse("\xef\xbb\xbf---\r\ntitle: A\r\nsummary: one\r\n---\r\n\r\n"
                            "```python\r\nimport x\r\ny = 1\r\n```\r\n");
    check_meta(card, "title", "A");
    check_meta(card, "summary", "one");
    const char *info = NULL;
    int line = 0;
    assert_string_equal(ptmi_card_fence(card, 0, &info, &line), "import x\ny = 1\n");
    assert_string_equal(info, "python");
    assert_int_equal(line, 7);
}

static void test_hubs_card__text_without_front_matter_is_all_body(void **state)
{
    (void)state;
    static const char *const texts[] = {"# A\n",  "",   "---\nno end\n", "--- x\na: b\n---\n",
                                        "----\n", "---"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        PTM_AUTO(card_freep) ptmi_card *card = parse(texts[i]);
        check_meta(card, "a", NULL);
    }
}

static void test_hubs_card__broken_front_matter_is_malformed(void **state)
{
    (void)state;
    const char *bad = "---\na: [1,\nb: }\n---\ntext\n";
    refuse(bad, strlen(bad), PTM_EFORMAT, "not YAML");
    bad = "---\n- only\n- a list\n---\n";
    refuse(bad, strlen(bad), PTM_EFORMAT, "no YAML mapping");
    bad = "---\njust words\n---\n";
    refuse(bad, strlen(bad), PTM_EFORMAT, "no YAML mapping");
    bad = "---\na: \"\xff\xfe\"\n---\n";
    refuse(bad, strlen(bad), PTM_EFORMAT, "not YAML");
}

static void test_hubs_card__aliases_are_not_expanded(void **state)
{
    (void)state;
    PTM_AUTO(card_freep)
    ptmi_card *card = parse("---\n"
                            "a: &a [x, x, x, x]\n"
                            "b: &b [*a, *a, *a]\n"
                            "c: [*b, *b, *b, kept]\n"
                            "d: *a\n"
                            "title: T\n---\n");
    assert_string_equal(ptmi_card_meta_item(card, "c", 0), "kept");
    assert_null(ptmi_card_meta_item(card, "c", 1));
    check_meta(card, "d", NULL);
    check_meta(card, "title", "T");
}

static void test_hubs_card__deep_front_matter_is_refused(void **state)
{
    (void)state;
    char text[4096] = "---\na: ";
    for (int i = 0; i < 500; i++) strcat(text, "[");
    strcat(text, "\n---\n");
    refuse(text, strlen(text), PTM_ELIMIT, "nested too deeply");
}

static void test_hubs_card__tables_give_text_and_link_of_each_cell(void **state)
{
    (void)state;
    PTM_AUTO(card_freep)
    ptmi_card *card =
        parse("### Nets <a name=\"nets\"/>\n\n"
              "|Model |Reference | About|Try |\n|-|:-|-:|-|\n"
              "|<b>[Tiny *Net*](nets/tiny)</b>|\t[A. et al.]( https://arxiv.org/abs/1801.04381)\t|"
              "Small. <br>Fast, `x|y`|[![Badge](https://b.example/b.svg)](https://t.example/1)|\n"
              "|Short\n"
              "> a note\n\n"
              "### More\n\n"
              "|a|b|\n|-|-|\n|1|2|3|\n");
    assert_string_equal(ptmi_card_title(card), "Nets");
    assert_int_equal(ptmi_card_tables(card), 2);
    assert_int_equal(ptmi_card_columns(card, 0), 4);
    assert_int_equal(ptmi_card_rows(card, 0), 2);
    assert_string_equal(ptmi_card_cell(card, 0, -1, 2).text, "About");
    struct ptmi_cell cell = ptmi_card_cell(card, 0, 0, 0);
    assert_string_equal(cell.text, "Tiny Net");
    assert_string_equal(cell.href, "nets/tiny");
    cell = ptmi_card_cell(card, 0, 0, 1);
    assert_string_equal(cell.text, "A. et al.");
    assert_string_equal(cell.href, "https://arxiv.org/abs/1801.04381");
    assert_string_equal(ptmi_card_cell(card, 0, 1, 0).text, "Short");
    assert_string_equal(ptmi_card_cell(card, 0, 1, 3).text, "");
    assert_null(ptmi_card_cell(card, 0, 1, 3).href);
    assert_string_equal(ptmi_card_table_anchor(card, 0), "nets");
    assert_string_equal(ptmi_card_table_anchor(card, 1), "nets");
    assert_int_equal(ptmi_card_columns(card, 1), 2);
    assert_string_equal(ptmi_card_cell(card, 1, 0, 1).text, "2");
    /* Out of range is empty, not a crash. */
    assert_string_equal(ptmi_card_cell(card, 0, 99, 0).text, "");
    assert_string_equal(ptmi_card_cell(card, 0, -2, 0).text, "");
    assert_string_equal(ptmi_card_cell(card, 9, 0, 0).text, "");
    assert_string_equal(ptmi_card_cell(card, 0, 0, 99).text, "");
    assert_int_equal(ptmi_card_rows(card, 9), 0);
    assert_int_equal(ptmi_card_columns(card, 9), 0);
    assert_null(ptmi_card_table_anchor(card, 9));
}

static void test_hubs_card__links_come_in_order(void **state)
{
    (void)state;
    PTM_AUTO(card_freep)
    ptmi_card *card =
        parse("[a](https://a.example) <https://b.example/x> see https://c.example/y.\n"
              "\n<p><A class=\"k\" HREF='https://d.example'>d</A></p>\n\n"
              "![i](https://image.example)\n");
    static const char *const want[] = {"https://a.example", "https://b.example/x",
                                       "https://c.example/y", "https://d.example"};
    for (size_t i = 0; i < 4; i++) assert_string_equal(ptmi_card_link(card, i), want[i]);
    assert_null(ptmi_card_link(card, 4));
    assert_null(ptmi_card_fence(card, 0, NULL, NULL));
}

static void test_hubs_card__raw_html_only_where_asked(void **state)
{
    (void)state;
    PTM_AUTO(card_freep)
    ptmi_card *card =
        parse("# T\n\n<b>bold</b> [x](javascript:alert(1))\n\n<script>alert(1)</script>\n");
    struct ptmi_buf buf = PTMI_BUF(1 << 20);
    assert_int_equal(ptmi_card_html(card, false, &buf, NULL), PTM_OK);
    assert_non_null(strstr(buf.data, "<h1>T</h1>"));
    assert_null(strstr(buf.data, "<b>"));
    assert_null(strstr(buf.data, "javascript"));
    ptmi_buf_clear(&buf);
    assert_int_equal(ptmi_card_html(card, true, &buf, NULL), PTM_OK);
    assert_non_null(strstr(buf.data, "<b>bold</b>"));
    assert_null(strstr(buf.data, "<script"));
    ptmi_buf_clear(&buf);
}

static void test_hubs_card__raw_html_keeps_what_is_harmless(void **state)
{
    (void)state;
    static const struct {
        const char *text, *html;
    } cases[] = {
        {"x <a name=\"top\" onclick='f()'>y</a>", "<p>x <a name=\"top\">y</a></p>\n"},
        {"<img src=a.png OnError = f() width=3>", "<img src=\"a.png\" width=\"3\">\n"},
        {"<a href=\" java\tscript:f()\">x</a>", "<p><a>x</a></p>\n"},
        {"<a href=\"java&#115;cript:f()\">x</a>", "<p><a>x</a></p>\n"},
        {"<a href='https://x/?a=\"b'>x</a>", "<p><a href='https://x/?a=\"b'>x</a></p>\n"},
        {"<div style='x'>\n<svg onload=f()>\n<!-- > <script> -->\n</div>",
         "<div>\n&lt;svg onload=f()>\n\n</div>\n"},
        {"<div title='never closed <img src=x onerror=f()>",
         "&lt;div title='never closed <img src=\"x\">\n"},
        {"<div>\n<p/onclick=f()>\n</div>", "<div>\n<p>\n</div>\n"},
        {"<br/><img src=x.png />", "<p><br/><img src=\"x.png\"/></p>\n"},
        {"<div a=<img/src=x>", "&lt;div a=<img src=\"x\">\n"},
        {"[x](javascript:f()) ![y](data:text/html,x) [z](sub/dir#a:b)",
         "<p><a href=\"\">x</a> <img src=\"\" alt=\"y\" /> <a href=\"sub/dir#a:b\">z</a></p>\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        PTM_AUTO(card_freep) ptmi_card *card = parse(cases[i].text);
        struct ptmi_buf buf = PTMI_BUF(1 << 20);
        assert_int_equal(ptmi_card_html(card, true, &buf, NULL), PTM_OK);
        assert_string_equal(buf.data, cases[i].html);
        ptmi_buf_clear(&buf);
    }
}

/* text repeated until size bytes are full; freed by the caller. */
static char *repeat(const char *start, const char *text, size_t size, size_t *out_len)
{
    char *all = malloc(size + 1);
    size_t len = strlen(start);
    memcpy(all, start, len);
    for (; len + strlen(text) <= size; len += strlen(text)) memcpy(all + len, text, strlen(text));
    all[len] = '\0';
    *out_len = len;
    return all;
}

/* Without the guard each of these takes minutes, or all memory. */
static void test_hubs_card__markdown_that_only_costs_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        const char *text;
    } hostile[] = {
        {"", "![[]()"}, {"", "a@"}, {"", "> "}, {"", "- "}, {"", "1. "}, {"", ">"}, {"", "a@\r"},
    };
    size_t len = 0;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
        char *text = repeat(hostile[i].start, hostile[i].text, PTM_LIMIT_MARKDOWN, &len);
        refuse(text, len, PTM_ELIMIT, "exhausts");
        free(text);
    }
    size_t head_len = 0;
    char *head = repeat("", "|a", 20000, &head_len);
    char *delimiter = repeat("", "|-", 20000, &len);
    char *start = malloc(head_len + len + 3);
    sprintf(start, "%s\n%s\n", head, delimiter);
    char *text = repeat(start, "|x\n", PTM_LIMIT_MARKDOWN, &len);
    refuse(text, len, PTM_ELIMIT, "exhausts");
    free(text);
    free(start);
    free(delimiter);
    free(head);
    text = repeat("", "x", PTM_LIMIT_MARKDOWN + 1, &len);
    refuse(text, len, PTM_ELIMIT, "bytes of Markdown");
    free(text);
}

/* What authors really write comes nowhere near the guard. */
static void test_hubs_card__large_honest_cards_pass(void **state)
{
    (void)state;
    static const char *const texts[] = {"|[a](https://a.example)|b@c.example|3|4|5|6|7|\n",
                                        "- item with *emphasis*\n  - nested\n", "x[0] = @y\n\n",
                                        "----------------------------------\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        size_t len = 0;
        char *text = repeat("|1|2|3|4|5|6|7|\n|-|-|-|-|-|-|-|\n", texts[i], 200000, &len);
        PTM_AUTO(card_freep) ptmi_card *card = NULL;
        assert_int_equal(ptmi_card_parse(text, len, "card", &card, NULL), PTM_OK);
        free(text);
    }
}

/* ---- a clone ------------------------------------------------------------ */

struct clone {
    char dir[64];
    struct ptmi_arena arena;
};

static int make_clone(void **state)
{
    struct clone *clone = calloc(1, sizeof(*clone));
    strcpy(clone->dir, "/tmp/ptm-test-card-XXXXXX");
    assert_non_null(mkdtemp(clone->dir));
    clone->arena.max = 1 << 20;
    *state = clone;
    return 0;
}

static int drop_clone(void **state)
{
    struct clone *clone = *state;
    assert_int_equal(ptmi_fs_remove_tree(clone->dir, NULL), PTM_OK);
    ptmi_arena_clear(&clone->arena);
    free(clone);
    return 0;
}

static void put(const struct clone *clone, const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", clone->dir, path);
    *strrchr(full, '/') = '\0';
    assert_int_equal(ptmi_fs_mkdirs(full, NULL), PTM_OK);
    snprintf(full, sizeof(full), "%s/%s", clone->dir, path);
    assert_int_equal(ptmi_fs_write_whole(full, text, strlen(text), NULL, NULL), PTM_OK);
}

static struct ptmi_facts describe(struct clone *clone, const char *path)
{
    struct ptmi_facts facts = {0};
    struct ptm_err err = {0};
    if (ptmi_card_describe(clone->dir, path, &clone->arena, &facts, &err) != PTM_OK)
        fail_msg("%s", err.msg);
    return facts;
}

static void test_hubs_card__a_clone_tells_its_facts(void **state)
{
    struct clone *clone = *state;
    put(clone, "README.md",
        "---\nlicense: other\nlicense_name: acme-1.0\npipeline_tag: fill-mask\n"
        "datasets: [squad, My own data]\ntags: ['arxiv:1810.04805', 'dataset:a/b', plain]\n"
        "arxiv: 1706.03762\n---\n"
        "Trained on [C4](https://huggingface.co/datasets/allenai/c4), see "
        "[paper](https://arxiv.org/abs/1706.03762v5) and https://doi.org/10.1000/182.\n");
    put(clone, "config.json", "{\"model_type\": \"bert\", \"architectures\": [\"BertModel\"]}");
    struct ptmi_facts facts = describe(clone, NULL);
    assert_string_equal(facts.license, "acme-1.0");
    assert_string_equal(facts.task, "fill-mask");
    assert_string_equal(facts.architecture, "bert");
    assert_int_equal(facts.n_datasets, 4);
    assert_string_equal(facts.datasets[0].name, "squad");
    assert_string_equal(facts.datasets[1].name, "My own data");
    assert_null(facts.datasets[1].url);
    assert_string_equal(facts.datasets[2].name, "a/b");
    assert_string_equal(facts.datasets[3].url, "https://huggingface.co/datasets/allenai/c4");
    assert_int_equal(facts.n_paper_dois, 3);
    assert_string_equal(facts.paper_dois[0], "10.48550/arXiv.1706.03762");
    assert_string_equal(facts.paper_dois[1], "10.48550/arXiv.1810.04805");
    assert_string_equal(facts.paper_dois[2], "10.1000/182");
}

static void test_hubs_card__architectures_stand_in_for_a_model_type(void **state)
{
    struct clone *clone = *state;
    put(clone, "config.json", "{\"model_type\": 7, \"architectures\": [\"BertModel\", \"X\"]}");
    assert_string_equal(describe(clone, NULL).architecture, "BertModel");
}

static void test_hubs_card__missing_and_broken_files_tell_nothing(void **state)
{
    struct clone *clone = *state;
    struct ptmi_facts facts = describe(clone, NULL);
    assert_null(facts.license);
    assert_int_equal(facts.n_datasets, 0);
    put(clone, "config.json", "[not json");
    put(clone, "README.md/file", "README.md is a folder here");
    facts = describe(clone, "no/such/part");
    assert_null(facts.architecture);
    facts = describe(clone, "../outside");
    assert_null(facts.architecture);
}

static void test_hubs_card__a_broken_front_matter_leaves_the_body(void **state)
{
    struct clone *clone = *state;
    put(clone, "README.md", "---\na: [\n---\nhttps://arxiv.org/abs/1706.03762\n");
    struct ptmi_facts facts = describe(clone, NULL);
    assert_int_equal(facts.n_paper_dois, 1);
}

static void test_hubs_card__links_out_of_the_tree_are_not_followed(void **state)
{
    struct clone *clone = *state;
    char secret[128], link[128];
    snprintf(secret, sizeof(secret), "%s.secret", clone->dir);
    snprintf(link, sizeof(link), "%s/README.md", clone->dir);
    const char *text = "---\nlicense: leaked\n---\n";
    assert_int_equal(ptmi_fs_write_whole(secret, text, strlen(text), NULL, NULL), PTM_OK);
    assert_int_equal(symlink(secret, link), 0);
    struct ptmi_facts facts = describe(clone, NULL);
    unlink(secret);
    assert_null(facts.license);
}

static void test_hubs_card__a_part_has_its_own_page(void **state)
{
    struct clone *clone = *state;
    put(clone, "README.md", "https://arxiv.org/abs/1706.03762\n");
    put(clone, "nets/tiny/README.md", "https://arxiv.org/abs/1801.04381\n");
    put(clone, "nets/tiny/model/tiny-1.onnx", "x");
    put(clone, "nets/bare/model/bare-1.onnx", "x");
    struct ptmi_facts facts = describe(clone, "nets/tiny/model/tiny-1.onnx");
    assert_int_equal(facts.n_paper_dois, 1);
    assert_string_equal(facts.paper_dois[0], "10.48550/arXiv.1801.04381");
    facts = describe(clone, "nets/bare/model/bare-1.onnx");
    assert_int_equal(facts.n_paper_dois, 1);
    assert_string_equal(facts.paper_dois[0], "10.48550/arXiv.1706.03762");
}

#define IN_CLONE(name) \
    cmocka_unit_test_setup_teardown(test_hubs_card__##name, make_clone, drop_clone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubs_card__front_matter_gives_scalars_and_lists),
        cmocka_unit_test(test_hubs_card__crlf_reads_as_lf),
        cmocka_unit_test(test_hubs_card__text_without_front_matter_is_all_body),
        cmocka_unit_test(test_hubs_card__broken_front_matter_is_malformed),
        cmocka_unit_test(test_hubs_card__aliases_are_not_expanded),
        cmocka_unit_test(test_hubs_card__deep_front_matter_is_refused),
        cmocka_unit_test(test_hubs_card__tables_give_text_and_link_of_each_cell),
        cmocka_unit_test(test_hubs_card__links_come_in_order),
        cmocka_unit_test(test_hubs_card__raw_html_only_where_asked),
        cmocka_unit_test(test_hubs_card__raw_html_keeps_what_is_harmless),
        cmocka_unit_test(test_hubs_card__markdown_that_only_costs_is_refused),
        cmocka_unit_test(test_hubs_card__large_honest_cards_pass),
        IN_CLONE(a_clone_tells_its_facts),
        IN_CLONE(architectures_stand_in_for_a_model_type),
        IN_CLONE(missing_and_broken_files_tell_nothing),
        IN_CLONE(a_broken_front_matter_leaves_the_body),
        IN_CLONE(links_out_of_the_tree_are_not_followed),
        IN_CLONE(a_part_has_its_own_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
