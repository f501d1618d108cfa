/*
 * Serial lines by termios. There is no HCI command that changes a controller's speed: each maker has one of his own, so
 * whoever needs it sends it by another program first, and names the new speed here.
 */
#include "runtime/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "bluet/bluet.h"
#include "runtime/message.h"

/* What most controllers speak when they have been switched on. */
enum { DEFAULT_BAUD = 115200 };

struct setting {
    char path[PATH_MAX];
    unsigned baud;
    speed_t speed;
    bool flow_control;
};

static const struct {
    unsigned baud;
    speed_t speed;
} speeds[] = {
    {9600, B9600},       {19200, B19200},     {38400, B38400},     {57600, B57600},     {115200, B115200},
    {230400, B230400},   {460800, B460800},   {500000, B500000},   {576000, B576000},   {921600, B921600},
    {1000000, B1000000}, {1152000, B1152000}, {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000},
    {3000000, B3000000}, {3500000, B3500000}, {4000000, B4000000},
};

/* ---- The name ---- */

static int set_speed(struct setting *setting, const char *text, size_t length)
{
    char *end;
    unsigned long baud = strtoul(text, &end, 10);
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (end != text + length || speeds[i].baud != baud)
            continue;
        setting->baud = speeds[i].baud;
        setting->speed = speeds[i].speed;
        return 0;
    }
    message_set("'%.*s' is neither 'rtscts' nor a speed of a serial line: 9600, 19200, 38400, 57600, 115200, 230400, "
                "460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000 or "
                "4000000",
                (int)(length > 40 ? 40 : length), text);
    return BLUET_EINVAL;
}

static int parse(struct setting *setting, const char *argument)
{
    size_t length = argument ? strcspn(argument, ",") : 0;
    *setting = (struct setting){.baud = DEFAULT_BAUD, .speed = B115200};
    if (!length || length >= sizeof setting->path) {
        message_set("the transport serial needs the path of a device: serial:/dev/ttyUSB0, "
                    "serial:/dev/ttyUSB0,1000000,rtscts (`bluet controllers` lists them)");
        return BLUET_EINVAL;
    }
    memcpy(setting->path, argument, length);

    int error = 0;
    for (const char *option = argument + length; *option && !error; option += length) {
        option++;
        length = strcspn(option, ",");
        if (length == 6 && memcmp(option, "rtscts", length) == 0)
            setting->flow_control = true;
        else
            error = set_speed(setting, option, length);
    }
    return error;
}

BLUET_INTERNAL int serial_check(const char *argument)
{
    struct setting setting;
    return parse(&setting, argument);
}

/* ---- The line ---- */

static ssize_t read_serial(struct carrier *carrier, void *out, size_t room)
{
    return read(carrier->fd, out, room);
}

static ssize_t write_serial(struct carrier *carrier, const struct iovec *parts, size_t count)
{
    return writev(carrier->fd, parts, (int)count);
}

static const struct carrier_kind serial_line = {
    .read = read_serial,
    .write = write_serial,
    .close = carrier_close_descriptor,
    .joined_midway = true,
    .gone = "the line has been hung up (unplugged, or the program at its other end has gone)",
    .advice = "check the speed, and whether the controller wants rtscts",
};

static const char *advice_for(int error)
{
    switch (error) {
    case ENOENT:
        return ": is it plugged in? (`bluet controllers` lists what is there)";
    case EACCES:
    case EPERM:
        return ": you need permission for it (on Debian and Ubuntu: `sudo adduser $USER dialout`, and log in again)";
    case EBUSY:
    case EWOULDBLOCK:
        return ": another program uses it; end that first";
    case ENXIO:
    case EIO:
        return ": there is no hardware behind it";
    default:
        return "";
    }
}

static int refuse(const struct setting *setting, int error)
{
    message_set("cannot open %s: %s%s", setting->path, error == EWOULDBLOCK ? "it is in use" : strerror(error),
                advice_for(error));
    return BLUET_ENODEV;
}

/* A line discipline means that the kernel itself talks over the line (btattach, slattach). */
static int check_free(int descriptor, const struct setting *setting)
{
    int discipline = N_TTY;
    if (!isatty(descriptor)) {
        message_set("%s is not a serial line", setting->path);
        return BLUET_ENODEV;
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) < 0)
        return refuse(setting, errno);
    if (ioctl(descriptor, TIOCGETD, &discipline) == 0 && discipline != N_TTY) {
        message_set("the kernel uses %s (line discipline %d): end btattach, hciattach or whatever has attached it, or "
                    "use hci:N",
                    setting->path, discipline);
        return BLUET_ENODEV;
    }
    return 0;
}

static int configure(int descriptor, const struct setting *setting)
{
    struct termios line;
    if (tcgetattr(descriptor, &line) < 0)
        return refuse(setting, errno);
    cfmakeraw(&line);
    line.c_cflag |= CLOCAL | CREAD;
    line.c_cflag &= ~(tcflag_t)(CRTSCTS | CSTOPB);
    if (setting->flow_control)
        line.c_cflag |= CRTSCTS;
    line.c_cc[VMIN] = 1;
    line.c_cc[VTIME] = 0;
    cfsetispeed(&line, setting->speed);
    cfsetospeed(&line, setting->speed);
    /* It succeeds if any of the settings could be made. */
    if (tcsetattr(descriptor, TCSANOW, &line) < 0 || tcgetattr(descriptor, &line) < 0)
        return refuse(setting, errno);
    if (cfgetospeed(&line) != setting->speed) {
        message_set("%s cannot do %u baud", setting->path, setting->baud);
        return BLUET_ENODEV;
    }
    tcflush(descriptor, TCIOFLUSH);
    return 0;
}

/* A name may be given to a fresh pseudo-terminal while it is followed, and what it led to be gone: then once more. */
static int open_line(const char *path)
{
    enum { FLAGS = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC };
    int descriptor = open(path, FLAGS);
    return descriptor < 0 && (errno == EIO || errno == ENOENT) ? open(path, FLAGS) : descriptor;
}

BLUET_INTERNAL int serial_open(const char *argument, struct carrier *out_carrier)
{
    struct setting setting;
    if (parse(&setting, argument))
        return BLUET_ENODEV;
    int descriptor = open_line(setting.path);
    if (descriptor < 0)
        return refuse(&setting, errno);
    int error = check_free(descriptor, &setting);
    if (!error)
        error = configure(descriptor, &setting);
    if (error) {
        close(descriptor);
        return error;
    }
    *out_carrier = (struct carrier){.kind = &serial_line, .fd = descriptor};
    return 0;
}
