// What run.sh runs. Each part gives `{ ok, result, why }`: JSON, and in a line why it is not ok or not all of it.

/** Images of a group that are tried, in order, until a group fits in the memory of the GPU. */
const GROUP_SIZES = [32, 16, 8];
const BATCH = 256;
/** Timed steps, as many as fit in the time. */
const REPEATS = [5, 3, 1];
/** Of the time left, how much a run may be expected to take. */
const SHARE = 0.7;

const SMALL = ['--width', '8', '--image-size', '16', '--dim', '16', '--queue', '64'];
const SMALL_GROUPS = ['--batch-size', '4', '--groups', '2', '--repeat', '1'];

/** Groups of a run that are compared. */
const GROUPS_AT_ONCE = [1, 2, 4, 8];

const R18 = ['--preset', 'moco-cifar', '--arch', 'resnet18', '--width', '64', '--image-size', '32'];
const R50 = ['--preset', 'moco-v2', '--arch', 'resnet50', '--width', '64', '--image-size', '224'];

/** By name, in the order of a whole run. */
export const PARTS = {
  adapter: { says: 'what the adapter is and offers (doctor)', run: adapterPart },
  conformance: {
    says: 'every kernel against float64 (doctor --kernels)',
    needsAdapter: true,
    run: conformancePart,
  },
  kernels: {
    says: 'our kernels against their floors, InfoNCE at N=256, C=128, K=65536 among them',
    needsAdapter: true,
    needsGpu: true,
    run: (context) => scriptPart('kernels-webgpu.mjs', [], context),
  },
  'convolutions-r18': {
    says: 'GFLOP/s of the convolutions of ResNet-18, width 64, 32 px: forward, input and weight gradients',
    needsAdapter: true,
    needsGpu: true,
    run: (context) => convolutionsPart('r18w64', context),
  },
  'convolutions-r50': {
    says: 'the same of ResNet-50, 224 px',
    needsAdapter: true,
    needsGpu: true,
    run: (context) => convolutionsPart('r50', context),
  },
  losses: {
    says: '30 steps on drawn images, with the losses of wasm beside them',
    needsAdapter: true,
    needsGpu: true,
    run: (context) => scriptPart('losses.mjs', context.small ? ['--steps', '4'] : [], context),
  },
  'time-r18': {
    says: 'a step of ResNet-18, width 64, 32 px, by operator and by kernel',
    needsAdapter: true,
    needsGpu: true,
    run: (context) => scriptPart('step-time.mjs', ['r18'], context),
  },
  'time-r50': {
    says: 'the same of ResNet-50, 224 px',
    needsAdapter: true,
    needsGpu: true,
    run: (context) => scriptPart('step-time.mjs', ['r50'], context),
  },
  'layout-r18': {
    says: 'time-r18 with the convolutions in NCHW, in the place of onnxruntime-web’s own NHWC',
    needsAdapter: true,
    needsGpu: true,
    run: (context) => scriptPart('step-time.mjs', ['r18', '--layout', 'NCHW'], context),
  },
  'layout-r50': {
    says: 'time-r50 likewise',
    needsAdapter: true,
    needsGpu: true,
    run: (context) => scriptPart('step-time.mjs', ['r50', '--layout', 'NCHW'], context),
  },
  peers: {
    says: 'a step of ResNet-18, width 64, 32 px, by moco-web and by jax-js, in turns',
    needsAdapter: true,
    needsGpu: true,
    run: peersPart,
  },
  'groups-at-once': {
    says: 'a step of ResNet-18 by how many groups go through the network in one run',
    needsAdapter: true,
    needsGpu: true,
    run: groupsAtOncePart,
  },
  'bench-r18': {
    says: 'a training step of ResNet-18, width 64, at 32 px, 4096 keys',
    needsAdapter: true,
    needsGpu: true,
    run: (context) => benchPart([...R18, '--queue', '4096'], context),
  },
  'bench-r50': {
    says: 'a training step of ResNet-50 at 224 px, 65536 keys',
    needsAdapter: true,
    needsGpu: true,
    run: (context) => benchPart(R50, context),
  },
};

/**
 * Why a part cannot be run here; null where it can.
 * @param adapter {{ name: string, software: boolean } | null}
 */
export function whyNotRun({ needsAdapter, needsGpu }, adapter, small) {
  if (needsAdapter && adapter === null) return 'there is no adapter';
  // It would take hours.
  if (needsGpu && adapter.software && !small) return `${adapter.name} is software: --small has small shapes`;
  return null;
}

/**
 * Runs a part within a time.
 * @param command {(args: string[], limitMs: number) => Promise} runs a script of the archive with Node, see runProgram
 * @param doctor {{ report: object | null, gpu: object | null, why: string | null }} what it said of the GPU
 */
export function runPart({ run }, { command, small, doctor, limitMs }) {
  const end = performance.now() + limitMs;
  const left = () => end - performance.now();
  const script = async (...args) => answerOf(await command(args, left()));
  const moco = (...args) => script('dist/cli.js', ...args);
  return run({ moco, script, small, doctor, left, limitMs });
}

/** The JSON that the command has written, and in a line why it failed. */
function answerOf({ code, signal, timedOut, seconds, stdout, stderr }) {
  let result = null;
  try {
    result = JSON.parse(stdout);
  } catch {
    // It failed, and has said why on stderr.
  }
  const said = stderr.trim().split('\n').at(-1);
  const ending = timedOut ? `stopped after ${Math.round(seconds)} s` : `ended with ${signal ?? code}`;
  const ok = code === 0 && result !== null;
  return { ok, result, seconds, why: ok ? null : [ending, said].filter(Boolean).join(': '), stderr };
}

/** It has been asked for already, to find the driver. */
async function adapterPart({ doctor: { report, gpu, why } }) {
  return { ok: Boolean(gpu), result: report, why };
}

async function conformancePart({ moco, small }) {
  const only = small ? ['--only', 'infonce/C = 12'] : [];
  const answer = await moco('doctor', '--kernels', ...only, '--backend', 'webgpu', '--json');
  const failed = answer.result?.counts?.FAIL;
  return failed ? { ...answer, why: `${failed} cases FAIL` } : answer;
}

/**
 * First one group alone and one timed step: it finds out how large a group may be and how long the whole batch will take,
 * and is what is left to report where that is too long.
 */
async function benchPart(shape, { moco, small, left, limitMs }) {
  const bench = (...args) => moco('bench', '--backend', 'webgpu', '--json', ...shape, ...args);
  if (small) return bench(...SMALL, ...SMALL_GROUPS);
  const tries = [];
  const attempt = async (batch, groups, repeat) => {
    const counts = ['--batch-size', batch, '--groups', groups, '--repeat', repeat].map(String);
    const answer = await bench(...counts);
    tries.push({ batch, groups, repeat, ok: answer.ok, seconds: answer.seconds, why: answer.why });
    return answer;
  };
  let trial;
  let size;
  for (size of GROUP_SIZES) {
    trial = await attempt(size, 1, 1);
    if (trial.ok || left() < limitMs / 2) break;
  }
  if (!trial.ok) return { ...trial, tries };
  const repeat = REPEATS.find((steps) => secondsOf(BATCH, steps, trial, size) < (SHARE * left()) / 1000);
  if (repeat === undefined) {
    const expected = Math.round(secondsOf(BATCH, 1, trial, size));
    return {
      ...trial,
      ok: false,
      tries,
      why: `one group only: a batch of ${BATCH} would take ${expected} s`,
    };
  }
  const whole = await attempt(BATCH, BATCH / size, repeat);
  if (whole.ok) return { ...whole, tries };
  return { ...whole, result: trial.result, tries, why: `one group only: a batch of ${BATCH} ${whole.why}` };
}

/** A benchmark of bench/. */
function scriptPart(name, args, { script, small }) {
  return script(`bench/${name}`, ...args, ...(small ? ['--small'] : []), '--json');
}

/** Where the archive was made without jax-js it says so, and has the figures of moco-web alone. */
async function peersPart({ script, small }) {
  const shape = small
    ? ['small', '--batch-size', '4', '--image-size', '16', '--queue', '64', '--rounds', '1']
    : ['r18w64', '--rounds', '3'];
  const answer = await script(
    'bench/peers/run.mjs',
    ...['--only', 'moco-web-webgpu,jax-js-webgpu', '--json', '--network', ...shape],
  );
  const { name, why } = answer.result?.missing?.[0] ?? {};
  return name ? { ...answer, ok: false, why: `${name} was NOT RUN: ${why}` } : answer;
}

/** It ends by itself where the time is over, with what it has measured. */
async function convolutionsPart(network, context) {
  const seconds = Math.round((SHARE * context.left()) / 1000);
  const answer = await scriptPart(
    'convolutions-webgpu.mjs',
    [network, '--seconds', String(seconds)],
    context,
  );
  const leftOut = answer.result?.leftOut.length ?? 0;
  return leftOut > 0 ? { ...answer, ok: false, why: `time for all but ${leftOut} shapes` } : answer;
}

/** Those that do not fit in the memory, or in the time, say so; the others are reported. */
async function groupsAtOncePart({ moco, small, left }) {
  const shape = small
    ? [...R18, ...SMALL, '--batch-size', '16', '--groups', '8', '--repeat', '1']
    : [...R18, '--queue', '4096', '--batch-size', String(BATCH), '--groups', '8', '--repeat', '3'];
  const runs = [];
  for (const groups of GROUPS_AT_ONCE) {
    if (left() <= 0) break;
    const answer = await moco(
      ...['bench', '--backend', 'webgpu', '--json', ...shape, '--groups-at-once', String(groups)],
    );
    runs.push({ groupsAtOnce: groups, ok: answer.ok, why: answer.why, result: answer.result });
  }
  const bad = runs.find(({ ok }) => !ok);
  const why = bad
    ? `${bad.groupsAtOnce} at once: ${bad.why}`
    : runs.length < GROUPS_AT_ONCE.length
      ? 'the time was over'
      : null;
  const speeds = runs.map(({ groupsAtOnce, result }) => ({
    ...{ groupsAtOnce, imagesPerSecond: result?.imagesPerSecond ?? null },
  }));
  return { ok: why === null, why, result: { speeds, runs } };
}

/** How long a run is expected to take: `bench` takes a step more than is timed, without and with augmentation. */
function secondsOf(batch, steps, { result, seconds }, trialBatch) {
  const perImage = 1 / result.imagesPerSecond + 1 / result.imagesPerSecondWithAugmentation;
  const start = Math.max(0, seconds - 2 * trialBatch * perImage);
  return start + (steps + 1) * batch * perImage;
}
