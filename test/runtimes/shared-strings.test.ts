/** A long list of names reaches workers in every runtime: shared where memory can be shared, else copied. */
import { afterAll, expect, it } from 'vitest';
import { inEveryRuntime } from './in-every-runtime.ts';
import { type Seen, STRINGS } from './programs/shared-strings.ts';
import { buildProgram } from './programs.ts';
import { closeBrowsers } from './runtimes.ts';

const program = await buildProgram<Seen>('shared-strings', { scripts: ['strings-worker'] });
afterAll(async () => {
  await closeBrowsers();
  await program.dispose();
});

await inEveryRuntime((runtime) => {
  it('workers read what was packed', async () => {
    const { read, shared } = await program.run(runtime);
    expect(read).toEqual([STRINGS, STRINGS]);
    const isolated = !/^(chromium|firefox)$/.test(runtime);
    expect(shared).toEqual([isolated, isolated]);
  });
});
