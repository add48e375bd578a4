// The peer moco-web: our own training step, with the sources of this checkout and the workers of its dist/ (build first).
//
//   node moco-web.mjs DIR --backend wasm|native|webgpu    a peer, as run.mjs starts it
//   node moco-web.mjs DIR --initial                       makes what all peers begin with: spec.json, initial.safetensors
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadLibrary } from './library.mjs';
import { serve } from './serve.mjs';

/** Orders of ShuffleBN that are made; steps take them in turn. */
const ORDERS = 8;

const [folder, ...options] = process.argv.slice(2);
const library = await loadLibrary();
if (options.includes('--initial')) await makeInitial();
else await serve(() => openPeer(options[options.indexOf('--backend') + 1]));

async function makeInitial() {
  const { preset, threads, ...overrides } = JSON.parse(await readFile(join(folder, 'network.json'), 'utf8'));
  const config = library.resolveConfig(preset, overrides);
  const { batchSize, imageSize } = config;
  const network = library.buildNetwork(library.networkOf(config), 1, imageSize);
  const flopsPerImage = 4 * library.forwardFlops(network.graph);
  const session = await open(config, 'wasm', null);
  const tensors = new Map(await session.trainer.state());
  await session.dispose();
  const shape = [batchSize, 3, imageSize, imageSize];
  for (const [image, name] of ['queries', 'keys'].entries()) {
    const random = new library.Random({ seed: config.seed, stream: library.STREAMS.drawnImage, image });
    const data = new Float32Array(shape.reduce((product, side) => product * side)).map(() => random.normal());
    tensors.set(name, { dtype: 'F32', shape, data });
  }
  const orders = Array.from({ length: ORDERS }, (_, i) => library.permutationsOf(config, i + 1)(0));
  const data = BigInt64Array.from(orders.flatMap((order) => [...order].map(BigInt)));
  tensors.set('orders', { dtype: 'I64', shape: [ORDERS, batchSize], data });
  await writeFile(join(folder, 'initial.safetensors'), library.writeSafetensors(tensors));
  const spec = { ...config, threads, flopsPerImage };
  await writeFile(join(folder, 'spec.json'), JSON.stringify(spec));
  console.log(JSON.stringify({ spec }));
}

async function open(config, backend, saved, workers) {
  const data = await library.describeDrawn(2 * config.batchSize, 1, config.imageSize, 0);
  return library.openSession({ config, data, backend, network: null, saved, workers, dataWorkers: 1 });
}

async function openPeer(request) {
  const { threads, flopsPerImage, ...config } = JSON.parse(await readFile(join(folder, 'spec.json'), 'utf8'));
  const tensors = library.readSafetensors(await readFile(join(folder, 'initial.safetensors')));
  const { backend, adapter } = await library.chooseBackend(request);
  if (backend !== request) throw new Error(`there is no backend '${request}' here, only ${backend}`);
  const session = await open(config, backend, tensors, threads);
  const length = 3 * config.imageSize ** 2;
  const images = {
    [library.STREAMS.firstView]: tensors.get('queries').data,
    [library.STREAMS.secondView]: tensors.get('keys').data,
  };
  // Workers take the images away, so that each group is a copy.
  const views = async (stream, positions) => {
    const group = new Float32Array(positions.length * length);
    for (const [row, position] of positions.entries()) {
      group.set(images[stream].subarray(position * length, (position + 1) * length), row * length);
    }
    return { images: group, labels: null };
  };
  const orders = tensors.get('orders').data;
  const { learningRate, batchSize } = config;
  const orderOf = (step) => {
    const first = ((step - 1) % ORDERS) * batchSize;
    return Uint32Array.from(orders.subarray(first, first + batchSize), Number);
  };
  let step = 0;
  const { layout } = session.trainer;
  return {
    cases: [{ name: backend, family: backend, statistics: 'groups' }],
    parameters: layout.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    versions: { ...(await library.describeVersions()), ...(adapter ? { adapter } : {}), workers: threads },
    async step() {
      step++;
      const permutation = () => orderOf(step);
      const issued = await session.trainer.step({ step, learningRate, permutation, views });
      return (await issued.result).loss;
    },
  };
}
