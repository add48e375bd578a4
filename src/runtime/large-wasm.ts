/** Starting a WebAssembly module of tens of megabytes without V8 optimizing its largest functions at once. */
import { runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';

/**
 * V8 optimizes a function that has run through so many bytes of code. Two functions of onnxruntime-web's WebGPU build
 * have more than a million bytes each: in Node 20 one or two passes through them are enough, and V8 then spends minutes
 * of processor time and a gigabyte on them, beside the first run. From Node 21 on the budget is seven times as large;
 * they never reach it, and what really is hot still does.
 */
const BUDGET_OF_NODE_20 = 1_800_000;
const BUDGET_SINCE_NODE_21 = 13_000_000;
const FLAG = '--wasm-tiering-budget';

/** The flag belongs to the whole process: the first task sets it, the last one puts it back. */
let tasks = 0;

/**
 * Runs a task that compiles a large WebAssembly module, with the patience of later versions of V8. A module keeps the
 * budget that it was compiled under, so the task need not contain its first run; modules compiled later are as always.
 * In everything but Node 20 this is just `task()`.
 */
export async function withQuickCompilation<T>(task: () => Promise<T>): Promise<T> {
  if (!needsPatience()) return task();
  const { setFlagsFromString } = await nodeModule('v8');
  if (tasks++ === 0) setFlagsFromString(`${FLAG}=${BUDGET_SINCE_NODE_21}`);
  try {
    return await task();
  } finally {
    if (--tasks === 0) setFlagsFromString(`${FLAG}=${BUDGET_OF_NODE_20}`);
  }
}

/** Not where the user has chosen a budget: there is no reading it, and so no putting it back. */
function needsPatience(): boolean {
  if (runtimeName() !== 'node') return false;
  // By way of globalThis: for a bare `process` Parcel installs a package of that name into the user's project.
  const { versions, execArgv, env } = globalThis.process;
  if (Number.parseInt(versions.node, 10) > 20) return false;
  const chosen = `${execArgv.join(' ')} ${env.NODE_OPTIONS ?? ''}`;
  return !chosen.replaceAll('_', '-').includes(FLAG);
}
