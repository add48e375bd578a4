/** An ONNX encoder of two convolutions, for 16 pixels: so few kernels that a GPU in software takes steps with it. */
import type { Constant, Node } from '../../src/onnx/graph.ts';
import { encodeModel } from '../../src/onnx/model.ts';

const SIDE = 16;
const CHANNELS = [3, 8, 16] as const;

export function tinyModel(): Uint8Array {
  const constants = new Map<string, Constant>();
  const nodes: Node[] = [];
  const add = (op: string, name: string, inputs: string[], attributes: Node['attributes'] = {}) => {
    nodes.push({ name, op, domain: '', inputs, outputs: [name], attributes });
    return name;
  };
  const constant = (name: string, shape: number[], scale: number) => {
    const length = shape.reduce((product, size) => product * size, 1);
    // Anything that is not the same everywhere.
    const data = Float32Array.from({ length }, (_, i) => scale * Math.sin(7 * i + 1));
    constants.set(name, { type: 'float32', shape, data });
    return name;
  };
  let last = 'image';
  for (const [i, channels] of CHANNELS.slice(1).entries()) {
    const weight = constant(`weight ${i}`, [channels, CHANNELS[i]!, 3, 3], 0.2);
    const bias = constant(`bias ${i}`, [channels], 0.1);
    const attributes = {
      kernel_shape: [3, 3],
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      dilations: [1, 1],
      group: 1,
    };
    last = add('Relu', `relu ${i}`, [add('Conv', `conv ${i}`, [last, weight, bias], attributes)]);
  }
  add('Flatten', 'features', [add('GlobalAveragePool', 'pool', [last])], { axis: 1 });
  return encodeModel({
    ...{ name: 'tiny', opset: 17, constants, nodes },
    inputs: [{ name: 'image', type: 'float32', shape: ['batch', 3, SIDE, SIDE] }],
    outputs: [{ name: 'features', type: 'float32', shape: ['batch', CHANNELS[2]] }],
  });
}
