/* SPDX-License-Identifier: MIT */
/* test_pack_extract.c - what is unpacked, and everything that is refused by name, without a byte
 * outside the folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/statvfs.h>

#include "base/auto.h"
#include "pack/extract.h"

#include "unit_tmp.h"
#include "zip_build.h"

#define SHA_OF_HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define LINK_MODE (S_IFLNK | 0777)

/* One archive being made, and where it is unpacked. */
struct scene {
    struct unit_tmp tmp;
    struct zip_build zip;
    char told[2000]; /* by on_file */
    struct ptmi_extract what;
    struct ptmi_extracted out;
    struct ptm_err err;
};

static ptm_rc note(void *arg, const char *path, int64_t size, const char sha256[65],
                   struct ptm_err *err)
{
    struct scene *scene = arg;
    size_t used = strlen(scene->told);
    (void)err;
    snprintf(scene->told + used, sizeof scene->told - used, "%s %lld %.8s\n", path, (long long)size,
             sha256);
    return PTM_OK;
}

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){.tmp = unit_tmp_make()};
    scene->what.on_file = note;
    scene->what.arg = scene;
}

static void scene_close(struct scene *scene)
{
    zip_free(&scene->zip);
    unit_tmp_remove(&scene->tmp);
}
#define SCENE(name)                                          \
    __attribute__((cleanup(scene_close))) struct scene name; \
    scene_open(&name)

static void put(struct scene *scene, const char *name, const char *text)
{
    zip_add(&scene->zip, &(struct zip_spec){.name = name, .data = text, .len = strlen(text)});
}

static void put_link(struct scene *scene, const char *name, const char *target)
{
    zip_add(
        &scene->zip,
        &(struct zip_spec){.name = name, .data = target, .len = strlen(target), .mode = LINK_MODE});
}

static ptm_rc unpack_ended(struct scene *scene)
{
    const char *archive = unit_path(scene->tmp.path, "a.zip");
    FILE *file = fopen(archive, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(scene->zip.data, 1, scene->zip.len, file), scene->zip.len);
    fclose(file);
    scene->what.archive = archive;
    scene->what.dest = unit_path(scene->tmp.path, "dest");
    assert_int_equal(mkdir(scene->what.dest, 0777), 0);
    ptm_rc rc = ptmi_extract_zip(NULL, &scene->what, &scene->out, &scene->err);
    /* The archive and its folder are all there is, whatever happened. */
    assert_int_equal(unit_entries(scene->tmp.path), 2);
    return rc;
}

static ptm_rc unpack(struct scene *scene)
{
    zip_end(&scene->zip, &(struct zip_end){.comment = COMMIT});
    return unpack_ended(scene);
}

/* Refused with rc and a message that has all of these; nothing was written. */
static void refused(struct scene *scene, ptm_rc rc, const char *name, const char *why)
{
    ptm_rc got = unpack(scene);
    if (got != rc || !strstr(scene->err.msg, name) || !strstr(scene->err.msg, why))
        fail_msg("\"%s\": %d %s", name, got, scene->err.msg);
    assert_int_equal(unit_entries(scene->what.dest), 0);
}

static void has_text(struct scene *scene, const char *path, const char *text)
{
    PTM_AUTO(ptmi_freep) char *got = unit_read(unit_path(scene->what.dest, path));
    assert_non_null(got);
    assert_string_equal(got, text);
}

static struct stat look(struct scene *scene, const char *path)
{
    struct stat st = {0};
    assert_int_equal(lstat(unit_path(scene->what.dest, path), &st), 0);
    return st;
}

static void has_link(struct scene *scene, const char *path, const char *target)
{
    char got[200] = "";
    assert_true(S_ISLNK(look(scene, path).st_mode));
    assert_true(readlink(unit_path(scene->what.dest, path), got, sizeof got - 1) > 0);
    assert_string_equal(got, target);
}

/* --- what is unpacked --- */

static void test_pack_extract__an_archive_of_github(void **state)
{
    (void)state;
    SCENE(s);
    mode_t mask = umask(022);
    zip_add(&s.zip, &(struct zip_spec){.name = "o-n-0123/"});
    put(&s, "o-n-0123/README.md", "hello");
    zip_add(&s.zip, &(struct zip_spec){.name = "o-n-0123/run.sh",
                                       .data = "hello",
                                       .len = 5,
                                       .deflate = true,
                                       .mode = S_IFREG | 0755});
    zip_add(&s.zip, &(struct zip_spec){.name = "o-n-0123/empty/"});
    put(&s, "o-n-0123/a/b/c.txt", "");
    put_link(&s, "o-n-0123/a/link", "../README.md");
    put_link(&s, "o-n-0123/dangling", "no/such");
    s.what.one_root = true;
    if (unpack(&s) != PTM_OK) fail_msg("%s", s.err.msg);
    assert_string_equal(s.out.root, "o-n-0123");
    assert_string_equal(s.out.commit, COMMIT);
    assert_int_equal(s.out.files, 3);
    assert_int_equal(s.out.bytes, 10);
    assert_string_equal(s.told, "README.md 5 2cf24dba\nrun.sh 5 2cf24dba\na/b/c.txt 0 e3b0c442\n");
    has_text(&s, "run.sh", "hello");
    assert_int_equal(look(&s, "run.sh").st_mode, S_IFREG | 0755);
    assert_int_equal(look(&s, "README.md").st_mode, S_IFREG | 0644);
    assert_int_equal(look(&s, "empty").st_mode, S_IFDIR | 0755);
    assert_int_equal(look(&s, "a/b/c.txt").st_size, 0);
    has_link(&s, "a/link", "../README.md");
    has_link(&s, "dangling", "no/such");
    umask(mask);
}

static void test_pack_extract__names_in_any_language(void **state)
{
    (void)state;
    SCENE(s);
    zip_add(&s.zip,
            &(struct zip_spec){.name = "模型/é.py", .data = "hello", .len = 5, .flags = 0x0800});
    zip_add(&s.zip, &(struct zip_spec){.name = "l",
                                       .data = "模型/é.py",
                                       .len = strlen("模型/é.py"),
                                       .flags = 0x0800,
                                       .mode = LINK_MODE});
    zip_add(&s.zip, &(struct zip_spec){.name = "ü", .data = "hello", .len = 5});
    if (unpack(&s) != PTM_OK) fail_msg("%s", s.err.msg);
    has_text(&s, "模型/é.py", "hello");
    has_text(&s, "ü", "hello");
    has_link(&s, "l", "模型/é.py");
    has_text(&s, "l", "hello");
    assert_string_equal(s.out.root, "");
}

static void test_pack_extract__descriptors_and_zip64(void **state)
{
    (void)state;
    SCENE(s);
    zip_add(&s.zip, &(struct zip_spec){
                        .name = "a", .data = "hello", .len = 5, .deflate = true, .descriptor = 16});
    zip_add(&s.zip, &(struct zip_spec){
                        .name = "b", .data = "hello", .len = 5, .deflate = true, .zip64 = true});
    zip_end(&s.zip, &(struct zip_end){.zip64 = true});
    if (unpack_ended(&s) != PTM_OK) fail_msg("%s", s.err.msg);
    has_text(&s, "a", "hello");
    has_text(&s, "b", "hello");
    assert_string_equal(s.out.commit, "");
}

static void test_pack_extract__a_link_up_from_real_folders(void **state)
{
    (void)state;
    SCENE(s);
    put(&s, "a/b/c", "hello");
    put(&s, "a/d/e", "");
    put_link(&s, "a/d/l", "../b/../b/./c");
    put_link(&s, "folder", "a//b/");
    put_link(&s, "a/loop", "loop");
    if (unpack(&s) != PTM_OK) fail_msg("%s", s.err.msg);
    has_text(&s, "a/d/l", "hello");
    has_text(&s, "folder/c", "hello");
}

/* --- what is refused --- */

static void test_pack_extract__paths(void **state)
{
    static const struct {
        const char *name, *shown, *why;
    } cases[] = {
        {"/etc/passwd", "\"/etc/passwd\"", "absolute"},
        {"//x", "\"//x\"", "absolute"},
        {"../x", "\"../x\"", "\"..\""},
        {"..", "\"..\"", "\"..\""},
        {"../", "\"..\"", "\"..\""},
        {"a/../../x", "\"a/../../x\"", "\"..\""},
        {"a/..", "\"a/..\"", "\"..\""},
        {"a/../b", "\"a/../b\"", "\"..\""},
        {"./a", "\"./a\"", "\".\""},
        {"a//b", "\"a//b\"", "empty"},
        {"a\\b", "\"a\\b\"", "backslash"},
        {"..\\x", "\"..\\x\"", "backslash"},
        {"C:/x", "\"C:/x\"", "drive letter"},
        {"c:x", "\"c:x\"", "drive letter"},
        {"a/D:/x", "\"a/D:/x\"", "drive letter"},
        {"a\nb", "\"a?b\"", "control"},
        {"a\x1b[0m", "\"a?[0m\"", "control"},
        {"a\x7f", "\"a?\"", "control"},
        {".git/config", "\".git/config\"", "git"},
        {"a/.GIT/hooks/x", "\"a/.GIT/hooks/x\"", "git"},
        {"a/git~1/x", "\"a/git~1/x\"", "git"},
        {"a/.git./x", "\"a/.git./x\"", "git"},
        {"a/.g\xe2\x80\x8cit/x", "it/x\"", "git"},
        {"caf\xe9", "\"caf?\"", "UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int first = 0; first < 2; first++) {
            SCENE(s);
            if (!first) put(&s, "good", "hello");
            put(&s, cases[i].name, "hello");
            refused(&s, PTM_EUNSAFE, cases[i].shown, cases[i].why);
        }
    }
}

static void test_pack_extract__a_nul_in_a_name(void **state)
{
    (void)state;
    SCENE(s);
    zip_add(&s.zip, &(struct zip_spec){.name = "a\0/../../x", .name_len = 10});
    refused(&s, PTM_EUNSAFE, "\"a\"", "NUL");
}

static void test_pack_extract__clashes(void **state)
{
    static const struct {
        const char *one, *two, *name, *why;
    } cases[] = {
        {"a", "a", "\"a\"", "twice"},
        {"a/b", "a/B", "\"a/b\"", "letter case"},
        {"a/b", "A/c", "\"a\"", "letter case"},
        {"a/b/", "A/", "\"a\"", "letter case"},
        {"Ä", "ä", "\"ä\"", "letter case"},
        {"a", "a/b", "\"a\"", "no folder"},
        {"a/b/c", "a/b", "\"a/b\"", "no folder"},
        {"a", "a/", "\"a\"", "no folder"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SCENE(s);
        put(&s, cases[i].one, "");
        put(&s, "between", "hello");
        put(&s, cases[i].two, "");
        refused(&s, PTM_EUNSAFE, cases[i].name, cases[i].why);
    }
}

static void test_pack_extract__links_out(void **state)
{
    static const char *const targets[] = {
        "/etc/passwd", "..",      "../x",    "../../x", "d/../..", "d/../../x",
        "../../../",   "l/../..", "no/../x", "",        "a\nb",    "./d/./../.././x"};
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        SCENE(s);
        zip_add(&s.zip, &(struct zip_spec){.name = "d/"});
        put_link(&s, "l", "d");
        put_link(&s, "out", targets[i]);
        ptm_rc rc = unpack(&s);
        if (rc != PTM_EUNSAFE || !strstr(s.err.msg, "\"out\"") || !strstr(s.err.msg, "link"))
            fail_msg("\"%s\": %d %s", targets[i], rc, s.err.msg);
        assert_int_equal(unit_entries(s.what.dest), 1); /* the folder: links come last */
    }
}

static void test_pack_extract__a_file_below_a_link(void **state)
{
    (void)state;
    SCENE(s);
    put_link(&s, "l", "/tmp");
    put(&s, "l/x", "hello");
    refused(&s, PTM_EUNSAFE, "\"l\"", "lie below it");
}

static void test_pack_extract__a_link_through_another(void **state)
{
    (void)state;
    SCENE(s);
    zip_add(&s.zip, &(struct zip_spec){.name = "x/y/"});
    put_link(&s, "x/y/up", "../..");
    put_link(&s, "out", "x/y/up/../../etc");
    ptm_rc rc = unpack(&s);
    assert_int_equal(rc, PTM_EUNSAFE);
    assert_non_null(strstr(s.err.msg, "\"out\" is a link that may lead out"));
}

static void test_pack_extract__special_files(void **state)
{
    static const mode_t types[] = {S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        SCENE(s);
        zip_add(&s.zip, &(struct zip_spec){.name = "dev", .mode = types[i] | 0666});
        refused(&s, PTM_EUNSAFE, "\"dev\"", "device");
    }
    SCENE(s);
    zip_add(&s.zip, &(struct zip_spec){.name = "dir", .mode = S_IFDIR | 0755});
    refused(&s, PTM_EUNSAFE, "\"dir\"", "by its name or mode");
    SCENE(t);
    zip_add(&t.zip, &(struct zip_spec){.name = "file/", .mode = S_IFREG | 0644});
    refused(&t, PTM_EUNSAFE, "\"file\"", "by its name or mode");
}

static void test_pack_extract__encrypted(void **state)
{
    (void)state;
    SCENE(s);
    zip_add(&s.zip, &(struct zip_spec){.name = "secret", .data = "hello", .len = 5, .flags = 1});
    refused(&s, PTM_EUNSAFE, "\"secret\"", "encrypted");
    SCENE(t);
    zip_add(&t.zip,
            &(struct zip_spec){.name = "secret", .data = "hello", .len = 5, .local_flags = 1});
    refused(&t, PTM_EUNSAFE, "\"secret\"", "its own header");
}

static void test_pack_extract__another_name_in_the_local_header(void **state)
{
    (void)state;
    SCENE(s);
    zip_add(&s.zip, &(struct zip_spec){.name = "aa", .local_name = "..", .data = "x", .len = 1});
    refused(&s, PTM_EUNSAFE, "\"aa\"", "another name");
    SCENE(t);
    zip_add(&t.zip, &(struct zip_spec){.name = "aa", .local_name = "a/", .data = "x", .len = 1});
    refused(&t, PTM_EUNSAFE, "\"aa\"", "another name");
}

static void test_pack_extract__one_root(void **state)
{
    (void)state;
    static const char *const others[] = {"other/x", "roo/x", "root2/x", "x"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        SCENE(s);
        zip_add(&s.zip, &(struct zip_spec){.name = "root/"});
        put(&s, "root/x", "hello");
        put(&s, others[i], "hello");
        s.what.one_root = true;
        refused(&s, PTM_EUNSAFE, others[i], "one folder");
    }
    SCENE(t);
    put(&t, "file", "hello");
    t.what.one_root = true;
    refused(&t, PTM_EUNSAFE, "\"file\"", "one folder");
}

/* --- limits --- */

static void test_pack_extract__declared_sizes(void **state)
{
    (void)state;
    SCENE(s);
    put(&s, "small", "hello");
    zip_add(&s.zip, &(struct zip_spec){.name = "zeros",
                                       .data = "hello",
                                       .len = 5,
                                       .zip64 = true,
                                       .central_size = (int64_t)10 << 30});
    refused(&s, PTM_ELIMIT, "\"zeros\"", "allowed");
    SCENE(t);
    put(&t, "one", "hello");
    put(&t, "two", "hello");
    t.what.max_bytes = 9;
    refused(&t, PTM_ELIMIT, "\"two\"", "9 allowed");
    SCENE(u);
    put(&u, "one", "hello");
    put(&u, "two", "hello");
    u.what.max_bytes = 10;
    assert_int_equal(unpack(&u), PTM_OK);
}

static void test_pack_extract__sizes_that_lie(void **state)
{
    static const char zeros[1 << 20];
    (void)state;
    for (int deflate = 0; deflate < 2; deflate++) {
        SCENE(s);
        zip_add(&s.zip, &(struct zip_spec){.name = "bomb",
                                           .data = zeros,
                                           .len = sizeof zeros,
                                           .deflate = deflate,
                                           .central_size = 1000 - (int64_t)sizeof zeros});
        ptm_rc rc = unpack(&s);
        if ((rc != PTM_EUNSAFE && rc != PTM_EFORMAT) || !strstr(s.err.msg, "\"bomb\""))
            fail_msg("%d %s", rc, s.err.msg);
        assert_in_range(look(&s, "bomb").st_size, 0, 1000);
    }
    SCENE(t);
    zip_add(&t.zip,
            &(struct zip_spec){
                .name = "short", .data = "hello", .len = 5, .deflate = true, .central_size = 5});
    assert_int_equal(unpack(&t), PTM_EFORMAT);
    assert_non_null(strstr(t.err.msg, "\"short\""));
}

static void test_pack_extract__shared_bytes(void **state)
{
    (void)state;
    SCENE(s);
    put(&s, "one", "hello");
    size_t second = s.zip.len;
    zip_add(&s.zip,
            &(struct zip_spec){
                .name = "two", .data = "hello", .len = 5, .central_offset = -(int64_t)second});
    refused(&s, PTM_EUNSAFE, "", "shares its bytes");
}

static void test_pack_extract__entries(void **state)
{
    (void)state;
    SCENE(s);
    put(&s, "one", "");
    put(&s, "two", "");
    s.what.max_entries = 1;
    refused(&s, PTM_ELIMIT, "", "more than the 1 entries");
    SCENE(t);
    put(&t, "one", "");
    put(&t, "two", "");
    t.what.max_entries = 1;
    zip_end(&t.zip, &(struct zip_end){.count = -1});
    assert_int_equal(unpack_ended(&t), PTM_ELIMIT);
}

static void test_pack_extract__free_disk(void **state)
{
    struct statvfs disk;
    (void)state;
    SCENE(s);
    put(&s, "one", "hello");
    assert_int_equal(statvfs(s.tmp.path, &disk), 0);
    s.what.keep_free = (int64_t)disk.f_blocks * (int64_t)disk.f_frsize;
    refused(&s, PTM_ENOSPC, "", "must stay so");
}

/* --- damage, interruption --- */

static void test_pack_extract__damage(void **state)
{
    (void)state;
    SCENE(s);
    zip_add(&s.zip,
            &(struct zip_spec){
                .name = "bad", .data = "hello", .len = 5, .central_crc = 1, .local_crc = 1});
    assert_int_equal(unpack(&s), PTM_EFORMAT);
    assert_non_null(strstr(s.err.msg, "\"bad\""));
    SCENE(t);
    zip_raw(&t.zip, "<html>no zip archive at all</html>", 34);
    assert_int_equal(unpack_ended(&t), PTM_EFORMAT);
    SCENE(u);
    assert_int_equal(unpack(&u), PTM_EFORMAT);
    assert_non_null(strstr(u.err.msg, "nothing"));
    SCENE(v);
    zip_raw(&v.zip, "#!/bin/sh\n", 10);
    put(&v, "a", "hello");
    assert_int_equal(unpack(&v), PTM_EFORMAT);
    assert_non_null(strstr(v.err.msg, "before its first entry"));
}

/* Cut anywhere, or with a byte changed anywhere, it is refused or unpacked, and never elsewhere. */
static void test_pack_extract__every_cut(void **state)
{
    (void)state;
    struct zip_build zip = {0};
    zip_add(&zip, &(struct zip_spec){.name = "a/b", .data = "hello", .len = 5, .deflate = true});
    zip_add(&zip, &(struct zip_spec){.name = "c", .data = "a/b", .len = 3, .mode = LINK_MODE});
    zip_end(&zip, &(struct zip_end){.zip64 = true, .comment = COMMIT});
    for (size_t cut = 0; cut < zip.len; cut++) {
        for (int flip = 0; flip < 2; flip++) {
            SCENE(s);
            zip_raw(&s.zip, zip.data, flip ? zip.len : cut);
            if (flip) s.zip.data[cut] ^= 0xff;
            ptm_rc rc = unpack_ended(&s);
            if (!flip) assert_int_equal(rc, PTM_EFORMAT);
            if (rc != PTM_OK) assert_true(s.err.msg[0] != '\0');
        }
    }
    zip_free(&zip);
}

static void test_pack_extract__interrupted(void **state)
{
    ptm_ctx *ctx = NULL;
    (void)state;
    SCENE(s);
    put(&s, "one", "hello");
    assert_int_equal(unpack(&s), PTM_OK);
    assert_int_equal(unlink(unit_path(s.what.dest, "one")), 0);
    assert_int_equal(ptm_ctx_new(NULL, &ctx, NULL), PTM_OK);
    ptm_ctx_cancel(ctx, 1);
    assert_int_equal(ptmi_extract_zip(ctx, &s.what, &s.out, &s.err), PTM_ECANCELED);
    ptm_ctx_free(ctx);
    assert_int_equal(unit_entries(s.what.dest), 0);
}

/* A link that stands in the folder already is neither followed nor replaced. */
static void test_pack_extract__what_is_there_is_not_followed(void **state)
{
    (void)state;
    SCENE(s);
    put(&s, "x/y", "hello");
    assert_int_equal(unpack(&s), PTM_OK);
    assert_int_equal(ptmi_extract_zip(NULL, &s.what, &s.out, &s.err), PTM_EEXIST);
    assert_int_equal(unlink(unit_path(s.what.dest, "x/y")), 0);
    assert_int_equal(rmdir(unit_path(s.what.dest, "x")), 0);
    assert_int_equal(symlink("..", unit_path(s.what.dest, "x")), 0);
    assert_true(ptmi_extract_zip(NULL, &s.what, &s.out, &s.err) < 0);
    assert_int_equal(unit_entries(s.tmp.path), 2);
}

static ptm_rc no_more(void *arg, const char *path, int64_t size, const char sha256[65],
                      struct ptm_err *err)
{
    (void)arg, (void)path, (void)size;
    assert_string_equal(sha256, SHA_OF_HELLO);
    return ptm_err_set(err, PTM_EBUSY, "no more");
}

static void test_pack_extract__the_caller_may_stop_it(void **state)
{
    (void)state;
    SCENE(s);
    put(&s, "one", "hello");
    put(&s, "two", "hello");
    s.what.on_file = no_more;
    assert_int_equal(unpack(&s), PTM_EBUSY);
    assert_int_equal(unit_entries(s.what.dest), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack_extract__an_archive_of_github),
        cmocka_unit_test(test_pack_extract__names_in_any_language),
        cmocka_unit_test(test_pack_extract__descriptors_and_zip64),
        cmocka_unit_test(test_pack_extract__a_link_up_from_real_folders),
        cmocka_unit_test(test_pack_extract__paths),
        cmocka_unit_test(test_pack_extract__a_nul_in_a_name),
        cmocka_unit_test(test_pack_extract__clashes),
        cmocka_unit_test(test_pack_extract__links_out),
        cmocka_unit_test(test_pack_extract__a_file_below_a_link),
        cmocka_unit_test(test_pack_extract__a_link_through_another),
        cmocka_unit_test(test_pack_extract__special_files),
        cmocka_unit_test(test_pack_extract__encrypted),
        cmocka_unit_test(test_pack_extract__another_name_in_the_local_header),
        cmocka_unit_test(test_pack_extract__one_root),
        cmocka_unit_test(test_pack_extract__declared_sizes),
        cmocka_unit_test(test_pack_extract__sizes_that_lie),
        cmocka_unit_test(test_pack_extract__shared_bytes),
        cmocka_unit_test(test_pack_extract__entries),
        cmocka_unit_test(test_pack_extract__free_disk),
        cmocka_unit_test(test_pack_extract__damage),
        cmocka_unit_test(test_pack_extract__every_cut),
        cmocka_unit_test(test_pack_extract__interrupted),
        cmocka_unit_test(test_pack_extract__what_is_there_is_not_followed),
        cmocka_unit_test(test_pack_extract__the_caller_may_stop_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
