/* SPDX-License-Identifier: MIT */
/* fuzz_hubconf.c - any bytes as a hubconf.py. A line "#--- NAME" begins a file m/NAME.py, so that
 * imports have something to find. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ptm/torchhub.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/ptm-fuzz-hubconf-XXXXXX";

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fprintf(stderr, "%s: left behind\n", folder);
}

static void set_up(void)
{
    static int done;
    char package[64];
    if (done++) return;
    if (!mkdtemp(folder)) abort();
    snprintf(package, sizeof package, "%s/m", folder);
    if (mkdir(package, 0777) != 0) abort();
    atexit(remove_folder);
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file) abort();
    fwrite(data, 1, size, file);
    fclose(file);
}

/* The part of data before the mark, which goes to name; what is left behind it. */
static size_t split(const uint8_t *data, size_t size, const char *name)
{
    static const char MARK[] = "\n#--- ";
    const uint8_t *mark = memmem(data, size, MARK, sizeof MARK - 1);
    size_t n = mark ? (size_t)(mark - data) + 1 : size;
    write_file(name, data, n);
    return mark ? n + sizeof MARK - 2 : size;
}

static void look(ptm_hubconf *hubconf)
{
    const struct ptm_hub_entry *entry;
    for (size_t i = 0; (entry = ptm_hubconf_entry(hubconf, i)); i++)
        if ((entry->name && !ptm_hubconf_find(hubconf, entry->name)) || !entry->kind) abort();
    (void)ptm_hubconf_damage(hubconf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const NAMES[] = {"hubconf.py", "m/__init__.py", "m/a.py"};
    ptm_hubconf *hubconf = NULL;
    set_up();
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        size_t n = split(data, size, NAMES[i]);
        data += n;
        size -= n;
    }
    if (ptm_hubconf_open(folder, &hubconf, NULL) < 0) return 0;
    look(hubconf);
    ptm_hubconf_close(hubconf);
    return 0;
}
