/* What is found of controllers, on a machine that is made up here. */
/* wrap: user_channel_list usb_list glob globfree access realpath */
#include "support.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/usb.h"
#include "runtime/user_channel.h"

size_t __wrap_user_channel_list(struct user_channel_interface *out, size_t capacity);
size_t __wrap_usb_list(struct usb_identity *out, size_t capacity);
int __wrap_glob(const char *pattern, int flags, int (*failed)(const char *, int), glob_t *found);
void __wrap_globfree(glob_t *found);
int __wrap_access(const char *path, int mode);
char *__wrap_realpath(const char *path, char *out);

size_t __wrap_user_channel_list(struct user_channel_interface *out, size_t capacity)
{
    assert_true(capacity >= 2);
    out[0] = (struct user_channel_interface){0, true};
    out[1] = (struct user_channel_interface){3, false};
    return 2;
}

size_t __wrap_usb_list(struct usb_identity *out, size_t capacity)
{
    assert_true(capacity >= 2);
    out[0] = (struct usb_identity){0x0a12, 1, 1, 5, "CSR8510 A10"};
    out[1] = (struct usb_identity){0x8087, 0x0aaa, 1, 6, ""};
    return 2;
}

static char by_id[] = "/dev/serial/by-id/usb-FTDI", numbered[] = "/dev/ttyUSB0", other[] = "/dev/ttyUSB1";
static char *paths[] = {by_id, numbered, other};

int __wrap_glob(const char *pattern, int flags, int (*failed)(const char *, int), glob_t *found)
{
    (void)failed;
    if (strcmp(pattern, "/dev/serial/by-id/*") == 0) {
        assert_int_equal(flags, 0);
        found->gl_pathv = paths;
        found->gl_pathc = 1;
        return 0;
    }
    if (strcmp(pattern, "/dev/ttyUSB*") == 0) {
        assert_int_equal(flags, GLOB_APPEND);
        found->gl_pathc = 3;
        return 0;
    }
    return GLOB_NOMATCH;
}

void __wrap_globfree(glob_t *found)
{
    found->gl_pathc = 0;
}

/* The second of each kind may not be used. */
int __wrap_access(const char *path, int mode)
{
    (void)mode;
    return strcmp(path, "/dev/bus/usb/001/006") == 0 || strcmp(path, "/dev/ttyUSB1") == 0 ? -1 : 0;
}

char *__wrap_realpath(const char *path, char *out)
{
    assert_null(out);
    return strdup(path == by_id ? numbered : path);
}

static char listing[2048];

static void list(void *context, const struct bluet_controller *controller)
{
    (void)context;
    size_t length = strlen(listing);
    snprintf(listing + length, sizeof listing - length, "%s|%s|%s\n", controller->transport, controller->name,
             controller->problem ? controller->problem : "");
}

static void test_all_kinds(void **state)
{
    (void)state;
    bluet_controllers(list, NULL);
    assert_string_equal(
        listing, "air|the user's own virtual air, started when it is needed|\n"
                 "hci:0|the kernel's interface hci0|in use by the kernel: take it down first\n"
                 "hci:3|the kernel's interface hci3|\n"
                 "usb:0|CSR8510 A10 (usb:0a12:0001)|\n"
                 "usb:1|a USB device (usb:8087:0aaa)|no permission for /dev/bus/usb/001/006\n"
                 "serial:/dev/serial/by-id/usb-FTDI|a serial line; whether a controller is behind it, only trying "
                 "shows|\n"
                 "serial:/dev/ttyUSB1|a serial line; whether a controller is behind it, only trying shows|no "
                 "permission: are you in the group dialout?\n");
}

static int set_up(void **state)
{
    (void)state;
    support_make_folder();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_remove_folder();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
