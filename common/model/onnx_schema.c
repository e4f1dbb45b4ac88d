/* The table of operators as ONNX describes them, and nodes held against it. */
#include "common/model/onnx_schema.h"

#include <stddef.h>
#include <string.h>

/* An operator from an opset on, until its next row. Attributes are "name:t",
 * t being f(loat), i(nt), s(tring), t(ensor), F(loats), I(nts), S(trings) or
 * x, a sparse tensor. NULL: the operator is gone. */
typedef struct schema {
    const char *op;
    int since;
    const char *attributes;
} schema_t;

/* What does not change in opsets 7 to 21 is there since 1. */
static const schema_t schemas[] = {
    {"Abs", 1, ""},
    {"Add", 1, ""},
    {"And", 1, ""},
    {"ArgMax", 1, "axis:i keepdims:i"},
    {"ArgMax", 12, "axis:i keepdims:i select_last_index:i"},
    {"AveragePool", 1,
     "auto_pad:s count_include_pad:i kernel_shape:I pads:I strides:I"},
    {"AveragePool", 10,
     "auto_pad:s ceil_mode:i count_include_pad:i kernel_shape:I pads:I "
     "strides:I"},
    {"AveragePool", 19,
     "auto_pad:s ceil_mode:i count_include_pad:i dilations:I kernel_shape:I "
     "pads:I strides:I"},
    {"BatchNormalization", 1, "epsilon:f momentum:f spatial:i"},
    {"BatchNormalization", 9, "epsilon:f momentum:f"},
    {"BatchNormalization", 14, "epsilon:f momentum:f training_mode:i"},
    {"Cast", 1, "to:i"},
    {"Cast", 19, "saturate:i to:i"},
    {"Ceil", 1, ""},
    {"Celu", 12, "alpha:f"},
    {"Clip", 1, "max:f min:f"},
    {"Clip", 11, ""},
    {"Concat", 1, "axis:i"},
    {"Constant", 1, "value:t"},
    {"Constant", 11, "sparse_value:x value:t"},
    {"Constant", 12,
     "sparse_value:x value:t value_float:f value_floats:F value_int:i "
     "value_ints:I value_string:s value_strings:S"},
    {"ConstantOfShape", 9, "value:t"},
    {"Conv", 1,
     "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I"},
    {"ConvTranspose", 1,
     "auto_pad:s dilations:I group:i kernel_shape:I output_padding:I "
     "output_shape:I pads:I strides:I"},
    {"DepthToSpace", 1, "blocksize:i"},
    {"DepthToSpace", 11, "blocksize:i mode:s"},
    {"Div", 1, ""},
    {"Dropout", 1, "ratio:f"},
    {"Dropout", 12, "seed:i"},
    {"Elu", 1, "alpha:f"},
    {"Equal", 1, ""},
    {"Erf", 9, ""},
    {"Exp", 1, ""},
    {"Expand", 8, ""},
    {"Flatten", 1, "axis:i"},
    {"Floor", 1, ""},
    {"Gather", 1, "axis:i"},
    {"Gelu", 20, "approximate:s"},
    {"Gemm", 1, "alpha:f beta:f transA:i transB:i"},
    {"GlobalAveragePool", 1, ""},
    {"GlobalMaxPool", 1, ""},
    {"Greater", 1, ""},
    {"GreaterOrEqual", 12, ""},
    {"GroupNormalization", 18, "epsilon:f num_groups:i"},
    {"GroupNormalization", 21, "epsilon:f num_groups:i stash_type:i"},
    {"HardSigmoid", 1, "alpha:f beta:f"},
    {"HardSwish", 14, ""},
    {"Identity", 1, ""},
    {"InstanceNormalization", 1, "epsilon:f"},
    {"LRN", 1, "alpha:f beta:f bias:f size:i"},
    {"LayerNormalization", 17, "axis:i epsilon:f stash_type:i"},
    {"LeakyRelu", 1, "alpha:f"},
    {"Less", 1, ""},
    {"LessOrEqual", 12, ""},
    {"Log", 1, ""},
    {"LogSoftmax", 1, "axis:i"},
    {"MatMul", 1, ""},
    {"Max", 1, ""},
    {"MaxPool", 1, "auto_pad:s kernel_shape:I pads:I strides:I"},
    {"MaxPool", 8,
     "auto_pad:s kernel_shape:I pads:I storage_order:i strides:I"},
    {"MaxPool", 10,
     "auto_pad:s ceil_mode:i dilations:I kernel_shape:I pads:I "
     "storage_order:i strides:I"},
    {"Mean", 1, ""},
    {"Min", 1, ""},
    {"Mish", 18, ""},
    {"Mod", 10, "fmod:i"},
    {"Mul", 1, ""},
    {"Neg", 1, ""},
    {"Not", 1, ""},
    {"Or", 1, ""},
    {"PRelu", 1, ""},
    {"Pad", 1, "mode:s pads:I value:f"},
    {"Pad", 11, "mode:s"},
    {"Pow", 1, ""},
    {"Range", 11, ""},
    {"Reciprocal", 1, ""},
    {"ReduceL2", 1, "axes:I keepdims:i"},
    {"ReduceL2", 18, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceMax", 1, "axes:I keepdims:i"},
    {"ReduceMax", 18, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceMean", 1, "axes:I keepdims:i"},
    {"ReduceMean", 18, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceMin", 1, "axes:I keepdims:i"},
    {"ReduceMin", 18, "keepdims:i noop_with_empty_axes:i"},
    {"ReduceSum", 1, "axes:I keepdims:i"},
    {"ReduceSum", 13, "keepdims:i noop_with_empty_axes:i"},
    {"Relu", 1, ""},
    {"Reshape", 1, ""},
    {"Reshape", 14, "allowzero:i"},
    {"Resize", 10, "mode:s"},
    {"Resize", 11,
     "coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i "
     "extrapolation_value:f mode:s nearest_mode:s"},
    {"Resize", 18,
     "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f "
     "exclude_outside:i extrapolation_value:f keep_aspect_ratio_policy:s "
     "mode:s nearest_mode:s"},
    {"ScatterND", 11, ""},
    {"ScatterND", 16, "reduction:s"},
    {"Selu", 1, "alpha:f gamma:f"},
    {"Shape", 1, ""},
    {"Shape", 15, "end:i start:i"},
    {"Sigmoid", 1, ""},
    {"Size", 1, ""},
    {"Slice", 1, "axes:I ends:I starts:I"},
    {"Slice", 10, ""},
    {"Softmax", 1, "axis:i"},
    {"Softplus", 1, ""},
    {"SpaceToDepth", 1, "blocksize:i"},
    {"Split", 1, "axis:i split:I"},
    {"Split", 13, "axis:i"},
    {"Split", 18, "axis:i num_outputs:i"},
    {"Sqrt", 1, ""},
    {"Squeeze", 1, "axes:I"},
    {"Squeeze", 13, ""},
    {"Sub", 1, ""},
    {"Sum", 1, ""},
    {"Tanh", 1, ""},
    {"Tile", 1, ""},
    {"Transpose", 1, "perm:I"},
    {"Unsqueeze", 1, "axes:I"},
    {"Unsqueeze", 13, ""},
    {"Upsample", 1, "mode:s scales:F"},
    {"Upsample", 9, "mode:s"},
    {"Upsample", 10, NULL},
    {"Where", 9, ""},
};

/* Values that an attribute may have: words, or one number. */
typedef struct choice {
    const char *op; /* NULL: any */
    const char *attribute;
    const char *words;
    int64_t number;     /* where words is NULL */
    const char *remedy; /* or NULL */
} choice_t;

static const choice_t choices[] = {
    {NULL, "auto_pad", "NOTSET SAME_UPPER SAME_LOWER VALID", 0, NULL},
    {"BatchNormalization", "training_mode", NULL, 0, "export for inference"},
    {"DepthToSpace", "mode", "DCR CRD", 0, NULL},
    {"Gelu", "approximate", "none tanh", 0, NULL},
    {"Pad", "mode", "constant reflect edge wrap", 0, NULL},
    {"Resize", "antialias", NULL, 0, NULL},
    {"Resize", "coordinate_transformation_mode",
     "half_pixel half_pixel_symmetric pytorch_half_pixel align_corners "
     "asymmetric tf_crop_and_resize",
     0, NULL},
    {"Resize", "keep_aspect_ratio_policy", "stretch not_larger not_smaller", 0,
     NULL},
    {"Resize", "mode", "nearest linear cubic", 0, NULL},
    {"Resize", "nearest_mode",
     "round_prefer_floor round_prefer_ceil floor ceil", 0, NULL},
    {"ScatterND", "reduction", "none add mul max min", 0, NULL},
    {"Upsample", "mode", "nearest linear", 0, NULL},
};

/* ONNX's types, and how the table above and a sentence call them. */
static const struct {
    char letter;
    Onnx__AttributeProto__AttributeType type;
    const char *name;
} types[] = {
    {'f', ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, "a number"},
    {'i', ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT, "an integer"},
    {'s', ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING, "a text"},
    {'t', ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR, "a tensor"},
    {'F', ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS, "numbers"},
    {'I', ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS, "integers"},
    {'S', ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS, "texts"},
    {'x', ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR,
     "a sparse tensor"},
};

enum {
    SCHEMAS = sizeof schemas / sizeof schemas[0],
    CHOICES = sizeof choices / sizeof choices[0],
    TYPES = sizeof types / sizeof types[0],
};

static const Onnx__AttributeProto__AttributeType UNDEFINED =
    ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED;

/* The first row of the operator where the opset is before it. */
static const schema_t *
s_find(const char *op, int64_t opset)
{
    const schema_t *found = NULL;
    for (size_t i = 0; i < SCHEMAS; i++)
        if (strcmp(schemas[i].op, op) == 0 &&
            (!found || schemas[i].since <= opset))
            found = &schemas[i];
    return found;
}

bool
onnx_schema_knows(const char *op, int64_t opset)
{
    const schema_t *schema = s_find(op, opset);
    return schema && schema->attributes && schema->since <= opset;
}

/* The type letter of an attribute in "name:t name:t", or NUL. */
static char
s_letter(const char *attributes, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = attributes; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, ":");
        if (length == size && memcmp(at, name, size) == 0)
            return at[length + 1];
        at += length + 2;
    }
    return '\0';
}

Onnx__AttributeProto__AttributeType
onnx_schema_type(const char *op, int64_t opset, const char *attribute)
{
    if (!onnx_schema_knows(op, opset))
        return UNDEFINED;
    char letter = s_letter(s_find(op, opset)->attributes, attribute);
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].letter == letter)
            return types[i].type;
    return UNDEFINED;
}

/* --- a node held against it --- */

static int
s_check_op(const char *op, int64_t opset, fault_t *fault)
{
    const schema_t *schema = s_find(op, opset);
    if (!schema)
        return fault_set(fault, FAULT_INPUT,
                         "the operator %.60s is not supported", op);
    if (schema->since > opset)
        return fault_set(fault, FAULT_INPUT,
                         "the operator came with opset %d, the model says %d",
                         schema->since, (int)opset);
    if (!schema->attributes)
        return fault_set(fault, FAULT_INPUT,
                         "the operator went with opset %d, the model says %d",
                         schema->since, (int)opset);
    return 0;
}

/* Files before IR 3 do not say the type; then it is that of what is there. */
static bool
s_has_type(const Onnx__AttributeProto *attribute,
           Onnx__AttributeProto__AttributeType type)
{
    if (attribute->has_type && attribute->type != UNDEFINED)
        return attribute->type == type;
    const struct {
        bool there;
        Onnx__AttributeProto__AttributeType type;
    } fields[] = {
        {attribute->has_f, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT},
        {attribute->has_i, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT},
        {attribute->has_s, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING},
        {attribute->t, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR},
        {attribute->n_floats, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS},
        {attribute->n_ints, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].there && fields[i].type != type)
            return false;
    return true;
}

static bool
s_is_word(const char *words, const ProtobufCBinaryData *text)
{
    for (const char *at = words; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (length == text->len && memcmp(at, text->data, length) == 0)
            return true;
        at += length;
    }
    return false;
}

static int
s_check_value(const char *op, const Onnx__AttributeProto *attribute,
              fault_t *fault)
{
    for (size_t i = 0; i < CHOICES; i++) {
        const choice_t *choice = &choices[i];
        if ((choice->op && strcmp(choice->op, op) != 0) ||
            strcmp(choice->attribute, attribute->name) != 0)
            continue;
        if (choice->words && !s_is_word(choice->words, &attribute->s))
            return fault_set(
                fault, FAULT_INPUT, "its %s '%.*s' is not supported",
                attribute->name,
                (int)(attribute->s.len < 40 ? attribute->s.len : 40),
                (const char *)attribute->s.data);
        if (!choice->words && attribute->i != choice->number)
            return fault_set(fault, FAULT_INPUT,
                             "its %s %lld is not supported%s%s",
                             attribute->name, (long long)attribute->i,
                             choice->remedy ? ": " : "",
                             choice->remedy ? choice->remedy : "");
    }
    return 0;
}

static int
s_check_attribute(const Onnx__NodeProto *node, size_t index, int64_t opset,
                  fault_t *fault)
{
    const Onnx__AttributeProto *attribute = node->attribute[index];
    Onnx__AttributeProto__AttributeType type =
        onnx_schema_type(node->op_type, opset, attribute->name);
    if (type == UNDEFINED)
        return fault_set(fault, FAULT_INPUT,
                         "it has no attribute '%.60s' at opset %d",
                         attribute->name, (int)opset);
    for (size_t i = 0; i < index; i++)
        if (strcmp(node->attribute[i]->name, attribute->name) == 0)
            return fault_set(fault, FAULT_INPUT, "its %s comes twice",
                             attribute->name);
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].type == type && !s_has_type(attribute, type))
            return fault_set(fault, FAULT_INPUT,
                             "its attribute %s should be %s", attribute->name,
                             types[i].name);
    return s_check_value(node->op_type, attribute, fault);
}

static bool
s_is_graph(const Onnx__AttributeProto *attribute)
{
    return attribute->g || attribute->n_graphs ||
           attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH ||
           attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS;
}

int
onnx_schema_check(const Onnx__NodeProto *node, int64_t opset, fault_t *fault)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (s_is_graph(node->attribute[i]))
            return fault_set(fault, FAULT_INPUT,
                             "its attribute %.60s is a graph: control flow is "
                             "not read",
                             node->attribute[i]->name);
    if (s_check_op(node->op_type, opset, fault))
        return -1;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (s_check_attribute(node, i, opset, fault))
            return -1;
    return 0;
}
