import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { textFiles } from './scripts/text-files.ts';

type Options = NonNullable<TestProjectInlineConfiguration['test']>;

const SECOND = 1000;
/** What runs on WebGPU too, by name: on wasm in `unit`, on the GPU in `gpu`. */
const ON_EVERY_BACKEND = 'test/**/*.backends.test.ts';
const ON_GPU: Options = { env: { MOCO_TEST_BACKEND: 'webgpu' } };

/** The suites: each script `test:…` of package.json is one or two of them. Those of a folder are left out of `unit`. */
const SUITES: Readonly<Record<string, Options>> = {
  unit: {
    include: ['test/**/*.test.ts'],
    exclude: ['slow', 'gpu', 'native', 'runtimes', 'mutation', 'soak', 'faults', 'guides', 'mpi'].map(
      (suite) => `test/${suite}/**`,
    ),
    testTimeout: 60 * SECOND,
    // Hooks start workers and train, too.
    hookTimeout: 60 * SECOND,
    // Two files at a time: encoder tests start workers of their own.
    maxWorkers: 2,
  },

  // Thousands of hostile inputs, each read or refused. `unit` takes a hundredth of them, always the same (test/fuzz/harness.ts).
  fuzz: {
    env: { MOCO_FUZZ: 'whole' },
    include: ['test/fuzz/**/*.test.ts'],
    hookTimeout: 60 * SECOND,
    maxWorkers: 2,
    // One that hangs is ended with its process.
    pool: 'forks',
  },

  // The code of docs/guides, as readers run it.
  guides: {
    include: ['test/guides/**/*.test.ts'],
    testTimeout: 300 * SECOND,
    hookTimeout: 60 * SECOND,
  },

  // What takes long, and what is measured.
  slow: {
    include: ['test/slow/**/*.test.ts'],
    testTimeout: 600 * SECOND,
    // Hooks pack and install the package.
    hookTimeout: 120 * SECOND,
    fileParallelism: false,
    // Processes of their own, whose memory is theirs alone. gc() before it is measured reaches one thread; workers collect
    // by themselves, and without --gc-global what comes with messages and outlives two small collections stays until
    // the next whole one: the process grows by 0.1 MiB a step and shrinks by 12 MiB or more some hundred steps later.
    pool: 'forks',
    execArgv: ['--expose-gc', '--max-semi-space-size=1', '--gc-global'],
  },

  // What runs on either backend, on WebGPU. Files share one process, and so one device and one compilation of the shaders.
  gpu: {
    ...ON_GPU,
    include: ['test/gpu/**/*.test.ts', ON_EVERY_BACKEND],
    exclude: ['test/gpu/placement.test.ts'],
    testTimeout: 120 * SECOND,
    hookTimeout: 120 * SECOND,
    fileParallelism: false,
    isolate: false,
  },
  // What runs encoders on workers, and the suites of gradients, on native code (onnxruntime-node).
  native: {
    env: { MOCO_TEST_BACKEND: 'native' },
    include: [
      'test/autodiff/*.backends.test.ts',
      'test/encoder/*.test.ts',
      'test/train/*.test.ts',
      'test/evaluate/*.test.ts',
      'test/search/encoder.test.ts',
      'test/faults/workers-die.test.ts',
      'test/native/**/*.test.ts',
    ],
    testTimeout: 120 * SECOND,
    hookTimeout: 60 * SECOND,
    // Tests of faults replace what node:worker_threads exports.
    pool: 'forks',
    maxWorkers: 2,
  },

  // Listens to what onnxruntime-web writes from its start on: in a process where nobody has started it.
  'gpu-placement': {
    ...ON_GPU,
    include: ['test/gpu/placement.test.ts'],
    testTimeout: 120 * SECOND,
    hookTimeout: 120 * SECOND,
    fileParallelism: false,
  },

  // What breaks is put right, or said: real faults in real runs, some on a GPU.
  faults: {
    include: ['test/faults/**/*.test.ts'],
    exclude: ['test/faults/gpu.test.ts'],
    testTimeout: 120 * SECOND,
    hookTimeout: 60 * SECOND,
    // One waits for a minute, until a worker that hangs is taken for hung.
    maxWorkers: 2,
    // Tests replace what node:worker_threads exports.
    pool: 'forks',
  },
  'faults-gpu': {
    ...ON_GPU,
    include: ['test/faults/gpu.test.ts'],
    testTimeout: 120 * SECOND,
    hookTimeout: 60 * SECOND,
    maxWorkers: 2,
    pool: 'forks',
  },

  // The built package in Node, Deno and browsers.
  runtimes: {
    include: ['test/runtimes/**/*.test.ts'],
    globalSetup: './test/runtimes/build-web.mjs',
    testTimeout: 300 * SECOND,
    hookTimeout: 60 * SECOND,
    // Two files at a time: browsers wait for one thread much of the time, which compiles shaders in software.
    maxWorkers: 2,
  },

  // The built command under mpirun: the same bits for any number of ranks.
  mpi: {
    include: ['test/mpi/**/*.test.ts'],
    testTimeout: 120 * SECOND,
    fileParallelism: false,
  },

  // Can the conformance suite fail? Each mutant of a kernel is compiled and has to be caught.
  mutation: {
    include: ['test/mutation/**/*.test.ts'],
    testTimeout: 300 * SECOND,
    hookTimeout: 300 * SECOND,
    // WGSL and wasm side by side. Processes of their own: Dawn and asc each keep a lot.
    pool: 'forks',
    maxWorkers: 2,
  },

  // Long runs that are disturbed again and again.
  soak: {
    include: ['test/soak/**/*.test.ts'],
    testTimeout: 900 * SECOND,
    hookTimeout: 900 * SECOND,
  },
};

const test = {
  // An option of the command line, which the types leave out here: what a plain `npx vitest` runs.
  project: 'unit',
  globalSetup: './scripts/fresh-build.mjs',
  projects: Object.entries(SUITES).map(([name, options], groupOrder) => ({
    plugins: [textFiles],
    // Suites that are asked for together take turns. css: style sheets that are imported as text are not emptied.
    test: { ...options, name, css: true, sequence: { groupOrder } },
  })),
};

export default defineConfig({ test });
