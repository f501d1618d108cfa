/* The live table of `bluet scan` on a terminal: drawn over itself until the scan ends, then left standing. */
#include "scan_screen.h"

#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "output.h"
#include "wrap.h"

/* On a terminal narrower than this the data are cut off even at the end: wrapped they would be a pillar. */
enum { WRAPPING_WIDTH = 72 };

enum { COLUMN_ADDRESS, COLUMN_KIND, COLUMN_RSSI, COLUMN_REPORTS, COLUMN_NAME, COLUMN_DATA };

/* Not heard for so long: shown dim. */
#define QUIET_US 10000000

static struct libscols_table *new_table(size_t width, bool wrap)
{
    struct libscols_table *table = scols_new_table();
    if (!table)
        return NULL;
    scols_table_enable_colors(table, cli_wants_color());
    scols_table_enable_noencoding(table, 1); /* output_text() has done it */
    scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
    scols_table_set_termwidth(table, width);
    scols_table_new_column(table, "ADDRESS", 17, 0);
    scols_table_new_column(table, "KIND", 6, 0);
    scols_table_new_column(table, "RSSI", 4, SCOLS_FL_RIGHT);
    scols_table_new_column(table, "HEARD", 5, SCOLS_FL_RIGHT);
    scols_table_new_column(table, "NAME", 4, 0);
    struct libscols_column *data = scols_table_new_column(table, "DATA", 0.5, SCOLS_FL_TRUNC);
    if (data && wrap)
        wrap_between_words(data);
    return table;
}

static void set_number(struct libscols_line *line, size_t column, long number)
{
    char text[24];
    snprintf(text, sizeof text, "%ld", number);
    scols_line_set_data(line, column, text);
}

static void set_written(struct libscols_line *line, size_t column, const struct device *device,
                        void (*write)(FILE *stream, const struct device *device))
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        return;
    write(memory, device);
    fclose(memory);
    scols_line_refer_data(line, column, text);
}

static void write_data(FILE *stream, const struct device *device)
{
    struct advertising_pair pair = device_data(device);
    advertising_describe(stream, &pair);
}

/* Only random addresses come in kinds: the word can go. */
static const char *short_kind(const struct bluet_address *address)
{
    static const char random[] = "random ";
    const char *kind = output_address_kind(address);
    return strncmp(kind, random, sizeof random - 1) == 0 ? kind + sizeof random - 1 : kind;
}

static void add_line(struct libscols_table *table, const struct device *device, uint64_t now_us)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    if (!line)
        return;
    char address[OUTPUT_ADDRESS_SIZE];
    output_address(address, &device->address);
    scols_line_set_data(line, COLUMN_ADDRESS, address);
    scols_line_set_data(line, COLUMN_KIND, short_kind(&device->address));
    set_number(line, COLUMN_RSSI, device->rssi);
    set_number(line, COLUMN_REPORTS, device->reports);
    set_written(line, COLUMN_NAME, device, device_write_name);
    set_written(line, COLUMN_DATA, device, write_data);
    if (now_us - device->last_us > QUIET_US)
        scols_line_set_color(line, "halfbright");
    else
        scols_cell_set_color(scols_line_get_cell(line, COLUMN_NAME), "bold");
}

/* Without automatic wrapping: on a terminal that is too narrow for the table, a line is still one line. */
static size_t print_lines(const char *text)
{
    size_t lines = 0;
    fputs("\033[?7l", stdout);
    while (*text) {
        size_t length = strcspn(text, "\n");
        fputs("\033[K", stdout);
        fwrite(text, 1, length, stdout);
        fputc('\n', stdout);
        text += length + (text[length] == '\n');
        lines++;
    }
    fputs("\033[?7h", stdout);
    return lines;
}

/* Back to the first line, to draw over what stands there: erasing it first would flicker. */
static void go_back(struct scan_screen *screen)
{
    if (screen->line_count)
        printf("\033[%zuA\r", screen->line_count);
    screen->line_count = 0;
}

static bool is_wanted(const struct scan_screen *screen, const struct device *device)
{
    return !screen->wanted || screen->wanted(device);
}

static size_t count_wanted(const struct scan_screen *screen, const struct devices *devices)
{
    size_t count = 0;
    for (size_t i = 0; i < devices->count; i++)
        count += is_wanted(screen, &devices->list[i]);
    return count;
}

static void draw(struct scan_screen *screen, const struct devices *devices, uint64_t now_us, bool last)
{
    size_t columns, rows;
    cli_terminal_size(&columns, &rows);
    size_t wanted = count_wanted(screen, devices);
    /* While it is live the latest; the heading and the line beneath it stand on the screen too. */
    size_t room = rows - 4;
    size_t skipped = !last && wanted > room ? wanted - room : 0;
    struct libscols_table *table = new_table(columns, last && columns >= WRAPPING_WIDTH);
    char *text = NULL;
    if (!table)
        return;
    for (size_t i = 0; i < devices->count; i++) {
        const struct device *device = &devices->list[i];
        if (!is_wanted(screen, device))
            continue;
        if (skipped)
            skipped--;
        else
            add_line(table, device, now_us);
    }
    if (scols_table_get_nlines(table) > 0)
        scols_print_table_to_string(table, &text);
    scols_unref_table(table);

    go_back(screen);
    if (text)
        screen->line_count = print_lines(text);
    free(text);
}

void scan_screen_draw(struct scan_screen *screen, const struct devices *devices, uint64_t now_us)
{
    if (!screen->begun)
        fputs("\033[?25l", stdout);
    screen->begun = true;
    draw(screen, devices, now_us, false);
    printf("\033[K%zu heard, scanning; Ctrl-C ends\n\033[J", count_wanted(screen, devices));
    screen->line_count++;
    fflush(stdout);
}

void scan_screen_end(struct scan_screen *screen, const struct devices *devices, uint64_t now_us)
{
    draw(screen, devices, now_us, true);
    fputs("\033[J\033[?25h", stdout);
    fflush(stdout);
}
