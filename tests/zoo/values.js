// What ONNX Runtime computes, with its optimiser off, on one CPU thread.
//
// usage: node values.js MODEL.onnx FOLDER
// FOLDER/feeds.json is a list of {name, dims} of float32 inputs; the bytes of
// the first are in FOLDER/in-0, and so on. FOLDER/results.json becomes a list
// of {name, type, dims} of the outputs, FOLDER/out-0 the bytes of the first.
const fs = require("fs");
const path = require("path");
const ort = require("onnxruntime-node");

async function main([model, folder]) {
  const at = (name) => path.join(folder, name);
  const feeds = {};
  JSON.parse(fs.readFileSync(at("feeds.json"))).forEach(({ name, dims }, i) => {
    const bytes = fs.readFileSync(at(`in-${i}`));
    feeds[name] = new ort.Tensor("float32", new Float32Array(
      bytes.buffer, bytes.byteOffset, bytes.length / 4), dims);
  });
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: "disabled", intraOpNumThreads: 1,
    interOpNumThreads: 1 });
  const results = await session.run(feeds);
  const list = session.outputNames.map((name, i) => {
    const { data, type, dims } = results[name];
    fs.writeFileSync(at(`out-${i}`),
      Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    return { name, type, dims };
  });
  fs.writeFileSync(at("results.json"), JSON.stringify(list));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
