/* SPDX-License-Identifier: MIT */
/* replay.c - runs a fuzz target over every file of the folders given: the corpus as a plain test.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) return perror(path), 1;
    size_t cap = 1u << 24;
    uint8_t *all = malloc(cap);
    size_t len = all ? fread(all, 1, cap, file) : 0;
    fclose(file);
    /* A copy of the exact size, so that ASan sees a read past the end. */
    uint8_t *data = malloc(len ? len : 1);
    if (!all || !data) abort();
    memcpy(data, all, len);
    free(all);
    LLVMFuzzerTestOneInput(data, len);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0, count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (!dir) return perror(argv[i]), 1;
        for (struct dirent *entry; (entry = readdir(dir));) {
            if (entry->d_name[0] == '.') continue;
            char path[4096];
            if (snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name) >= (int)sizeof path)
                return 1;
            failed |= replay_file(path);
            count++;
        }
        closedir(dir);
    }
    printf("%d inputs replayed\n", count);
    return failed || count == 0;
}
