/* A JSON array of objects as an aligned table for people. */
#ifndef CONVOY_CLIENT_TABLE_H
#define CONVOY_CLIENT_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

typedef struct table_column {
    const char *title;
    const char *key;
    int digits; /* behind the point of a number; below 0: a text, cut to that
                   many bytes and set to the left */
} table_column_t;

/* A line of titles, then a line an object; "-" where a value is missing. */
void table_print(FILE *file, const json_t *rows, const table_column_t *columns,
                 size_t columns_count);

#endif
