/* `bluet snoop`: shows a capture in btsnoop form, a line for each packet, also while it grows. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"
#include "packets.h"
#include "spec/reader.h"

enum { FILE_HEADER = 16, RECORD_HEADER = 24, DATALINK_H4 = 1002, LONGEST_PACKET = 1 << 17, PAUSE_MS = 50 };

static struct {
    int follow, json;
} options;

static const struct poptOption table[] = {
    {"follow", 'f', POPT_ARG_NONE, &options.follow, 0, "go on as the capture grows, until Ctrl-C", NULL},
    {"json", 'j', POPT_ARG_NONE, &options.json, 0, "an object for each packet, one to a line", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const struct cli_usage usage = {
    .synopsis = "snoop [OPTION...] [FILE]",
    .summary = "Shows what passes between a host and its controller: a line for each packet of a\n"
               "capture in btsnoop form, as BLUET_SNOOP=FILE writes it. Without FILE it is the one\n"
               "that BLUET_SNOOP names here.",
    .details = "A line has the seconds since the capture began; '<' for what the host says, '>' for\n"
               "what the controller says; and the packet. With --follow the file need not be there\n"
               "yet, and may be begun anew.\n\n"
               "Exits with 0; with 1 if the file cannot be read or is no such capture.\n\n"
               "Examples:\n"
               "  BLUET_SNOOP=/tmp/capture bluet scan & bluet snoop --follow /tmp/capture\n"
               "  bluet snoop /tmp/capture | grep ATT",
    .options = table,
    .argument_most = 1,
};

struct snoop {
    const char *path;
    FILE *file;
    long position; /* of what has not been shown */
    uint64_t first_us;
    bool begun;
    uint8_t packet[LONGEST_PACKET];
};

enum step { STEP_SHOWN, STEP_END, STEP_CUT, STEP_BAD };

static void rest(void)
{
    const struct timespec pause = {0, PAUSE_MS * 1000000L};
    nanosleep(&pause, NULL);
}

/* Numbers have their most significant octet first. */
static uint64_t read_big(struct reader *reader, size_t length)
{
    uint8_t octets[8] = {0};
    uint64_t value = 0;
    read_octets(reader, octets, length);
    for (size_t i = 0; i < length; i++)
        value = value << 8 | octets[i];
    return value;
}

/* ---- Showing ---- */

static bool show_json(double seconds, bool received, const uint8_t *packet, size_t length)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return false;
    packets_write(memory, packet, length);
    fclose(memory);
    json_t *object = json_object();
    json_object_set_new(object, "time", json_real(seconds));
    json_object_set_new(object, "from", json_string(received ? "controller" : "host"));
    json_object_set_new(object, "packet", json_string(text));
    json_object_set_new(object, "octets", output_json_hex(packet, length));
    free(text);
    return output_json(object, JSON_COMPACT);
}

static bool show(struct snoop *snoop, uint64_t time_us, bool received, size_t length)
{
    if (!snoop->begun)
        snoop->first_us = time_us;
    snoop->begun = true;
    double seconds = (double)(int64_t)(time_us - snoop->first_us) / 1e6;
    if (options.json)
        return show_json(seconds, received, snoop->packet, length);
    printf("%12.6f %c ", seconds, received ? '>' : '<');
    packets_write(stdout, snoop->packet, length);
    putchar('\n');
    return !ferror(stdout);
}

/* ---- Reading ---- */

/* A part that is not there yet is not taken. */
static enum step next_part(struct snoop *snoop, void *out, size_t length)
{
    clearerr(snoop->file);
    if (fseek(snoop->file, snoop->position, SEEK_SET))
        return STEP_BAD;
    size_t count = fread(out, 1, length, snoop->file);
    return count == length ? STEP_SHOWN : count ? STEP_CUT : STEP_END;
}

static enum step read_header(struct snoop *snoop)
{
    uint8_t header[FILE_HEADER];
    enum step step = next_part(snoop, header, sizeof header);
    struct reader reader = reader_of(header, sizeof header);
    if (step != STEP_SHOWN)
        return step;
    const uint8_t *name = read_span(&reader, 8);
    uint64_t version = read_big(&reader, 4);
    uint64_t datalink = read_big(&reader, 4);
    if (memcmp(name, "btsnoop", 8) != 0 || version != 1)
        cli_error("%s is no capture in btsnoop form", snoop->path);
    else if (datalink != DATALINK_H4)
        cli_error("%s is a btsnoop of kind %u; only H4 (%d) is read here: try btmon -r", snoop->path,
                  (unsigned)datalink, DATALINK_H4);
    else
        snoop->position = FILE_HEADER;
    return snoop->position ? STEP_SHOWN : STEP_BAD;
}

static enum step read_record(struct snoop *snoop)
{
    uint8_t header[RECORD_HEADER];
    enum step step = next_part(snoop, header, sizeof header);
    if (step != STEP_SHOWN)
        return step;
    struct reader reader = reader_of(header, sizeof header);
    read_big(&reader, 4); /* the length that it had */
    size_t length = (size_t)read_big(&reader, 4);
    bool received = read_big(&reader, 4) & 1;
    read_big(&reader, 4); /* how many were dropped */
    uint64_t time_us = read_big(&reader, 8);
    if (length > sizeof snoop->packet) {
        cli_error("%s is damaged: a packet of %zu octets", snoop->path, length);
        return STEP_BAD;
    }
    snoop->position += RECORD_HEADER;
    step = length ? next_part(snoop, snoop->packet, length) : STEP_SHOWN;
    if (step != STEP_SHOWN) {
        snoop->position -= RECORD_HEADER;
        return STEP_CUT;
    }
    snoop->position += (long)length;
    return show(snoop, time_us, received, length) ? STEP_SHOWN : STEP_BAD;
}

/* Another program has begun the file anew. */
static void look_for_another(struct snoop *snoop)
{
    struct stat now;
    if (fstat(fileno(snoop->file), &now) == 0 && now.st_size < snoop->position) {
        snoop->position = 0;
        snoop->begun = false;
    }
}

static int open_file(struct snoop *snoop)
{
    while (!(snoop->file = fopen(snoop->path, "rbe"))) {
        if (!options.follow || errno != ENOENT) {
            cli_error("cannot read %s: %s", snoop->path, strerror(errno));
            return CLI_FAILED;
        }
        rest();
    }
    return CLI_OK;
}

static int read_all(struct snoop *snoop)
{
    for (;;) {
        enum step step = snoop->position ? read_record(snoop) : read_header(snoop);
        if (step == STEP_BAD)
            return CLI_FAILED;
        if (step == STEP_SHOWN)
            continue;
        if (!options.follow && (step == STEP_CUT || !snoop->position))
            cli_error("%s ends in the middle of %s", snoop->path, snoop->position ? "a packet" : "its header");
        if (!options.follow)
            return step == STEP_END && snoop->position ? CLI_OK : CLI_FAILED;
        fflush(stdout);
        rest();
        look_for_another(snoop);
    }
}

int cli_snoop(int argc, const char **argv)
{
    static struct snoop snoop;
    int code = cli_parse(&usage, &snoop.path, argc, argv);
    if (code != CLI_GO_ON)
        return code;
    if (!snoop.path)
        snoop.path = getenv("BLUET_SNOOP");
    if (!snoop.path || !*snoop.path) {
        cli_error("which capture? (try: bluet snoop --help)");
        return CLI_USAGE;
    }
    code = open_file(&snoop);
    if (code == CLI_OK) {
        code = read_all(&snoop);
        fclose(snoop.file);
    }
    return code;
}
