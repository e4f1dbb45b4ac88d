"""Random graphs of a dozen nodes: what no single node shows (places shared in
memory, steps melted together, patterns, samples of a batch told apart).

random_graph(seed) is always the same graph. Axis 0 of every value is the batch,
open in two graphs of three; several values are outputs.
"""
import random

import numpy as np
from onnx import TensorProto, helper

from models import Constant, Model, ints, normal, value_info
from models_idioms import Sketch, dim

NODES, OUTPUTS, ELEMENTS_MAX = 12, 3, 6000

UNARY = ["Relu", "Sigmoid", "Tanh", "Abs", "Neg", "HardSwish", "Softplus",
         "LeakyRelu", "Erf", "Identity", "Elu", "Dropout", "HardSigmoid"]


class Random(Sketch):
    """values: (name, shape without the batch) of every float32 value."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        shape = self.random.choice([(4,), (3, 4), (4, 6, 6), (2, 5, 3),
                                    (2, 3, 4, 2)])
        self.batch = 3 if seed % 3 else 2
        super().__init__(f"random_{seed}", normal(self.batch, *shape))
        self.values = [("x", shape)]
        self.last = self.values[0]

    def weights(self, *shape):
        """Constants of about 1 / sqrt(the elements summed over)."""
        array = normal(*shape) / np.float32(np.prod(shape[1:]) ** 0.5)
        shift = self.random.uniform(-0.5, 0.5)
        return Constant((array + shift).astype(np.float32))

    def axis(self, shape):
        return self.random.randrange(1, len(shape) + 1)

    def keep(self, name, shape):
        self.last = name, tuple(shape)
        self.values.append(self.last)

    def again(self):
        """The last value, or some earlier one, with elements to spare."""
        if self.random.random() < 0.7:
            return self.last
        return self.random.choice(self.values)

    # Each of these adds nodes to a value and keeps what they make; those that
    # do not fit its shape return False.

    def unary(self, x, shape):
        self.keep(self(self.random.choice(UNARY), x), shape)

    def formula(self, x, shape):
        kind = self.random.randrange(4)
        if kind == 0:
            y = self("Mul", x, self("Sigmoid", x))
        elif kind == 1:
            erf = self("Erf", self("Div", x, 2 ** 0.5))
            y = self("Mul", self("Mul", x, self("Add", erf, 1.0)), 0.5)
        elif kind == 2:
            y = self("Sqrt", self("Add", self("Abs", x), 0.1))
        else:
            y = self("Clip", x, -0.5, 0.7)
        self.keep(y, shape)

    def binary(self, x, shape):
        op = self.random.choice(["Add", "Sub", "Mul", "Max", "Min", "Mean"])
        same = [name for name, other in self.values if other == shape]
        if self.random.random() < 0.5:
            other = self.random.choice(same)
        else:
            other = self.weights(*(d if self.random.random() < 0.6 else 1
                                   for d in shape))
        pair = (x, other) if self.random.random() < 0.6 else (other, x)
        self.keep(self(op, *pair), shape)

    def many(self, x, shape):
        same = [name for name, other in self.values if other == shape]
        op = self.random.choice(["Sum", "Max", "Mean"])
        self.keep(self(op, x, self.random.choice(same), self.weights(1),
                       self.random.choice(same)), shape)

    def centre(self, x, shape):
        """An operand that shrank meets the one that did not."""
        axis = self.axis(shape)
        mean = self("ReduceMean", x, axes=[axis], keepdims=1)
        op = self.random.choice(["Sub", "Add", "Max"])
        pair = (x, mean) if self.random.random() < 0.5 else (mean, x)
        self.keep(self(op, *pair), shape)

    def reduce(self, x, shape):
        if len(shape) < 2:
            return False
        axes = sorted(self.random.sample(
            range(1, len(shape) + 1), self.random.randrange(1, len(shape))))
        keep = self.random.randrange(2)
        op = self.random.choice(["ReduceMean", "ReduceMax", "ReduceMin",
                                 "ReduceL2"])
        self.keep(self(op, x, axes=axes, keepdims=keep),
                  [1 if i + 1 in axes else d for i, d in enumerate(shape)
                   if keep or i + 1 not in axes])

    def reshape(self, x, shape):
        if self.random.random() < 0.4:
            self.keep(self("Flatten", x), [int(np.prod(shape))])
        elif len(shape) > 1:
            at = self.random.randrange(len(shape) - 1)
            merged = (*shape[:at], shape[at] * shape[at + 1], *shape[at + 2:])
            self.keep(self("Reshape", x, ints(0, *merged)), merged)
        else:
            part = self.random.choice([d for d in range(1, shape[0] + 1)
                                       if shape[0] % d == 0])
            self.keep(self("Reshape", x, ints(0, part, -1)),
                      (part, shape[0] // part))

    def transpose(self, x, shape):
        perm = list(range(1, len(shape) + 1))
        self.random.shuffle(perm)
        self.keep(self("Transpose", x, perm=[0, *perm]),
                  [shape[p - 1] for p in perm])

    def concat(self, x, shape):
        axis = self.axis(shape)
        other = [(n, s) for n, s in self.values if len(s) == len(shape) and all(
            a == b or i + 1 == axis for i, (a, b) in enumerate(zip(s, shape)))]
        name, added = self.random.choice(other)
        made = list(shape)
        made[axis - 1] += added[axis - 1]
        self.keep(self("Concat", x, name, axis=axis), made)

    def cut(self, x, shape):
        axis = self.axis(shape)
        size = shape[axis - 1]
        made = list(shape)
        if self.random.random() < 0.5 and size > 1:
            part = self.random.randrange(1, size)
            low, high = self("Split", x, ints(part, size - part), outputs=2,
                             axis=axis)
            made[axis - 1] = part
            self.values.append((low, tuple(made)))
            made[axis - 1] = size - part
            return self.keep(high, made)
        step = self.random.choice([1, 2, -1])
        start, end = (0, size) if step > 0 else (size, -2 * size)
        made[axis - 1] = (size + abs(step) - 1) // abs(step)
        self.keep(self("Slice", x, ints(start), ints(end), ints(axis),
                       ints(step)), made)

    def gather(self, x, shape):
        axis = self.axis(shape)
        size = shape[axis - 1]
        index = [self.random.randrange(-size, size) for _ in range(2)]
        self.keep(self("Gather", x, ints(*index), axis=axis),
                  [2 if i + 1 == axis else d for i, d in enumerate(shape)])

    def softmax(self, x, shape):
        self.keep(self("Softmax", x, axis=self.axis(shape)), shape)

    def product(self, x, shape):
        if len(shape) < 2:
            self.keep(self("Gemm", x, self.weights(5, shape[0]),
                           self.weights(5), transB=1), (5,))
        elif self.random.random() < 0.6:
            self.keep(self("MatMul", x, self.weights(shape[-1], 4)),
                      (*shape[:-1], 4))
        else:
            perm = list(range(len(shape) + 1))
            perm[-1], perm[-2] = perm[-2], perm[-1]
            y = self("Mul", self("Transpose", x, perm=perm),
                     1.0 / shape[-1])
            self.keep(self("MatMul", x, y), (*shape[:-1], shape[-2]))

    def window(self, x, shape):
        if len(shape) != 3:
            return False
        c, h, w = shape
        kind = self.random.randrange(4)
        pad = {"pads": [1, 1, 1, 1]}
        if kind == 0:
            y = self("Conv", x, self.weights(4, c, 3, 3), self.weights(4),
                     **pad)
            if self.random.random() < 0.5:
                y = self("BatchNormalization", y, self.weights(4),
                         self.weights(4), self.weights(4),
                         Constant(np.abs(normal(4)) + np.float32(0.5)))
            self.keep(y, (4, h, w))
        elif kind == 1:
            self.keep(self("Conv", x, self.weights(c, 1, 3, 3), group=c,
                           **pad), shape)
        elif kind == 2:
            op = self.random.choice(["MaxPool", "AveragePool"])
            self.keep(self(op, x, kernel_shape=[3, 3], **pad), shape)
        else:
            self.keep(self("GlobalAveragePool", x), (c, 1, 1))

    def grow(self, x, shape):
        axis = self.axis(shape)
        made = list(shape)
        if self.random.random() < 0.5:
            counts = [1] * (len(shape) + 1)
            counts[axis] = 2
            made[axis - 1] *= 2
            return self.keep(self("Tile", x, ints(*counts)), made)
        pads = [0] * (2 * len(shape) + 2)
        pads[axis], pads[axis + len(shape) + 1] = 1, 2
        made[axis - 1] += 3
        self.keep(self("Pad", x, ints(*pads), mode=self.random.choice(
            ["constant", "edge"])), made)

    def choose(self, x, shape):
        mask = self("Greater", x, self.random.uniform(-0.5, 0.5))
        self.keep(self("Where", mask, x, self.weights(1)), shape)

    def squeeze(self, x, shape):
        if len(shape) < 4 and self.random.random() < 0.5:
            axis = self.random.randrange(1, len(shape) + 2)
            return self.keep(self("Unsqueeze", x, ints(axis)),
                             (*shape[:axis - 1], 1, *shape[axis - 1:]))
        ones = [i for i, d in enumerate(shape) if d == 1]
        if not ones or len(shape) < 2:
            return False
        self.keep(self("Squeeze", x, ints(ones[0] + 1)),
                  [d for i, d in enumerate(shape) if i != ones[0]])

    def dynamic(self, x, shape):
        """x.view(x.size(0), ...): the target is computed from a shape."""
        made = self.random.sample(shape, len(shape))
        sizes = self("Concat", dim(self, x, 0), ints(*made), axis=0)
        self.keep(self("Reshape", x, sizes), made)

    def joined(self, x, shape):
        """Samples and an axis as rows, and apart again."""
        rest = shape[1:] or (1,)
        y = self("Reshape", x, ints(-1, *rest))
        if self.random.random() < 0.5:
            y = self("Softmax", y, axis=len(rest))
        else:
            y = self("MatMul", y, self.weights(rest[-1], 3))
            rest = (*rest[:-1], 3)
        back = (ints(-1, shape[0], *rest) if self.random.random() < 0.5 else
                self("Concat", dim(self, x, 0), ints(shape[0], *rest), axis=0))
        self.keep(self("Reshape", y, back), (shape[0], *rest))

    def moved(self, x, shape):
        """The batch stands at another axis for a while."""
        perm = list(range(len(shape) + 1))
        self.random.shuffle(perm)
        back = [perm.index(i) for i in range(len(perm))]
        y = self("Transpose", x, perm=perm)
        axis = self.random.choice([i for i, p in enumerate(perm) if p != 0])
        kind = self.random.randrange(3)
        if kind == 0:
            y = self("Softmax", y, axis=axis)
        elif kind == 1:
            y = self("Concat", y, self("Neg", y), axis=axis)
            shape = list(shape)
            shape[perm[axis] - 1] *= 2
        else:
            largest = self("ReduceMax", y, axes=[axis], keepdims=1)
            y = self("Sub", y, largest)
        self.keep(self("Transpose", y, perm=back), shape)

    def places(self, x, shape):
        """Integers for a while: where the largest of an axis is."""
        axis = self.axis(shape)
        place = self("ArgMax", x, axis=axis, keepdims=1)
        place = self("Mul", self("Add", place, ints(1)), ints(2))
        wide = self("Cast", place, to=TensorProto.FLOAT)
        self.keep(self("Add", x, self("Mul", wide, 0.1)), shape)

    KINDS = [unary, unary, formula, binary, binary, many, centre, reduce,
             reshape, transpose, concat, cut, gather, softmax, product,
             window, window, grow, choose, squeeze, dynamic, joined, moved,
             places]

    def step(self):
        name, shape = self.again()
        kind = self.random.choice(self.KINDS)
        if int(np.prod(shape)) < ELEMENTS_MAX:
            kind(self, name, shape)


def random_graph(seed):
    g = Random(seed)
    while len(g.nodes) < NODES:
        g.step()
    made = [v for v in g.values[1:]]
    outputs = {g.last[0]: g.last[1]}
    for name, shape in g.random.sample(made, min(OUTPUTS - 1, len(made))):
        outputs[name] = shape
    opened = g.batch == 3
    graph = helper.make_graph(
        g.nodes, g.name, [value_info("x", g.x, opened)],
        [helper.make_tensor_value_info(name, 1, None) for name in outputs],
        g.initializers)
    model = helper.make_model(graph, ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17)])
    return Model(g.name, model, {"x": g.x}, list(outputs))
