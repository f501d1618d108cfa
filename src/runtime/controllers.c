/*
 * Looks for controllers where transports would: airs in the user's folder, the kernel's interfaces, devices on USB, and
 * lines that adapters make. Nothing is opened that would notice.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bluet/runtime.h"
#include "runtime/air_place.h"
#include "runtime/usb.h"
#include "runtime/user_channel.h"

enum { MOST_OF_A_KIND = 16, TRANSPORT_SIZE = PATH_MAX + 16 };

struct search {
    void (*visit)(void *context, const struct bluet_controller *controller);
    void *context;
};

static void tell(const struct search *search, const char *transport, const char *name, const char *problem)
{
    const struct bluet_controller found = {transport, name, problem};
    search->visit(search->context, &found);
}

static void tell_air(void *context, const char *name)
{
    char transport[TRANSPORT_SIZE];
    if (strcmp(name, AIR_PLACE_DEFAULT) == 0)
        return;
    snprintf(transport, sizeof transport, "air:%s", name);
    tell(context, transport, "a virtual air", NULL);
}

static void find_interfaces(const struct search *search)
{
    struct user_channel_interface found[MOST_OF_A_KIND];
    char transport[32], name[64];
    size_t count = user_channel_list(found, MOST_OF_A_KIND);
    for (size_t i = 0; i < count; i++) {
        snprintf(transport, sizeof transport, "hci:%u", found[i].number);
        snprintf(name, sizeof name, "the kernel's interface hci%u", found[i].number);
        tell(search, transport, name, found[i].up ? "in use by the kernel: take it down first" : NULL);
    }
}

static void find_on_usb(const struct search *search)
{
    struct usb_identity found[MOST_OF_A_KIND];
    char transport[32], name[192], problem[96];
    size_t count = usb_list(found, MOST_OF_A_KIND);
    for (size_t i = 0; i < count; i++) {
        const struct usb_identity *device = &found[i];
        char path[64];
        snprintf(transport, sizeof transport, "usb:%zu", i);
        snprintf(name, sizeof name, "%s (usb:%04x:%04x)", *device->name ? device->name : "a USB device", device->vendor,
                 device->product);
        snprintf(path, sizeof path, "/dev/bus/usb/%03u/%03u", device->bus, device->address);
        snprintf(problem, sizeof problem, "no permission for %s", path);
        tell(search, transport, name, access(path, R_OK | W_OK) ? problem : NULL);
    }
}

/* Each line once, by the name that udev makes for it, which says more than a number and stays. */
static bool has_better_name(const glob_t *found, size_t i)
{
    char *path = realpath(found->gl_pathv[i], NULL);
    bool better = false;
    for (size_t j = 0; j < i && path && !better; j++) {
        char *other = realpath(found->gl_pathv[j], NULL);
        better = other && strcmp(path, other) == 0;
        free(other);
    }
    free(path);
    return better;
}

static void find_lines(const struct search *search)
{
    glob_t found = {.gl_pathc = 0};
    glob("/dev/serial/by-id/*", 0, NULL, &found);
    glob("/dev/ttyUSB*", GLOB_APPEND, NULL, &found);
    glob("/dev/ttyACM*", GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char transport[TRANSPORT_SIZE];
        const char *path = found.gl_pathv[i];
        if (has_better_name(&found, i))
            continue;
        snprintf(transport, sizeof transport, "serial:%s", path);
        tell(search, transport, "a serial line; whether a controller is behind it, only trying shows",
             access(path, R_OK | W_OK) ? "no permission: are you in the group dialout?" : NULL);
    }
    globfree(&found);
}

void bluet_controllers(void (*visit)(void *context, const struct bluet_controller *controller), void *context)
{
    struct search search = {visit, context};
    tell(&search, AIR_PLACE_DEFAULT, "the user's own virtual air, started when it is needed", NULL);
    air_place_list(tell_air, &search);
    find_interfaces(&search);
    find_on_usb(&search);
    find_lines(&search);
}
