/** What onnxruntime-web really does with a graph. */

import { encoded } from '../../src/encoder/encoded-model.ts';
import type { Feeds, GraphSession, Tensor } from '../../src/encoder/ort.ts';
import { createSession, type SessionPlace, tensor } from '../../src/encoder/ort.ts';
import { messageOf } from '../../src/errors.ts';
import type { Operand, Sample } from './provider-samples.ts';

export type Outcome =
  | { readonly kind: 'cpu' | 'refused' | 'fails'; readonly message: string }
  | { readonly kind: 'ran'; readonly outputs: ReadonlyMap<string, Result> };

export interface Result {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** Creates a session that may use the provider alone, and runs it once. */
export async function observe({ graph, feeds }: Sample, place: SessionPlace): Promise<Outcome> {
  const session = await createSession(encoded(graph), place).catch((error: unknown) => error as Error);
  if (session instanceof Error) {
    const message = `${session.message} ${messageOf(session.cause)}`;
    return { kind: /assigned to the default CPU EP/.test(message) ? 'cpu' : 'refused', message };
  }
  try {
    const values: Record<string, Tensor> = {};
    for (const [name, operand] of feeds) values[name] = await typedTensor(place, operand);
    const outputs = await runStrictly(session, values, place);
    return {
      kind: 'ran',
      outputs: new Map(
        Object.entries(outputs).map(([name, { dims, data }]) => [
          name,
          { shape: dims, data: Array.from(data as Iterable<number | bigint>, Number) },
        ]),
      ),
    };
  } catch (error) {
    return { kind: 'fails', message: messageOf(error) };
  } finally {
    await session.dispose();
  }
}

/** An invalid shader makes no run fail by itself. */
async function runStrictly(session: GraphSession, feeds: Feeds, place: SessionPlace) {
  if (place.provider !== 'webgpu') return session.run(feeds);
  place.device.pushErrorScope('validation');
  const [run] = await Promise.allSettled([session.run(feeds)]);
  const error = await place.device.popErrorScope();
  if (error) throw new Error(error.message);
  if (run.status === 'rejected') throw run.reason;
  return run.value;
}

const ARRAYS = {
  float32: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const;

/** A tensor of any element type, by the constructor of the build that serves the place. */
async function typedTensor({ provider }: SessionPlace, { type, shape, data }: Operand): Promise<Tensor> {
  const floats = await tensor(provider, new Float32Array(1), [1]);
  const Any = floats.constructor as new (
    type: string,
    data: ArrayBufferView,
    shape: readonly number[],
  ) => Tensor;
  const values =
    type === 'int64' ? BigInt64Array.from(data, BigInt) : ARRAYS[type as keyof typeof ARRAYS].from(data);
  return new Any(type, values, shape);
}
