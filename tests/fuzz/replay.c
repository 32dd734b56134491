/* Licensed to you under the Apache License, Version 2.0; see the file LICENSE. */
/**
 * @file replay.c
 * Feeds a fuzz target its committed corpus, or the files that are named: how "make check" runs it, and how a finding of
 * libFuzzer is looked at without libFuzzer.
 */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX (1024 * 1024)

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX), *copy;
    size_t size;

    if (!file || !data) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    size = fread(data, 1, INPUT_MAX, file);
    fclose(file);
    /* of the very size, so that AddressSanitizer sees what is read beyond it */
    copy = malloc(size ? size : 1);
    MUST(copy);
    memcpy(copy, data, size);
    free(data);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    return 1;
}

static int replay_corpus(void)
{
    const char *top = getenv("srcdir");
    char folder[2048], path[4096];
    struct dirent *entry;
    DIR *dir;
    int count = 0;

    snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top ? top : ".", fuzz_corpus);
    dir = opendir(folder);
    if (!dir) {
        perror(folder);
        exit(EXIT_FAILURE);
    }
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            count += replay_file(path);
        }
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int i, count = 0;

    for (i = 1; i < argc; ++i) {
        count += replay_file(argv[i]);
    }
    if (argc == 1) {
        count = replay_corpus();
    }
    printf("%s: %d inputs\n", fuzz_corpus, count);
    return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
