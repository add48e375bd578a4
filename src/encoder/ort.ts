/** The only importer of onnxruntime-web, and user of onnxruntime-node: graphs in, sessions out. */
import type * as Ort from 'onnxruntime-web/wasm';
import { MocoError, messageOf } from '../errors.ts';
import { givenOnnxRuntime } from '../runtime/given-onnxruntime.ts';
import { withQuickCompilation } from '../runtime/large-wasm.ts';
import { loadNative } from '../runtime/native.ts';
import { prepareOnnxruntime } from '../runtime/onnxruntime.ts';
import type { EncodedModel } from './encoded-model.ts';
import { GpuTurns } from './gpu-turns.ts';

export type Tensor = Ort.Tensor;
export type Feeds = Readonly<Record<string, Tensor>>;

/** Where sessions run: on this thread's WebAssembly or processor, or on a device that others use too. */
export type SessionPlace =
  | { readonly provider: 'wasm' | 'native' }
  | { readonly provider: 'webgpu'; readonly device: GPUDevice };

export interface SessionOptions {
  /** webgpu: leave outputs in GPU buffers, which whoever gets them disposes of. By default they are read back. */
  readonly keepOnDevice?: boolean;
  /**
   * native: outputs of fixed shape are written to the same arrays at each run: whoever wants to keep them copies them.
   * Saves the copy out of onnxruntime, and fresh memory for each.
   */
  readonly reuseOutputs?: boolean;
}

/** One graph, ready to run. Whoever made it disposes it. */
export interface GraphSession {
  readonly outputNames: readonly string[];
  /**
   * @throws MocoError out-of-memory, or shape-mismatch where a feed is missing or of the wrong shape (with
   * onnxruntime's own words), device-lost
   */
  run(feeds: Feeds): Promise<Record<string, Tensor>>;
  dispose(): Promise<void>;
}

const WASM_FILES = {
  wasm: 'ort-wasm-simd-threaded.wasm',
  webgpu: 'ort-wasm-simd-threaded.asyncify.wasm',
} as const;

/**
 * One thread: parallelism comes from groups on workers, whose sums do not depend on how many workers there are.
 */
const NATIVE_SETTINGS = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
} satisfies Ort.InferenceSession.SessionOptions;

const runtimes = new Map<SessionPlace['provider'], Promise<typeof Ort>>();

/**
 * wasm: onnxruntime-web's wasm-only build, the same .wasm file in every runtime. One thread: parallelism comes from
 * groups on workers, whose sums do not depend on how many workers there are. webgpu: the build with the native WebGPU
 * provider; more than one thread does not start in Node, and would have nothing to do.
 */
function loadRuntime(provider: SessionPlace['provider']): Promise<typeof Ort> {
  let runtime = runtimes.get(provider);
  if (!runtime) {
    runtime = importRuntime(provider);
    runtimes.set(provider, runtime);
  }
  return runtime;
}

async function importRuntime(provider: SessionPlace['provider']): Promise<typeof Ort> {
  if (provider === 'native') {
    const native = (await loadNative()) as typeof Ort;
    native.env.logLevel = 'error';
    return native;
  }
  const given = await givenOnnxRuntime();
  if (given) return given as unknown as typeof Ort;
  const source = await prepareOnnxruntime(WASM_FILES[provider]);
  const ort = await (provider === 'wasm' ? import('onnxruntime-web/wasm') : import('onnxruntime-web/webgpu'));
  Object.assign(ort.env.wasm, source, { numThreads: 1 });
  ort.env.logLevel = 'error';
  return ort;
}

/** Wraps values for a session of that provider; the values are read when the session runs. */
export async function tensor(
  provider: SessionPlace['provider'],
  data: Float32Array,
  shape: readonly number[],
): Promise<Tensor> {
  const ort = await loadRuntime(provider);
  return new ort.Tensor('float32', data, shape);
}

/**
 * Wraps a buffer of float32, its size a multiple of 16 bytes: the session reads it when it runs, without a copy.
 * @param dispose is called by the tensor's own `dispose`
 */
export async function gpuTensor(
  buffer: GPUBuffer,
  shape: readonly number[],
  dispose?: () => void,
): Promise<Tensor> {
  const ort = await loadRuntime('webgpu');
  return ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: shape, ...(dispose && { dispose }) });
}

/** Values that are in this thread's memory. @throws MocoError model-invalid for anything else */
export function floats(value: Tensor | null | undefined): Float32Array {
  if (value?.location !== 'cpu' || !(value.data instanceof Float32Array)) {
    throw new MocoError('model-invalid', 'a session gave no float32 output');
  }
  return value.data;
}

/** @throws MocoError model-invalid where the graph is refused, or a node of it would not run on the GPU; device-lost */
export async function createSession(
  model: EncodedModel,
  place: SessionPlace,
  options: SessionOptions = {},
): Promise<GraphSession> {
  const ort = await loadRuntime(place.provider);
  const settings = settingsFor(place, options);
  const turns: Turns = place.provider === 'webgpu' ? GpuTurns.of(place.device) : AT_ONCE;
  const session = await turns.take(async () => {
    try {
      return await withQuickCompilation(() => ort.InferenceSession.create(model.bytes, settings));
    } catch (error) {
      throw leftToCpu(model, error) ?? explain(`onnxruntime refused graph ${model.name}`, error);
    }
  });
  const reused = place.provider === 'native' && options.reuseOutputs ? reusedOutputs(session) : null;
  return {
    outputNames: session.outputNames,
    run: (feeds) =>
      turns.take(async () => {
        try {
          if (!reused) return (await session.run(feeds)) as Record<string, Tensor>;
          // Tensors that others may dispose of, on arrays that stay.
          const entries = reused.map(({ name, data, shape }) => [name, new ort.Tensor(data, shape)]);
          const outputs: Record<string, Tensor> = Object.fromEntries(entries);
          await session.run(feeds, outputs);
          return outputs;
        } catch (error) {
          throw explain(`running graph ${model.name}`, error);
        }
      }),
    dispose: () => turns.end(() => session.release()),
  };
}

function settingsFor(place: SessionPlace, options: SessionOptions): Ort.InferenceSession.SessionOptions {
  switch (place.provider) {
    case 'wasm':
      return { executionProviders: ['wasm'] };
    case 'native':
      return NATIVE_SETTINGS;
    case 'webgpu':
      return onDevice(place.device, options);
  }
}

interface ReusedOutput {
  readonly name: string;
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Arrays for all outputs of a session; null where the shape of one is not fixed, or its values are no float32. */
function reusedOutputs(session: Ort.InferenceSession): ReusedOutput[] | null {
  const outputs: ReusedOutput[] = [];
  for (const output of session.outputMetadata) {
    if (!output.isTensor || output.type !== 'float32') return null;
    const shape = output.shape.filter((size) => typeof size === 'number');
    if (shape.length !== output.shape.length) return null;
    const length = shape.reduce((product, size) => product * size, 1);
    outputs.push({ name: output.name, data: new Float32Array(length), shape });
  }
  return outputs;
}

/**
 * A node that the WebGPU provider does not take would silently run on the CPU, with copies to and fro: then the session
 * is refused instead.
 */
function onDevice(device: GPUDevice, { keepOnDevice }: SessionOptions): Ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [{ name: 'webgpu', device } as Ort.InferenceSession.WebGpuExecutionProviderOption],
    extra: { session: { disable_cpu_ep_fallback: '1' } },
    ...(keepOnDevice ? { preferredOutputLocation: 'gpu-buffer' } : {}),
  };
}

type Turns = Pick<GpuTurns, 'take' | 'end'>;

const AT_ONCE: Turns = { take: (task) => task(), end: (task) => task() };

/** onnxruntime says only that fallback was disabled "by the user", who knows nothing of it. */
function leftToCpu({ name, operators }: EncodedModel, error: unknown): MocoError | null {
  if (!/assigned to the default CPU EP/.test(messageOf(error))) return null;
  return new MocoError(
    'model-invalid',
    `graph ${name} cannot run on WebGPU: onnxruntime-web would leave a part of it to the CPU, with copies to ` +
      `and from the GPU in every run. It has no WebGPU kernel for some of these operators, or for their types: ` +
      `${operators.join(', ')}. Write the graph without them, or use backend 'wasm'`,
    { cause: error },
  );
}

function explain(what: string, error: unknown): MocoError {
  const message = messageOf(error);
  const memory = /bad_alloc|bad allocation|out of memory|allocate|Aborted|OrtArena/i.test(message);
  const hint = memory
    ? ': the group is too large for the memory here, raise groups or lower the image size'
    : '';
  return new MocoError(memory ? 'out-of-memory' : 'model-invalid', `${what}: ${message}${hint}`, {
    cause: error,
  });
}
