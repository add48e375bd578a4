/**
 * Further threads for the wasm kernels. Each sleeps until the calling thread offers calls of exports; that thread makes
 * calls too and returns when all are done, so that kernels stay synchronous and in order. Which thread makes a call changes
 * no bit of it.
 *
 * Only the calling thread may allocate: what the allocator knows is in globals of an instance, not in the memory.
 */
import * as comlink from 'comlink';
import { MocoError, messageOf } from '../../errors.ts';
import { spawnWorker, type WorkerHandle, type WorkerScript } from '../../runtime/worker.ts';
import type { ExportCall } from '../export-call.ts';
import { ControlBlock, MOST_CALLS } from './control-block.ts';
import type { KernelWorkerApi } from './kernel-worker.ts';
import type { KernelInstance } from './module.ts';

const KERNEL_WORKER: WorkerScript = {
  name: 'kernel-worker.js',
  written: () => new Worker(new URL('./kernel-worker.js', import.meta.url), { type: 'module' }),
};
const SCRIPT = KERNEL_WORKER.name;

/** When a call is taken for lost, in milliseconds, where the slowest one of the calling thread took `slowest`. */
const patienceFor = (slowest: number) => Math.max(60_000, 20 * slowest);

export class KernelTeam {
  /** null once disposed of: it holds the memory. */
  #control: ControlBlock | null;
  readonly #members = new Set<WorkerHandle>();
  readonly #patience: typeof patienceFor;

  private constructor(control: ControlBlock, patience: typeof patienceFor) {
    this.#control = control;
    this.#patience = patience;
  }

  /**
   * Starts threads beside the calling one.
   * @throws MocoError worker-died
   */
  static async start(instance: KernelInstance, others: number, patience = patienceFor): Promise<KernelTeam> {
    const team = new KernelTeam(new ControlBlock(instance.exports), patience);
    const started = await Promise.allSettled(Array.from({ length: others }, () => team.#add(instance)));
    const failure = started.find(({ status }) => status === 'rejected');
    if (!failure) return team;
    team.dispose();
    throw (failure as PromiseRejectedResult).reason;
  }

  /** How many threads there are, the calling one included: fewer where some have died. */
  get threads(): number {
    return 1 + this.#members.size;
  }

  /**
   * Makes calls that depend on none of each other; gives what they returned.
   * @throws MocoError worker-died where a thread died or failed in the middle of one: what they write is then torn
   */
  make(calls: readonly ExportCall[]): number[] {
    const results: number[] = [];
    for (let first = 0; first < calls.length; first += MOST_CALLS) {
      results.push(...this.#makeSome(this.#live(), calls.slice(first, first + MOST_CALLS)));
    }
    return results;
  }

  dispose(): void {
    this.#control?.close();
    this.#control = null;
    for (const member of this.#members) void member.terminate();
    this.#members.clear();
  }

  #makeSome(control: ControlBlock, calls: readonly ExportCall[]): number[] {
    control.offer(calls);
    let slowest = 0;
    for (let before = performance.now(); control.makeOne(); ) {
      const now = performance.now();
      slowest = Math.max(slowest, now - before);
      before = now;
    }
    const done = control.waitUntilDone(this.#patience(slowest));
    if (!done || control.failed) {
      this.dispose();
      const what = done ? 'failed' : 'died or hangs';
      throw new MocoError('worker-died', `a thread of the kernels ${what} in the middle of a call`);
    }
    return control.results(calls.length);
  }

  async #add({ module, memory }: KernelInstance): Promise<void> {
    const member = await spawnWorker(KERNEL_WORKER);
    this.#members.add(member);
    const remote = comlink.wrap<KernelWorkerApi>(member.endpoint);
    await new Promise<void>((resolve, reject) => {
      member.onDeath((reason) => {
        // Between calls: those that are left make its share.
        this.#members.delete(member);
        reject(new MocoError('worker-died', `worker ${SCRIPT} died: ${reason}`));
      });
      remote.join(module, memory, this.#live().buffer).then(resolve, (error) => {
        reject(new MocoError('worker-died', `worker ${SCRIPT} does not start: ${messageOf(error)}`));
      });
    });
    member.unref();
  }

  #live(): ControlBlock {
    if (!this.#control) throw new MocoError('array-freed', 'these kernels have been disposed of');
    return this.#control;
  }
}
