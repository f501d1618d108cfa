/* Columns of a smartcols table that wrap between words. */
#ifndef BLUET_CLI_WRAP_H
#define BLUET_CLI_WRAP_H

#include <libsmartcols/libsmartcols.h>

void wrap_between_words(struct libscols_column *column);

#endif
