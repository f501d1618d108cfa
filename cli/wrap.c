/* Wraps a column of a smartcols table between words; by itself the library breaks them. */
#include "wrap.h"

#include <stddef.h>
#include <string.h>

/* Cells of the terminal that a text takes, as near as need be: one for each character. */
static size_t cells(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* How wide the text would like to be. */
static size_t wanted_width(const struct libscols_column *column, const char *text, void *context)
{
    (void)column;
    (void)context;
    return cells(text, strlen(text));
}

/* Ends `text` at the last space that fits, and returns what comes after; NULL if all of it fits, or nothing can be
 * done. */
static char *next_line(const struct libscols_column *column, char *text, void *context)
{
    (void)context;
    size_t width = scols_column_get_width(column);
    if (cells(text, strlen(text)) <= width)
        return NULL;
    char *cut = NULL;
    for (char *space = strchr(text, ' '); space; space = strchr(space + 1, ' ')) {
        if (cut && cells(text, (size_t)(space - text)) > width)
            break;
        cut = space;
    }
    if (!cut)
        return NULL;
    *cut = '\0';
    return cut + 1;
}

void wrap_between_words(struct libscols_column *column)
{
    scols_column_set_flags(column, SCOLS_FL_WRAP);
    scols_column_set_wrapfunc(column, wanted_width, next_line, NULL);
}
