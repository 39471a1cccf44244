/* SPDX-License-Identifier: MIT */
/*
 * limits.h - every cap on outside input, in one place, with the reason for its size.
 * Override one at build time with -DPTM_LIMIT_...=N.
 */
#pragma once

/* Names and paths. 255 is what ext4, XFS and NTFS allow for one name; leave room for ".part",
 * ".lock". */
#ifndef PTM_LIMIT_NAME
#define PTM_LIMIT_NAME 240
#endif
#ifndef PTM_LIMIT_PATH
#define PTM_LIMIT_PATH 4096
#endif

/* A URL: signed links with their policy reach 3 KB, page cursors 1 KB. */
#ifndef PTM_LIMIT_URL
#define PTM_LIMIT_URL (16u << 10)
#endif

/* One JSON document in memory. A Hugging Face page of 1,000 models with cards has been seen at tens
 * of MB. */
#ifndef PTM_LIMIT_JSON
#define PTM_LIMIT_JSON (96u << 20)
#endif
/* Nesting of JSON and YAML: real cards stay under 12. */
#ifndef PTM_LIMIT_DEPTH
#define PTM_LIMIT_DEPTH 64
#endif
/* One model's raw record: chat templates and model-index tables reach about 2 MB. */
#ifndef PTM_LIMIT_RECORD
#define PTM_LIMIT_RECORD (16u << 20)
#endif
/* One text file read whole (README, card, manifest, config): the ONNX manifest has 0.4 MB. */
#ifndef PTM_LIMIT_TEXT
#define PTM_LIMIT_TEXT (8u << 20)
#endif
/* A README that goes through cmark-gfm: its running time on hostile nesting is not linear in all
 * versions. */
#ifndef PTM_LIMIT_MARKDOWN
#define PTM_LIMIT_MARKDOWN (2u << 20)
#endif
/* Items of one list in one record (tags, files, data sets, papers): 100,000 files is the hub's own
 * limit. */
#ifndef PTM_LIMIT_ITEMS
#define PTM_LIMIT_ITEMS 200000
#endif
/* Data sets and papers of one record: they are merged without doubles by a linear search. Real
 * records stay under 100. */
#ifndef PTM_LIMIT_FACTS
#define PTM_LIMIT_FACTS 1000
#endif
/* One page of a hub's list in memory: more is asked for again in smaller pages, so that memory
 * stays flat. */
#ifndef PTM_LIMIT_PAGE
#define PTM_LIMIT_PAGE (32u << 20)
#endif
/* An archive of a repository, unpacked: files of a repository on GitHub are at most 100 MB each,
 * and its archives about 2 GB. */
#ifndef PTM_LIMIT_EXTRACT_BYTES
#define PTM_LIMIT_EXTRACT_BYTES ((int64_t)8 << 30)
#endif
#ifndef PTM_LIMIT_EXTRACT_ENTRIES
#define PTM_LIMIT_EXTRACT_ENTRIES 200000
#endif
/* Its directory, which is read whole: an entry takes 55 bytes and its path, Linux has 90,000 in 10
 * MB. */
#ifndef PTM_LIMIT_EXTRACT_DIRECTORY
#define PTM_LIMIT_EXTRACT_DIRECTORY (64u << 20)
#endif
/* Refs that a git server lists: old servers send pull requests, too, and the largest repositories
 * have about a million of those. */
#ifndef PTM_LIMIT_REFS
#define PTM_LIMIT_REFS 4000000
#endif
/* That list in bytes: a line of a real one has 60 to 130. */
#ifndef PTM_LIMIT_REFS_BYTES
#define PTM_LIMIT_REFS_BYTES (512ll << 20)
#endif
/* And in time, all tries together, for a server that says a byte now and then: a million refs need
 * it at 150 KB/s. */
#ifndef PTM_LIMIT_REFS_SECONDS
#define PTM_LIMIT_REFS_SECONDS 600
#endif
/* Commits of one repository. Linux has 1.5 million. */
#ifndef PTM_LIMIT_COMMITS
#define PTM_LIMIT_COMMITS 20000000
#endif
/* A Git LFS pointer: the specification says less than 1,024 bytes. */
#ifndef PTM_LIMIT_POINTER
#define PTM_LIMIT_POINTER 1024
#endif
/* What is kept of a child process's standard error, and of its standard output when kept in memory.
 */
#ifndef PTM_LIMIT_STDERR
#define PTM_LIMIT_STDERR (64u << 10)
#endif
#ifndef PTM_LIMIT_STDOUT
#define PTM_LIMIT_STDOUT (64u << 20)
#endif
/* HTTP: header bytes of one response, redirects of one request, and the body kept in memory by
 * default. */
#ifndef PTM_LIMIT_HEADERS
#define PTM_LIMIT_HEADERS (128u << 10)
#endif
#ifndef PTM_LIMIT_REDIRECTS
#define PTM_LIMIT_REDIRECTS 10
#endif
#ifndef PTM_LIMIT_BODY
#define PTM_LIMIT_BODY (64u << 20)
#endif
/* Queue between the engine thread and the thread that asked: enough for a round trip at 1 GB/s. */
#ifndef PTM_LIMIT_QUEUE
#define PTM_LIMIT_QUEUE (1u << 20)
#endif
/* Checkpoints. Bytes that tables and pickle nodes of one file may take: a node takes about 120
 * bytes, a tensor with its rebuild call a dozen of them; 1,000,000 tensors are 5 times the largest
 * file known. */
#ifndef PTM_LIMIT_PICKLE_MEMORY
#define PTM_LIMIT_PICKLE_MEMORY (2u << 30)
#endif
#ifndef PTM_LIMIT_WEIGHTS_MEMORY
#define PTM_LIMIT_WEIGHTS_MEMORY (2u << 30)
#endif
/* Tensors of one file, storages, members of an archive. */
#ifndef PTM_LIMIT_TENSORS
#define PTM_LIMIT_TENSORS 4000000
#endif
/* Dimensions: torch stops at 64. */
#ifndef PTM_LIMIT_DIMS
#define PTM_LIMIT_DIMS 64
#endif
/* Nesting of objects, of archives in archives, and of pickles in pickles. */
#ifndef PTM_LIMIT_PICKLE_DEPTH
#define PTM_LIMIT_PICKLE_DEPTH 1000
#endif
#ifndef PTM_LIMIT_ARCHIVE_DEPTH
#define PTM_LIMIT_ARCHIVE_DEPTH 8
#endif
/* An integer of a pickle: 8 KiB are 20,000 digits. */
#ifndef PTM_LIMIT_PICKLE_INT
#define PTM_LIMIT_PICKLE_INT (8u << 10)
#endif
/* A line of a pickle's text opcodes: CPython has no cap. Texts and Python 2 strings of protocol 0
 * are lines (arrays of some megabytes among them); numbers and names are short. */
#ifndef PTM_LIMIT_PICKLE_LINE
#define PTM_LIMIT_PICKLE_LINE (64u << 20)
#endif
#ifndef PTM_LIMIT_PICKLE_WORD
#define PTM_LIMIT_PICKLE_WORD (64u << 10)
#endif
/* A data.pkl of a zip when it is deflated, a safetensors header (the format's own cap). */
#ifndef PTM_LIMIT_PICKLE
#define PTM_LIMIT_PICKLE (1u << 30)
#endif
#ifndef PTM_LIMIT_SAFETENSORS_HEADER
#define PTM_LIMIT_SAFETENSORS_HEADER 100000000
#endif
/* Files that one checkpoint is spread over. Written ones are all open until the last is whole, and
 * a process may usually have 1,024: the largest known (1.4 TB in pieces of 5 GB) have 300. */
#ifndef PTM_LIMIT_SHARDS
#define PTM_LIMIT_SHARDS 10000
#endif
#ifndef PTM_LIMIT_SHARDS_WRITTEN
#define PTM_LIMIT_SHARDS_WRITTEN 500
#endif
/* How many times the bytes a file stores its tensors may take when views are written out one by
 * one, beyond a size that harms nobody. Transformers that share their layers reach 24. */
#ifndef PTM_LIMIT_EXPANSION
#define PTM_LIMIT_EXPANSION 100
#endif
#ifndef PTM_LIMIT_EXPANSION_FREE
#define PTM_LIMIT_EXPANSION_FREE (1ll << 30)
#endif
/* A deflated tensor, unpacked in memory. */
#ifndef PTM_LIMIT_INFLATED
#define PTM_LIMIT_INFLATED (8ull << 30)
#endif
/* A text among the properties of a checkpoint: chat templates have up to 100 KB; a whole tokenizer
 * (some MB) is told by its size. */
#ifndef PTM_LIMIT_META
#define PTM_LIMIT_META (1u << 20)
#endif
/* A tensor's name in GGUF: ggml itself stops at 63 bytes, converters for others do not. */
#ifndef PTM_LIMIT_GGUF_NAME
#define PTM_LIMIT_GGUF_NAME 1024
#endif
/* Header of a .npy file: that of an array of numbers has 128 bytes; NumPy itself reads 10,000. */
#ifndef PTM_LIMIT_NPY_HEADER
#define PTM_LIMIT_NPY_HEADER (16u << 10)
#endif
/* Messages inside each other: protobuf's own limit. A subgraph of ONNX takes three. */
#ifndef PTM_LIMIT_PROTOBUF_DEPTH
#define PTM_LIMIT_PROTOBUF_DEPTH 100
#endif
/* Oddities of an archive that are kept to be told one by one: ten thousand tell as much as a
 * million. */
#ifndef PTM_LIMIT_ODDS
#define PTM_LIMIT_ODDS 10000
#endif
/* What a scan of one file tells: nobody reads more findings; no checkpoint asks for more globals.
 */
#ifndef PTM_LIMIT_FINDINGS
#define PTM_LIMIT_FINDINGS 1000
#endif
#ifndef PTM_LIMIT_SCAN_GLOBALS
#define PTM_LIMIT_SCAN_GLOBALS 10000
#endif
/* Bytes that compressed members of a scanned file may become in all, unless the caller says so. */
#ifndef PTM_LIMIT_SCAN_UNPACKED
#define PTM_LIMIT_SCAN_UNPACKED (64ull << 30)
#endif
/* Pickles one after another in one stream: torch has five, logs of training some thousands. */
#ifndef PTM_LIMIT_SCAN_PICKLES
#define PTM_LIMIT_SCAN_PICKLES 100000
#endif
/* A file read from a URL by ranges: address space of its size is set aside, and a bit for each 64
 * KiB. Nothing published comes near; addresses have 47 bits. */
#ifndef PTM_LIMIT_URL_FILE
#define PTM_LIMIT_URL_FILE (16ull << 40)
#endif
/* A file of Python that is parsed: the longest hubconf.py known has 60 KB. What else bounds it is
 * PTM_LIMIT_PYTHON_TOKENS. */
#ifndef PTM_LIMIT_PYTHON
#define PTM_LIMIT_PYTHON (4u << 20)
#endif
/* Words and signs of one file, strings and comments with them: tree-sitter 0.20 keeps the number of
 * children of a node in 16 bits, and the node it makes of what is not Python has one for each of
 * them: more, and it frees what it never got. Real files of 200 KB stay below. */
#ifndef PTM_LIMIT_PYTHON_TOKENS
#define PTM_LIMIT_PYTHON_TOKENS 65000
#endif
/* How long parsing one file may take: 4 MB of Python take 1.5 s on a slow machine, but text that is
 * none can take the parser's recovery much longer. */
#ifndef PTM_LIMIT_PYTHON_MICROS
#define PTM_LIMIT_PYTHON_MICROS 4000000
#endif
/* What is looked at of one repository to explain its hubconf.py: files, their bytes, steps of the
 * interpreter (some 100 ns each) for the modules and for what each entry point reaches, memory, and
 * how deep expressions and calls stand inside each other (the stack of a thread may be 512 KB). */
#ifndef PTM_LIMIT_PYTHON_FILES
#define PTM_LIMIT_PYTHON_FILES 1000
#endif
#ifndef PTM_LIMIT_PYTHON_BYTES
#define PTM_LIMIT_PYTHON_BYTES (32u << 20)
#endif
#ifndef PTM_LIMIT_PYTHON_STEPS
#define PTM_LIMIT_PYTHON_STEPS 3000000
#endif
#ifndef PTM_LIMIT_PYTHON_ENTRY_STEPS
#define PTM_LIMIT_PYTHON_ENTRY_STEPS 100000
#endif
#ifndef PTM_LIMIT_PYTHON_MEMORY
#define PTM_LIMIT_PYTHON_MEMORY (512u << 20)
#endif
#ifndef PTM_LIMIT_PYTHON_DEPTH
#define PTM_LIMIT_PYTHON_DEPTH 160
#endif
/* What running an entry point may leave: bytes of its tensors (the largest models of torch.hub have
 * 30 GB) and downloads it may ask for (ensembles ask for a dozen). */
#ifndef PTM_LIMIT_RUN_STATE
#define PTM_LIMIT_RUN_STATE (256ll << 30)
#endif
#ifndef PTM_LIMIT_RUN_WANTS
#define PTM_LIMIT_RUN_WANTS 64
#endif
