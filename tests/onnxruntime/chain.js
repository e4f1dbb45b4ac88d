// Run exported parts one after another in ONNX Runtime, on one CPU thread.
//
// usage: node chain.js INPUT.f32 OUTPUT.f32 SHAPE(comma separated) PART.onnx...
// Tensors are raw little-endian float32; a part's outputs become the next
// part's inputs, in order.
const fs = require("fs");
const ort = require("onnxruntime-node");

async function main([input, output, shape, ...parts]) {
  const bytes = fs.readFileSync(input);
  const data = new Float32Array(bytes.buffer, bytes.byteOffset,
    bytes.length / 4);
  let tensors = [new ort.Tensor("float32", data,
    shape.split(",").map(Number))];
  for (const part of parts) {
    const session = await ort.InferenceSession.create(part,
      { intraOpNumThreads: 1, interOpNumThreads: 1 });
    const feeds = {};
    session.inputNames.forEach((name, i) => { feeds[name] = tensors[i]; });
    const results = await session.run(feeds);
    tensors = session.outputNames.map((name) => results[name]);
  }
  fs.writeFileSync(output, Buffer.from(tensors[0].data.buffer,
    tensors[0].data.byteOffset, tensors[0].data.byteLength));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
