/**
 * Convolutions, one shape at a time: forward, the gradient of the input and that of the weights, as graphs of onnxruntime-web and by our
 * kernels, which are compared.
 */
import { noise } from './kernels.mjs';
import { floorOf } from './limits.mjs';
import { SHAPES } from './resnet-convolutions.mjs';
import { openSession } from './sessions.mjs';

const value = (name, shape) => ({ name, type: 'float32', shape });
const product = (shape) => shape.reduce((a, b) => a * b, 1);

/** An eighth of the channels, half of the size. */
const shrunk = ([count, , channels, filters, size, kernel, stride]) => [
  ...[count, 2, Math.max(3, channels >> 3), filters >> 3, Math.max(kernel, size >> 1), kernel, stride],
];

/** For a trial on a software adapter, which compiles for seconds: two of ResNet-18's. */
export const SMALL_CONVOLUTIONS = [SHAPES.r18w64[0], SHAPES.r18w64[2]].map(shrunk);

function geometryOf([, batch, channels, filters, size, k, stride]) {
  const pad = k >> 1;
  const out = Math.floor((size + 2 * pad - k) / stride) + 1;
  return {
    ...{ batch, channels, height: size, width: size, filters, outHeight: out, outWidth: out, groups: 1 },
    ...{ kernel: [k, k], strides: [stride, stride], pads: [pad, pad, pad, pad], dilations: [1, 1] },
  };
}

/** @param given as in SHAPES of resnet-convolutions.mjs */
export const nameOf = ([, batch, channels, filters, size, k, stride]) =>
  `${batch}×${channels}→${filters}, ${size} px, ${k}×${k}/${stride}`;

/** Operations of one of its forms: all have the same number. */
export function flopOf(given) {
  const { batch, channels, filters, outHeight, outWidth, kernel } = geometryOf(given);
  return 2 * batch * outHeight * outWidth * filters * channels * kernel[0] * kernel[1];
}

function graphsOf({ kernel, strides, pads, dilations, channels }, shapes, { differentiateGraph, provider }) {
  const attributes = { kernel_shape: kernel, strides, pads, dilations, group: 1 };
  const node = { name: 'conv', op: 'Conv', domain: '', inputs: ['x', 'w'], outputs: ['y'], attributes };
  const forward = {
    ...{ name: 'convolution', opset: 17, constants: new Map(), nodes: [node] },
    inputs: [value('x', shapes.x), value('w', shapes.w)],
    outputs: [value('y', shapes.y)],
  };
  const gradient = (of) => {
    const written = differentiateGraph(forward, { wrt: [of], outputs: ['y'], provider });
    return { graph: written.backward, dy: written.outputGradients.get('y') };
  };
  return {
    forward: { graph: forward },
    // The images of a network get no gradient.
    ...(channels === 3 ? {} : { inputGradient: gradient('x') }),
    weightGradient: gradient('w'),
  };
}

/** The largest difference, as a share of the largest value. */
function difference(a, b) {
  let [most, largest] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs(a[i] - b[i]));
    largest = Math.max(largest, Math.abs(a[i]));
  }
  return a.length === b.length ? most / largest : null;
}

/**
 * @param context {{ kernels, clock, limits, ort, sessions, provider, encodeModel, differentiateGraph }} the last two of
 *   `moco-web/onnx`, `sessions` of sessions.mjs, `provider` as differentiateGraph has it
 * @param given how often a network has it, images, channels, filters, size, kernel, stride
 * @returns of each form milliseconds, GFLOP/s and how much of its floor it reaches; `difference` of our weight gradient from the
 *   graph's, `forwardDifference` and `inputDifference`
 */
export async function measureConvolution(context, given) {
  const { kernels, clock, limits, ort, sessions, encodeModel } = context;
  const [count, batch, channels, filters, size, k] = given;
  const geometry = geometryOf(given);
  const { outHeight: out } = geometry;
  const shapes = {
    x: [batch, channels, size, size],
    w: [filters, channels, k, k],
    y: [batch, filters, out, out],
  };
  const arrays = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, noise(kernels, product(shape))]),
  );
  const [gradient, y, dx] = ['w', 'y', 'x'].map((name) => kernels.allocate(product(shapes[name])));
  const flop = flopOf(given);
  // Each form reads two of the three and writes the other.
  const bytes = 4 * (product(shapes.x) + product(shapes.w) + product(shapes.y));
  const floorMs = floorOf(limits, { flop, bytes });
  const timed = async (body) => {
    const { wallMs, gpuMs } = await clock.time(body);
    const ms = gpuMs ?? wallMs;
    return { wallMs, gpuMs, gflops: flop / ms / 1e6, ofFloor: floorMs / ms };
  };
  const { x, w: weight, y: dy } = arrays;
  const ours = {
    forward: { result: y, call: () => kernels.convolution({ ...geometry, x, weight, y }) },
    inputGradient: { result: dx, call: () => kernels.convInputGradient({ ...geometry, dy, weight, dx }) },
    weightGradient: {
      result: gradient,
      call: () => kernels.convWeightGradient({ ...geometry, x, dy, gradient, add: false }),
    },
  };
  try {
    const found = {};
    const apart = {};
    for (const [what, { graph, dy }] of Object.entries(graphsOf(geometry, shapes, context))) {
      const session = await openSession(ort, sessions, encodeModel(graph), (name) => {
        const of = name === dy ? 'y' : name;
        return { array: arrays[of], shape: shapes[of] };
      });
      const { result, call } = ours[what];
      call();
      apart[what] = difference(await session.read(), await kernels.read(result));
      found[what] = await timed(session.run);
      await session.close();
      found[`${what}ByKernel`] = await timed(call);
    }
    const compared = {
      ...{ difference: apart.weightGradient, forwardDifference: apart.forward },
      inputDifference: apart.inputGradient ?? null,
    };
    return { count, shape: nameOf(given), flop, bytes, floorMs, ...found, ...compared };
  } finally {
    for (const array of [...Object.values(arrays), gradient, y, dx]) kernels.free(array);
  }
}
