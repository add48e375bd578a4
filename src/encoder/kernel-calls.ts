/** Nodes of a graph as calls of kernels: what a plan says of one, and the call itself. */
import { EPSILON } from '../autodiff/batch-norm.ts';
import type { Convolution } from '../autodiff/images.ts';
import { convolutionOf } from '../autodiff/kernel-nodes.ts';
import { MocoError } from '../errors.ts';
import type { ConvolutionShape } from '../kernels/convolution-shape.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { floatAttribute, intsAttribute, windowOf } from '../onnx/attributes.ts';
import { count } from '../onnx/dims.ts';
import type { Node, Shape } from '../onnx/graph.ts';
import { convolutionShape } from './kernel-part.ts';
import type { KernelCall, KernelOperation } from './training-plan.ts';

/** @param shapeOf the shapes of the graph, of which all sizes are numbers */
export function kernelCall(node: Node, shapeOf: (name: string) => Shape): KernelCall {
  const outputs = node.outputs.map((name) => ({ name, shape: shapeOf(name).map(Number) }));
  return { kind: 'kernel', inputs: node.inputs, outputs, operation: operationOf(node, shapeOf) };
}

function operationOf(node: Node, shapeOf: (name: string) => Shape): KernelOperation {
  const operator = node.op;
  if (operator === 'Relu' || operator === 'ReluBackward' || operator === 'Add') return { operator };
  if (operator === 'BatchNorm' || operator === 'BatchNormAgain' || operator === 'BatchNormBackward') {
    const [batch = 0, channels = 0, ...space] = shapeOf(node.inputs[0]!).map(Number);
    const epsilon = floatAttribute(node, 'epsilon', EPSILON);
    return { operator, sizes: { batch, channels, space: count(space), epsilon } };
  }
  if (operator === 'ConvInputGradient') return { operator, shape: shapeOfBatch(forwardOf(node, shapeOf)) };
  const convolution = convolutionOf(node, shapeOf);
  if (convolution) return { operator: 'Conv', shape: shapeOfBatch(convolution) };
  throw new MocoError('operator-unsupported', `node ${node.name}: no kernel computes ${operator}`);
}

/** The convolution whose input gradient a node gives. */
function forwardOf(node: Node, shapeOf: (name: string) => Shape): Convolution {
  const [dy = [], weight = []] = node.inputs.map(shapeOf);
  const [height = 0, width = 0] = intsAttribute(node, 'image', []);
  const window = windowOf(node, [height, width], weight.slice(2).map(Number));
  return {
    window,
    batch: dy[0]!,
    x: [Number(weight[1]), height, width],
    outChannels: Number(dy[1]),
    groups: 1,
  };
}

/** Of a batch that is a number. */
export function shapeOfBatch(convolution: Convolution): ConvolutionShape {
  return { batch: Number(convolution.batch), ...convolutionShape(convolution) };
}

/** Inputs and outputs in the order of the node's. */
export function callKernel(
  kernels: Kernels,
  operation: KernelOperation,
  inputs: readonly DeviceArray[],
  outputs: readonly DeviceArray[],
): void {
  const [a, b, c, ...statistics] = inputs as [DeviceArray, DeviceArray, DeviceArray, ...DeviceArray[]];
  const [y, ...others] = outputs as [DeviceArray, ...DeviceArray[]];
  switch (operation.operator) {
    case 'Conv':
      kernels.convolution({ ...operation.shape, x: a, weight: b, y });
      return;
    case 'ConvInputGradient':
      kernels.convInputGradient({ ...operation.shape, dy: a, weight: b, dx: y });
      return;
    case 'BatchNorm': {
      const [mean, variance, residual] = others as [DeviceArray, DeviceArray, DeviceArray];
      const of = { x: a, gamma: b, beta: c, y, mean, variance, residual };
      kernels.batchNorm({ ...operation.sizes, ...of, statistics: 'batch' });
      return;
    }
    case 'BatchNormAgain': {
      const [mean, variance, residual] = statistics as [DeviceArray, DeviceArray, DeviceArray];
      const of = { x: a, gamma: b, beta: c, y, mean, variance, residual };
      kernels.batchNorm({ ...operation.sizes, ...of, statistics: 'given' });
      return;
    }
    case 'BatchNormBackward': {
      const [mean, variance, residual] = statistics as [DeviceArray, DeviceArray, DeviceArray];
      const [dGamma, dBeta] = others as [DeviceArray, DeviceArray];
      const of = { dy: a, x: b, gamma: c, mean, variance, residual, dx: y, dGamma, dBeta };
      kernels.batchNormBackward({ ...operation.sizes, ...of });
      return;
    }
    case 'Relu':
      kernels.relu({ x: a, y });
      return;
    case 'ReluBackward':
      kernels.reluBackward({ dy: a, y: b, dx: y });
      return;
    case 'Add':
      kernels.add({ a, b, y });
      return;
  }
}
