/* What the runtime's tests share. */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "runtime/h4.h"
#include "runtime/socket.h"

char support_folder[64];

void support_make_folder(void)
{
    snprintf(support_folder, sizeof support_folder, "/tmp/bluet-test-XXXXXX");
    assert_non_null(mkdtemp(support_folder));
    assert_int_equal(setenv("XDG_RUNTIME_DIR", support_folder, 1), 0);
    unsetenv("BLUET_TRANSPORT");
    unsetenv("BLUET_SNOOP");
}

static void remove_all_in(const char *folder)
{
    char path[512];
    DIR *directory = opendir(folder);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (unlink(path) < 0)
            rmdir(path);
    }
    if (directory)
        closedir(directory);
}

void support_remove_folder(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/bluet", support_folder);
    remove_all_in(path);
    remove_all_in(support_folder);
    rmdir(support_folder);
}

const char *support_path(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", support_folder, name);
    return path;
}

uint64_t support_now(void)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return (uint64_t)moment.tv_sec * 1000 + (uint64_t)moment.tv_nsec / 1000000;
}

void support_sleep(unsigned milliseconds)
{
    const struct timespec pause = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

bool support_until(struct bluet_runtime *runtime, bool (*condition)(void *context), void *context,
                   unsigned milliseconds)
{
    uint64_t end = support_now() + milliseconds;
    for (;;) {
        bluet_runtime_lock(runtime);
        bool holds = condition(context);
        bluet_runtime_unlock(runtime);
        if (holds || support_now() >= end)
            return holds;
        if (bluet_runtime_run(runtime, 5000))
            support_sleep(5);
    }
}

void *support_reallocate(void *context, void *block, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

/* ---- The wire ---- */

static void send_all(int descriptor, const uint8_t *octets, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(descriptor, octets, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            support_sleep(1);
            continue;
        }
        if (sent <= 0)
            return;
        octets += sent;
        length -= (size_t)sent;
    }
}

static bool deliver(void *context, const uint8_t *packet, size_t length)
{
    struct wire *wire = context;
    int descriptor = atomic_load(&wire->descriptor);
    if (descriptor >= 0)
        send_all(descriptor, packet, length);
    return true;
}

static void hang_up(struct wire *wire)
{
    int descriptor = atomic_exchange(&wire->descriptor, -1);
    if (descriptor >= 0)
        close(descriptor);
}

static void take_packets(struct wire *wire, struct h4_framer *framer)
{
    size_t room, length;
    const uint8_t *packet;
    uint8_t *space = h4_space(framer, &room);
    ssize_t octets = recv(atomic_load(&wire->descriptor), space, room, MSG_DONTWAIT);
    if (octets < 0 && errno == EAGAIN)
        return;
    if (octets <= 0) {
        hang_up(wire);
        return;
    }
    h4_filled(framer, (size_t)octets);
    while (h4_next(framer, &packet, &length) > 0) {
        atomic_fetch_add(&wire->packets, 1);
        if (!atomic_load(&wire->mute))
            bluet_air_receive(wire->controller, packet, length);
    }
}

static void serve(struct wire *wire, struct h4_framer *framer, uint64_t start)
{
    int descriptor = atomic_load(&wire->descriptor);
    bool listens = descriptor >= 0 && !atomic_load(&wire->deaf);
    struct pollfd waiting[2] = {{wire->listener, POLLIN, 0}, {listens ? descriptor : -1, POLLIN, 0}};
    poll(waiting, 2, 1);

    pthread_mutex_lock(&wire->mutex);
    if (atomic_exchange(&wire->hang_up, false))
        hang_up(wire);
    else if (waiting[1].revents)
        take_packets(wire, framer);
    if (atomic_load(&wire->descriptor) < 0 && waiting[0].revents) {
        h4_framer_reset(framer);
        atomic_store(&wire->descriptor, socket_accept(wire->listener));
        atomic_fetch_add(&wire->connections, 1);
    }
    bluet_air_advance(wire->air, (support_now() - start) * 1000);
    pthread_mutex_unlock(&wire->mutex);
}

static void *run(void *context)
{
    struct wire *wire = context;
    struct h4_framer framer;
    if (h4_framer_create(&framer, 4096, H4_FROM_HOST))
        abort();
    uint64_t start = support_now();
    while (!atomic_load(&wire->stop))
        serve(wire, &framer, start);
    hang_up(wire);
    h4_framer_free(&framer);
    return NULL;
}

void wire_start(struct wire *wire, const char *name)
{
    *wire = (struct wire){.descriptor = -1};
    snprintf(wire->path, sizeof wire->path, "%s", support_path(name));
    wire->listener = socket_listen_unix(wire->path);
    assert_true(wire->listener >= 0);
    const struct bluet_air_config air = {.reallocate = support_reallocate, .seed = 1};
    assert_int_equal(bluet_air_create(&wire->air, &air), 0);
    const struct bluet_air_controller_config controller = {.deliver = deliver, .context = wire};
    assert_int_equal(bluet_air_attach(wire->air, &wire->controller, &controller), 0);
    pthread_mutex_init(&wire->mutex, NULL);
    assert_int_equal(pthread_create(&wire->thread, NULL, run, wire), 0);
}

void wire_stop(struct wire *wire)
{
    atomic_store(&wire->stop, true);
    pthread_join(wire->thread, NULL);
    close(wire->listener);
    unlink(wire->path);
    bluet_air_destroy(wire->air);
    pthread_mutex_destroy(&wire->mutex);
}

void wire_inject(struct wire *wire, const void *octets, size_t length)
{
    pthread_mutex_lock(&wire->mutex);
    int descriptor = atomic_load(&wire->descriptor);
    if (descriptor >= 0)
        send_all(descriptor, octets, length);
    pthread_mutex_unlock(&wire->mutex);
}
