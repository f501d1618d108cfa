/*
 * Starts an air in a process of its own, by fork alone: there may be no program `bluet` on this machine. The starter
 * has made the listening socket before, so that its own connection is already waiting there; the process leaves when
 * its last client has, under the same lock under which others look for it.
 */
#include "runtime/air_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bluet/runtime.h"
#include "runtime/air_place.h"
#include "runtime/air_server.h"
#include "runtime/message.h"
#include "runtime/socket.h"

enum { LISTENER = 3, FIRST_CLIENT_US = 10000000, OLD_KERNEL_DESCRIPTORS = 1024 };

/*
 * The words with which the starter was called stand in this process's memory too, from where `ps` and `pkill -f` read
 * them. Whoever kills an application by them must not hit the air, so a name of its own is put there (proc(5):
 * arg_start and arg_end are the fields 48 and 49 of stat).
 */
static void take_name(void)
{
    static const char name[] = "bluet-air";
    prctl(PR_SET_NAME, name);
    char text[1024];
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    text[length > 0 ? length : 0] = '\0';
    char *field = strrchr(text, ')'); /* the second; it may hold spaces */
    for (int number = 2; field && number < 48; number++)
        field = strchr(field + 1, ' ');
    uintptr_t start = 0, end = 0;
    if (field)
        start = strtoull(field, &field, 10);
    if (field)
        end = strtoull(field, NULL, 10);
    if (start == 0 || end < start + sizeof name)
        return;
    memset((void *)start, 0, end - start);
    memcpy((void *)start, name, sizeof name);
}

/* Where, and as what, the air lives on: nothing of the starter's is kept but the listening socket. */
static void become_daemon(int listener)
{
    setsid();
    if (chdir("/") < 0)
        _exit(1);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    take_name();

    /* By way of a high number: the listener may itself be one of 0 to 3. */
    int kept = fcntl(listener, F_DUPFD, LISTENER + 1);
    int null = open("/dev/null", O_RDWR);
    if (kept < 0 || null < 0)
        _exit(1);
    for (int number = 0; number < LISTENER; number++)
        dup2(null, number);
    if (dup3(kept, LISTENER, O_CLOEXEC) < 0)
        _exit(1);
    if (syscall(SYS_close_range, LISTENER + 1, ~0u, 0) < 0)
        for (int number = LISTENER + 1; number < OLD_KERNEL_DESCRIPTORS; number++)
            close(number);
}

/* Under the lock nobody else can connect: who has not by now, will find no socket and start an air of its own. */
static void leave(struct bluet_air_server *server, struct bluet_runtime *runtime, const char *name)
{
    struct air_place place;
    if (air_place_enter(&place, name))
        _exit(0); /* the folder has gone: nobody finds us any more */
    if (air_server_accept(server) == 0) {
        bluet_air_server_destroy(server);
        bluet_runtime_destroy(runtime);
        socket_remove_unix(place.socket);
        air_place_leave(&place);
        _exit(0);
    }
    air_place_leave(&place);
}

static void serve(const char *name)
{
    struct bluet_runtime *runtime;
    struct bluet_air_server *server;
    const struct bluet_air_server_config config = {.leave_when_empty = true};
    if (bluet_runtime_create(&runtime, NULL) || air_server_adopt(&server, runtime, &config, LISTENER))
        _exit(1);

    /* The starter may have died before it connected: wait for the first client for a while only. */
    bluet_runtime_run(runtime, FIRST_CLIENT_US);
    for (;;) {
        if (air_server_client_count(server) == 0)
            leave(server, runtime, name);
        bluet_runtime_run(runtime, BLUET_NEVER);
    }
}

/* Twice, so that the air is nobody's child, whom somebody would have to wait for. */
static int spawn(const char *name, int listener)
{
    pid_t child = fork();
    if (child < 0) {
        message_set("cannot start the air: %s", strerror(errno));
        return BLUET_ENODEV;
    }
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            become_daemon(listener);
            serve(name);
        }
        _exit(grandchild < 0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0) {
        message_set("cannot start the air: no process could be made");
        return BLUET_ENODEV;
    }
    return 0;
}

static int start(const char *name, const char *path, const uint8_t *address)
{
    int listener = socket_listen_unix(path);
    if (listener < 0)
        return BLUET_ENODEV;
    int descriptor = spawn(name, listener);
    if (descriptor == 0)
        descriptor = socket_connect_unix(path, address);
    else
        unlink(path);
    close(listener);
    return descriptor;
}

BLUET_INTERNAL int air_spawn_connect(const char *name, const uint8_t *address)
{
    struct air_place place;
    if (air_place_enter(&place, name))
        return BLUET_ENODEV;
    int descriptor = -1;
    if (access(place.socket, F_OK) == 0)
        descriptor = socket_connect_unix(place.socket, address);
    if (descriptor < 0)
        descriptor = start(name, place.socket, address);
    air_place_leave(&place);
    return descriptor;
}
