/* SPDX-License-Identifier: MIT */
/* test_store_kill.c - kill -9 at random moments over puts, slots and links: whatever is visible is
 * whole, and the next run goes on. */
#include "unit_store.h"

#include <signal.h>
#include <time.h>

#define ROUNDS 40
#define OBJECTS 60

static const char *text_of(int i, char buf[32])
{
    snprintf(buf, 32, "object number %d", i);
    return buf;
}

static int fetch_into_slot(ptm_store *store, const char *oid, const char *text)
{
    PTM_AUTO(unit_slot_closep) ptm_store_slot *slot = NULL;
    bool present = false;
    UNIT_CHECK(ptm_store_slot_open(store, oid, &slot, &present, NULL) == PTM_OK);
    if (present) return 0;
    /* As a resumed transfer: go on after what is there. */
    FILE *part = fopen(ptm_store_slot_part(slot), "a");
    UNIT_CHECK(part);
    setvbuf(part, NULL, _IONBF, 0);
    long have = ftell(part);
    UNIT_CHECK(have >= 0 && (size_t)have <= strlen(text));
    for (const char *at = text + have; *at; at++) UNIT_CHECK(fputc(*at, part) != EOF);
    UNIT_CHECK(fclose(part) == 0);
    return ptm_store_slot_commit(slot, (int64_t)strlen(text), NULL) == PTM_OK ? 0 : 1;
}

/* One whole run: every object is brought in one of two ways, and linked out in one of three. */
static int harvest(void *arg)
{
    const char *root = arg;
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(root);
    UNIT_CHECK(store);
    for (int i = 0; i < OBJECTS; i++) {
        char buf[32], name[32];
        const char *text = text_of(i, buf);
        struct unit_oid oid = unit_oid_of(text);
        if (i % 2)
            UNIT_CHECK(fetch_into_slot(store, oid.hex, text) == 0);
        else
            UNIT_CHECK(unit_put(store, text, oid.hex, NULL) == PTM_OK);
        snprintf(name, sizeof name, "work/%d", i);
        struct ptm_err err = {0};
        UNIT_CHECK(ptm_store_link(store, oid.hex, unit_path(root, name),
                                  i % 3 ? PTM_LINK_AUTO : PTM_LINK_COPY, i % 5 == 0, NULL,
                                  &err) == PTM_OK);
    }
    return 0;
}

static ptm_rc verify_one(void *arg, const char *oid, int64_t size, struct ptm_err *err)
{
    (void)size;
    return ptm_store_verify(arg, oid, err);
}

/* Every object is whole, every file of the work tree is the right one, and nothing strange lies in
 * it. */
static void check_visible(ptm_store *store, const char *root)
{
    assert_int_equal(ptm_store_each(store, verify_one, store, NULL), PTM_OK);
    int files = 0;
    for (int i = 0; i < OBJECTS; i++) {
        char buf[32], name[32];
        snprintf(name, sizeof name, "work/%d", i);
        PTM_AUTO(ptmi_freep) char *text = unit_read(unit_path(root, name));
        if (!text) continue;
        assert_string_equal(text, text_of(i, buf));
        files++;
    }
    assert_int_equal(unit_entries(unit_path(root, "work")), files);
}

static void test_store_kill__at_any_moment_loses_and_shows_nothing_half(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    assert_int_equal(mkdir(unit_path(tmp.path, "work"), 0755), 0);
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < ROUNDS; round++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) _exit(harvest(tmp.path));
        usleep((useconds_t)(rand() % 6000));
        (void)kill(pid, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
        check_visible(store, tmp.path);
        assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/locks")), 0);
    }
    assert_int_equal(unit_in_child(harvest, tmp.path), 0);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(tmp.path);
    check_visible(store, tmp.path);
    assert_int_equal(unit_objects(store), OBJECTS);
    assert_int_equal(unit_entries(unit_path(tmp.path, "work")), OBJECTS);
    assert_int_equal(unit_entries(unit_path(tmp.path, ".ptm/tmp")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_kill__at_any_moment_loses_and_shows_nothing_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
