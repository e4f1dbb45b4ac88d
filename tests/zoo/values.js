// What ONNX Runtime computes, with its optimiser off, on one CPU thread.
//
// usage: node values.js MODEL.onnx INPUT.f32 SHAPE(comma separated) FOLDER
// Every output of the model is written to FOLDER as raw bytes, file by number;
// a JSON list of {name, type, dims} goes to stdout.
const fs = require("fs");
const path = require("path");
const ort = require("onnxruntime-node");

async function main([model, input, shape, folder]) {
  const bytes = fs.readFileSync(input);
  const data = new Float32Array(bytes.buffer, bytes.byteOffset,
    bytes.length / 4);
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: "disabled", intraOpNumThreads: 1,
    interOpNumThreads: 1 });
  const results = await session.run({ [session.inputNames[0]]:
    new ort.Tensor("float32", data, shape.split(",").map(Number)) });
  const list = session.outputNames.map((name, i) => {
    const { data: out, type, dims } = results[name];
    fs.writeFileSync(path.join(folder, String(i)),
      Buffer.from(out.buffer, out.byteOffset, out.byteLength));
    return { name, type, dims };
  });
  console.log(JSON.stringify(list));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
