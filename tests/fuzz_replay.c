/*
 * Runs a fuzz target over its corpus in builds without libFuzzer: each file of the folders and each file named on the
 * command line is one input.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    /* Of its own length, so that a sanitizer sees every read past its end. */
    struct stat status;
    uint8_t *data = NULL;
    size_t length = 0;
    if (fstat(fileno(file), &status) == 0) {
        length = (size_t)status.st_size;
        data = malloc(length ? length : 1);
    }
    int result = -1;
    if (data && fread(data, 1, length, file) == length) {
        LLVMFuzzerTestOneInput(data, length);
        result = 1;
    }
    free(data);
    fclose(file);
    return result;
}

static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return replay_file(path);
    int count = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        if ((size_t)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= sizeof(name) ||
            replay_file(name) < 0) {
            count = -1;
            break;
        }
        count++;
    }
    closedir(folder);
    return count;
}

int main(int argument_count, char **arguments)
{
    int total = 0;
    for (int i = 1; i < argument_count; i++) {
        int count = replay_folder(arguments[i]);
        if (count < 0)
            return 1;
        total += count;
    }
    printf("%d inputs\n", total);
    return total ? 0 : 1;
}
