/* SPDX-License-Identifier: MIT */
/* test_store_link.c - objects in work trees: reflinks, hard links, copies, and which of them when.
 */
#include "unit_store.h"

/* Every link() fails with this (linked with --wrap); 0: as it is. */
static int refuse_links;
int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to)
{
    if (!refuse_links) return __real_link(from, to);
    errno = refuse_links;
    return -1;
}

/* A file system without reflinks, so that the tests see the same everywhere; the real ones are for
 * the XFS test. */
static bool allow_reflinks;
bool __real_ptmi_fs_reflink(int fd_src, int fd_dst);
bool __wrap_ptmi_fs_reflink(int fd_src, int fd_dst);
bool __wrap_ptmi_fs_reflink(int fd_src, int fd_dst)
{
    if (allow_reflinks) return __real_ptmi_fs_reflink(fd_src, fd_dst);
    errno = EOPNOTSUPP;
    return false;
}

/* A store with "content" in it, and the folder for work trees. */
struct fixture {
    struct unit_tmp tmp;
    ptm_store *store;
    struct unit_oid oid;
    char dest[256];
};

static struct fixture set_up(void)
{
    struct fixture fix = {.tmp = unit_tmp_make(), .oid = unit_oid_of("content")};
    fix.store = unit_store(fix.tmp.path);
    assert_int_equal(unit_put(fix.store, "content", NULL, NULL), PTM_OK);
    snprintf(fix.dest, sizeof fix.dest, "%s/model.bin", fix.tmp.path);
    return fix;
}

static void tear_down(struct fixture *fix)
{
    assert_int_equal(unit_entries(unit_path(fix->tmp.path, ".ptm/tmp")), 0);
    assert_int_equal(ptm_store_verify(fix->store, fix->oid.hex, NULL), PTM_OK);
    ptm_store_close(fix->store);
    unit_tmp_remove(&fix->tmp);
}

static ptm_linked link_it(struct fixture *fix, ptm_link_mode mode, bool executable)
{
    ptm_linked how = 0;
    struct ptm_err err = {0};
    ptm_rc rc = ptm_store_link(fix->store, fix->oid.hex, fix->dest, mode, executable, &how, &err);
    if (rc != PTM_OK) fail_msg("%s", err.msg);
    PTM_AUTO(ptmi_freep) char *text = unit_read(fix->dest);
    assert_string_equal(text, "content");
    assert_int_equal(unit_stat(fix->dest).st_mtim.tv_sec, 946684800);
    return how;
}

static void test_store_link__auto_is_a_read_only_hard_link(void **state)
{
    (void)state;
    struct fixture fix = set_up();
    assert_int_equal(link_it(&fix, PTM_LINK_AUTO, false), PTM_LINKED_HARD);
    struct stat object = unit_object_stat(fix.store, fix.oid.hex), dest = unit_stat(fix.dest);
    assert_int_equal(object.st_ino, dest.st_ino);
    assert_int_equal(dest.st_mode & 0777, 0444);
    assert_int_equal(dest.st_nlink, 2);
    /* Once more changes nothing. */
    assert_int_equal(link_it(&fix, PTM_LINK_AUTO, false), PTM_LINKED_HARD);
    assert_int_equal(unit_stat(fix.dest).st_nlink, 2);
    tear_down(&fix);
}

static void test_store_link__replaces_a_regular_file(void **state)
{
    (void)state;
    static const ptm_link_mode modes[] = {PTM_LINK_AUTO, PTM_LINK_COPY};
    for (int i = 0; i < 2; i++) {
        struct fixture fix = set_up();
        unit_write(fix.dest, "version https://git-lfs.github.com/spec/v1");
        assert_int_equal(link_it(&fix, modes[i], false), i ? PTM_LINKED_COPY : PTM_LINKED_HARD);
        assert_int_equal(unit_entries(fix.tmp.path),
                         2); /* .ptm and the file: nothing strange beside it */
        tear_down(&fix);
    }
}

static void test_store_link__copy_is_a_writable_file_of_its_own(void **state)
{
    (void)state;
    struct fixture fix = set_up();
    mode_t before = umask(022);
    assert_int_equal(link_it(&fix, PTM_LINK_COPY, false), PTM_LINKED_COPY);
    assert_int_equal(unit_stat(fix.dest).st_mode & 0777, 0644);
    /* Also where a hard link was: it must come apart from the object. */
    assert_int_equal(unlink(fix.dest), 0);
    assert_int_equal(link_it(&fix, PTM_LINK_AUTO, false), PTM_LINKED_HARD);
    assert_int_equal(link_it(&fix, PTM_LINK_COPY, false), PTM_LINKED_COPY);
    assert_int_equal(unit_stat(fix.dest).st_nlink, 1);
    unit_write(fix.dest, "edited");
    umask(before);
    tear_down(&fix); /* the object is still whole */
}

static void test_store_link__executable_is_a_copy_with_its_mode(void **state)
{
    (void)state;
    struct fixture fix = set_up();
    mode_t before = umask(022);
    assert_int_equal(link_it(&fix, PTM_LINK_AUTO, true), PTM_LINKED_COPY);
    assert_int_equal(unit_stat(fix.dest).st_mode & 0777, 0755);
    umask(027);
    assert_int_equal(link_it(&fix, PTM_LINK_COPY, true), PTM_LINKED_COPY);
    assert_int_equal(unit_stat(fix.dest).st_mode & 0777, 0750);
    umask(before);
    assert_int_equal(unit_object_stat(fix.store, fix.oid.hex).st_mode & 0111, 0);
    tear_down(&fix);
}

static void test_store_link__copies_where_no_link_can_be(void **state)
{
    (void)state;
    static const int refusals[] = {EMLINK, EXDEV, EPERM, EOPNOTSUPP, ENOSYS};
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct fixture fix = set_up();
        refuse_links = refusals[i];
        assert_int_equal(link_it(&fix, PTM_LINK_AUTO, false), PTM_LINKED_COPY);
        assert_int_equal(link_it(&fix, PTM_LINK_AUTO, false),
                         PTM_LINKED_COPY); /* over what is there */
        refuse_links = 0;
        assert_int_equal(unit_stat(fix.dest).st_nlink, 1);
        tear_down(&fix);
    }
}

static void test_store_link__leaves_links_and_folders_alone(void **state)
{
    (void)state;
    struct fixture fix = set_up();
    struct ptm_err err = {0};
    unit_write(unit_path(fix.tmp.path, "victim"), "mine");
    assert_int_equal(symlink("victim", fix.dest), 0);
    assert_int_equal(
        ptm_store_link(fix.store, fix.oid.hex, fix.dest, PTM_LINK_AUTO, false, NULL, &err),
        PTM_EEXIST);
    assert_non_null(strstr(err.msg, fix.dest));
    assert_int_equal(unlink(fix.dest), 0);
    assert_int_equal(mkdir(fix.dest, 0755), 0);
    assert_int_equal(
        ptm_store_link(fix.store, fix.oid.hex, fix.dest, PTM_LINK_COPY, false, NULL, &err),
        PTM_EEXIST);
    PTM_AUTO(ptmi_freep) char *text = unit_read(unit_path(fix.tmp.path, "victim"));
    assert_string_equal(text, "mine");
    tear_down(&fix);
}

static void test_store_link__names_what_is_missing(void **state)
{
    (void)state;
    struct fixture fix = set_up();
    struct ptm_err err = {0};
    struct unit_oid none = unit_oid_of("none");
    assert_int_equal(
        ptm_store_link(fix.store, none.hex, fix.dest, PTM_LINK_AUTO, false, NULL, &err),
        PTM_ENOENT);
    assert_non_null(strstr(err.msg, none.hex));
    static const ptm_link_mode modes[] = {PTM_LINK_AUTO, PTM_LINK_COPY};
    for (int i = 0; i < 2; i++) {
        const char *dest = unit_path(fix.tmp.path, "no/folder/x");
        assert_int_equal(ptm_store_link(fix.store, fix.oid.hex, dest, modes[i], false, NULL, &err),
                         PTM_ENOENT);
        assert_non_null(strstr(err.msg, dest));
    }
    tear_down(&fix);
}

/* What a kill between link and rename leaves is swept by the next open; what another is about to
 * rename is not. */
static void test_store_link__second_names_of_the_dead_are_swept(void **state)
{
    (void)state;
    struct fixture fix = set_up();
    PTM_AUTO(ptmi_freep) char *object = NULL;
    assert_int_equal(ptm_store_path(fix.store, fix.oid.hex, &object, NULL), PTM_OK);
    assert_int_equal(link(object, unit_path(fix.tmp.path, ".ptm/tmp/put-1-0000.link")), 0);
    unit_write(unit_path(fix.tmp.path, ".ptm/tmp/put-2-0000"), "");
    assert_int_equal(link(object, unit_path(fix.tmp.path, ".ptm/tmp/put-2-0000.link")), 0);
    for (int i = 0; i < 2; i++) ptm_store_close(unit_store(fix.tmp.path));
    assert_int_equal(unit_object_stat(fix.store, fix.oid.hex).st_nlink, 1);
    tear_down(&fix);
}

static int link_to_other_device(void *arg)
{
    struct fixture *fix = arg;
    char other[128];
    snprintf(other, sizeof other, "%s/other", fix->tmp.path);
    if (!unit_own_mounts()) return UNIT_SKIP;
    if (mkdir(other, 0755) != 0 || mount("tmpfs", other, "tmpfs", 0, "size=64k") != 0)
        return UNIT_SKIP;
    static const ptm_link_mode modes[] = {PTM_LINK_AUTO, PTM_LINK_COPY};
    const char *dest = unit_path(other, "model.bin");
    for (int i = 0; i < 4; i++) {
        ptm_linked how = 0;
        UNIT_CHECK(ptm_store_link(fix->store, fix->oid.hex, dest, modes[i / 2], i % 2, &how,
                                  NULL) == PTM_OK);
        UNIT_CHECK(how == PTM_LINKED_COPY && unit_entries(other) == 1);
        struct stat st = unit_stat(dest);
        UNIT_CHECK(st.st_size == 7 && st.st_mtim.tv_sec == 946684800 &&
                   !(st.st_mode & 0100) == !(i % 2));
    }
    size_t len = 100000;
    PTM_AUTO(ptmi_freep) char *big = malloc(len + 1);
    memset(big, 'x', len);
    big[len] = '\0';
    struct ptm_err err = {0};
    UNIT_CHECK(unit_put(fix->store, big, NULL, &err) == PTM_OK);
    UNIT_CHECK(ptm_store_link(fix->store, unit_oid_of(big).hex, dest, PTM_LINK_AUTO, false, NULL,
                              &err) == PTM_ENOSPC);
    UNIT_CHECK(strstr(err.msg, dest) && unit_entries(other) == 1);
    return 0;
}

static void test_store_link__other_device_gets_a_copy(void **state)
{
    (void)state;
    struct fixture fix = set_up();
    int status = unit_in_child(link_to_other_device, &fix);
    tear_down(&fix);
    if (status == UNIT_SKIP) UNIT_SKIP_TEST("may not mount a tmpfs here");
    assert_int_equal(status, 0);
}

/* Links the object most times and once more; errno of the one that was refused, or 0. */
static int exhaust_links(struct fixture *fix, long most)
{
    PTM_AUTO(ptmi_freep) char *object = NULL;
    assert_int_equal(ptm_store_path(fix->store, fix->oid.hex, &object, NULL), PTM_OK);
    assert_int_equal(mkdir(unit_path(fix->tmp.path, "many"), 0755), 0);
    PTM_AUTO(ptmi_closep) int many = open(unit_path(fix->tmp.path, "many"), O_RDONLY | O_DIRECTORY);
    for (long i = 0; i <= most; i++) {
        char name[32];
        snprintf(name, sizeof name, "%ld", i);
        if (linkat(AT_FDCWD, object, many, name, 0) != 0) return errno;
    }
    return 0;
}

/* Exhausts the links of one inode for real, where the file system has the 65,000 of ext4. */
static void test_store_link__ext4_limit_of_links_is_met(void **state)
{
    (void)state;
    struct fixture fix = set_up();
    long most = pathconf(fix.tmp.path, _PC_LINK_MAX);
    if (most < 1 || most > 70000) {
        tear_down(&fix);
        UNIT_SKIP_TEST("the file system under /tmp has no small limit of links (ext4 has)");
    }
    int refused = exhaust_links(&fix, most);
    if (refused == 0) { /* as on tmpfs: the C library guesses what it does not know */
        tear_down(&fix);
        UNIT_SKIP_TEST("the file system under /tmp takes more links than pathconf() says");
    }
    assert_int_equal(refused, EMLINK);
    assert_int_equal(link_it(&fix, PTM_LINK_AUTO, false), PTM_LINKED_COPY);
    tear_down(&fix);
}

static int link_on_xfs(void *arg)
{
    const char *folder = arg;
    char script[512];
    if (!unit_own_mounts()) return UNIT_SKIP;
    snprintf(script, sizeof script,
             "cd '%s' && mkdir mnt && truncate -s 320M image && PATH=$PATH:/usr/sbin:/sbin && "
             "mkfs.xfs -q -m reflink=1 image && mount -o loop image mnt",
             folder);
    if (system(script) != 0) return UNIT_SKIP;
    allow_reflinks = true;
    char root[128];
    snprintf(root, sizeof root, "%s/mnt", folder);
    PTM_AUTO(unit_store_closep) ptm_store *store = unit_store(root);
    size_t len = 4 << 20;
    PTM_AUTO(ptmi_freep) char *big = malloc(len + 1);
    memset(big, 'x', len);
    big[len] = '\0';
    struct unit_oid oid = unit_oid_of(big);
    UNIT_CHECK(unit_put(store, big, NULL, NULL) == PTM_OK);
    int64_t before = 0, after = 0;
    UNIT_CHECK(ptmi_fs_free_bytes(root, &before, NULL) == PTM_OK);
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "mnt/copy-%d", i);
        const char *dest = unit_path(folder, name);
        ptm_linked how = 0;
        struct ptm_err err = {0};
        ptm_rc rc = ptm_store_link(store, oid.hex, dest, i < 10 ? PTM_LINK_AUTO : PTM_LINK_COPY,
                                   i % 2, &how, &err);
        if (rc != PTM_OK) fprintf(stderr, "%s\n", err.msg);
        UNIT_CHECK(rc == PTM_OK && how == PTM_LINKED_REFLINK);
        struct stat st = unit_stat(dest);
        UNIT_CHECK(st.st_nlink == 1 && st.st_size == (off_t)len && st.st_mtim.tv_sec == 946684800);
        UNIT_CHECK((st.st_mode & 0300) == (i % 2 ? 0300 : 0200));
        PTM_AUTO(ptmi_freep) char *text = unit_read(dest);
        UNIT_CHECK(!strcmp(text, big));
    }
    UNIT_CHECK(ptmi_fs_free_bytes(root, &after, NULL) == PTM_OK);
    UNIT_CHECK(before - after < (int64_t)len); /* twenty copies, and not the room of one */
    unit_write(unit_path(root, "copy-0"), "edited");
    UNIT_CHECK(ptm_store_verify(store, oid.hex, NULL) == PTM_OK);
    return 0;
}

static void test_store_link__reflinks_on_xfs(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    int status = unit_in_child(link_on_xfs, tmp.path);
    if (status == UNIT_SKIP)
        UNIT_SKIP_TEST_IN(tmp, "no mkfs.xfs, or may not mount a loop device here");
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_link__auto_is_a_read_only_hard_link),
        cmocka_unit_test(test_store_link__replaces_a_regular_file),
        cmocka_unit_test(test_store_link__copy_is_a_writable_file_of_its_own),
        cmocka_unit_test(test_store_link__executable_is_a_copy_with_its_mode),
        cmocka_unit_test(test_store_link__copies_where_no_link_can_be),
        cmocka_unit_test(test_store_link__leaves_links_and_folders_alone),
        cmocka_unit_test(test_store_link__names_what_is_missing),
        cmocka_unit_test(test_store_link__second_names_of_the_dead_are_swept),
        cmocka_unit_test(test_store_link__other_device_gets_a_copy),
        cmocka_unit_test(test_store_link__ext4_limit_of_links_is_met),
        cmocka_unit_test(test_store_link__reflinks_on_xfs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
