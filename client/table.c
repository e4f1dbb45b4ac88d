/* An aligned table. */
#include "client/table.h"

#include <stdbool.h>
#include <string.h>

enum { CELL_MAX = 64 };

static const char *
s_cell(const json_t *row, const table_column_t *column, char cell[CELL_MAX])
{
    const json_t *value = json_object_get(row, column->key);
    if (json_is_string(value))
        snprintf(cell, CELL_MAX, "%.*s",
                 column->digits < 0 ? -column->digits : CELL_MAX - 1,
                 json_string_value(value));
    else if (json_is_number(value))
        snprintf(cell, CELL_MAX, "%.*f",
                 column->digits < 0 ? 0 : column->digits,
                 json_number_value(value));
    else
        snprintf(cell, CELL_MAX, "-");
    return cell;
}

/* Columns of a terminal that UTF-8 text takes, near enough: code points. */
static int
s_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void
s_pad(FILE *file, int columns)
{
    fprintf(file, "%*s", columns > 0 ? columns : 0, "");
}

static void
s_print_cell(FILE *file, const table_column_t *column, const char *cell,
             int width, bool last)
{
    bool left = column->digits < 0;
    if (!left)
        s_pad(file, width - s_width(cell));
    fputs(cell, file);
    if (left && !last)
        s_pad(file, width - s_width(cell));
    fputs(last ? "\n" : "  ", file);
}

void
table_print(FILE *file, const json_t *rows, const table_column_t *columns,
            size_t columns_count)
{
    char cell[CELL_MAX];
    int widths[16] = {0};
    if (columns_count > 16)
        columns_count = 16;
    for (size_t c = 0; c < columns_count; c++) {
        widths[c] = s_width(columns[c].title);
        for (size_t r = 0; r < json_array_size(rows); r++) {
            int width =
                s_width(s_cell(json_array_get(rows, r), &columns[c], cell));
            if (width > widths[c])
                widths[c] = width;
        }
    }
    for (size_t c = 0; c < columns_count; c++)
        s_print_cell(file, &columns[c], columns[c].title, widths[c],
                     c + 1 == columns_count);
    for (size_t r = 0; r < json_array_size(rows); r++)
        for (size_t c = 0; c < columns_count; c++)
            s_print_cell(file, &columns[c],
                         s_cell(json_array_get(rows, r), &columns[c], cell),
                         widths[c], c + 1 == columns_count);
}
