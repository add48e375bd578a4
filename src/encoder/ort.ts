/** The only importer of onnxruntime-web: graphs in, sessions out. */
import type * as Ort from 'onnxruntime-web/wasm';
import type { Provider } from '../autodiff/lowering.ts';
import { MocoError, messageOf } from '../errors.ts';
import type { Graph } from '../onnx/graph.ts';
import { encodeModel } from '../onnx/model.ts';
import { prepareOnnxruntime } from '../runtime/onnxruntime.ts';

export type Tensor = Ort.Tensor;
export type Feeds = Readonly<Record<string, Tensor>>;

/** One graph, ready to run. Whoever made it disposes it. */
export interface GraphSession {
  readonly outputNames: readonly string[];
  /**
   * @throws MocoError out-of-memory, or shape-mismatch where a feed is missing or of the wrong shape (with
   * onnxruntime's own words)
   */
  run(feeds: Feeds): Promise<Record<string, Tensor>>;
  dispose(): Promise<void>;
}

let runtime: Promise<typeof Ort> | undefined;

/**
 * onnxruntime-web's wasm-only build: the same .wasm file in every runtime. One thread: parallelism comes from groups
 * on workers, whose sums do not depend on how many workers there are.
 */
function loadRuntime(): Promise<typeof Ort> {
  runtime ??= prepareOnnxruntime('ort-wasm-simd-threaded.wasm').then(async (source) => {
    const ort = await import('onnxruntime-web/wasm');
    Object.assign(ort.env.wasm, source, { numThreads: 1 });
    ort.env.logLevel = 'error';
    return ort;
  });
  return runtime;
}

/** Wraps values for a session; the values are read when the session runs. */
export async function tensor(data: Float32Array, shape: readonly number[]): Promise<Tensor> {
  const ort = await loadRuntime();
  return new ort.Tensor('float32', data, shape);
}

/** @throws MocoError backend-unavailable for a provider that is not here; model-invalid where the graph is refused */
export async function createSession(graph: Graph, provider: Provider): Promise<GraphSession> {
  if (provider !== 'wasm') {
    throw new MocoError(
      'backend-unavailable',
      'the webgpu backend is not part of this version: use --backend wasm',
    );
  }
  const ort = await loadRuntime();
  let session: Ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(encodeModel(graph), { executionProviders: ['wasm'] });
  } catch (error) {
    throw explain(`onnxruntime-web refused graph ${graph.name}`, error);
  }
  return {
    outputNames: session.outputNames,
    async run(feeds) {
      try {
        return (await session.run(feeds)) as Record<string, Tensor>;
      } catch (error) {
        throw explain(`running graph ${graph.name}`, error);
      }
    },
    dispose: () => session.release(),
  };
}

function explain(what: string, error: unknown): MocoError {
  const message = messageOf(error);
  const memory = /bad_alloc|out of memory|allocate|Aborted|OrtArena/i.test(message);
  const hint = memory
    ? ': the group is too large for WebAssembly’s memory, raise groups or lower the image size'
    : '';
  return new MocoError(memory ? 'out-of-memory' : 'model-invalid', `${what}: ${message}${hint}`, {
    cause: error,
  });
}
