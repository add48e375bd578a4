import { runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';

/** Bytes of memory that this machine, or the container that this process is in, has. Null in a page, which is not told. */
export async function memorySize(): Promise<number | null> {
  if (runtimeName() === 'browser') return null;
  const { totalmem } = await nodeModule('os');
  // 0, or more than there is, where nothing is set. Node before 20 and Deno may lack it.
  const limit = globalThis.process?.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
