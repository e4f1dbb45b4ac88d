/* Runs a fuzz target over the files of a corpus folder, without libFuzzer, so
 * that every test run replays what fuzzing once found. Speaks TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int
s_replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return -1;
    fseek(file, 0, SEEK_END);
    long end = ftell(file);
    rewind(file);
    /* Exactly the file's size, so that a sanitizer sees one byte too far. */
    uint8_t *bytes = malloc(end > 0 ? (size_t)end : 1);
    size_t size = fread(bytes, 1, end > 0 ? (size_t)end : 0, file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 0;
}

int
main(int argc, char **argv)
{
    struct dirent **entries;
    int count = argc > 1 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
    int replayed = 0, failed = 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && s_replay(path) == 0)
            replayed++;
        else if (entries[i]->d_name[0] != '.')
            failed++;
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    int good = replayed > 0 && failed == 0;
    printf("1..1\n%s 1 - %d corpus files replayed\n", good ? "ok" : "not ok",
           replayed);
    return good ? 0 : 1;
}
