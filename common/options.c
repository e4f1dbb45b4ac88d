/* Command lines: one const table yields the parser and --help. */
#include "common/options.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/logger.h"
#include "common/mem.h"
#include "common/nearest.h"

#ifndef CONVOY_VERSION
#define CONVOY_VERSION "unknown"
#endif

/* The options that every program has. */
typedef struct shared {
    bool help, version;
    const char *level, *format;
} shared_t;

#define LEVELS "error|warning|info|debug"

static const option_t shared_options[] = {
    {.name = "log-level",
     .kind = OPTION_TEXT,
     .value = "LEVEL",
     .environment = "CONVOY_LOG_LEVEL",
     .fallback = "info",
     .choices = LEVELS,
     .offset = offsetof(shared_t, level),
     .group = "Every program",
     .help = "the least important records to show"},
    {.name = "log-format",
     .kind = OPTION_TEXT,
     .value = "FORMAT",
     .environment = "CONVOY_LOG_FORMAT",
     .fallback = "text",
     .choices = "text|json",
     .offset = offsetof(shared_t, format),
     .help = "one line a record either way"},
    {.name = "help",
     .letter = 'h',
     .kind = OPTION_FLAG,
     .offset = offsetof(shared_t, help),
     .help = "show this and exit"},
    {.name = "version",
     .kind = OPTION_FLAG,
     .offset = offsetof(shared_t, version),
     .help = "show the version and exit"},
};

enum { SHARED_COUNT = sizeof shared_options / sizeof shared_options[0] };

/* A parse under way. */
typedef struct parse {
    options_t *options;
    const program_t *program;
    void *values;
    shared_t shared;
    int argc;
    char **argv;
    int next;                 /* index of the next word */
    const option_t *operands; /* what bare words belong to */
    fault_t *fault;
} parse_t;

/* An option as the user wrote it: where its value came from. */
typedef struct source {
    const option_t *option;
    const char *name; /* "--timeout" or "CONVOY_TIMEOUT" */
    const char *text;
} source_t;

static void *
s_place(parse_t *parse, const option_t *option)
{
    bool shared =
        option >= shared_options && option < shared_options + SHARED_COUNT;
    return (char *)(shared ? (void *)&parse->shared : parse->values) +
           option->offset;
}

static int
s_own(options_t *self, void *memory, fault_t *fault)
{
    if (!memory)
        return -1;
    if (mem_grow(&self->owned, &self->owned_capacity, self->owned_count + 1,
                 sizeof *self->owned, fault) != 0) {
        free(memory);
        return -1;
    }
    self->owned[self->owned_count++] = memory;
    return 0;
}

/* --- one value --- */

static int
s_store_flag(parse_t *parse, const source_t *source)
{
    static const char *const words[] = {"0",  "1",   "false", "true",
                                        "no", "yes", "off",   "on"};
    bool *place = s_place(parse, source->option);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], source->text) == 0) {
            *place = i % 2;
            return 0;
        }
    return fault_set(parse->fault, FAULT_USAGE, "%s: '%.64s' is not 0 or 1",
                     source->name, source->text);
}

static int
s_store_int(parse_t *parse, const source_t *source)
{
    const option_t *option = source->option;
    char *end;
    errno = 0;
    long long value = strtoll(source->text, &end, 10);
    if (end == source->text || *end)
        return fault_set(parse->fault, FAULT_USAGE,
                         "%s: '%.64s' is not a whole number", source->name,
                         source->text);
    if (errno || value < option->min || value > option->max)
        return fault_set(parse->fault, FAULT_USAGE,
                         "%s: %.64s is not within %lld to %lld", source->name,
                         source->text, (long long)option->min,
                         (long long)option->max);
    *(int64_t *)s_place(parse, option) = value;
    return 0;
}

static bool
s_is_choice(const char *choices, const char *text)
{
    size_t size = strlen(text);
    for (const char *at = choices; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, text, size) == 0 && size > 0 &&
            (at[size] == '|' || at[size] == '\0'))
            return true;
    }
    return false;
}

static int
s_store_text(parse_t *parse, const source_t *source)
{
    const option_t *option = source->option;
    if (option->choices && !s_is_choice(option->choices, source->text))
        return fault_set(parse->fault, FAULT_USAGE,
                         "%s: '%.64s' is not one of %s", source->name,
                         source->text, option->choices);
    *(const char **)s_place(parse, option) = source->text;
    return 0;
}

/* Append to a list; room for every word there can be is made at once. */
static int
s_append(parse_t *parse, const option_t *option, const char *text, size_t room)
{
    options_list_t *list = s_place(parse, option);
    if (!list->items) {
        void *items = mem_new(room, sizeof *list->items, parse->fault);
        if (s_own(parse->options, items, parse->fault) != 0)
            return -1;
        list->items = items;
    }
    list->items[list->count++] = text;
    return 0;
}

static int
s_check_room(parse_t *parse, const source_t *source)
{
    const option_t *option = source->option;
    const options_list_t *list = s_place(parse, option);
    if (option->kind != OPTION_LIST || option->max == 0 ||
        list->count < (size_t)option->max)
        return 0;
    return fault_set(parse->fault, FAULT_USAGE,
                     "%s: only %lld %s is possible for now", source->name,
                     (long long)option->max, option->value);
}

static int
s_store_item(parse_t *parse, const source_t *source)
{
    if (!*source->text)
        return fault_set(parse->fault, FAULT_USAGE, "%s: the value is empty",
                         source->name);
    if (s_check_room(parse, source) != 0)
        return -1;
    return s_append(parse, source->option, source->text, (size_t)parse->argc);
}

typedef int (*store_t)(parse_t *parse, const source_t *source);

static const store_t stores[] = {
    [OPTION_FLAG] = s_store_flag,     [OPTION_INT] = s_store_int,
    [OPTION_TEXT] = s_store_text,     [OPTION_LIST] = s_store_item,
    [OPTION_OPERANDS] = s_store_item,
};

/* The comma-separated items of a list from the environment or the table. */
static int
s_store_split(parse_t *parse, const source_t *source)
{
    size_t room = 1;
    for (const char *at = source->text; *at; at++)
        room += *at == ',';
    char *copy = mem_text(source->text, strlen(source->text), parse->fault);
    if (s_own(parse->options, copy, parse->fault) != 0)
        return -1;
    char *rest = copy, *item;
    bool empty = true;
    while ((item = strsep(&rest, ","))) {
        if (!*item)
            continue;
        empty = false;
        if (s_check_room(parse, source) != 0 ||
            s_append(parse, source->option, item, room) != 0)
            return -1;
    }
    if (empty)
        return fault_set(parse->fault, FAULT_USAGE, "%s: the value is empty",
                         source->name);
    return 0;
}

/* --- the words of the line --- */

static int
s_mark_given(parse_t *parse, const option_t *option)
{
    options_t *self = parse->options;
    if (options_given(self, option->name))
        return 0;
    if (mem_grow(&self->given, &self->given_capacity, self->given_count + 1,
                 sizeof *self->given, parse->fault) != 0)
        return -1;
    self->given[self->given_count++] = option->name;
    return 0;
}

static int
s_unknown(parse_t *parse, const char *word)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    nearest_t nearest = {0};
    for (size_t i = 0;
         i < options_rows(parse->program) && strncmp(name, "--", 2) == 0; i++)
        nearest_offer(&nearest, name + 2, options_row(parse->program, i)->name);
    const char *known = nearest_answer(&nearest);
    return fault_set(
        parse->fault, FAULT_USAGE, "unknown option %s%s%s%s (see --help)", name,
        known ? "; did you mean --" : "", known ? known : "", known ? "?" : "");
}

/* Which option a word starting with '-' is, and the value glued to it. */
static const option_t *
s_recognise(const parse_t *parse, const char *word, const char **glued)
{
    *glued = NULL;
    bool is_long = word[1] == '-';
    const char *name = word + 2;
    size_t size = strcspn(name, "=");
    for (size_t i = 0; i < options_rows(parse->program); i++) {
        const option_t *option = options_row(parse->program, i);
        if (is_long && strlen(option->name) == size &&
            strncmp(option->name, name, size) == 0) {
            *glued = name[size] ? name + size + 1 : NULL;
            return option;
        }
        if (!is_long && option->letter && option->letter == word[1]) {
            *glued = *name ? name : NULL;
            return option;
        }
    }
    return NULL;
}

/* An option's value is the next word, whatever it looks like, except another
 * option of ours: `--timeout --json` has forgotten it. */
static const char *
s_next_value(parse_t *parse)
{
    if (parse->next >= parse->argc)
        return NULL;
    const char *word = parse->argv[parse->next], *glued;
    if (word[0] == '-' && word[1] && s_recognise(parse, word, &glued))
        return NULL;
    parse->next++;
    return word;
}

static int
s_take_option(parse_t *parse, const char *word)
{
    const char *glued;
    const option_t *option = s_recognise(parse, word, &glued);
    if (!option)
        return s_unknown(parse, word);
    char name[64];
    snprintf(name, sizeof name, "--%s", option->name);
    source_t source = {option, name, glued};
    if (option->kind == OPTION_FLAG) {
        if (glued)
            return fault_set(parse->fault, FAULT_USAGE, "%s takes no value",
                             name);
        source.text = "1";
    }
    if (!source.text)
        source.text = s_next_value(parse);
    if (!source.text)
        return fault_set(parse->fault, FAULT_USAGE, "%s needs a value: %s",
                         name, option->value ? option->value : "VALUE");
    if (option->kind == OPTION_OPERANDS)
        parse->operands = option;
    if (s_mark_given(parse, option) != 0)
        return -1;
    return stores[option->kind](parse, &source);
}

static int
s_take_bare(parse_t *parse, const char *word)
{
    if (!parse->operands)
        return fault_set(parse->fault, FAULT_USAGE,
                         "'%.64s' belongs to no option (see --help)", word);
    source_t source = {parse->operands, parse->operands->name, word};
    return s_store_item(parse, &source);
}

static int
s_take_words(parse_t *parse)
{
    bool ended = false; /* by "--" */
    while (parse->next < parse->argc) {
        const char *word = parse->argv[parse->next++];
        int result;
        if (!ended && strcmp(word, "--") == 0) {
            ended = true;
            continue;
        }
        if (!ended && word[0] == '-' && word[1])
            result = s_take_option(parse, word);
        else
            result = s_take_bare(parse, word);
        if (result != 0)
            return -1;
        if (parse->shared.help || parse->shared.version)
            return 0;
    }
    return 0;
}

/* The environment and the table, for what the line did not say. */
static int
s_take_defaults(parse_t *parse)
{
    for (size_t i = 0; i < options_rows(parse->program); i++) {
        const option_t *option = options_row(parse->program, i);
        if (options_given(parse->options, option->name))
            continue;
        source_t source = {option, option->environment, NULL};
        if (option->environment)
            source.text = getenv(option->environment);
        if (!source.text || !*source.text)
            source = (source_t){option, option->name,
                                options_fallback(parse->program, option)};
        if (!source.text)
            continue;
        bool list =
            option->kind == OPTION_LIST || option->kind == OPTION_OPERANDS;
        if ((list ? s_store_split : stores[option->kind])(parse, &source) != 0)
            return -1;
    }
    return 0;
}

static int
s_answer(parse_t *parse)
{
    if (parse->shared.version) {
        printf("%s %s\n", parse->program->name, CONVOY_VERSION);
        return 1;
    }
    char *help = options_help(parse->program, parse->fault);
    if (!help)
        return -1;
    fputs(help, stdout);
    free(help);
    return 1;
}

static void
s_set_up_logger(const parse_t *parse)
{
    logger_level_t level = LOGGER_ERROR;
    static const char *const names[] = {"error", "warning", "info", "debug"};
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], parse->shared.level) == 0)
            level = (logger_level_t)i;
    logger_format_t format = parse->program->brief ? LOGGER_BRIEF : LOGGER_TEXT;
    if (strcmp(parse->shared.format, "json") == 0)
        format = LOGGER_JSON;
    logger_setup(parse->program->name, level, format);
}

int
options_parse(options_t *self, const program_t *program, void *values, int argc,
              char **argv, fault_t *fault)
{
    *self = (options_t){0};
    parse_t parse = {.options = self,
                     .program = program,
                     .values = values,
                     .argc = argc,
                     .argv = argv,
                     .next = 1,
                     .fault = fault};
    /* A wrong command line is reported in the shape the program speaks. */
    logger_setup(program->name, LOGGER_INFO,
                 program->brief ? LOGGER_BRIEF : LOGGER_TEXT);
    if (s_take_words(&parse) != 0)
        return -1;
    if (parse.shared.help || parse.shared.version)
        return s_answer(&parse);
    if (s_take_defaults(&parse) != 0)
        return -1;
    s_set_up_logger(&parse);
    return 0;
}

size_t
options_rows(const program_t *program)
{
    return program->count + SHARED_COUNT;
}

const option_t *
options_row(const program_t *program, size_t index)
{
    assert(index < options_rows(program));
    return index < program->count ? &program->options[index]
                                  : &shared_options[index - program->count];
}

const char *
options_fallback(const program_t *program, const option_t *option)
{
    bool level = strcmp(option->name, "log-level") == 0;
    return level && program->log_level ? program->log_level : option->fallback;
}

/* "--image, --status or --bench" for "image|status|bench". */
static const char *
s_either(const char *choices, char *text, size_t size)
{
    size_t used = 0;
    for (const char *at = choices; *at && used < size;) {
        size_t word = strcspn(at, "|");
        const char *between = at == choices ? "" : at[word] ? ", " : " or ";
        int wrote = snprintf(text + used, size - used, "%s--%.*s", between,
                             (int)word, at);
        used += wrote > 0 ? (size_t)wrote : size;
        at += word + (at[word] == '|');
    }
    return text;
}

int
options_check(const options_t *self, const program_t *program,
              const char *command, fault_t *fault)
{
    char text[128] = "";
    for (size_t i = 0; i < program->count; i++) {
        const option_t *option = &program->options[i];
        if (option->belongs && options_given(self, option->name) &&
            !s_is_choice(option->belongs, command))
            return fault_set(fault, FAULT_USAGE,
                             "--%s belongs to %s, not to --%s", option->name,
                             s_either(option->belongs, text, sizeof text),
                             command);
    }
    return 0;
}

bool
options_given(const options_t *self, const char *name)
{
    for (size_t i = 0; i < self->given_count; i++)
        if (strcmp(self->given[i], name) == 0)
            return true;
    return false;
}

void
options_release(options_t *self)
{
    for (size_t i = 0; i < self->owned_count; i++)
        free(self->owned[i]);
    free(self->owned);
    free(self->given);
    *self = (options_t){0};
}
