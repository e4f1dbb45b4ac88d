/* The pickle machine against what people send instead of a state_dict. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/pickle.h"

/* A pickle in the making. */
typedef struct draft {
    uint8_t bytes[1 << 20];
    size_t size;
} draft_t;

static draft_t draft;

static void
s_raw(const void *bytes, size_t size)
{
    assert_true(draft.size + size <= sizeof draft.bytes);
    memcpy(draft.bytes + draft.size, bytes, size);
    draft.size += size;
}

/* Opcodes of one byte each, and arguments that are text. */
static void
s_ops(const char *ops)
{
    s_raw(ops, strlen(ops));
}

static void
s_begin(void)
{
    draft.size = 0;
    s_raw("\x80\x02", 2);
}

static void
s_u32(uint32_t value)
{
    uint8_t bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    s_raw(bytes, 4);
}

static void
s_text(const char *text)
{
    s_ops("X");
    s_u32((uint32_t)strlen(text));
    s_ops(text);
}

static void
s_int(int64_t value)
{
    uint8_t bytes[10] = {0x8a, 8};
    for (int i = 0; i < 8; i++)
        bytes[2 + i] = (uint8_t)((uint64_t)value >> 8 * i);
    s_raw(bytes, sizeof bytes);
}

static void
s_storage(const char *type, const char *key, int64_t elements)
{
    s_ops("(");
    s_text("storage");
    s_ops("ctorch\n");
    s_ops(type);
    s_ops("\n");
    s_text(key);
    s_text("cpu");
    s_int(elements);
    s_ops("tQ");
}

static void
s_axes(const int64_t *values, int count)
{
    s_ops("(");
    for (int i = 0; i < count; i++)
        s_int(values[i]);
    s_ops("t");
}

/* A float tensor of a storage of `elements`. */
static void
s_tensor(int64_t elements, int64_t offset, const int64_t *sizes,
         const int64_t *strides, int rank)
{
    s_ops("ctorch._utils\n_rebuild_tensor_v2\n(");
    s_storage("FloatStorage", "0", elements);
    s_int(offset);
    s_axes(sizes, rank);
    s_axes(strides, rank);
    s_raw("\x89", 1);
    s_ops("ccollections\nOrderedDict\n)RtR");
}

/* Exactly the bytes, so that a sanitizer sees one too far. */
static pickle_t *
s_read(fault_t *fault)
{
    static uint8_t *copy;
    free(copy);
    copy = malloc(draft.size);
    memcpy(copy, draft.bytes, draft.size);
    return pickle_read(copy, draft.size, NULL, fault);
}

static void
s_refused(const char *part)
{
    fault_t fault = {0};
    pickle_t *pickle = s_read(&fault);
    assert_null(pickle);
    assert_int_equal(fault.code, FAULT_INPUT);
    if (!strstr(fault.text, part))
        fail_msg("%s, where %s was expected", fault.text, part);
}

static void
a_dict_of_a_tensor_is_read(void **state)
{
    (void)state;
    fault_t fault = {0};
    s_begin();
    s_ops("}q");
    s_raw("\0", 1);
    s_text("w");
    s_tensor(10, 4, (const int64_t[]){2, 3}, (const int64_t[]){3, 1}, 2);
    s_ops("s.");
    pickle_t *pickle = s_read(&fault);
    assert_ok(pickle ? 0 : -1, &fault);
    int root = pickle_root(pickle);
    assert_int_equal(pickle_kind(pickle, root), PICKLE_IS_DICT);
    int w = pickle_get(pickle, root, "w");
    const pickle_tensor_t *tensor = pickle_tensor(pickle, w);
    assert_int_equal(tensor->offset, 4);
    assert_int_equal(tensor->shape.rank, 2);
    assert_int_equal(tensor->shape.dims[1], 3);
    assert_int_equal(tensor->storage.dtype, DTYPE_FLOAT32);
    assert_int_equal(tensor->storage.elements, 10);
    assert_int_equal(pickle_get(pickle, root, "v"), -1);
    pickle_destroy(&pickle);
}

static void
integers_keep_their_sign_and_width(void **state)
{
    (void)state;
    fault_t fault = {0};
    static const struct {
        const char *bytes;
        size_t size;
        int64_t value;
    } rows[] = {
        {"K\xff.", 3, 255},
        {"M\xff\xff.", 4, 65535},
        {"J\xff\xff\xff\xff.", 6, -1},
        {"\x8a\x00.", 3, 0},
        {"\x8a\x01\xff.", 4, -1},
        {"\x8a\x03\x00\x00\x01.", 6, 65536},
        {"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.", 11, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        s_begin();
        s_raw(rows[i].bytes, rows[i].size);
        pickle_t *pickle = s_read(&fault);
        assert_ok(pickle ? 0 : -1, &fault);
        assert_true(pickle_int(pickle, pickle_root(pickle)) == rows[i].value);
        pickle_destroy(&pickle);
    }
}

static void
every_foreign_global_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"os", "system"},
        {"posix", "system"},
        {"nt", "system"},
        {"builtins", "eval"},
        {"builtins", "exec"},
        {"builtins", "getattr"},
        {"__builtin__", "eval"},
        {"subprocess", "Popen"},
        {"runpy", "_run_code"},
        {"webbrowser", "open"},
        {"torch", "load"},
        {"torch.hub", "load"},
        {"torch._utils", "_rebuild_tensor"},
        {"torch._utils", "_rebuild_tensor_v2x"},
        {"torch.storage", "_load_from_bytes"},
        {"torch.nn.modules.linear", "Linear"},
        {"numpy.core.multiarray", "_reconstruct"},
        {"collections", "OrderedDict.fromkeys"},
        {"collections", "Counter"},
        {"torch", "FloatStorage\r"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char part[128];
        s_begin();
        s_ops("c");
        s_ops(names[i][0]);
        s_ops("\n");
        s_ops(names[i][1]);
        s_ops("\n(");
        s_text("id");
        s_ops("tR.");
        snprintf(part, sizeof part, "refuses global %s.", names[i][0]);
        s_refused(part);
    }
}

static void
opcodes_beyond_the_closed_list_are_refused(void **state)
{
    (void)state;
    static const char accepted[] = "cq)R(XKtQhsu}b.NJMGr]aej";
    for (int code = 0; code < 256; code++) {
        if (memchr(accepted, code, sizeof accepted - 1) ||
            (code >= 0x85 && code <= 0x8a))
            continue;
        uint8_t byte = (uint8_t)code;
        char part[64];
        s_begin();
        s_text("os");
        s_text("system");
        s_raw(&byte, 1);
        s_ops(".");
        snprintf(part, sizeof part, "refuses opcode 0x%02x", code);
        s_refused(part);
    }
    s_begin();
    s_text("os");
    s_text("system");
    s_raw("\x93", 1);
    s_refused("STACK_GLOBAL");
}

static void
only_protocol_2_is_read(void **state)
{
    (void)state;
    for (int protocol = 0; protocol < 6; protocol++) {
        uint8_t bytes[] = {0x80, (uint8_t)protocol, '}', '.'};
        draft.size = 0;
        s_raw(bytes, sizeof bytes);
        if (protocol != 2)
            s_refused("protocol 2");
    }
    draft.size = 0;
    s_ops("}.");
    s_refused("protocol 2");
    s_begin();
    s_raw("\x80\x02}.", 4);
    s_refused("PROTO");
}

static void
known_callables_take_only_their_own_arguments(void **state)
{
    (void)state;
    static const char *const pickles[] = {
        "ccollections\nOrderedDict\n(NtR.",
        "ccollections\nOrderedDict\nNR.",
        "ctorch._utils\n_rebuild_parameter\n(NNNtR.",
        "ctorch._utils\n_rebuild_parameter\n)R.",
        "ctorch._utils\n_rebuild_tensor_v2\n)R.",
        "ctorch\nFloatStorage\n)R.",
        "NNR.",
        "}}R.",
        ")NR.",
    };
    for (size_t i = 0; i < sizeof pickles / sizeof pickles[0]; i++) {
        s_begin();
        s_ops(pickles[i]);
        s_refused("pickle byte");
    }
}

static void
build_sets_nothing_but_an_ordered_dicts_metadata(void **state)
{
    (void)state;
    fault_t fault = {0};
    s_begin();
    s_ops("ccollections\nOrderedDict\n)R}b.");
    pickle_t *pickle = s_read(&fault);
    assert_ok(pickle ? 0 : -1, &fault);
    pickle_destroy(&pickle);
    static const char *const pickles[] = {
        "}}b.",
        "]}b.",
        ")}b.",
        "N}b.",
        "ccollections\nOrderedDict\n}b.",
        "ccollections\nOrderedDict\n)RNb.",
        "ccollections\nOrderedDict\n)R]b.",
    };
    for (size_t i = 0; i < sizeof pickles / sizeof pickles[0]; i++) {
        s_begin();
        s_ops(pickles[i]);
        s_refused("refuses to set the state");
    }
}

static void
items_go_into_dicts_and_lists_only(void **state)
{
    (void)state;
    static const struct {
        const char *pickle;
        const char *part;
    } rows[] = {
        {"]NNs.", "no dict"},
        {")NNs.", "no dict"},
        {"N(NNu.", "no dict"},
        {"}Na.", "no list"},
        {")(NNe.", "no list"},
        {"}(NNNu.", "without a value"},
        {"}(NNu.", "dict key"},
        {"}()Nu.", "dict key"},
        {"NNs.", "stack is empty"},
        {"(NNu.", "no dict"},
        {"Na.", "stack is empty"},
        {"u.", "no mark"},
        {"t.", "no mark"},
        {"e.", "no mark"},
        {"R.", "stack is empty"},
        {"b.", "stack is empty"},
        {"Q.", "stack is empty"},
        {".", "stack is empty"},
        {"NN.", "left on the stack"},
        {"N(N.", "left on the stack"},
        {"N(\x85.", "stack is empty"},
        {"N(q", "cut short"},
        {"}(}(Nu.", "without a value"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        s_begin();
        s_ops(rows[i].pickle);
        s_refused(rows[i].part);
    }
}

static void
persistent_ids_are_storages_or_nothing(void **state)
{
    (void)state;
    s_begin();
    s_text("os.system");
    s_ops("Q.");
    s_refused("no storage");
    s_begin();
    s_ops("(NNNNNtQ.");
    s_refused("no storage");
    s_begin();
    s_storage("FloatStorage", "0", -1);
    s_ops(".");
    s_refused("no storage");
    s_begin();
    s_storage("FloatStorage", "0", INT64_MIN);
    s_ops(".");
    s_refused("no storage");
    s_begin();
    s_storage("QInt8Storage", "0", 1);
    s_ops(".");
    s_refused("torch.QInt8Storage");
}

static void
memos_have_a_limit_and_must_be_filled(void **state)
{
    (void)state;
    s_begin();
    s_ops("}r");
    s_u32(UINT32_MAX);
    s_ops(".");
    s_refused("memo 4294967295");
    s_begin();
    s_ops("}r");
    s_u32(1 << 20);
    s_ops(".");
    s_refused("memo 1048576");
    s_begin();
    s_ops("j");
    s_u32(UINT32_MAX);
    s_ops(".");
    s_refused("is empty");
    s_begin();
    s_ops("}qAhB.");
    s_refused("memo 66 is empty");
    s_begin();
    s_ops("qA.");
    s_refused("stack is empty");
}

static void
floods_are_refused_early(void **state)
{
    (void)state;
    s_begin();
    memset(draft.bytes + 2, '(', 1000000);
    draft.size = 1000002;
    s_refused("nested deeper");
    s_begin();
    memset(draft.bytes + 2, 'N', 1000000);
    draft.size = 1000002;
    s_refused("on the stack");
    s_begin();
    while (draft.size + 3000 < sizeof draft.bytes) {
        s_ops(draft.size < 100 ? "](" : "(");
        for (int i = 0; i < 2000; i++)
            s_ops("]");
        s_ops("e");
    }
    s_refused("more than");
    s_begin();
    s_ops("X");
    s_u32(UINT32_MAX);
    s_refused("a text of");
    s_begin();
    s_raw("\x8a\xff", 2);
    memset(draft.bytes + draft.size, 1, 255);
    draft.size += 255;
    s_refused("an integer of 255 bytes");
    s_begin();
    s_ops("c");
    memset(draft.bytes + draft.size, 'a', 100000);
    draft.size += 100000;
    s_refused("without a name");
}

static void
a_dict_may_hold_itself(void **state)
{
    (void)state;
    fault_t fault = {0};
    s_begin();
    s_ops("}qA");
    s_text("self");
    s_ops("hAs.");
    pickle_t *pickle = s_read(&fault);
    assert_ok(pickle ? 0 : -1, &fault);
    int root = pickle_root(pickle);
    assert_int_equal(pickle_get(pickle, root, "self"), root);
    pickle_destroy(&pickle);
}

static void
tensors_lie_inside_their_storage_and_are_contiguous(void **state)
{
    (void)state;
    static const struct {
        int64_t elements, offset, sizes[3], strides[3];
        int rank;
        const char *part; /* NULL: fine */
    } rows[] = {
        {4, 0, {2, 2}, {2, 1}, 2, NULL},
        {4, 0, {0, 2}, {2, 1}, 2, NULL},
        {4, 0, {1, 4}, {99, 1}, 2, NULL}, /* a stride nobody takes */
        {1, 0, {0}, {0}, 0, NULL},
        {1, 1, {0}, {0}, 0, "outside"},
        {4, 1, {2, 2}, {2, 1}, 2, "outside"},
        {4, 5, {0}, {1}, 1, "outside"},
        {4, -1, {2}, {1}, 1, "wrong"},
        {4, 0, {-2}, {1}, 1, "wrong"},
        {4, 0, {2}, {-1}, 1, "wrong"},
        {1, 0, {1000000, 1000000}, {0, 0}, 2, "not contiguous"},
        {4, 0, {2, 2}, {1, 2}, 2, "not contiguous"},
        {4, 0, {2}, {2}, 1, "not contiguous"},
        {4, 0, {INT64_MAX}, {INT64_MAX}, 1, "outside"},
        {4, INT64_MAX, {2}, {1}, 1, "outside"},
        {INT64_MAX, INT64_MAX, {1}, {1}, 1, "outside"},
        {4, 0, {INT64_MAX, INT64_MAX, 2}, {0, 0, 0}, 3, "outside"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        s_begin();
        s_tensor(rows[i].elements, rows[i].offset, rows[i].sizes,
                 rows[i].strides, rows[i].rank);
        s_ops(".");
        fault_t fault = {0};
        pickle_t *pickle = rows[i].part ? NULL : s_read(&fault);
        if (rows[i].part)
            s_refused(rows[i].part);
        else
            assert_ok(pickle ? 0 : -1, &fault);
        pickle_destroy(&pickle);
    }
    static const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    s_begin();
    s_tensor(1, 0, nine, nine, 9);
    s_refused("wrong");
}

static void
a_refused_tensor_is_named(void **state)
{
    (void)state;
    s_begin();
    s_ops("}(");
    s_text("conv1.weight");
    s_tensor(4, 0, (const int64_t[]){2, 2}, (const int64_t[]){1, 2}, 2);
    s_ops("u.");
    s_refused("conv1.weight: not contiguous");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dict_of_a_tensor_is_read),
        cmocka_unit_test(integers_keep_their_sign_and_width),
        cmocka_unit_test(every_foreign_global_is_refused_by_name),
        cmocka_unit_test(opcodes_beyond_the_closed_list_are_refused),
        cmocka_unit_test(only_protocol_2_is_read),
        cmocka_unit_test(known_callables_take_only_their_own_arguments),
        cmocka_unit_test(build_sets_nothing_but_an_ordered_dicts_metadata),
        cmocka_unit_test(items_go_into_dicts_and_lists_only),
        cmocka_unit_test(persistent_ids_are_storages_or_nothing),
        cmocka_unit_test(memos_have_a_limit_and_must_be_filled),
        cmocka_unit_test(floods_are_refused_early),
        cmocka_unit_test(a_dict_may_hold_itself),
        cmocka_unit_test(tensors_lie_inside_their_storage_and_are_contiguous),
        cmocka_unit_test(a_refused_tensor_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
