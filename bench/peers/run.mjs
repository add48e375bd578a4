// The same training step by different programs, in one run: `npm run build && node bench/peers/run.mjs`.
//
//   --network r18w16|r18w64|r50|small   what is trained (default: r18w16)
//   --batch-size, --groups, --queue, --image-size N   instead of the network's own
//   --only NAME,…    of: pytorch, moco-web-native, moco-web-wasm, tfjs-wasm, … (PEERS below; default: those of the network)
//   --rounds N       timed rounds, after one that warms up (default: 5)
//   --steps N        steps of each in a round (default: 1)
//   --every-form     all memory layouts of PyTorch, not only the faster one of each kind
//   --threads N      of each program that can use them (default: as many as there are cores)
//   --json, --markdown   what is printed
//
// Each round runs all, one after the other, so that other work on the machine meets all alike. README.md tells more.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Peer } from './peer.mjs';
import { isSame, jsonReport, markdownReport, textReport } from './report.mjs';

const CIFAR = { preset: 'moco-cifar', arch: 'resnet18', imageSize: 32, queueSize: 4096 };
const OURS = ['moco-web-native', 'moco-web-wasm'];
const TENSORFLOW = ['tfjs-wasm', 'tfjs-node'];
const NETWORKS = {
  r18w16: { ...CIFAR, width: 16, batchSize: 256, groups: 8, peers: ['pytorch', ...OURS, ...TENSORFLOW] },
  r18w64: { ...CIFAR, width: 64, batchSize: 256, groups: 8, peers: ['pytorch', ...OURS] },
  r50: {
    ...{ preset: 'moco-v2', arch: 'resnet50', imageSize: 224, queueSize: 65536 },
    ...{ width: 64, batchSize: 16, groups: 2, peers: ['pytorch', ...OURS] },
  },
  // For those that take seconds for an image.
  small: {
    ...{ ...CIFAR, width: 16, batchSize: 16, groups: 2 },
    peers: ['pytorch', ...OURS, ...TENSORFLOW, 'jax-js-node', 'jax-js-deno'],
  },
};
const COMMON = { mlp: true, dim: 128, momentum: 0.99, sgdMomentum: 0.9 };

/** Steps of the round that warms up; no further one begins after so many seconds. */
const WARM_UP = { steps: 3, seconds: 20 };

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const node = (file, ...args) => [process.execPath, here(file), ...args];
/** The system's Python, which knows Debian's packages; others in PATH may not. */
const PYTHON = process.env.PYTHON ?? '/usr/bin/python3';
const PEERS = {
  pytorch: (folder) => [PYTHON, here('torch_step.py'), folder],
  'moco-web-native': (folder) => node('moco-web.mjs', folder, '--backend', 'native'),
  'moco-web-wasm': (folder) => node('moco-web.mjs', folder, '--backend', 'wasm'),
  'moco-web-webgpu': (folder) => node('moco-web.mjs', folder, '--backend', 'webgpu'),
  'tfjs-wasm': (folder) => node('tfjs.mjs', folder, 'wasm'),
  'tfjs-node': (folder) => node('tfjs.mjs', folder, 'node'),
  'tfjs-cpu': (folder) => node('tfjs.mjs', folder, 'cpu'),
  'jax-js-node': (folder) => node('jax-js.mjs', folder),
  'jax-js-webgpu': (folder) => node('jax-js.mjs', folder, 'webgpu'),
  'jax-js-deno': (folder) => [here('../../node_modules/.bin/deno'), 'run', '-A', here('jax-js.mjs'), folder],
};

const { values: options } = parseArgs({
  options: {
    network: { type: 'string', default: 'r18w16' },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '1' },
    only: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    'batch-size': { type: 'string' },
    groups: { type: 'string' },
    queue: { type: 'string' },
    'image-size': { type: 'string' },
    'every-form': { type: 'boolean' },
    json: { type: 'boolean' },
    markdown: { type: 'boolean' },
  },
});
if (!NETWORKS[options.network]) {
  usage(`there is no network '${options.network}': choose from ${Object.keys(NETWORKS).join(', ')}`);
}
const { peers: usual, ...network } = NETWORKS[options.network];
const names = options.only?.split(',') ?? usual;
for (const name of names) {
  if (!PEERS[name]) usage(`there is no peer '${name}': choose from ${Object.keys(PEERS).join(', ')}`);
}
const [rounds, steps, threads] = ['rounds', 'steps', 'threads'].map(whole);

const folder = await mkdtemp(join(tmpdir(), 'moco-web-peers-'));
const peers = [];
try {
  await compare();
} finally {
  for (const peer of peers) peer.end();
  await rm(folder, { recursive: true });
}

async function compare() {
  const spec = await makeInitial();
  const [cases, missing] = await startPeers();
  const running = await warmUp(cases, missing);
  for (let round = 1; round <= rounds; round++) {
    for (const one of running) {
      if (one.failed) continue;
      const { seconds, failed } = await one.peer.run(one.name, steps);
      if (failed) one.failed = failed;
      else one.rates.push((steps * spec.batchSize) / sum(seconds));
    }
    progress(`round ${round} of ${rounds}; load average ${loadavg()[0].toFixed(1)}`);
  }
  for (const { peer, name, failed } of running)
    if (failed) missing.push({ name: `${peer.name} ${name}`, why: failed });
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version };
  const found = { network: options.network, spec, rounds, steps, machine, missing };
  const done = running.filter(({ failed }) => !failed);
  const report = options.json ? jsonReport : options.markdown ? markdownReport : textReport;
  console.log(report(found, done));
  if (!isSame(done)) process.exitCode = 1;
}

/** The settings in full, beside what all begin with. */
async function makeInitial() {
  const shape = { batchSize: 'batch-size', groups: 'groups', queueSize: 'queue', imageSize: 'image-size' };
  const given = Object.entries(shape).filter(([, option]) => options[option] !== undefined);
  const changed = Object.fromEntries(given.map(([setting, option]) => [setting, whole(option)]));
  const settings = { ...network, ...COMMON, ...changed, threads };
  await writeFile(join(folder, 'network.json'), JSON.stringify(settings));
  const maker = new Peer('initial', node('moco-web.mjs', folder, '--initial'));
  peers.push(maker);
  const answer = await maker.ready();
  if (answer.unavailable) throw new Error(`the initial state could not be made: ${answer.unavailable}`);
  return answer.spec;
}

async function startPeers() {
  const cases = [];
  const missing = [];
  for (const name of names) {
    const peer = new Peer(name, PEERS[name](folder));
    peers.push(peer);
    const answer = await peer.ready();
    if (answer.unavailable) missing.push({ name, why: answer.unavailable });
    else progress(`${name}: ${JSON.stringify(answer.versions)}`);
    const { parameters, versions } = answer;
    for (const one of answer.cases ?? []) cases.push({ peer, ...one, parameters, versions, rates: [] });
  }
  return [cases, missing];
}

/** The first step of each is slow; the others choose between forms of the same thing (memory layouts). */
async function warmUp(cases, missing) {
  const best = new Map();
  for (const one of cases) {
    const { seconds, losses, failed } = await warmUpOne(one);
    if (failed) {
      missing.push({ name: `${one.peer.name} ${one.name}`, why: failed });
      continue;
    }
    const trial = Math.min(...(seconds.length > 1 ? seconds.slice(1) : seconds));
    progress(`warm-up, ${one.peer.name} ${one.name}: ${trial.toFixed(2)} s, losses ${losses.join(', ')}`);
    Object.assign(one, { losses, trial });
    const key = `${one.peer.name} ${options['every-form'] ? one.name : one.family}`;
    const other = best.get(key);
    const slower = other && other.trial <= one.trial ? one : other;
    if (slower !== one) best.set(key, one);
    slower?.peer.drop(slower.name);
  }
  return [...best.values()];
}

async function warmUpOne({ peer, name }) {
  const [seconds, losses] = [[], []];
  while (seconds.length < WARM_UP.steps && sum(seconds) < WARM_UP.seconds) {
    const answer = await peer.run(name, 1);
    if (answer.failed) return answer;
    seconds.push(...answer.seconds);
    losses.push(...answer.losses);
  }
  return { seconds, losses };
}

function whole(option) {
  const value = Number(options[option]);
  if (!Number.isInteger(value) || value < 1)
    usage(`--${option} is ${options[option]}: give a whole number, 1 or more`);
  return value;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function progress(text) {
  console.error(text);
}

function usage(text) {
  console.error(text);
  process.exit(2);
}
