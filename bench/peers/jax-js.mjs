// The peer jax-js: node jax-js.mjs DIR [wasm|webgpu], or with Deno, whose workers it can use. On WebGPU in Node by Dawn.
import { readFileSync } from 'node:fs';
import { readInitial } from './initial.mjs';
import { resnet } from './resnet.mjs';
import { serve } from './serve.mjs';

await serve(openPeer);

async function openPeer() {
  const {
    blockUntilReady,
    defaultDevice,
    init,
    jit,
    lax,
    nn,
    numpy: np,
    tree,
    valueAndGrad,
  } = await import('@jax-js/jax');
  const device = process.argv[3] ?? 'wasm';
  if (device === 'webgpu') await startDawn();
  const devices = await init(device);
  if (!devices.includes(device)) throw new Error(`jax-js finds no ${device} here`);
  defaultDevice(device);
  const { spec, queue, encoder, orderOf, images, positions } = readInitial(process.argv[2]);
  const { batchSize, groups, imageSize, queueSize, dim, temperature, momentum } = spec;
  const count = batchSize / groups;

  const ops = {
    twice: (x) => [x.ref, x],
    add: (a, b) => a.add(b),
    relu: (x) => nn.relu(x),
    mean: (x) => np.mean(x, [2, 3]),
    linear: (x, weight, bias) => np.matmul(x, np.transpose(weight)).add(bias),
    conv: (x, weight, stride, padding) =>
      lax.convGeneralDilated(
        x,
        weight,
        [stride, stride],
        [
          [padding, padding],
          [padding, padding],
        ],
      ),
    // Behind a Relu, so that a border of zeros changes no maximum.
    maxPool: (x) =>
      lax.reduceWindow(
        np.pad(x, [
          [0, 0],
          [0, 0],
          [1, 1],
          [1, 1],
        ]),
        (window) => np.max(window),
        [3, 3],
        [2, 2],
      ),
    batchNorm(x, weight, bias) {
      const mean = np.mean(x.ref, [0, 2, 3], { keepdims: true });
      const centered = x.sub(mean);
      const variance = np.mean(np.square(centered.ref), [0, 2, 3], { keepdims: true });
      const scale = weight.reshape([1, -1, 1, 1]).div(np.sqrt(variance.add(1e-5)));
      return centered.mul(scale).add(bias.reshape([1, -1, 1, 1]));
    },
  };
  const unitRows = (x) => {
    const norm = np.sqrt(np.sum(np.square(x.ref), 1, { keepdims: true }));
    return x.div(norm);
  };
  const embed = (parameters, image) => unitRows(resnet(spec, ops, (name) => parameters[name].ref, image));
  const contrast = (parameters, image, key, keysOfBefore) => {
    const query = embed(parameters, image);
    const positive = np.sum(query.ref.mul(key), 1, { keepdims: true });
    const negative = np.matmul(query, np.transpose(keysOfBefore));
    const logits = np.concatenate([positive.ref, negative], 1).mul(1 / temperature);
    const losses = nn.logsumexp(logits, 1, { keepdims: true }).sub(positive.mul(1 / temperature));
    return np.sum(losses).mul(1 / batchSize);
  };
  const keysOf = jit(embed);
  const train = jit(valueAndGrad(contrast));
  const follow = jit((target, source) => target.mul(momentum).add(source.mul(1 - momentum)));
  const update = jit((value, gradient, buffer) => {
    const change = buffer.mul(spec.sgdMomentum).add(gradient.add(value.ref.mul(spec.weightDecay)));
    return [value.sub(change.ref.mul(spec.learningRate)), change];
  });

  const arrayOf = ({ shape, data }) => np.array(data, { shape });
  const parametersOf = (name) =>
    Object.fromEntries(encoder(name).map(([key, tensor]) => [key, arrayOf(tensor)]));
  let query = parametersOf('encoder_q');
  let keyed = parametersOf('encoder_k');
  const names = Object.keys(query);
  let slots = Object.fromEntries(names.map((name) => [name, np.zerosLike(query[name].ref)]));
  let negatives = arrayOf(queue);
  const shape = [count, 3, imageSize, imageSize];
  const group = (name, order) => (index) => np.array(images(name, positions(index, order)), { shape });
  let [step, pointer] = [0, 0];

  async function takeStep() {
    const order = orderOf(step++);
    keyed = eachOf((name) => follow(keyed[name], query[name].ref));
    const keys = new Float32Array(batchSize * dim);
    for (let index = 0; index < groups; index++) {
      const encoded = await keysOf(tree.ref(keyed), group('keys', order)(index)).data();
      for (const [row, position] of positions(index, order).entries()) {
        keys.set(encoded.subarray(row * dim, (row + 1) * dim), position * dim);
      }
    }
    let total = 0;
    let gradients = null;
    for (let index = 0; index < groups; index++) {
      const own = new Float32Array(count * dim);
      for (const [row, position] of positions(index).entries()) {
        own.set(keys.subarray(position * dim, (position + 1) * dim), row * dim);
      }
      const key = np.array(own, { shape: [count, dim] });
      const [loss, made] = train(tree.ref(query), group('queries')(index), key, negatives.ref);
      const before = gradients;
      gradients = before ? eachOf((name) => before[name].add(made[name])) : made;
      total += (await loss.data())[0];
    }
    const pairs = eachOf((name) => update(query[name], gradients[name], slots[name]));
    query = eachOf((name) => pairs[name][0]);
    slots = eachOf((name) => pairs[name][1]);
    const rest = negatives.slice([pointer + batchSize, queueSize]);
    const fresh = np.array(keys, { shape: [batchSize, dim] });
    // The queue's oldest keys are always its first: no place in an array can be written.
    negatives = np.concatenate([rest, fresh], 0);
    pointer = 0;
    await blockUntilReady([query, slots, negatives]);
    return total;
  }

  const eachOf = (make) => Object.fromEntries(names.map((name) => [name, make(name)]));
  const { version } = JSON.parse(
    readFileSync(new URL('node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'),
  );
  const runtime = globalThis.Deno ? `Deno ${Deno.version.deno}` : `Node ${process.versions.node}`;
  return {
    cases: [{ name: 'groups one by one', family: device, statistics: 'groups' }],
    parameters: encoder('encoder_q').reduce((sum, [, { data }]) => sum + data.length, 0),
    versions: {
      'jax-js': version,
      backend: device,
      ...(device === 'wasm' ? { threads: globalThis.Worker ? 'all' : 'one, without Worker' } : {}),
      runtime,
    },
    step: takeStep,
  };
}

/** jax-js asks a page for its GPU, and what browser it is. */
async function startDawn() {
  if (globalThis.navigator?.gpu) return;
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]), userAgent: 'Node' } });
}
