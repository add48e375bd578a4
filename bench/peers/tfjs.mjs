// The peer TensorFlow.js: node tfjs.mjs DIR cpu|wasm|node.
//
// The wasm backend has no kernel for the weight gradient of a convolution (Conv2DBackpropFilter). Its second case computes
// it by another convolution, as somebody who wants to train on it would.
import { createRequire } from 'node:module';
import { readInitial } from './initial.mjs';
import { resnet } from './resnet.mjs';
import { serve } from './serve.mjs';

const OWN_GRADIENT = 'groups one by one, weight gradients by Conv2D';
const [folder, backend] = process.argv.slice(2);
await serve(openPeer);

async function openPeer() {
  // CommonJS: their ECMAScript modules are not named as Node wants it.
  const require = createRequire(import.meta.url);
  const tf = require(backend === 'node' ? '@tensorflow/tfjs-node' : '@tensorflow/tfjs');
  if (backend === 'wasm') require('@tensorflow/tfjs-backend-wasm');
  const name = backend === 'node' ? 'tensorflow' : backend;
  if (!(await tf.setBackend(name))) throw new Error(`TensorFlow.js does not start its backend ${name}`);
  const { spec, queue, encoder, orderOf, images, positions } = readInitial(folder);
  const { batchSize, groups, imageSize, queueSize, dim, temperature, momentum } = spec;
  const count = batchSize / groups;
  const pairOf = (padding) => [padding, padding];
  const border = (padding) => [[0, 0], pairOf(padding), pairOf(padding), [0, 0]];

  /** Its gradients in this library's own operations: the input's as it comes, the weight's with batch and channels swapped. */
  const convolve = (x, weight, stride, padding) =>
    tf.customGrad((x, weight, save) => {
      save([x, weight]);
      const gradFunc = (dy, [x, weight]) => [
        tf.conv2dTranspose(dy, weight, x.shape, stride, border(padding)),
        tf.tidy(() => weightGradient(x, dy, weight.shape, stride, padding)),
      ];
      return { value: tf.conv2d(x, weight, stride, border(padding)), gradFunc };
    })(x, weight);
  const weightGradient = (x, dy, [height, width], stride, padding) => {
    const made = tf.conv2d(
      x.transpose([3, 1, 2, 0]),
      dy.transpose([1, 2, 0, 3]),
      1,
      border(padding),
      'NHWC',
      stride,
    );
    // Rows that stride leaves over at the border give taps beyond the kernel.
    return made.slice([0, 0, 0, 0], [-1, height, width, -1]).transpose([1, 2, 0, 3]);
  };

  const ops = (own) => ({
    twice: (x) => [x, x],
    add: (a, b) => tf.add(a, b),
    relu: (x) => tf.relu(x),
    mean: (x) => tf.mean(x, [1, 2]),
    linear: (x, weight, bias) => tf.add(tf.matMul(x, weight, false, true), bias),
    conv: (x, weight, stride, padding) =>
      own ? convolve(x, weight, stride, padding) : tf.conv2d(x, weight, stride, border(padding)),
    maxPool: (x) => tf.maxPool(tf.pad(x, border(1)), 3, 2, 'valid'),
    batchNorm(x, weight, bias) {
      const mean = tf.mean(x, [0, 1, 2]);
      const centered = tf.sub(x, mean);
      const variance = tf.mean(tf.square(centered), [0, 1, 2]);
      return tf.add(tf.mul(centered, tf.mul(weight, tf.rsqrt(tf.add(variance, 1e-5)))), bias);
    },
  });
  const unitRows = (x) => tf.div(x, tf.sqrt(tf.sum(tf.square(x), 1, true)));

  const tensorOf = ({ shape, data }) => {
    const tensor = tf.tensor(data, shape);
    return shape.length === 4 ? tensor.transpose([2, 3, 1, 0]) : tensor;
  };
  const group = (name, index, order) => {
    const values = images(name, positions(index, order));
    return tf.tensor(values, [count, 3, imageSize, imageSize]).transpose([0, 2, 3, 1]);
  };

  class Moco {
    constructor(own) {
      this.ops = ops(own);
      this.step = 0;
      this.query = this.variables('encoder_q', true);
      this.keyed = this.variables('encoder_k', false);
      // d = g + wd·p; buffer ← μ·buffer + d; p ← p − lr·buffer.
      this.buffers = new Map(
        [...this.query].map(([name, { shape }]) => [name, tf.variable(tf.zeros(shape), false)]),
      );
      this.queue = tf.variable(tensorOf(queue), false);
    }

    variables(name, trains) {
      return new Map(encoder(name).map(([key, tensor]) => [key, tf.variable(tensorOf(tensor), trains)]));
    }

    embed(parameters, image) {
      return unitRows(resnet(spec, this.ops, (name) => parameters.get(name), image));
    }

    loss(image, key) {
      const query = this.embed(this.query, image);
      const positive = tf.sum(tf.mul(query, key), 1, true);
      const logits = tf.div(tf.concat([positive, tf.matMul(query, this.queue, false, true)], 1), temperature);
      return tf.div(tf.sum(tf.sub(tf.logSumExp(logits, 1, true), tf.div(positive, temperature))), batchSize);
    }

    async take() {
      const order = orderOf(this.step++);
      const losses = [];
      tf.tidy(() => {
        for (const [name, target] of this.keyed) {
          target.assign(tf.add(tf.mul(target, momentum), tf.mul(this.query.get(name), 1 - momentum)));
        }
        const rows = Array.from({ length: groups }, (_, index) => positions(index, order)).flat();
        const encoded = tf.concat(
          Array.from({ length: groups }, (_, index) =>
            tf.tidy(() => this.embed(this.keyed, group('keys', index, order))),
          ),
        );
        const inverse = new Int32Array(batchSize);
        for (const [row, position] of rows.entries()) inverse[position] = row;
        const keys = tf.gather(encoded, tf.tensor1d(inverse, 'int32'));
        let sums = null;
        for (let index = 0; index < groups; index++) {
          const own = tf.gather(keys, tf.tensor1d(positions(index), 'int32'));
          const { value, grads } = tf.variableGrads(
            () => this.loss(group('queries', index), own),
            [...this.query.values()],
          );
          losses.push(tf.keep(value));
          const before = sums;
          sums = Object.fromEntries(
            Object.entries(grads).map(([name, gradient]) => [
              name,
              before ? tf.add(before[name], gradient) : gradient,
            ]),
          );
        }
        for (const [name, parameter] of this.query) {
          const gradient = tf.add(sums[parameter.name], tf.mul(parameter, spec.weightDecay));
          const buffer = this.buffers.get(name);
          buffer.assign(tf.add(tf.mul(buffer, spec.sgdMomentum), gradient));
          parameter.assign(tf.sub(parameter, tf.mul(buffer, spec.learningRate)));
        }
        // The oldest keys are always the first: no place in a tensor can be written.
        this.queue.assign(tf.concat([this.queue.slice([batchSize, 0], [queueSize - batchSize, dim]), keys]));
      });
      const values = await Promise.all(losses.map((loss) => loss.data()));
      tf.dispose(losses);
      return values.reduce((sum, [loss]) => sum + loss, 0);
    }
  }

  const made = new Map();
  const names = ['groups one by one', ...(backend === 'wasm' ? [OWN_GRADIENT] : [])];
  return {
    cases: names.map((name) => ({ name, family: name, statistics: 'groups' })),
    parameters: encoder('encoder_q').reduce((sum, [, { data }]) => sum + data.length, 0),
    versions: {
      'TensorFlow.js': tf.version.tfjs,
      backend: tf.getBackend(),
      threads: 1,
      Node: process.versions.node,
    },
    step(name) {
      if (!made.has(name)) made.set(name, new Moco(name === OWN_GRADIENT));
      return made.get(name).take();
    },
  };
}
