// ONNX Runtime as one of the peers of bench/engine.py.
//
// usage: node onnxruntime.js MODEL.onnx INPUT.f32 THREADS BATCH passive|spin
// What it says and is told is what bench/engine.c describes.
const fs = require("fs");
const readline = require("readline");
const ort = require("onnxruntime-node");

function memoryMib(key) {
  const text = fs.readFileSync("/proc/self/status", "utf8");
  return Number(text.match(new RegExp(`${key}:\\s+(\\d+)`))[1]) / 1024;
}

// A batch of square pictures.
function readPictures(path, batch) {
  const bytes = fs.readFileSync(path);
  const data = new Float32Array(bytes.buffer, bytes.byteOffset,
    bytes.length / 4);
  const size = Math.sqrt(data.length / batch / 3);
  return new ort.Tensor("float32", data, [batch, 3, size, size]);
}

async function timed(run) {
  const begin = process.hrtime.bigint();
  await run();
  return Number(process.hrtime.bigint() - begin) / 1e6;
}

async function measure(run, seconds) {
  const times = [];
  let spent = 0;
  do spent += await timed(run); while (spent < seconds * 100);
  for (spent = 0; spent < seconds * 1000 || times.length < 3;) {
    times.push(await timed(run));
    spent += times[times.length - 1];
  }
  times.sort((a, b) => a - b);
  return { median_ms: times[times.length >> 1], min_ms: times[0],
    runs: times.length };
}

async function main([model, input, threads, batch, waiting]) {
  const pictures = readPictures(input, Number(batch));
  fs.writeFileSync("/proc/self/clear_refs", "5");
  const base = memoryMib("VmRSS");
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: "all", executionMode: "sequential",
    intraOpNumThreads: Number(threads), interOpNumThreads: 1,
    extra: { session: { intra_op: {
      allow_spinning: waiting === "passive" ? "0" : "1" } } },
  });
  const run = () => session.run({ [session.inputNames[0]]: pictures });
  const { data } = (await run())[session.outputNames[0]];
  console.log(JSON.stringify({ output: Array.from(data) }));
  for await (const line of readline.createInterface(process.stdin)) {
    const answer = await measure(run, Number(line));
    answer.peak_mib = memoryMib("VmHWM") - base;
    console.log(JSON.stringify(answer));
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
