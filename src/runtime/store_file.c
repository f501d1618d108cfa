/*
 * The lock is flock() on the file itself. As the file is replaced by renaming another onto it, whoever has got the lock
 * looks whether the file still has that name. Its successor is written beside it under one fixed name, locked before it
 * is renamed: however a process ends, there is one such draft at most, and the next owner takes it over.
 */
#include "runtime/store_file.h"

#include <errno.h>
#include <fcntl.h>
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

enum { ATTEMPTS = 100, PAUSE_MS = 5, MOST_PUT_ASIDE = 1000, SUFFIX_ROOM = 16 };

/* O_NONBLOCK: what has been put there may be a pipe. */
enum { OPEN_FLAGS = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY };

/* ---- Finding it ---- */

static int name_parts(struct store_file *file, const char *folder, const char *base)
{
    int length = snprintf(file->path, sizeof file->path, "%s%s%s", folder, *base ? "/" : "", base);
    if (length >= (int)sizeof file->path - SUFFIX_ROOM) {
        message_set("the path of the store is too long");
        return BLUET_EIO;
    }
    memcpy(file->draft, file->path, (size_t)length + 1);
    memcpy(file->draft + length, ".new", sizeof ".new");
    return 0;
}

/* Where a file would be made: its folder has to be there. */
static int find_folder(struct store_file *file, const char *name)
{
    char folder[PATH_MAX], resolved[PATH_MAX];
    struct stat status;
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    size_t length = (size_t)(base - name);
    if (lstat(name, &status) == 0 && S_ISLNK(status.st_mode)) {
        message_set("the store %s is a symbolic link that leads nowhere", name);
        return BLUET_EIO;
    }
    if (!*base || length + sizeof "." > sizeof folder) {
        message_set("the store %s: not the name of a file", name);
        return BLUET_EIO;
    }
    memcpy(folder, name, length);
    memcpy(folder + length, ".", sizeof ".");
    if (!realpath(folder, resolved)) {
        message_set("cannot keep secrets in %s: its folder: %s", name, strerror(errno));
        return BLUET_EIO;
    }
    return name_parts(file, strcmp(resolved, "/") == 0 ? "" : resolved, base);
}

BLUET_INTERNAL int store_file_find(struct store_file *file, const char *name)
{
    char resolved[PATH_MAX];
    file->lock = -1;
    if (realpath(name, resolved))
        return name_parts(file, resolved, "");
    if (errno == ENOENT)
        return find_folder(file, name);
    message_set("cannot read the store %s: %s", name, strerror(errno));
    return BLUET_EIO;
}

/* ---- The lock ---- */

/* Whether the descriptor's file is still the one of that name. */
static bool is_still_there(int descriptor, const char *path)
{
    struct stat ours, named;
    return fstat(descriptor, &ours) == 0 && lstat(path, &named) == 0 && ours.st_dev == named.st_dev &&
           ours.st_ino == named.st_ino;
}

/* A file that others can read holds no secrets, and one that others can write no truth. */
static int check_owner(int descriptor, const char *path)
{
    struct stat status;
    if (fstat(descriptor, &status) < 0 || !S_ISREG(status.st_mode))
        message_set("the store %s is not a file", path);
    else if (status.st_uid != geteuid())
        message_set("the store %s belongs to another user", path);
    else if (status.st_mode & (S_IRWXG | S_IRWXO))
        message_set("the store %s is open to others, so that its secrets may be none: chmod 600 if nobody has read it,"
                    " otherwise remove it and pair anew",
                    path);
    else
        return 0;
    return BLUET_EIO;
}

/* The descriptor, or -1: errno says why not. */
static int open_file(const struct store_file *file)
{
    int descriptor = open(file->path, O_RDWR | OPEN_FLAGS);
    if (descriptor < 0 && (errno == EACCES || errno == EROFS))
        descriptor = open(file->path, O_RDONLY | OPEN_FLAGS);
    return descriptor;
}

static int fail_to_read(const struct store_file *file)
{
    message_set("cannot read the store %s: %s", file->path, strerror(errno));
    return BLUET_EIO;
}

static int take_lock(const struct store_file *file, int descriptor)
{
    int error = check_owner(descriptor, file->path);
    if (error || flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        return error;
    if (errno != EWOULDBLOCK) {
        message_set("cannot lock the store %s: %s", file->path, strerror(errno));
        return BLUET_EIO;
    }
    message_set("the store %s is in use by another radio: each needs one of its own", file->path);
    return BLUET_EBUSY;
}

BLUET_INTERNAL int store_file_lock(struct store_file *file)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int descriptor = open_file(file);
        if (descriptor < 0)
            return errno == ENOENT ? 0 : fail_to_read(file);
        int error = take_lock(file, descriptor);
        if (!error && is_still_there(descriptor, file->path)) {
            file->lock = descriptor;
            unlink(file->draft);
            return 0;
        }
        close(descriptor);
        if (error)
            return error;
    }
    message_set("the store %s does not stay as it is", file->path);
    return BLUET_EBUSY;
}

BLUET_INTERNAL void store_file_unlock(struct store_file *file)
{
    if (file->lock >= 0)
        close(file->lock);
    file->lock = -1;
}

/* ---- Reading ---- */

static int read_all(const struct store_file *file, int descriptor, struct store_image *out_image)
{
    /* One octet more than there may be shows that there is too much. */
    size_t capacity = STORE_LARGEST + 1;
    uint8_t *octets = malloc(capacity);
    if (!octets) {
        message_set("no memory for the store %s", file->path);
        return BLUET_ENOMEM;
    }
    *out_image = (struct store_image){octets, 0};
    while (out_image->length < capacity) {
        ssize_t count =
            pread(descriptor, octets + out_image->length, capacity - out_image->length, (off_t)out_image->length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            int error = fail_to_read(file);
            store_image_free(out_image);
            return error;
        }
        if (count == 0)
            break;
        out_image->length += (size_t)count;
    }
    return 0;
}

static void put_aside(struct store_file *file)
{
    struct stat status;
    char number[SUFFIX_ROOM] = "";
    const int length = (int)(sizeof file->replaced - SUFFIX_ROOM);
    for (int i = 2; i < MOST_PUT_ASIDE; i++) {
        snprintf(file->replaced, sizeof file->replaced, "%.*s.damaged%.5s", length, file->path, number);
        if (lstat(file->replaced, &status) < 0 && errno == ENOENT)
            break;
        snprintf(number, sizeof number, ".%d", i);
    }
    if (rename(file->path, file->replaced) == 0)
        message_set("the store %s is damaged; it is kept as %s, and the next one begins empty", file->path,
                    file->replaced);
    else
        message_set("the store %s is damaged, and cannot be put aside: %s", file->path, strerror(errno));
}

static int judge(struct store_file *file, const struct store_image *image)
{
    switch (store_image_judge(image->octets, image->length)) {
    case STORE_WHOLE:
        return 0;
    case STORE_DAMAGED:
        if (file->lock >= 0)
            put_aside(file);
        else
            message_set("the store %s is damaged", file->path);
        break;
    case STORE_LATER:
        message_set("the store %s was written by a later version of Bluet", file->path);
        break;
    default:
        message_set("%s is not a store of secrets; it is left as it is", file->path);
        break;
    }
    return BLUET_EIO;
}

BLUET_INTERNAL int store_file_read(struct store_file *file, struct store_image *out_image)
{
    *out_image = (struct store_image){NULL, 0};
    int descriptor = file->lock >= 0 ? file->lock : open_file(file);
    if (descriptor < 0)
        return errno == ENOENT ? 0 : fail_to_read(file);
    int error = file->lock >= 0 ? 0 : check_owner(descriptor, file->path);
    if (!error)
        error = read_all(file, descriptor, out_image);
    if (file->lock < 0)
        close(descriptor);
    if (!error)
        error = judge(file, out_image);
    if (error)
        store_image_free(out_image);
    return error;
}

/* ---- Replacing ---- */

/* Somebody else may have put something there that he can read later. */
static bool is_ours_alone(int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & (S_IRWXG | S_IRWXO)) == 0 && status.st_nlink == 1;
}

/* The draft, locked, or -1. Others hold it for moments only, when there was no file yet. */
static int open_draft(const struct store_file *file)
{
    const struct timespec pause = {0, PAUSE_MS * 1000000L};
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int descriptor = open(file->draft, O_RDWR | O_CREAT | OPEN_FLAGS, S_IRUSR | S_IWUSR);
        if (descriptor < 0 && errno != ELOOP && errno != EISDIR)
            return -1;
        bool good = descriptor >= 0 && is_ours_alone(descriptor);
        if (good && flock(descriptor, LOCK_EX | LOCK_NB) == 0 && is_still_there(descriptor, file->draft))
            return descriptor;
        if (descriptor >= 0)
            close(descriptor);
        if (!good && unlink(file->draft) < 0 && errno != ENOENT)
            return -1;
        if (good)
            nanosleep(&pause, NULL);
    }
    errno = EBUSY;
    return -1;
}

static bool write_all(int descriptor, const struct store_image *image)
{
    size_t written = 0;
    if (ftruncate(descriptor, 0) < 0)
        return false;
    while (written < image->length) {
        ssize_t count = write(descriptor, image->octets + written, image->length - written);
        if (count < 0 && errno != EINTR)
            return false;
        if (count > 0)
            written += (size_t)count;
    }
    return fsync(descriptor) == 0;
}

/* So that the new name outlives a loss of power. Not all file systems can do it. */
static void settle_folder(const struct store_file *file)
{
    char folder[PATH_MAX];
    size_t length = (size_t)(strrchr(file->path, '/') - file->path);
    memcpy(folder, file->path, length);
    memcpy(folder + length, "/", 2);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    fsync(descriptor);
    close(descriptor);
}

static int fail_to_write(const struct store_file *file)
{
    message_set("cannot write the store %s: %s", file->path, strerror(errno));
    return BLUET_EIO;
}

/* Where there was no file to lock, another radio may have made one meanwhile. */
static bool is_taken(const struct store_file *file)
{
    struct stat status;
    return file->lock < 0 && lstat(file->path, &status) == 0;
}

BLUET_INTERNAL int store_file_replace(struct store_file *file, const struct store_image *image)
{
    int error = 0;
    int descriptor = open_draft(file);
    if (descriptor < 0)
        return fail_to_write(file);
    if (is_taken(file)) {
        message_set("the store %s is in use by another radio: each needs one of its own", file->path);
        error = BLUET_EBUSY;
    } else if (!write_all(descriptor, image) || rename(file->draft, file->path) < 0) {
        error = fail_to_write(file);
    }
    if (error) {
        unlink(file->draft);
        close(descriptor);
        return error;
    }
    settle_folder(file);
    store_file_unlock(file);
    file->lock = descriptor;
    return 0;
}
