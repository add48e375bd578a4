// What a step of MoCo runs on WebGPU, counted from its graphs: node runs (all parts, key and query, all groups), those among
// them that launch a shader, by operator, and the bytes that nodes read and write. With one group at a time and with several.
// node bench/count-nodes.mjs [--groups 8] [--json]
import { parseArgs } from 'node:util';
import { fromSources } from './from-sources.mjs';

const { values: options } = parseArgs({
  options: { groups: { type: 'string', default: '8' }, json: { type: 'boolean', default: false } },
});
const groups = Number(options.groups);

const lib = await fromSources({
  'encoder/make-plan.ts': ['makePlan'],
  'onnx/model.ts': ['decodeModel'],
  'autodiff/memory.ts': ['byteSizes'],
  'onnx/resnet.ts': ['resnetSpec'],
});

/** Batch of the paper: 256 images. */
const NETWORKS = {
  'ResNet-18 w64, 32 px': [{ arch: 'resnet18', width: 64, stem: 'cifar', dim: 128, mlp: true }, 32],
  'ResNet-50, 224 px': [{ arch: 'resnet50', width: 64, stem: 'imagenet', dim: 128, mlp: true }, 224],
};
const BATCH = 256;

/** They give their input under another shape or name: onnxruntime leaves the values where they are. */
const FREE = new Set(['Reshape', 'Identity', 'Squeeze', 'Unsqueeze', 'Flatten']);

/** What one run of a graph does. */
function countGraph({ bytes }) {
  const graph = lib.decodeModel(bytes);
  const size = lib.byteSizes(graph);
  const operators = new Map();
  let moved = 0;
  let largest = 0;
  for (const { op, inputs, outputs } of graph.nodes) {
    operators.set(op, (operators.get(op) ?? 0) + 1);
    for (const name of outputs) largest = Math.max(largest, size(name));
    if (FREE.has(op)) continue;
    for (const name of [...inputs, ...outputs]) if (name !== '') moved += size(name);
  }
  return { operators, moved, largest };
}

function countStep(spec, imageSize, groupsAtOnce) {
  const place = { provider: 'webgpu', budget: 2 ** 50, most: 2 ** 50 };
  const plan = lib.makePlan({ spec, imageSize, groupSize: BATCH / groups, groupsAtOnce }, place);
  const runs = groups / groupsAtOnce;
  const operators = new Map();
  const sum = { nodes: 0, shaders: 0, gigabytes: 0, largest: 0 };
  const parts = [plan.forward, plan.trainingForward, ...plan.backward];
  // What is no graph is a call of a kernel of ours.
  const graphs = parts.filter(({ kind }) => kind === 'graph');
  for (const part of graphs) {
    const counted = countGraph(part.model);
    for (const [op, count] of counted.operators) {
      operators.set(op, (operators.get(op) ?? 0) + runs * count);
      sum.nodes += runs * count;
      if (!FREE.has(op)) sum.shaders += runs * count;
    }
    sum.gigabytes += (runs * counted.moved) / 1e9;
    sum.largest = Math.max(sum.largest, counted.largest / 1e9);
  }
  const byOperator = Object.fromEntries([...operators].sort((a, b) => b[1] - a[1]));
  const peak = plan.memory.peak / 1e9;
  const calls = { runs: runs * graphs.length, kernels: runs * (parts.length - graphs.length) };
  return { groupsAtOnce, ...calls, ...sum, peak, byOperator };
}

const report = {};
for (const [name, [settings, imageSize]] of Object.entries(NETWORKS)) {
  const spec = lib.resnetSpec(settings);
  const divisors = Array.from({ length: groups }, (_, i) => i + 1).filter((n) => groups % n === 0);
  report[name] = divisors.map((atOnce) => countStep(spec, imageSize, atOnce));
}
if (options.json) console.log(JSON.stringify(report, null, 2));
else {
  for (const [name, counts] of Object.entries(report)) {
    console.log(
      `\n${name}, ${BATCH} images in ${groups} groups, a step (key forward, query forward, backward)`,
    );
    console.log(
      'groups at once | session runs | our kernels | node runs | shaders | GB read+written | largest value GB | peak GB',
    );
    for (const { groupsAtOnce, runs, kernels, nodes, shaders, gigabytes, largest, peak } of counts) {
      const cells = [
        groupsAtOnce,
        runs,
        kernels,
        nodes,
        shaders,
        gigabytes.toFixed(1),
        largest.toFixed(2),
        peak.toFixed(2),
      ];
      console.log(cells.join(' | '));
    }
    const [before, after] = [counts[0].byOperator, counts.at(-1).byOperator];
    const operators = new Set([...Object.keys(before), ...Object.keys(after)]);
    console.log([...operators].map((op) => `${op} ${before[op] ?? 0} → ${after[op] ?? 0}`).join(', '));
  }
}
