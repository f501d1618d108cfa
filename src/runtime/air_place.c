/* The folder $XDG_RUNTIME_DIR/bluet, or /tmp/bluet-UID where there is none, and the locks in it. */
#include "runtime/air_place.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bluet/bluet.h"
#include "runtime/message.h"
#include "runtime/socket.h"

enum { LOCK_MS = 5000, RETRY_MS = 5, FOLDER_SIZE = PATH_MAX - 256, NAME_LENGTH = 64 };

BLUET_INTERNAL int air_place_check(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(name);
    if (length && length <= NAME_LENGTH && strspn(name, allowed) == length && name[0] != '.')
        return 0;
    message_set(
        "'%s' cannot be the name of an air: letters, digits, '.', '_' and '-', at most %d, not beginning with '.'",
        name, NAME_LENGTH);
    return BLUET_EINVAL;
}

/* A folder in /tmp could have been made by anybody, to listen to what passes. */
static int check_owner(const char *folder)
{
    struct stat status;
    if (lstat(folder, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == getuid() &&
        (status.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return 0;
    message_set("%s is not a folder that only you can use: remove it, or set XDG_RUNTIME_DIR to a folder of yours",
                folder);
    return BLUET_EIO;
}

static int find_folder(char folder[FOLDER_SIZE])
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    bool own = base && *base;
    int length = own ? snprintf(folder, FOLDER_SIZE, "%s/bluet", base)
                     : snprintf(folder, FOLDER_SIZE, "/tmp/bluet-%ld", (long)getuid());
    if (length >= FOLDER_SIZE) {
        message_set("XDG_RUNTIME_DIR is too long");
        return BLUET_EIO;
    }
    if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
        message_set("cannot make the folder %s: %s: set XDG_RUNTIME_DIR to a folder that you may write to", folder,
                    strerror(errno));
        return BLUET_EIO;
    }
    return own ? 0 : check_owner(folder);
}

/* Whoever holds it does so for moments only; a stopped process must not make others wait for ever. */
static int take_lock(int lock)
{
    const struct timespec pause = {0, RETRY_MS * 1000000L};
    for (int waited = 0; flock(lock, LOCK_EX | LOCK_NB) < 0; waited += RETRY_MS) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= LOCK_MS)
            return -1;
        nanosleep(&pause, NULL);
    }
    return 0;
}

BLUET_INTERNAL int air_place_enter(struct air_place *place, const char *name)
{
    char folder[FOLDER_SIZE], path[PATH_MAX];
    int error = air_place_check(name);
    if (!error)
        error = find_folder(folder);
    if (error)
        return error;
    snprintf(place->socket, sizeof place->socket, "%s/%s.socket", folder, name);
    error = socket_check_unix(place->socket);
    if (error)
        return error;

    snprintf(path, sizeof path, "%s/%s.lock", folder, name);
    place->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (place->lock < 0) {
        message_set("cannot make %s: %s: set XDG_RUNTIME_DIR to a folder that you may write to", path, strerror(errno));
        return BLUET_EIO;
    }
    if (take_lock(place->lock) < 0) {
        message_set("%s is held by a process that does not go on", path);
        air_place_leave(place);
        return BLUET_EIO;
    }
    return 0;
}

BLUET_INTERNAL void air_place_leave(struct air_place *place)
{
    /* Said aloud, for a child may have inherited the descriptor. */
    flock(place->lock, LOCK_UN);
    close(place->lock);
    place->lock = -1;
}

/* Whether somebody listens at a unix socket: the kernel says so, and the listener does not notice. */
static bool is_served(const char *path)
{
    enum { ACCEPTS = 0x10000 };
    char line[PATH_MAX + 128], name[PATH_MAX];
    unsigned flags;
    bool found = false;
    FILE *sockets = fopen("/proc/net/unix", "re");
    while (sockets && !found && fgets(line, sizeof line, sockets))
        found = sscanf(line, "%*s %*x %*x %x %*x %*x %*u %4095[^\n]", &flags, name) == 2 && flags & ACCEPTS &&
                strcmp(name, path) == 0;
    if (sockets)
        fclose(sockets);
    return found;
}

BLUET_INTERNAL void air_place_list(void (*visit)(void *context, const char *name), void *context)
{
    char folder[FOLDER_SIZE], pattern[PATH_MAX];
    glob_t found = {.gl_pathc = 0};
    if (find_folder(folder))
        return;
    snprintf(pattern, sizeof pattern, "%s/*.socket", folder);
    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *path = found.gl_pathv[i];
        if (!is_served(path))
            continue;
        *strrchr(path, '.') = '\0';
        visit(context, strrchr(path, '/') + 1);
    }
    globfree(&found);
}
