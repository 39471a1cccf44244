/* SPDX-License-Identifier: MIT */
/*
 * store_slot.c - one writer an object among all threads and processes, and a part that outlives it,
 * so that a killed transfer is resumed by whoever comes next.
 */
#include <ptm/store.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/str.h"
#include "store_priv.h"

struct ptm_store_slot {
    ptm_store *store;
    ptmi_lock *lock;
    char *part;
    char oid[OID_HEX + 1];
};

PTM_DEFINE_CLEANUP(close_slot, ptm_store_slot *, ptm_store_slot_close)

char *ptmi_store_lock_path(const ptm_store *store, const char *oid)
{
    return ptmi_str_printf("%s/" LOCK_PREFIX "%s.lock", store->locks, oid);
}

/*
 * A kill in the middle of publishing leaves the part read-only: it must be open to the next try.
 * One with a second name was published, and its object removed since: writing to it would write
 * into work trees that share its bytes.
 */
static void make_resumable(const char *part)
{
    struct stat st;
    if (lstat(part, &st) != 0) return;
    if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
        (void)unlink(part);
    else if (!(st.st_mode & S_IWUSR))
        (void)chmod(part, (st.st_mode & 0777) | S_IWUSR);
}

static ptm_rc new_slot(ptm_store *store, const char *oid, ptm_store_slot **out, struct ptm_err *err)
{
    PTM_AUTO(close_slot) ptm_store_slot *slot = calloc(1, sizeof *slot);
    if (!slot) return ptm_err_set(err, PTM_ENOMEM, "object %s: out of memory", oid);
    slot->store = store;
    memcpy(slot->oid, oid, sizeof slot->oid);
    slot->part = ptmi_str_printf("%s/%s" PART_SUFFIX, store->tmp, oid);
    if (!slot->part) return ptm_err_set(err, PTM_ENOMEM, "object %s: out of memory", oid);
    PTM_AUTO(ptmi_freep) char *lock = ptmi_store_lock_path(store, oid);
    if (!lock) return ptm_err_set(err, PTM_ENOMEM, "object %s: out of memory", oid);
    PTM_TRY(ptmi_lock_take(store->ctx, lock, &slot->lock, err));
    *out = ptm_steal(&slot);
    return PTM_OK;
}

ptm_rc ptm_store_slot_open(ptm_store *store, const char *oid, ptm_store_slot **out,
                           bool *out_present, struct ptm_err *err)
{
    if (!ptmi_store_is_oid(oid))
        return ptm_err_set(err, PTM_EINVAL, "%s: not an object's name (64 lower-case hex digits)",
                           oid ? oid : "(none)");
    PTM_AUTO(close_slot) ptm_store_slot *slot = NULL;
    bool present = ptm_store_has(store, oid, NULL);
    if (!present) {
        PTM_TRY(new_slot(store, oid, &slot, err));
        present = ptm_store_has(store, oid, NULL); /* who held it before us may have brought it */
    }
    if (!present) make_resumable(slot->part);
    *out = present ? NULL : ptm_steal(&slot);
    *out_present = present;
    return PTM_OK;
}

const char *ptm_store_slot_part(const ptm_store_slot *slot)
{
    return slot->part;
}

ptm_rc ptm_store_slot_commit(ptm_store_slot *slot, int64_t size, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int fd = open(slot->part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", slot->part);
    struct stat st;
    if (fstat(fd, &st) != 0) return ptm_err_sys(err, errno, "%s: cannot look at it", slot->part);
    if (!S_ISREG(st.st_mode))
        return ptm_err_set(err, PTM_ECORRUPT, "%s: not a regular file", slot->part);
    if (size >= 0 && st.st_size != size)
        return ptm_err_set(err, PTM_ESIZE, "%s: %" PRId64 " bytes, not %" PRId64 " as expected",
                           slot->part, (int64_t)st.st_size, size);
    return ptmi_store_publish(slot->store, fd, slot->part, slot->oid, err);
}

void ptm_store_slot_close(ptm_store_slot *slot)
{
    if (!slot) return;
    struct stat st;
    /* Only while we hold the lock is the part ours to remove. */
    if (slot->lock && slot->part && lstat(slot->part, &st) == 0 &&
        (st.st_size == 0 || ptm_store_has(slot->store, slot->oid, NULL)))
        (void)unlink(slot->part);
    ptmi_lock_remove(slot->lock);
    free(slot->part);
    free(slot);
}
