/* SPDX-License-Identifier: MIT */
/*
 * archive_lazy.h - libarchive, loaded when the first archive is read: it brings nine libraries
 * along, with libxml2 the tables of Unicode.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "../base/lazy.h"

/* Before any other call; base/lazy.h says the rest. */
PTM_MUST_USE ptm_rc ptmi_archive_load(struct ptm_err *err);

#ifdef PTM_LAZY_ARCHIVE
/* clang-format off */
#define PTMI_ARCHIVE_CALLS(X)                                                                 \
    X(archive_entry_filetype) X(archive_entry_hardlink) X(archive_entry_is_encrypted)         \
    X(archive_entry_symlink) X(archive_errno) X(archive_error_string) X(archive_filter_bytes) \
    X(archive_read_append_filter) X(archive_read_data) X(archive_read_data_block)             \
    X(archive_read_free) X(archive_read_new) X(archive_read_next_header) X(archive_read_open) \
    X(archive_read_open_fd) X(archive_read_open_memory) X(archive_read_set_options)           \
    X(archive_read_support_filter_gzip) X(archive_read_support_format_raw)                    \
    X(archive_read_support_format_zip_seekable)
/* clang-format on */
struct ptmi_archive {
    PTMI_ARCHIVE_CALLS(PTMI_LAZY_MEMBER)
};
extern struct ptmi_archive ptmi_archive; /* filled once */
#define archive_entry_filetype (*ptmi_archive.archive_entry_filetype)
#define archive_entry_hardlink (*ptmi_archive.archive_entry_hardlink)
#define archive_entry_is_encrypted (*ptmi_archive.archive_entry_is_encrypted)
#define archive_entry_symlink (*ptmi_archive.archive_entry_symlink)
#define archive_errno (*ptmi_archive.archive_errno)
#define archive_error_string (*ptmi_archive.archive_error_string)
#define archive_filter_bytes (*ptmi_archive.archive_filter_bytes)
#define archive_read_append_filter (*ptmi_archive.archive_read_append_filter)
#define archive_read_data (*ptmi_archive.archive_read_data)
#define archive_read_data_block (*ptmi_archive.archive_read_data_block)
#define archive_read_free (*ptmi_archive.archive_read_free)
#define archive_read_new (*ptmi_archive.archive_read_new)
#define archive_read_next_header (*ptmi_archive.archive_read_next_header)
#define archive_read_open (*ptmi_archive.archive_read_open)
#define archive_read_open_fd (*ptmi_archive.archive_read_open_fd)
#define archive_read_open_memory (*ptmi_archive.archive_read_open_memory)
#define archive_read_set_options (*ptmi_archive.archive_read_set_options)
#define archive_read_support_filter_gzip (*ptmi_archive.archive_read_support_filter_gzip)
#define archive_read_support_format_raw (*ptmi_archive.archive_read_support_format_raw)
#define archive_read_support_format_zip_seekable \
    (*ptmi_archive.archive_read_support_format_zip_seekable)
#endif
