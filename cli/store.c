/* Where the program keeps the keys of bonded peers, unless it is told otherwise. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

static char path[PATH_MAX];

/* Of every folder in the path that is not there. What cannot be made will be missed when the store is opened. */
static void make_folders(void)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

const char *cli_store(const char *option, bool make)
{
    const char *named = option ? option : getenv("BLUET_STORE");
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int length;
    if (named && *named)
        return named;
    if (state && state[0] == '/')
        length = snprintf(path, sizeof path, "%s/bluet/bonds", state);
    else
        length = snprintf(path, sizeof path, "%s/.local/state/bluet/bonds", home ? home : "");
    if (length < (int)sizeof path && make)
        make_folders();
    return path;
}
