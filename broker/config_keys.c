/* The table of pipeline.cfg's keys. */
#include "broker/config_keys.h"

#include "common/image.h"
#include "common/model/model.h"
#include "common/proto.h"

#define AT(member) .offset = offsetof(config_values_t, member)

#define TEXT(key, member, instance, text)                                      \
    {                                                                          \
        .path = key, .type = SETTINGS_TEXT, AT(member), .example = instance,   \
        .help = text                                                           \
    }
#define PATH(key, member, instance, text)                                      \
    {                                                                          \
        .path = key, .type = SETTINGS_PATH, AT(member), .example = instance,   \
        .help = text                                                           \
    }
#define CHOICE(key, member, words, absent, text)                               \
    {                                                                          \
        .path = key, .type = SETTINGS_CHOICE, AT(member), .choices = words,    \
        .fallback = absent, .help = text                                       \
    }
#define INT(key, member, low, high, absent, text)                              \
    {                                                                          \
        .path = key, .type = SETTINGS_INT, AT(member), .min = low,             \
        .max = high, .fallback = absent, .help = text                          \
    }
#define VECTOR(key, kind, member, least, most, low, high, absent, instance,    \
               text)                                                           \
    {                                                                          \
        .path = key, .type = kind, AT(member), .count_min = least,             \
        .count_max = most, .min = low, .max = high, .fallback = absent,        \
        .example = instance, .help = text                                      \
    }

static const char layers_example[] =
    "(\n"
    "  ( { op = \"Conv2d\"; weights = \"conv1\"; padding = 1; },\n"
    "    { op = \"ReLU\"; } ),\n"
    "  ( { op = \"Flatten\"; }, { op = \"Linear\"; weights = \"fc1\"; } ) )";

const settings_key_t config_keys[] = {
    {.path = "model.name",
     .type = SETTINGS_TEXT,
     AT(name),
     .required = true,
     .example = "\"cifar10\"",
     .help = "what the model is called: letters, digits, '.', '_' and '-'"},
    PATH("model.weights", weights, "\"cifar10_model.pth\"",
         "a PyTorch state_dict (.pth) or a .safetensors file, for layers"),
    {.path = "model.ignore_unused",
     .type = SETTINGS_BOOL,
     AT(ignore_unused),
     .fallback = "false",
     .help = "true: weights that no layer uses are no error"},
    {.path = "model.layers",
     .type = SETTINGS_TREE,
     AT(layers),
     .example = layers_example,
     .help = "the network in torch.nn's names: a list of layers for each "
             "part, or one list of layers, cut by parts or cuts"},
    PATH("model.file", file, "\"resnet18.onnx\"",
         "an ONNX file, instead of weights and layers"),
    {.path = "model.parts",
     .type = SETTINGS_INT,
     AT(parts),
     .min = 1,
     .max = PROTO_PARTS_MAX,
     .example = "2",
     .help = "cut the network into this many parts: as fast as can be, even, "
             "with few bytes between two"},
    VECTOR("model.cuts", SETTINGS_TEXTS, cuts, 1, PROTO_PARTS_MAX - 1, 0, 0,
           NULL, "[\"tensor name\"]",
           "or cut it behind these tensors (of a layer list: the layers' "
           "names)"),
    VECTOR("model.shares", SETTINGS_FLOATS, shares, 1, PROTO_PARTS_MAX, 0.001,
           1000, NULL, "[2, 1]",
           "how strong the machine of each part is, against the others: of "
           "two, [2, 1] gives the first twice as much to compute"),
    CHOICE("model.boundary_dtype", boundary_dtype, "float32|float16",
           "\"float32\"",
           "what crosses the network between parts: float16 halves the bytes; "
           "the bound is then 2e-3 instead of 1e-4"),
    {.path = "model.winograd",
     .type = SETTINGS_BOOL,
     AT(winograd),
     .fallback = "true",
     .help = "3x3 convolutions with fewer multiplications where that is "
             "faster, at a relative error of up to 1e-5 instead of 1e-6 a "
             "layer; false: never"},
    VECTOR("model.input", SETTINGS_INTS, input, 1, TENSOR_RANK_MAX - 1, 1,
           1 << 30, NULL, "[3, 32, 32]",
           "the shape of one sample, where there is no image group"),
    PATH("model.labels", labels, "\"cifar10.txt\"",
         "the names of the classes, one a line"),
    {.path = "model.scores",
     .type = SETTINGS_CHOICE,
     AT(scores),
     .choices = MODEL_SCORES_NAMES,
     .example = "\"logits\"",
     .help = "what the outputs are; of logits the client computes the softmax; "
             "by default a network that ends in a Softmax gives "
             "probabilities"},

    VECTOR("model.image.size", SETTINGS_INTS, size, 2, 2, 1,
           IMAGE_INPUT_SIDE_MAX, NULL, "[32, 32]",
           "height and width that the network takes"),
    CHOICE("model.image.resize", resize, IMAGE_RESIZE_NAMES, "\"stretch\"",
           "stretch to the size, or crop: the shorter side to `shorter` "
           "first, then the centre"),
    INT("model.image.shorter", shorter, 1, IMAGE_INPUT_SIDE_MAX, "256",
        "for crop: the shorter side before the centre is cut out, in pixels"),
    CHOICE("model.image.filter", filter, IMAGE_FILTER_NAMES, "\"bilinear\"",
           "how pixels are averaged, both as Pillow's antialiased filters"),
    CHOICE("model.image.channels", channels, IMAGE_CHANNELS_NAMES, "\"rgb\"",
           "the channels in the network's order; grey is one"),
    CHOICE("model.image.layout", layout, IMAGE_LAYOUT_NAMES, "\"NCHW\"",
           "the order of the axes: planes, or pixels with their channels"),
    {.path = "model.image.range",
     .type = SETTINGS_FLOAT,
     AT(range),
     .min = 1,
     .max = 255,
     .fallback = "1.0",
     .help = "white: 1.0 or 255.0, before mean and std"},
    VECTOR("model.image.mean", SETTINGS_FLOATS, mean, 1, IMAGE_CHANNELS_MAX,
           -255, 255, NULL, "[0.485, 0.456, 0.406]",
           "taken off each channel, in their order; by default 0"),
    VECTOR("model.image.std", SETTINGS_FLOATS, std, 1, IMAGE_CHANNELS_MAX, 1e-6,
           1e6, NULL, "[0.229, 0.224, 0.225]",
           "then each channel is divided by it; by default 1"),

    {.path = "broker.clients",
     .type = SETTINGS_TEXT,
     AT(clients),
     .fallback = "\"tcp://127.0.0.1:5570\"",
     .help = "where clients connect; port 0 takes a free one; loopback or "
             "ipc:// only until encryption is built"},
    {.path = "broker.workers",
     .type = SETTINGS_TEXT,
     AT(workers),
     .fallback = "\"tcp://127.0.0.1:5571\"",
     .help = "where workers connect"},
    {.path = "broker.memory_mib",
     .type = SETTINGS_INT,
     AT(memory_mib),
     .min = 1,
     .max = CONFIG_MEMORY_MIB_MAX,
     .example = "2048",
     .help = "for the tensors of accepted jobs; by default a quarter of the "
             "memory, at most 2048"},
    INT("broker.frame_mib", frame_mib, 1, 1024, "64",
        "the largest tensor that may cross the network"),
    INT("broker.queue_jobs", queue_jobs, 1, 1000000, "1024",
        "jobs accepted and not finished, of all clients"),
    INT("broker.window_jobs", window_jobs, 1, 1000000, "32",
        "jobs of one client"),
    INT("broker.window_mib", window_mib, 1, CONFIG_MEMORY_MIB_MAX, "64",
        "input of one client's jobs; one job is always let in"),
    INT("broker.sessions_clients", sessions_clients, 1, 65536, "256",
        "clients at a time"),
    INT("broker.sessions_workers", sessions_workers, 1, 65536, "256",
        "workers at a time"),
    INT("broker.heartbeat_ms", heartbeat_ms, 10, 60000, "1000",
        "a sign of life from either side, this often"),
    INT("broker.misses", misses, 1, 100, "3",
        "heartbeats missed until a peer counts as lost"),
    INT("broker.lease_min_ms", lease_min_ms, 10, 3600000, "2000",
        "a worker has 8 times the usual time of its part for a job, but at "
        "least this long"),
    INT("broker.lease_max_ms", lease_max_ms, 10, 3600000, "60000",
        "and at most this long, unless it shows progress"),
    INT("broker.stall_ms", stall_ms, 100, 3600000, "10000",
        "without progress for this long a job is given to another worker "
        "(not built yet)"),
    INT("broker.attempts", attempts, 1, 100, "3",
        "failures until a job is given up"),
    INT("broker.drain_ms", drain_ms, 0, 3600000, "30000",
        "SIGTERM: finish accepted jobs for at most this long"),
    {.path = "broker.link_mbps",
     .type = SETTINGS_FLOAT,
     AT(link_mbps),
     .min = 0.1,
     .max = 1e6,
     .fallback = "1000.0",
     .help = "Mbit/s between machines, for the cut and for --plan"},

    PATH("security.keys", keys, "\"keys\"",
         "the folder of the CURVE keys (not built yet)"),
    VECTOR("security.plain_networks", SETTINGS_TEXTS, plain_networks, 0,
           SETTINGS_VECTOR_MAX, 0, 0, NULL, "[\"10.8.0.0/16\"]",
           "networks where plain text is allowed, because they are an "
           "encrypted underlay (not built yet)"),
};

const size_t config_keys_count = sizeof config_keys / sizeof config_keys[0];
