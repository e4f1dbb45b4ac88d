// Run models in ONNX Runtime, on one thread and without graph optimisation.
//
// usage: node session.js JOBS.json
// JOBS.json: [{model, inputs: [{name, dtype, shape, path}], outputs: [{name,
// path}]}], paths of raw little-endian elements; an input whose path an earlier
// job wrote has that output's dtype and shape. The results go to stdout:
// [{outputs: [{dtype, shape}]} or {error}].
const fs = require("fs");
const ort = require("onnxruntime-node");

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array,
  int64: BigInt64Array, int32: Int32Array, int16: Int16Array,
  int8: Int8Array, uint8: Uint8Array, bool: Uint8Array,
};

const made = new Map(); // tensors by the path they were written to

function read({ dtype, shape, path }) {
  if (made.has(path)) return made.get(path);
  const bytes = fs.readFileSync(path);
  const buffer = bytes.buffer.slice(bytes.byteOffset,
    bytes.byteOffset + bytes.length);
  return new ort.Tensor(dtype, new ARRAYS[dtype](buffer), shape);
}

async function run({ model, inputs, outputs }) {
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4,
    graphOptimizationLevel: "disabled",
  });
  const feeds = {};
  for (const input of inputs) feeds[input.name] = read(input);
  const results = await session.run(feeds);
  return outputs.map(({ name, path }) => {
    const { data, type, dims } = results[name];
    made.set(path, results[name]);
    fs.writeFileSync(path, Buffer.from(data.buffer, data.byteOffset,
      data.byteLength));
    return { dtype: type, shape: dims };
  });
}

async function main([path]) {
  const answers = [];
  for (const job of JSON.parse(fs.readFileSync(path))) {
    try {
      answers.push({ outputs: await run(job) });
    } catch (error) {
      answers.push({ error: String(error.message || error) });
    }
  }
  console.log(JSON.stringify(answers));
}

main(process.argv.slice(2));
