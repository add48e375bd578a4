/** Every function of the public API with arguments that it takes, and which junk each of them may be. */
import * as conformance from '../../src/conformance/index.ts';
import { encodeImage } from '../../src/data/pictures/encode-png.ts';
import * as library from '../../src/index.ts';
import { KERNELS, type KernelName } from '../../src/kernels/registry.ts';
import * as kernelEntry from '../../src/kernels.ts';
import * as onnx from '../../src/onnx.ts';
import { BYTES, type Junk, LEFT_OUT, OBJECTS, TEXT } from './values.ts';

/** An entry point that package.json names has a line here: its functions are then held to have calls below. */
export const ENTRIES: Readonly<Record<string, object>> = {
  '.': library,
  './kernels': kernelEntry,
  './onnx': onnx,
  './conformance': conformance,
};

export interface Call {
  readonly args: readonly unknown[];
  /** By argument: junk that it may be. */
  readonly takes?: Readonly<Record<number, readonly Junk[]>>;
  /** Which arguments are options, and by option the junk that it may be. */
  readonly options?: Readonly<Record<number, Readonly<Record<string, readonly Junk[]>>>>;
  /** Of what is handed over whole: an object with more than is asked for. Unknown names are no mistake there. */
  readonly open?: readonly number[];
  /** Codes beside usage. */
  readonly codes?: readonly string[];
  /** Of a class or an object: how it is called. */
  readonly call?: (...args: never[]) => unknown;
}

const data = await library.describeDrawn(32, 16, 8, 0);
const files = await library.describeFiles(
  [new File([await encodeImage(new Uint8ClampedArray(256).fill(255), 8, 8)], 'a.png')],
  { labels: false },
);
const small = { arch: 'resnet18', width: 2, dim: 4, batchSize: 8, groups: 2, queueSize: 16, imageSize: 8 };
const config = library.resolveConfig('moco-cifar', small, library.factsOf(data));
const spec = onnx.resnetSpec({ ...config, mlp: false });
const { graph } = onnx.buildResNet(spec, 2, 8);
const model = onnx.encodeModel(graph);
const checkpoint = { state: { config }, tensors: new Map(), network: null, skipped: [] };
const kernels = await kernelEntry.createWasmKernels();
const index = await library.Index.from([Float32Array.of(1, 0)]);
const encoded = library.writeSafetensors(new Map());
const device = { createBuffer() {}, limits: {}, pushErrorScope() {} };
const result = { case: 'ema/length 1', kernel: 'ema', status: 'ok', worst: 0, failure: null, reason: null };
const any = OBJECTS;
const KERNEL_NAMES = Object.keys(KERNELS) as KernelName[];

const job = { checkpoint, data, backend: 'wasm', workers: 1 };
const jobOptions = {
  checkpoint: [],
  data: [],
  backend: LEFT_OUT,
  workers: LEFT_OUT,
  reports: ['undefined', ...any] as const,
};
const counts = { workers: LEFT_OUT, dataWorkers: LEFT_OUT, prefetch: LEFT_OUT };
const facts = {
  images: LEFT_OUT,
  imageSizeOfData: LEFT_OUT,
  imageSizeOfModel: LEFT_OUT,
  classes: LEFT_OUT,
  minutes: ['undefined', 'NaN', 'infinite', 'below 0', 'half', 'huge'] as const,
  backend: LEFT_OUT,
  processors: LEFT_OUT,
  decodeSeconds: ['undefined', 'half', 'huge'] as const,
};
const names: readonly Junk[] = ['undefined', 'array'];
const gradient = { recompute: LEFT_OUT, batchNorm: LEFT_OUT };
const reading = {
  externalData: ['undefined', 'function'] as const,
  frozen: names,
  train: names,
  limits: ['undefined', 'object'] as const,
};

export const CALLS: Readonly<Record<string, Call>> = {
  auditModel: { args: [graph, 'wasm', undefined], takes: { 2: names } },
  differentiateGraph: {
    args: [graph, { wrt: ['fc.weight'], outputs: ['embedding'], provider: 'wasm' }],
    options: { 1: { wrt: ['array'], outputs: ['array'], provider: [], ...gradient } },
  },
  differentiate: {
    args: [model, {}],
    takes: { 0: BYTES, 1: ['undefined', 'object'] },
    options: {
      1: { ...reading, ...gradient, wrt: names, provider: LEFT_OUT, imageSize: LEFT_OUT, batch: LEFT_OUT },
    },
  },
  describeDataset: {
    args: ['test/data', 'auto', {}],
    takes: { 0: TEXT, 1: ['undefined', 'word'], 2: ['undefined', 'object'] },
    options: { 2: { progress: ['undefined', 'function'], index: ['undefined', 'word'] } },
    codes: ['data-invalid', 'data-missing'],
  },
  describeDrawn: { args: [8, 8, 8, 0] },
  withReducedImages: { args: [data, 160], takes: { 1: ['null', 'huge'] } },
  describeFiles: {
    args: [[new Blob()], {}],
    takes: { 0: ['array'], 1: ['undefined', 'object'] },
    options: {
      1: {
        labels: ['undefined', 'true'],
        name: ['undefined', 'word'],
        reduceTo: ['undefined', 'null'],
        progress: ['undefined', 'function'],
      },
    },
    codes: ['data-missing'],
  },
  keepFiles: { args: ['run', files], takes: { 0: TEXT } },
  restoreFiles: {
    args: ['run', {}],
    takes: { 0: TEXT, 1: ['undefined', 'object'] },
    options: { 1: { progress: ['undefined', 'function'] } },
    codes: ['data-missing'],
  },
  forgetFiles: { args: ['run'], takes: { 0: TEXT } },
  shareOfLabels: { args: [data, 0.5, 0], takes: { 1: ['half'], 2: LEFT_OUT } },
  readSafetensors: { args: [encoded], takes: { 0: BYTES }, codes: ['checkpoint-invalid'] },
  writeSafetensors: { args: [new Map(), {}], takes: { 0: ['map'], 1: ['undefined', 'object'] } },
  openKernels: {
    args: ['wasm', {}],
    takes: { 1: ['undefined', 'object'] },
    options: {
      1: {
        threads: LEFT_OUT,
        shaders: ['undefined', 'object'],
        workgroupSize: LEFT_OUT,
        subgroups: ['undefined', 'true'],
      },
    },
  },
  createWasmKernels: {
    args: [{}],
    takes: { 0: ['undefined', 'object'] },
    options: {
      0: { maximumBytes: LEFT_OUT, threads: LEFT_OUT, sharedFrom: LEFT_OUT, module: ['undefined', 'bytes'] },
    },
  },
  createWebGpuKernels: {
    args: [device, {}],
    takes: { 1: ['undefined', 'object'] },
    options: {
      1: { shaders: ['undefined', 'object'], workgroupSize: LEFT_OUT, subgroups: ['undefined', 'true'] },
    },
  },
  decodeModel: {
    args: [model, undefined],
    takes: { 0: BYTES, 1: ['undefined', 'function'] },
    codes: ['model-invalid'],
  },
  encodeModel: { args: [graph, {}], takes: { 1: ['undefined', 'object'] } },
  buildNetwork: { args: [spec, 2, 8], takes: { 1: TEXT }, open: [0] },
  buildResNet: { args: [spec, 2, 8], takes: { 1: TEXT }, open: [0] },
  resnetSpec: { args: [config], open: [0] },
  describeEncoder: {
    args: [model],
    takes: { 0: ['word', 'bytes'] },
    codes: ['data-missing', 'model-invalid'],
  },
  exportOnnx: { args: [checkpoint, 'backbone'] },
  importEncoder: {
    args: [model, config, {}],
    takes: { 0: ['word', 'bytes'], 2: ['undefined', 'object'] },
    options: { 2: reading },
    codes: ['data-missing', 'model-invalid'],
  },
  loadCheckpoint: { args: ['test/data'], takes: { 0: TEXT }, codes: ['data-missing'] },
  embedImages: { args: [{ ...job, features: 'head' }], options: { 0: { ...jobOptions, features: [] } } },
  knnOfCheckpoint: {
    args: [{ ...job, features: 'head' }, 20, 0.1],
    takes: { 1: LEFT_OUT, 2: ['undefined', 'half', 'huge'] },
    options: { 0: { ...jobOptions, features: [] } },
  },
  linearOfCheckpoint: {
    args: [job],
    options: {
      0: {
        ...jobOptions,
        epochs: LEFT_OUT,
        batchSize: LEFT_OUT,
        seed: LEFT_OUT,
        learningRate: ['undefined', 'half', 'huge'],
        cache: ['undefined', 'true'],
      },
    },
  },
  measureStep: {
    args: [{ config, backend: 'wasm', steps: 1 }],
    options: {
      0: {
        ...counts,
        config: [],
        backend: [],
        encoder: ['undefined', ...any, 'function'],
        dumpGraphs: ['undefined', 'word'],
        groupsAtOnce: LEFT_OUT,
        steps: [],
      },
    },
  },
  measureViews: { args: ['v2', 32, null], takes: { 2: ['null'] } },
  benchInWords: {
    args: [{ config, backend: 'wasm', reason: 'asked for', measured: {}, augmentation: {} }],
    open: [0],
  },
  reportPage: {
    args: [[{ name: 'run', events: [{ type: 'run' }] }], 'today'],
    takes: { 1: ['undefined', 'word'] },
  },
  importCheckpoint: {
    args: ['weights.pth', 'runs/imported', {}],
    takes: { 0: ['word', 'bytes'], 1: TEXT, 2: ['undefined', ...any] },
    codes: ['data-missing', 'data-invalid'],
  },
  beginFromWeights: {
    args: ['weights.pth', 'moco-v2', {}, {}],
    takes: { 0: ['word', 'bytes'], 1: TEXT, 2: ['undefined', ...any], 3: ['undefined', 'object'] },
    codes: ['data-missing', 'data-invalid'],
  },
  exportWeights: { args: [checkpoint, 'moco'] },
  continueImport: {
    args: [checkpoint, {}, { kind: 'imagefolder', path: null, images: 32 }],
    takes: { 1: any },
  },
  setAssetPaths: { args: [null], takes: { 0: ['null', 'word'] } },
  setOnnxRuntime: { args: [null], takes: { 0: ['null'] } },
  pretrain: {
    args: [{ config, data, backend: 'wasm' }],
    options: {
      0: {
        ...counts,
        config: [],
        data: [],
        encoder: LEFT_OUT,
        init: ['undefined', 'map'],
        backend: LEFT_OUT,
        groupsAtOnce: LEFT_OUT,
        knnEvery: LEFT_OUT,
        probeEvery: LEFT_OUT,
        watch: LEFT_OUT,
        checkpointEvery: LEFT_OUT,
        dumpGraphs: ['undefined', 'word'],
        out: ['undefined', 'word'],
        resume: LEFT_OUT,
        signal: LEFT_OUT,
        pause: LEFT_OUT,
        ranks: LEFT_OUT,
      },
    },
  },
  thumbnails: {
    args: [data, {}],
    takes: { 1: ['undefined', 'object'] },
    options: {
      1: { size: LEFT_OUT, images: ['undefined', 'array', 'bytes'], split: LEFT_OUT, workers: LEFT_OUT },
    },
  },
  chooseBackend: { args: ['wasm'], takes: { 0: LEFT_OUT } },
  requestDevice: {
    args: [{}],
    takes: { 0: ['undefined', 'object'] },
    options: { 0: { powerPreference: LEFT_OUT } },
  },
  // It takes nothing, and never throws.
  describeGpu: { args: [] },
  photosInWords: { args: [config, { images: 100 }], open: [1] },
  photosMinutes: { args: [config, { images: 100 }], open: [1] },
  factsOf: { args: [data], open: [0] },
  mergeResumedConfig: { args: [config, {}, 32], takes: { 1: any }, open: [1] },
  resolveConfig: {
    args: ['moco-cifar', small, {}],
    takes: { 1: ['undefined', ...any], 2: ['undefined', 'object'] },
    options: { 2: facts },
    open: [1],
  },
  // No launcher has started this process.
  joinRanks: {
    args: [{}],
    takes: { 0: ['undefined', 'object'] },
    options: { 0: { patience: [...LEFT_OUT, 'half', 'huge'] } },
  },
  finetuneFrom: {
    args: [checkpoint, {}, {}],
    takes: { 1: ['undefined', ...any], 2: ['undefined', 'object'] },
    options: { 2: facts },
  },
  'Encoder.load': {
    args: [model, {}],
    takes: { 0: ['word', 'bytes'], 1: ['undefined', 'object'] },
    options: {
      1: {
        backend: LEFT_OUT,
        features: LEFT_OUT,
        workers: LEFT_OUT,
        imageSize: LEFT_OUT,
        mean: LEFT_OUT,
        std: LEFT_OUT,
      },
    },
    codes: ['data-missing', 'model-invalid'],
    call: library.Encoder.load as never,
  },
  'Index.from': {
    args: [[Float32Array.of(1, 0)], {}],
    takes: { 1: ['undefined', 'object'] },
    options: {
      1: { backend: LEFT_OUT, threads: LEFT_OUT, names, encoder: ['undefined', 'word'], features: LEFT_OUT },
    },
    call: library.Index.from as never,
  },
  'Index.load': {
    args: [encoded, {}],
    takes: { 0: ['word', 'bytes'], 1: ['undefined', 'object'] },
    options: { 1: { backend: LEFT_OUT, threads: LEFT_OUT } },
    codes: ['data-missing', 'data-invalid'],
    call: library.Index.load as never,
  },
  'index.search': {
    args: [Float32Array.of(1, 0), 1],
    takes: { 1: ['undefined', 'huge'] },
    call: index.search.bind(index) as never,
  },
  'index.duplicates': {
    args: [0.9],
    takes: { 0: ['undefined', 'half', 'below 0'] },
    call: index.duplicates.bind(index) as never,
  },
  'index.save': { args: ['runs/index'], takes: { 0: TEXT }, call: index.save.bind(index) as never },
  'kernels.allocate': { args: [1], codes: ['shape-mismatch'], call: kernels.allocate.bind(kernels) as never },
  'kernels.write': {
    args: [kernels.allocate(1), Float32Array.of(0), 0],
    takes: { 2: LEFT_OUT },
    codes: ['array-freed', 'shape-mismatch'],
    call: kernels.write.bind(kernels) as never,
  },
  'kernels.read': {
    args: [kernels.allocate(1)],
    codes: ['array-freed'],
    call: kernels.read.bind(kernels) as never,
  },
  'kernels.free': {
    args: [kernels.allocate(1)],
    codes: ['array-freed'],
    call: kernels.free.bind(kernels) as never,
  },
  'kernels.ema': {
    args: [{ targets: [kernels.allocate(1)], sources: [kernels.allocate(1)], keep: 0.9, scale: 0.1 }],
    options: {
      0: { targets: [], sources: [], keep: ['half', 'huge', 'below 0'], scale: ['half', 'huge', 'below 0'] },
    },
    open: [0],
    codes: ['array-freed', 'shape-mismatch'],
    call: kernels.ema as never,
  },
  // Every kernel, given no object of arguments, or one without its arrays.
  ...Object.fromEntries(
    KERNEL_NAMES.map((name) => [
      `kernels.${name} of`,
      { args: [{}], codes: ['shape-mismatch'], call: kernels[name] as never } satisfies Call,
    ]),
  ),
  runConformance: {
    args: [kernels, { only: 'ema/length 1' }],
    takes: { 1: ['undefined', 'object'] },
    options: {
      1: {
        only: ['undefined'],
        device: LEFT_OUT,
        adapter: ['undefined', 'word'],
        timeout: ['undefined', 'half', 'huge'],
      },
    },
  },
  compileFailure: {
    args: [new library.MocoError('usage', 'x'), null],
    takes: { 1: ['undefined', 'null', 'word', 'empty word'] },
  },
  conformanceReport: { args: [[result]], takes: { 0: ['array'] } },
  conformanceMarkdown: { args: [{ backend: 'wasm', cases: [result] }], open: [0] },
  countResults: { args: [[result]], takes: { 0: ['array'] } },
  formatCounts: { args: [[result]], takes: { 0: ['array'] } },
  formatFailure: { args: [result], open: [0] },
  formatReport: { args: [[result]], takes: { 0: ['array'] } },
  summarizeKernels: { args: [[result]], takes: { 0: ['array'] } },
};
