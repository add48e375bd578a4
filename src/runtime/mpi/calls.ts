/** The calls of MPI that are used, without handles; all on the thread that has called `initialize`. */
import { MocoError } from '../../errors.ts';
import type { NativeType, NativeValue } from '../ffi.ts';
import type { MpiLibrary } from './library.ts';

/** A call that goes on by itself, and is asked about until it is done. */
export interface Pending {
  isDone(): boolean;
}

export interface MpiCalls {
  initialize(): { rank: number; size: number };
  /** received[r] ← the own-th slice of what rank r sends; both have one slice a rank. */
  allToAll(sent: Float32Array, received: Float32Array): Pending;
  /** all[r] ← what rank r has. */
  allGather(own: Float32Array, all: Float32Array): Pending;
  /** Everywhere what rank 0 has. */
  broadcast(values: Float32Array): Pending;
  /** Done when all ranks have asked for it. */
  barrier(): Pending;
  send(values: Float32Array, to: number): Pending;
  receive(values: Float32Array, from: number): Pending;
  finalize(): void;
  /** Ends all ranks, this one too. */
  abort(exitCode: number): void;
}

/** MPI_THREAD_FUNNELED: one thread calls. */
const ONE_THREAD = 1;
/** A tag of the few messages that go from one rank to another. */
const TAG = 21;

export function mpiCalls({ name, native, handles: { type, world, float } }: MpiLibrary): MpiCalls {
  const call = (called: string, parameters: readonly NativeType[]) => {
    const bound = native.function(called, parameters);
    return (...values: NativeValue[]): void => {
      const code = bound(...values);
      if (code !== 0) throw new MocoError('rank-failed', `${name}: ${called} gives error ${code}`);
    };
  };
  const out = new Int32Array(new SharedArrayBuffer(4));
  // More than any library's MPI_Status takes.
  const status = new Uint8Array(new SharedArrayBuffer(256));
  const initialize = call('MPI_Init_thread', ['memory', 'memory', 'int', 'memory']);
  const commRank = call('MPI_Comm_rank', [type, 'memory']);
  const commSize = call('MPI_Comm_size', [type, 'memory']);
  const two: NativeType[] = ['memory', 'int', type, 'memory', 'int', type, type, 'memory'];
  const allToAll = call('MPI_Ialltoall', two);
  const allGather = call('MPI_Iallgather', two);
  const broadcast = call('MPI_Ibcast', ['memory', 'int', type, 'int', type, 'memory']);
  const barrier = call('MPI_Ibarrier', [type, 'memory']);
  const one: NativeType[] = ['memory', 'int', type, 'int', 'int', type, 'memory'];
  const send = call('MPI_Isend', one);
  const receive = call('MPI_Irecv', one);
  const test = call('MPI_Test', ['memory', 'memory', 'memory']);
  const finalize = call('MPI_Finalize', []);
  const abort = call('MPI_Abort', [type, 'int']);
  let ranks = 1;
  const pending = (begin: (request: NativeValue) => void): Pending => {
    // A pointer or a whole number: room for either, in memory that is never moved.
    const request = new Uint8Array(new SharedArrayBuffer(8));
    begin(request);
    return {
      isDone() {
        test(request, out, status);
        return out[0] !== 0;
      },
    };
  };
  return {
    initialize() {
      initialize(null, null, ONE_THREAD, out);
      commRank(world, out);
      const rank = out[0]!;
      commSize(world, out);
      ranks = out[0]!;
      return { rank, size: ranks };
    },
    // Counts are of 32 bits, and floats: 8 GiB, more than the memory that the kernels have.
    allToAll: (sent, received) =>
      pending((request) => {
        const count = sent.length / ranks;
        allToAll(sent, count, float, received, count, float, world, request);
      }),
    allGather: (own, all) =>
      pending((request) => allGather(own, own.length, float, all, own.length, float, world, request)),
    broadcast: (values) => pending((request) => broadcast(values, values.length, float, 0, world, request)),
    barrier: () => pending((request) => barrier(world, request)),
    send: (values, to) => pending((request) => send(values, values.length, float, to, TAG, world, request)),
    receive: (values, from) =>
      pending((request) => receive(values, values.length, float, from, TAG, world, request)),
    finalize: () => finalize(),
    abort: (exitCode) => abort(world, exitCode),
  };
}
