/* Writes addresses, UUIDs, octets and text from strangers, for people and as JSON; knows what the standard output is.
 */
#include "output.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

bool cli_is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}

bool cli_wants_color(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return cli_is_terminal() && !(no_color && no_color[0]) && terminal && strcmp(terminal, "dumb") != 0;
}

void cli_terminal_size(size_t *out_columns, size_t *out_rows)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20 || size.ws_row < 5)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    *out_columns = size.ws_col;
    *out_rows = size.ws_row;
}

bool cli_reader_gone(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO};
    return poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

void cli_die_of_pipe(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
    _exit(CLI_FAILED);
}

void output_address(char out[OUTPUT_ADDRESS_SIZE], const struct bluet_address *address)
{
    const uint8_t *octets = address->octets;
    snprintf(out, OUTPUT_ADDRESS_SIZE, "%02X:%02X:%02X:%02X:%02X:%02X", octets[0], octets[1], octets[2], octets[3],
             octets[4], octets[5]);
}

const char *output_address_kind(const struct bluet_address *address)
{
    if (address->type == BLUET_ADDRESS_PUBLIC)
        return "public";
    switch (address->octets[0] >> 6) {
    case 3:
        return "random static";
    case 1:
        return "random resolvable";
    case 0:
        return "random non-resolvable";
    default:
        return "random";
    }
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)tolower((unsigned char)digit);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool output_parse_address(struct bluet_address *out_address, const char *text)
{
    for (size_t i = 0; i < 6; i++) {
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        out_address->octets[i] = (uint8_t)(high << 4 | low);
        text += 2;
        if (i < 5 && *text != ':' && *text != '-')
            return false;
        if (i < 5)
            text++;
    }
    return *text == '\0';
}

void output_uuid(char out[OUTPUT_UUID_SIZE], const struct bluet_uuid *uuid)
{
    const uint8_t *octets = uuid->octets;
    if (uuid->length == 2) {
        snprintf(out, OUTPUT_UUID_SIZE, "0x%02x%02x", octets[1], octets[0]);
    } else if (uuid->length == 4) {
        snprintf(out, OUTPUT_UUID_SIZE, "0x%02x%02x%02x%02x", octets[3], octets[2], octets[1], octets[0]);
    } else {
        size_t at = 0;
        for (size_t i = 16; i > 0; i--) {
            bool dash = i == 12 || i == 10 || i == 8 || i == 6;
            at += (size_t)snprintf(out + at, OUTPUT_UUID_SIZE - at, dash ? "-%02x" : "%02x", octets[i - 1]);
        }
    }
}

void output_named_uuid(FILE *stream, const struct numbers *names, const struct bluet_uuid *uuid)
{
    char text[OUTPUT_UUID_SIZE];
    output_uuid(text, uuid);
    const char *name = numbers_uuid(names, uuid);
    if (name)
        fprintf(stream, "%s (%s)", name, text);
    else
        fputs(text, stream);
}

void output_hex(FILE *stream, const uint8_t *octets, size_t length)
{
    for (size_t i = 0; i < length; i++)
        fprintf(stream, i ? " %02x" : "%02x", octets[i]);
}

static bool is_printable(uint32_t character)
{
    if (character < 0x20 || (character >= 0x7f && character < 0xa0))
        return false;
    /* Surrogates; and what turns the direction of writing, with which a name could hide what stands beside it. */
    return !(character >= 0xd800 && character < 0xe000) && !(character >= 0x200b && character <= 0x200f) &&
           !(character >= 0x2028 && character <= 0x202e) && !(character >= 0x2066 && character <= 0x2069) &&
           character != 0xfeff && character <= 0x10ffff;
}

/* The length of the printable UTF-8 character at the beginning of `text`; 0 if there is none. */
static size_t character_length(const uint8_t *text, size_t length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (length == 0)
        return 0;
    uint8_t first = text[0];
    size_t count = first < 0x80 ? 1 : first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    if (count == 0 || count > length || first >= 0xf8)
        return 0;
    uint32_t character = count == 1 ? first : first & (0xffu >> (count + 1));
    for (size_t i = 1; i < count; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (text[i] & 0x3fu);
    }
    return character >= least[count] && is_printable(character) ? count : 0;
}

bool output_is_text(const uint8_t *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t count = character_length(text + at, length - at);
        if (count == 0)
            return false;
        at += count;
    }
    return true;
}

void output_text(FILE *stream, const uint8_t *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t count = character_length(text + at, length - at);
        if (count == 0)
            fprintf(stream, "\\x%02x", text[at]);
        else
            fwrite(text + at, 1, count, stream);
        at += count ? count : 1;
    }
}

json_t *output_json_hex(const uint8_t *octets, size_t length)
{
    char *text = malloc(2 * length + 1);
    if (!text)
        return NULL;
    for (size_t i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", octets[i]);
    text[2 * length] = '\0';
    json_t *value = json_string(text);
    free(text);
    return value;
}

json_t *output_json_text(const uint8_t *text, size_t length)
{
    char *safe = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&safe, &size);
    if (!stream)
        return NULL;
    output_text(stream, text, length);
    fclose(stream);
    json_t *value = json_stringn(safe, size);
    free(safe);
    return value;
}

json_t *output_json_address(const struct bluet_address *address)
{
    char text[OUTPUT_ADDRESS_SIZE];
    output_address(text, address);
    return json_string(text);
}

json_t *output_json_uuid(const struct bluet_uuid *uuid)
{
    char text[OUTPUT_UUID_SIZE];
    output_uuid(text, uuid);
    return json_string(text);
}

void output_json_name(json_t *object, const char *name)
{
    if (name)
        json_object_set_new(object, "name", json_string(name));
}

bool output_json(json_t *value, size_t flags)
{
    int error = value ? json_dumpf(value, stdout, flags) : -1;
    json_decref(value);
    return error == 0 && putchar('\n') != EOF;
}
