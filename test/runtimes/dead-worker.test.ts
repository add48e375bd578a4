/** A worker that dies is an error of its pool in every runtime, and takes nothing else down. */
import { afterAll, expect, it } from 'vitest';
import { inEveryRuntime } from './in-every-runtime.ts';
import { buildProgram } from './programs.ts';
import { closeBrowsers } from './runtimes.ts';

const program = await buildProgram<Record<string, string>>('dead-workers', { scripts: ['crash-worker'] });
afterAll(async () => {
  await closeBrowsers();
  await program.dispose();
});

await inEveryRuntime((runtime) => {
  it('a worker that dies rejects what is pending', async () => {
    const deaths = await program.run(runtime);
    expect(deaths.crash).toMatch(/^worker-died: worker crash-worker\.mjs died: .*it fell over/);
    expect(deaths.rejection).toMatch(/^worker-died: .*nobody saw it/);
    expect(deaths.missing).toMatch(/^worker-died: worker no-such-worker\.mjs died: /);
    expect(deaths.disposed).toMatch(/^worker-died: /);
  });
});
