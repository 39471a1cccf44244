/* SPDX-License-Identifier: MIT */
/*
 * git2_lazy.h - libgit2, loaded when the first repository is opened: it brings fifteen libraries
 * along (Kerberos, a second TLS, SSH ..).
 */
#pragma once

#include <git2.h>

#include "../base/lazy.h"

/* Before any other call; base/lazy.h says the rest. */
PTM_MUST_USE ptm_rc ptmi_git2_load(struct ptm_err *err);

#ifdef PTM_LAZY_GIT2
/* clang-format off */
#define PTMI_GIT2_CALLS(X)                                                                      \
    X(git_blob_free) X(git_blob_lookup) X(git_blob_rawcontent) X(git_blob_rawsize)              \
    X(git_commit_free) X(git_commit_lookup) X(git_commit_tree) X(git_error_last)                \
    X(git_index_add) X(git_index_free) X(git_index_get_bypath) X(git_index_write)               \
    X(git_libgit2_init) X(git_libgit2_opts) X(git_libgit2_version) X(git_object_free)           \
    X(git_object_id) X(git_object_lookup) X(git_object_peel) X(git_object_type) X(git_odb_free) \
    X(git_odb_object_data) X(git_odb_object_free) X(git_odb_object_size) X(git_odb_read)        \
    X(git_odb_read_header) X(git_oid_equal) X(git_oid_fromstr) X(git_oid_tostr)                 \
    X(git_reference_free) X(git_reference_iterator_free) X(git_reference_iterator_new)          \
    X(git_reference_lookup) X(git_reference_name_is_valid) X(git_reference_name_to_id)          \
    X(git_reference_next_name) X(git_reference_symbolic_target) X(git_reflog_entry_byindex)     \
    X(git_reflog_entry_id_new) X(git_reflog_entry_id_old) X(git_reflog_entrycount)              \
    X(git_reflog_free) X(git_reflog_read) X(git_repository_free) X(git_repository_index)        \
    X(git_repository_odb) X(git_repository_open_ext) X(git_revparse_single)                     \
    X(git_tree_entry_bypath) X(git_tree_entry_filemode) X(git_tree_entry_free)                  \
    X(git_tree_entry_id) X(git_tree_entry_name) X(git_tree_entry_type) X(git_tree_free)         \
    X(git_tree_walk)
/* clang-format on */
struct ptmi_git2 {
    PTMI_GIT2_CALLS(PTMI_LAZY_MEMBER)
};
extern struct ptmi_git2 ptmi_git2; /* filled once */
#define git_blob_free (*ptmi_git2.git_blob_free)
#define git_blob_lookup (*ptmi_git2.git_blob_lookup)
#define git_blob_rawcontent (*ptmi_git2.git_blob_rawcontent)
#define git_blob_rawsize (*ptmi_git2.git_blob_rawsize)
#define git_commit_free (*ptmi_git2.git_commit_free)
#define git_commit_lookup (*ptmi_git2.git_commit_lookup)
#define git_commit_tree (*ptmi_git2.git_commit_tree)
#define git_error_last (*ptmi_git2.git_error_last)
#define git_index_add (*ptmi_git2.git_index_add)
#define git_index_free (*ptmi_git2.git_index_free)
#define git_index_get_bypath (*ptmi_git2.git_index_get_bypath)
#define git_index_write (*ptmi_git2.git_index_write)
#define git_libgit2_init (*ptmi_git2.git_libgit2_init)
#define git_libgit2_opts (*ptmi_git2.git_libgit2_opts)
#define git_libgit2_version (*ptmi_git2.git_libgit2_version)
#define git_object_free (*ptmi_git2.git_object_free)
#define git_object_id (*ptmi_git2.git_object_id)
#define git_object_lookup (*ptmi_git2.git_object_lookup)
#define git_object_peel (*ptmi_git2.git_object_peel)
#define git_object_type (*ptmi_git2.git_object_type)
#define git_odb_free (*ptmi_git2.git_odb_free)
#define git_odb_object_data (*ptmi_git2.git_odb_object_data)
#define git_odb_object_free (*ptmi_git2.git_odb_object_free)
#define git_odb_object_size (*ptmi_git2.git_odb_object_size)
#define git_odb_read (*ptmi_git2.git_odb_read)
#define git_odb_read_header (*ptmi_git2.git_odb_read_header)
#define git_oid_equal (*ptmi_git2.git_oid_equal)
#define git_oid_fromstr (*ptmi_git2.git_oid_fromstr)
#define git_oid_tostr (*ptmi_git2.git_oid_tostr)
#define git_reference_free (*ptmi_git2.git_reference_free)
#define git_reference_iterator_free (*ptmi_git2.git_reference_iterator_free)
#define git_reference_iterator_new (*ptmi_git2.git_reference_iterator_new)
#define git_reference_lookup (*ptmi_git2.git_reference_lookup)
#define git_reference_name_is_valid (*ptmi_git2.git_reference_name_is_valid)
#define git_reference_name_to_id (*ptmi_git2.git_reference_name_to_id)
#define git_reference_next_name (*ptmi_git2.git_reference_next_name)
#define git_reference_symbolic_target (*ptmi_git2.git_reference_symbolic_target)
#define git_reflog_entry_byindex (*ptmi_git2.git_reflog_entry_byindex)
#define git_reflog_entry_id_new (*ptmi_git2.git_reflog_entry_id_new)
#define git_reflog_entry_id_old (*ptmi_git2.git_reflog_entry_id_old)
#define git_reflog_entrycount (*ptmi_git2.git_reflog_entrycount)
#define git_reflog_free (*ptmi_git2.git_reflog_free)
#define git_reflog_read (*ptmi_git2.git_reflog_read)
#define git_repository_free (*ptmi_git2.git_repository_free)
#define git_repository_index (*ptmi_git2.git_repository_index)
#define git_repository_odb (*ptmi_git2.git_repository_odb)
#define git_repository_open_ext (*ptmi_git2.git_repository_open_ext)
#define git_revparse_single (*ptmi_git2.git_revparse_single)
#define git_tree_entry_bypath (*ptmi_git2.git_tree_entry_bypath)
#define git_tree_entry_filemode (*ptmi_git2.git_tree_entry_filemode)
#define git_tree_entry_free (*ptmi_git2.git_tree_entry_free)
#define git_tree_entry_id (*ptmi_git2.git_tree_entry_id)
#define git_tree_entry_name (*ptmi_git2.git_tree_entry_name)
#define git_tree_entry_type (*ptmi_git2.git_tree_entry_type)
#define git_tree_free (*ptmi_git2.git_tree_free)
#define git_tree_walk (*ptmi_git2.git_tree_walk)
#endif
