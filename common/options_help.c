/* The text of --help, from the table that parses the options. */
#include "common/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { COLUMNS = 80, HELP_COLUMN = 26, TEXT_MAX = 768 };

/* Bytes up to the next blank at which a line may end: not within [ ]. */
static size_t
s_word(const char *text)
{
    size_t size = 0;
    for (int depth = 0; text[size] && (depth > 0 || text[size] != ' '); size++)
        depth += (text[size] == '[') - (text[size] == ']');
    return size;
}

/* Words of text, from this column on, wrapped and indented to `indent`. */
static void
s_wrap(FILE *out, const char *text, size_t column, size_t indent)
{
    bool first = true;
    while (*text) {
        size_t word = s_word(text);
        if (!first && column + 1 + word > COLUMNS - 1) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", (int)word, text);
        column += word + !first;
        first = false;
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* What the table knows beside the sentence: default, range, environment. */
static void
s_facts(char *text, size_t size, const option_t *option, const char *fallback)
{
    size_t used = 0;
    text[0] = '\0';
    const char *between = " (";
#define FACT(...)                                                              \
    do {                                                                       \
        used += (size_t)snprintf(text + used, size - used, "%s", between);     \
        used += (size_t)snprintf(text + used, size - used, __VA_ARGS__);       \
        between = "; ";                                                        \
    } while (0)
    if (option->choices)
        FACT("%.96s", option->choices);
    if (option->kind == OPTION_INT)
        FACT("%lld to %lld", (long long)option->min, (long long)option->max);
    if (fallback)
        FACT("default %.96s", fallback);
    if (option->kind == OPTION_LIST && option->max == 1)
        FACT("one for now");
    else if (option->kind == OPTION_LIST)
        FACT("repeatable");
    if (option->environment)
        FACT("or $%.64s", option->environment);
#undef FACT
    if (used)
        snprintf(text + used, size - used, ")");
}

static void
s_row(FILE *out, const program_t *program, const option_t *option)
{
    if (option->group)
        fprintf(out, "\n%s:\n", option->group);
    char left[96], letter[8] = "    ", text[TEXT_MAX], facts[TEXT_MAX / 2];
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    const char *more = option->kind == OPTION_OPERANDS ? "..." : "";
    snprintf(left, sizeof left, "  %s--%s%s%s%s", letter, option->name,
             option->kind == OPTION_FLAG ? "" : " ",
             option->kind == OPTION_FLAG ? ""
             : option->value             ? option->value
                                         : "VALUE",
             more);
    s_facts(facts, sizeof facts, option, options_fallback(program, option));
    snprintf(text, sizeof text, "%.360s%s", option->help, facts);
    size_t column = strlen(left);
    fputs(left, out);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", (int)(HELP_COLUMN - column), "");
    s_wrap(out, text, HELP_COLUMN, HELP_COLUMN);
}

/* A line that fits stays as it was laid out. */
static void
s_usage(FILE *out, const program_t *program, size_t index)
{
    const char *text = program->usages[index];
    size_t indent = strlen("usage: ") + strlen(program->name) + 1;
    fprintf(out, "%s%s ", index ? "       " : "usage: ", program->name);
    if (indent + strlen(text) < COLUMNS)
        fprintf(out, "%s\n", text);
    else
        s_wrap(out, text, indent, indent);
}

char *
options_help(const program_t *program, fault_t *fault)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return fault_null(fault, FAULT_MEMORY, "out of memory for --help");
    for (size_t i = 0; program->usages && program->usages[i]; i++)
        s_usage(out, program, i);
    fputc('\n', out);
    s_wrap(out, program->summary, 0, 0);
    if (program->count && !program->options[0].group)
        fputs("\nOptions:\n", out);
    for (size_t i = 0; i < options_rows(program); i++)
        s_row(out, program, options_row(program, i));
    if (fclose(out) != 0) {
        free(text);
        return fault_null(fault, FAULT_MEMORY, "out of memory for --help");
    }
    return text;
}
