/* The link changes at once from one terminal to the next: it is made under another name, and renamed. */
#include "runtime/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "bluet/bluet.h"
#include "runtime/message.h"

enum { NAME_SIZE = 64, PATH_SIZE = 4096 };

static bool is_link_or_nothing(const char *path)
{
    struct stat found;
    return lstat(path, &found) != 0 || S_ISLNK(found.st_mode);
}

static bool make_link(const char *link, const char *target)
{
    char next[PATH_SIZE];
    int length = snprintf(next, sizeof next, "%s.%ld", link, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof next) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (!is_link_or_nothing(link)) {
        errno = EEXIST;
        return false;
    }
    unlink(next);
    if (symlink(target, next))
        return false;
    if (rename(next, link) == 0)
        return true;
    int error = errno;
    unlink(next);
    errno = error;
    return false;
}

/* Raw mode can be set from this end; to open the other would be taken for a host that comes and goes. */
static bool set_up(int master, char *name, const char *link)
{
    struct termios settings;
    if (grantpt(master) || unlockpt(master) || ptsname_r(master, name, NAME_SIZE) || tcgetattr(master, &settings))
        return false;
    cfmakeraw(&settings);
    return tcsetattr(master, TCSANOW, &settings) == 0 && make_link(link, name);
}

BLUET_INTERNAL int pty_open(const char *link)
{
    char name[NAME_SIZE];
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (master >= 0 && set_up(master, name, link))
        return master;
    message_set("cannot make a pseudo-terminal at %s: %s", link, strerror(errno));
    if (master >= 0)
        close(master);
    return BLUET_EIO;
}

BLUET_INTERNAL bool pty_is_left(int master)
{
    struct pollfd terminal = {.fd = master, .events = 0};
    int locked = 1;
    ioctl(master, TIOCSPTLCK, &locked);
    if (poll(&terminal, 1, 0) != 0)
        return true;
    locked = 0;
    ioctl(master, TIOCSPTLCK, &locked);
    return false;
}

BLUET_INTERNAL void pty_close(int master, const char *link)
{
    char name[NAME_SIZE];
    char target[NAME_SIZE];
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length > 0) {
        target[length] = '\0';
        if (ptsname_r(master, name, sizeof name) == 0 && !strcmp(name, target))
            unlink(link);
    }
    close(master);
}
