/* The pickle machine: a stack, marks, a memo, and a closed list of opcodes.
 *
 * The loop never recurses, so the depth of what it builds costs no stack. */
#include "common/model/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/mem.h"
#include "common/model/pickle_torch.h"
#include "common/model/pickle_tree.h"

typedef struct machine {
    pickle_t *tree;
    cursor_t in;
    size_t at; /* of the opcode being run */
    int stack[PICKLE_STACK_MAX];
    int height;
    int marks[PICKLE_DEPTH_MAX]; /* heights */
    int marks_count;
    int *memo; /* node + 1, 0 where nothing was put */
    size_t memo_capacity;
    bool stopped;
} machine_t;

enum { LINE_MAX_BYTES = 256 };

/* --- the stack --- */

static int
s_push(machine_t *self, int node, fault_t *fault)
{
    if (node < 0)
        return -1;
    if (self->height == PICKLE_STACK_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "more than %d objects on the stack", PICKLE_STACK_MAX);
    self->stack[self->height++] = node;
    return 0;
}

static int
s_push_new(machine_t *self, const pickle_node_t *node, fault_t *fault)
{
    return s_push(self, pickle_add(self->tree, node, fault), fault);
}

/* The lowest height an opcode may pop to. */
static int
s_floor(const machine_t *self)
{
    return self->marks_count ? self->marks[self->marks_count - 1] : 0;
}

/* The top object stays; -1 where there is none above the last mark. */
static int
s_top(const machine_t *self, fault_t *fault)
{
    if (self->height <= s_floor(self))
        return fault_set(fault, FAULT_INPUT, "the stack is empty");
    return self->stack[self->height - 1];
}

static int
s_pop(machine_t *self, fault_t *fault)
{
    int node = s_top(self, fault);
    if (node >= 0)
        self->height--;
    return node;
}

/* The height at the last mark, which is taken away; -1 without one. */
static int
s_pop_mark(machine_t *self, fault_t *fault)
{
    if (!self->marks_count)
        return fault_set(fault, FAULT_INPUT, "no mark");
    return self->marks[--self->marks_count];
}

static bool
s_is(const machine_t *self, int node, pickle_kind_t kind)
{
    return node >= 0 && self->tree->nodes[node].kind == kind;
}

/* --- constants --- */

static int
s_none(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    return s_push(self, PICKLE_NONE, fault);
}

static int
s_bool(machine_t *self, uint8_t opcode, fault_t *fault)
{
    const pickle_node_t node = {.kind = PICKLE_IS_BOOL,
                                .number = opcode == 0x88};
    return s_push_new(self, &node, fault);
}

static int
s_int(machine_t *self, uint8_t opcode, fault_t *fault)
{
    pickle_node_t node = {.kind = PICKLE_IS_INT};
    if (opcode == 'K')
        node.number = cursor_u8(&self->in);
    else if (opcode == 'M')
        node.number = cursor_u16le(&self->in);
    else
        node.number = (int32_t)cursor_u32le(&self->in);
    return s_push_new(self, &node, fault);
}

static int
s_long(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    size_t size = cursor_u8(&self->in);
    const uint8_t *bytes = cursor_take(&self->in, size);
    if (size > 8)
        return fault_set(fault, FAULT_INPUT, "an integer of %zu bytes", size);
    uint64_t value = bytes && size && bytes[size - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = size; bytes && i-- > 0;)
        value = value << 8 | bytes[i];
    const pickle_node_t node = {.kind = PICKLE_IS_INT,
                                .number = (int64_t)value};
    return s_push_new(self, &node, fault);
}

static int
s_float(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    cursor_u64be(&self->in);
    const pickle_node_t node = {.kind = PICKLE_IS_FLOAT};
    return s_push_new(self, &node, fault);
}

static int
s_text(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    size_t size = cursor_u32le(&self->in);
    if (size >= PICKLE_TEXT_MAX)
        return fault_set(fault, FAULT_INPUT, "a text of %zu bytes", size);
    const uint8_t *bytes = cursor_take(&self->in, size);
    pickle_node_t node = {.kind = PICKLE_IS_TEXT};
    if (bytes) {
        node.text.at = (uint32_t)(bytes - self->tree->bytes);
        node.text.size = (uint32_t)size;
    }
    return s_push_new(self, &node, fault);
}

/* --- containers --- */

static int
s_mark(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    if (self->marks_count == PICKLE_DEPTH_MAX)
        return fault_set(fault, FAULT_INPUT, "nested deeper than %d",
                         PICKLE_DEPTH_MAX);
    self->marks[self->marks_count++] = self->height;
    return 0;
}

static int
s_empty(machine_t *self, uint8_t opcode, fault_t *fault)
{
    const pickle_node_t node = {.kind = opcode == '}'   ? PICKLE_IS_DICT
                                        : opcode == ']' ? PICKLE_IS_LIST
                                                        : PICKLE_IS_TUPLE};
    return s_push_new(self, &node, fault);
}

/* Replace what is above `height` by a tuple of it. */
static int
s_make_tuple(machine_t *self, int height, fault_t *fault)
{
    const pickle_node_t node = {.kind = PICKLE_IS_TUPLE};
    int tuple = pickle_add(self->tree, &node, fault);
    for (int i = height; tuple >= 0 && i < self->height; i++)
        if (pickle_append(self->tree, tuple, PICKLE_NONE, self->stack[i],
                          fault))
            return -1;
    self->height = height;
    return s_push(self, tuple, fault);
}

static int
s_tuple(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    int height = s_pop_mark(self, fault);
    return height < 0 ? -1 : s_make_tuple(self, height, fault);
}

static int
s_short_tuple(machine_t *self, uint8_t opcode, fault_t *fault)
{
    int count = opcode - 0x84; /* TUPLE1 is 0x85 */
    if (self->height - s_floor(self) < count)
        return fault_set(fault, FAULT_INPUT, "the stack is empty");
    return s_make_tuple(self, self->height - count, fault);
}

/* Move what is above `height` into the container just below. */
static int
s_fill(machine_t *self, int height, pickle_kind_t kind, fault_t *fault)
{
    bool pairs = kind == PICKLE_IS_DICT;
    int container = height > s_floor(self) ? self->stack[height - 1] : -1;
    if (!s_is(self, container, kind))
        return fault_set(fault, FAULT_INPUT, "items for what is no %s",
                         pairs ? "dict" : "list");
    if (pairs && (self->height - height) % 2)
        return fault_set(fault, FAULT_INPUT, "a key without a value");
    for (int i = height; i < self->height; i += pairs ? 2 : 1) {
        int key = pairs ? self->stack[i] : PICKLE_NONE;
        int value = self->stack[pairs ? i + 1 : i];
        if (pairs && !s_is(self, key, PICKLE_IS_TEXT) &&
            !s_is(self, key, PICKLE_IS_INT))
            return fault_set(fault, FAULT_INPUT,
                             "a dict key that is neither text nor integer");
        if (pickle_append(self->tree, container, key, value, fault))
            return -1;
    }
    self->height = height;
    return 0;
}

static int
s_fill_one(machine_t *self, uint8_t opcode, fault_t *fault)
{
    int count = opcode == 's' ? 2 : 1;
    if (self->height - s_floor(self) <= count)
        return fault_set(fault, FAULT_INPUT, "the stack is empty");
    return s_fill(self, self->height - count,
                  opcode == 's' ? PICKLE_IS_DICT : PICKLE_IS_LIST, fault);
}

static int
s_fill_many(machine_t *self, uint8_t opcode, fault_t *fault)
{
    int height = s_pop_mark(self, fault);
    if (height < 0)
        return -1;
    return s_fill(self, height, opcode == 'u' ? PICKLE_IS_DICT : PICKLE_IS_LIST,
                  fault);
}

/* --- the memo --- */

static int
s_put(machine_t *self, uint8_t opcode, fault_t *fault)
{
    size_t index =
        opcode == 'q' ? cursor_u8(&self->in) : cursor_u32le(&self->in);
    if (index >= PICKLE_MEMO_MAX)
        return fault_set(fault, FAULT_INPUT, "memo %zu is beyond %d", index,
                         PICKLE_MEMO_MAX);
    int node = s_top(self, fault);
    if (node < 0 || mem_grow(&self->memo, &self->memo_capacity, index + 1,
                             sizeof *self->memo, fault))
        return -1;
    self->memo[index] = node + 1;
    return 0;
}

static int
s_get(machine_t *self, uint8_t opcode, fault_t *fault)
{
    size_t index =
        opcode == 'h' ? cursor_u8(&self->in) : cursor_u32le(&self->in);
    if (index >= self->memo_capacity || !self->memo[index])
        return fault_set(fault, FAULT_INPUT, "memo %zu is empty", index);
    return s_push(self, self->memo[index] - 1, fault);
}

/* --- globals, and objects built with them --- */

/* Bytes up to a newline, which is taken too; NULL if there is none soon. */
static const char *
s_line(machine_t *self, size_t *size)
{
    cursor_t ahead = self->in;
    for (*size = 0; *size <= LINE_MAX_BYTES; (*size)++)
        if (cursor_u8(&ahead) == '\n') {
            const uint8_t *line = cursor_take(&self->in, *size + 1);
            return (const char *)line;
        }
    return NULL;
}

static int
s_global(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    size_t module_size, name_size;
    const char *module = s_line(self, &module_size);
    const char *name = module ? s_line(self, &name_size) : NULL;
    if (!name)
        return fault_set(fault, FAULT_INPUT, "a global without a name");
    int global = pickle_find_global(module, module_size, name, name_size);
    if (global >= 0) {
        const pickle_node_t node = {.kind = PICKLE_IS_GLOBAL,
                                    .index = (size_t)global};
        return s_push_new(self, &node, fault);
    }
    return fault_set(
        fault, FAULT_INPUT,
        "refuses global %.*s.%.*s: only a state_dict of tensors is "
        "read, save model.state_dict()",
        (int)(module_size < 64 ? module_size : 64), module,
        (int)(name_size < 64 ? name_size : 64), name);
}

static int
s_persistent(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    int id = s_pop(self, fault);
    if (id < 0)
        return -1;
    return s_push(self, pickle_make_storage(self->tree, id, fault), fault);
}

/* The text on top of the stack: the name an object is about to be given. */
static const char *
s_name(const machine_t *self, char *text, size_t size)
{
    int top = self->height > s_floor(self) ? self->stack[self->height - 1] : -1;
    size_t length = 6;
    const char *name = s_is(self, top, PICKLE_IS_TEXT)
                           ? pickle_text(self->tree, top, &length)
                           : "tensor";
    snprintf(text, size, "%.*s", (int)length, name);
    return text;
}

static int
s_reduce(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    int arguments = s_pop(self, fault);
    int callee = arguments < 0 ? -1 : s_pop(self, fault);
    if (callee < 0)
        return -1;
    char name[96];
    int made = pickle_make(self->tree, callee, arguments,
                           s_name(self, name, sizeof name), fault);
    return s_push(self, made, fault);
}

/* Only OrderedDict's __dict__, where state_dict() keeps _metadata. */
static int
s_build(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    int state = s_pop(self, fault);
    int object = state < 0 ? -1 : s_top(self, fault);
    if (object < 0)
        return -1;
    if (!s_is(self, object, PICKLE_IS_DICT) ||
        !self->tree->nodes[object].ordered ||
        !s_is(self, state, PICKLE_IS_DICT))
        return fault_set(fault, FAULT_INPUT,
                         "refuses to set the state of an object");
    return 0;
}

static int
s_stop(machine_t *self, uint8_t opcode, fault_t *fault)
{
    (void)opcode;
    self->tree->root = s_pop(self, fault);
    if (self->tree->root < 0)
        return -1;
    if (self->height || self->marks_count)
        return fault_set(fault, FAULT_INPUT, "objects left on the stack");
    self->stopped = true;
    return 0;
}

/* --- the list of opcodes --- */

typedef int run_fn(machine_t *self, uint8_t opcode, fault_t *fault);

typedef struct opcode {
    const char *name; /* where run is NULL: refused by this name */
    run_fn *run;
} opcode_t;

static const opcode_t opcodes[256] = {
    ['N'] = {"NONE", s_none},
    [0x88] = {"NEWTRUE", s_bool},
    [0x89] = {"NEWFALSE", s_bool},
    ['K'] = {"BININT1", s_int},
    ['M'] = {"BININT2", s_int},
    ['J'] = {"BININT", s_int},
    [0x8a] = {"LONG1", s_long},
    ['G'] = {"BINFLOAT", s_float},
    ['X'] = {"BINUNICODE", s_text},
    ['('] = {"MARK", s_mark},
    ['}'] = {"EMPTY_DICT", s_empty},
    [']'] = {"EMPTY_LIST", s_empty},
    [')'] = {"EMPTY_TUPLE", s_empty},
    ['t'] = {"TUPLE", s_tuple},
    [0x85] = {"TUPLE1", s_short_tuple},
    [0x86] = {"TUPLE2", s_short_tuple},
    [0x87] = {"TUPLE3", s_short_tuple},
    ['s'] = {"SETITEM", s_fill_one},
    ['a'] = {"APPEND", s_fill_one},
    ['u'] = {"SETITEMS", s_fill_many},
    ['e'] = {"APPENDS", s_fill_many},
    ['q'] = {"BINPUT", s_put},
    ['r'] = {"LONG_BINPUT", s_put},
    ['h'] = {"BINGET", s_get},
    ['j'] = {"LONG_BINGET", s_get},
    ['c'] = {"GLOBAL", s_global},
    ['Q'] = {"BINPERSID", s_persistent},
    ['R'] = {"REDUCE", s_reduce},
    ['b'] = {"BUILD", s_build},
    ['.'] = {"STOP", s_stop},
    [0x93] = {"STACK_GLOBAL", NULL},
    ['i'] = {"INST", NULL},
    ['o'] = {"OBJ", NULL},
    [0x81] = {"NEWOBJ", NULL},
    [0x92] = {"NEWOBJ_EX", NULL},
    [0x82] = {"EXT1", NULL},
    [0x83] = {"EXT2", NULL},
    [0x84] = {"EXT4", NULL},
    ['P'] = {"PERSID", NULL},
    [0x80] = {"PROTO", NULL},
    ['U'] = {"SHORT_BINSTRING", NULL},
    ['T'] = {"BINSTRING", NULL},
    [0x8b] = {"LONG4", NULL},
    [0x95] = {"FRAME", NULL},
};

static int
s_run(machine_t *self, fault_t *fault)
{
    if (cursor_u8(&self->in) != 0x80 || cursor_u8(&self->in) != 2)
        return fault_set(fault, FAULT_INPUT, "not a pickle of protocol 2");
    while (!self->stopped) {
        self->at = self->in.offset;
        uint8_t code = cursor_u8(&self->in);
        const opcode_t *opcode = &opcodes[code];
        int result = 0;
        if (cursor_failed(&self->in))
            return fault_set(fault, FAULT_INPUT, "the pickle is cut short");
        if (opcode->run)
            result = opcode->run(self, code, fault);
        else
            result = fault_set(fault, FAULT_INPUT, "refuses opcode 0x%02x %s",
                               code, opcode->name ? opcode->name : "");
        if (cursor_failed(&self->in))
            return fault_set(fault, FAULT_INPUT, "the pickle is cut short");
        if (result)
            return fault_prefix(fault, "pickle byte %zu", self->at);
    }
    return 0;
}

pickle_t *
pickle_read(const void *bytes, size_t size, size_t *used, fault_t *fault)
{
    if (size > PICKLE_BYTES_MAX)
        size = PICKLE_BYTES_MAX;
    machine_t *machine = mem_new(1, sizeof *machine, fault);
    pickle_t *tree = machine ? pickle_new(bytes, fault) : NULL;
    int result = -1;
    if (tree) {
        machine->tree = tree;
        cursor_init(&machine->in, bytes, size);
        result = s_run(machine, fault);
        if (used)
            *used = machine->in.offset;
        free(machine->memo);
    }
    free(machine);
    if (result)
        pickle_destroy(&tree);
    return tree;
}
