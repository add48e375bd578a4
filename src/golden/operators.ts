/** Golden cases of single operators and residual blocks: their graphs, differentiated, run by onnxruntime-web. */
import { type GradientRun, runGradient, runOnce, type Values } from '../encoder/run-gradient.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { encoderState } from '../models/encoder-state.ts';
import type { BatchNormLayer } from '../models/layout.ts';
import { USUAL_MOMENTUM } from '../onnx/batch-norms.ts';
import { type Attributes, type Graph, GraphBuilder } from '../onnx/graph.ts';
import { buildBlock } from '../onnx/resnet.ts';
import { RunningStatistics } from '../train/running-statistics.ts';
import { type SavedState, TrainState } from '../train/state.ts';
import { Workspace } from '../train/workspace.ts';
import type { CaseFamily, CaseRunner, GoldenCase, GoldenContext } from './case.ts';
import { floatInput, int64, numberParam } from './tensors.ts';

const conv: CaseRunner = async (c, context) => {
  const [kernel, stride, padding] = ['kernel', 'stride', 'padding'].map((name) => numberParam(c, name));
  const attributes = {
    kernel_shape: [kernel!, kernel!],
    strides: [stride!, stride!],
    pads: [padding!, padding!, padding!, padding!],
  };
  const run = await differentiated(c, context, singleNode(c, 'Conv', ['x', 'w'], attributes), ['x', 'w']);
  return results(run, ['x', 'w']);
};

const maxPool: CaseRunner = async (c, context) => {
  const [kernel, stride, padding] = ['kernel', 'stride', 'padding'].map((name) => numberParam(c, name));
  const attributes = {
    kernel_shape: [kernel!, kernel!],
    strides: [stride!, stride!],
    pads: [padding!, padding!, padding!, padding!],
  };
  return results(await differentiated(c, context, singleNode(c, 'MaxPool', ['x'], attributes), ['x']), ['x']);
};

const relu: CaseRunner = async (c, context) =>
  results(await differentiated(c, context, singleNode(c, 'Relu', ['x'], {}), ['x']), ['x']);

const residual: CaseRunner = async (c, context) => {
  const g = inputsOf(c, ['a', 'b']);
  g.op('Relu', [g.op('Add', ['a', 'b'])], {}, 'y');
  return results(await differentiated(c, context, finish(g, c), ['a', 'b']), ['a', 'b']);
};

const mlpHead: CaseRunner = async (c, context) => {
  const inputs = ['x', 'w1', 'b1', 'w2', 'b2'];
  const g = inputsOf(c, inputs);
  const pooled = g.op('Flatten', [g.op('GlobalAveragePool', ['x'])], { axis: 1 }, 'pooled');
  const hidden = g.op('Relu', [g.op('Gemm', [pooled, 'w1', 'b1'], { transB: 1 })]);
  g.op('Gemm', [hidden, 'w2', 'b2'], { transB: 1 }, 'y');
  g.output('pooled', floatInput(c, 'x').shape.slice(0, 2));
  const run = await differentiated(c, context, finish(g, c), inputs);
  return new Map([...results(run, inputs), ['pooled', named(run.outputs.get('pooled')!)]]);
};

const batchNorm: CaseRunner = async (c, context) => {
  const { place, kernels } = context;
  const operands = ['x', 'gamma', 'beta', 'running_mean.0', 'running_var.0'];
  const graph = singleNode(c, 'BatchNormalization', operands, { epsilon: { float: numberParam(c, 'eps') } });
  const run = await differentiated(c, context, graph, ['x', 'gamma', 'beta']);
  const [batch = 0, channels = 0, ...space] = floatInput(c, 'x').shape;
  const layer = {
    name: 'bn',
    channels,
    elementsPerImage: space.reduce((product, size) => product * size, 1),
    momentum: USUAL_MOMENTUM,
  };
  const before = (name: string) => floatInput(c, `${name.slice('bn.'.length)}.0`).data;
  const after = await takenIn(kernels, [layer], before, run, batch);
  // Inference uses the statistics from before the step; the graph itself is that form.
  const inference = await runOnce(graph, place, valuesOf(c, operands));
  return new Map([
    ...results(run, ['x', 'gamma', 'beta']),
    ['running_mean.1', after.get('bn.running_mean')!],
    ['running_var.1', after.get('bn.running_var')!],
    ['y_eval', named(inference.get('y')!)],
  ]);
};

const block: CaseRunner = async (c, { place, kernels }) => {
  const [batch = 0, channels = 0, size = 0] = floatInput(c, 'x').shape;
  const kind = c.inputs.has('init.conv3.weight') ? 'bottleneck' : 'basic';
  const { graph, parameters } = buildBlock(kind, {
    batch,
    channels,
    size,
    planes: numberParam(c, 'planes'),
    stride: numberParam(c, 'stride'),
  });
  const names = parameters.map(({ name }) => name);
  const inputs = valuesOf(c, ['x']);
  for (const { name } of graph.inputs) if (name !== 'x') inputs.set(name, floatInput(c, `init.${name}`));
  const dOutputs = new Map([['y', floatInput(c, 'dy')]]);
  const options = { wrt: ['x', ...names], outputs: ['y'] };
  const run = await runGradient(graph, options, place, inputs, dOutputs, kernels);

  const tensors = results(run, ['x']);
  for (const name of names) tensors.set(`grad.${name}`, named(run.gradients.get(name)!));
  const before = (name: string) => floatInput(c, `init.${name}`).data;
  const after = await takenIn(
    kernels,
    run.statistics.map((layer) => ({ ...layer, momentum: USUAL_MOMENTUM })),
    before,
    run,
    batch,
  );
  for (const [name, tensor] of after) {
    const earlier = Number(c.inputs.get(`init.${name}`)?.data[0] ?? 0);
    const value = tensor.dtype === 'I64' ? int64([1], [earlier + Number(tensor.data[0])]) : tensor;
    tensors.set(`after.${name}`, value);
  }
  return tensors;
};

export const operatorFamily: CaseFamily = {
  runners: { conv, bn: batchNorm, maxpool: maxPool, relu, residual, mlp: mlpHead, block },
};

function inputsOf(c: GoldenCase, names: readonly string[]): GraphBuilder {
  const g = new GraphBuilder(c.name, 'e');
  for (const name of names) g.input(name, floatInput(c, name).shape);
  return g;
}

function finish(g: GraphBuilder, c: GoldenCase): Graph {
  g.output('y', floatInput(c, 'dy').shape);
  return g.build();
}

/** A graph of one operator whose output is y. */
function singleNode(c: GoldenCase, op: string, operands: readonly string[], attributes: Attributes): Graph {
  const g = inputsOf(c, operands);
  g.op(op, operands, attributes, 'y');
  // The gradient of y has y's shape; cases keep it as dy.
  return finish(g, c);
}

function valuesOf(c: GoldenCase, names: readonly string[]): Map<string, Values> {
  return new Map(names.map((name) => [name, floatInput(c, name)]));
}

function differentiated(
  c: GoldenCase,
  { place, kernels }: GoldenContext,
  graph: Graph,
  wrt: readonly string[],
) {
  const inputs = valuesOf(
    c,
    graph.inputs.map(({ name }) => name),
  );
  const dOutputs = new Map([['y', floatInput(c, 'dy')]]);
  return runGradient(graph, { wrt, outputs: ['y'] }, place, inputs, dOutputs, kernels);
}

/** y, and the gradient of each operand as d<operand>; γ and β under the names the cases use. */
function results(run: GradientRun, operands: readonly string[]): Map<string, NamedTensor> {
  const tensors = new Map([['y', named(run.outputs.get('y')!)]]);
  for (const name of operands) tensors.set(`d${name}`, named(run.gradients.get(name)!));
  return tensors;
}

/**
 * Running statistics after the batch of a run, by the product's own update.
 * @param before what they were, by name, e.g. `bn1.running_mean`
 * @returns the same names
 */
async function takenIn(
  kernels: Kernels,
  layers: readonly BatchNormLayer[],
  before: (name: string) => Float32Array,
  run: GradientRun,
  batch: number,
): Promise<SavedState> {
  const { tensors, counters } = encoderState(
    'x',
    { parameters: [], layers, buffers: [], dim: 0 },
    { seed: 0 },
  );
  const inner = (name: string) => name.slice('x.'.length);
  const known = tensors.map((spec) => ({ ...spec, initial: () => before(inner(spec.name)) }));
  const state = new TrainState(kernels, { tensors: known, counters }, null);
  const running = new RunningStatistics(kernels, layers, state, 'x');
  const workspace = new Workspace(kernels);
  try {
    const gate = workspace.array('gate', 1);
    kernels.write(gate, Float32Array.of(1));
    const sums = workspace.list('sums', running.lengths);
    const found = run.statistics.flatMap(({ mean, variance }) => [mean, variance]);
    for (const [i, name] of found.entries()) kernels.write(sums[i]!, run.outputs.get(name)!.data);
    running.update(sums, 1, batch, gate);
    return new Map([...(await state.read())].map(([name, tensor]) => [inner(name), tensor]));
  } finally {
    workspace.dispose();
    state.dispose();
  }
}

function named({ shape, data }: Values): NamedTensor {
  return { dtype: 'F32', shape, data };
}
