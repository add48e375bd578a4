/**
 * UCX carries the messages of MPICH, and of Open MPI on many networks. As it is loaded it does two things to its process that a
 * JavaScript engine does not survive. Its own variables, set before the library is opened, keep it from both:
 * - To hear of memory that is given back it overwrites the machine code of munmap and others while threads may be inside of
 *   them: one in twenty processes with four busy workers died of it (MPICH 4.0.2 with UCX 1.13.1; docs/distributed.md).
 *   Without it UCX registers memory with an InfiniBand card anew for each message, as it cannot know when to forget.
 * - It takes SIGSEGV, by which the engine sees that WebAssembly has reached past its memory: what was an error to be caught
 *   ends the process.
 */
import { processVariables } from './launcher.ts';

const SETTINGS = { UCX_MEM_MMAP_HOOK_MODE: 'none', UCX_ERROR_SIGNALS: '' };

/** To be called on the main thread, whose variables libraries see; those that are set stay as they are. */
export function restrainUcx(): void {
  const set = processVariables();
  for (const [name, value] of Object.entries(SETTINGS)) {
    if (set[name] !== undefined) continue;
    try {
      process.env[name] = value;
    } catch {
      // Deno without the permission.
    }
  }
}
