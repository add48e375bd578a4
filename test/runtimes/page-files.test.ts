/** The file store of a page against what that of an operating system does. */
import { afterAll, expect, it } from 'vitest';
import { closeChromium } from './chromium.ts';
import { inRuntimes } from './in-every-runtime.ts';
import { buildProgram } from './programs.ts';

interface Seen {
  moved: unknown[];
  copied: unknown[];
  couldMove: boolean;
}

const program = await buildProgram<Seen>('page-files', {});
afterAll(async () => {
  await closeChromium();
  await program.dispose();
});

await inRuntimes(['chromium'], () => {
  it('replaces, lists and removes files, by moving and by copying', async () => {
    const { moved, copied, couldMove } = await program.run('chromium');
    expect(couldMove).toBe(true);
    const empty = [false, [], []];
    const replaced = [['state.json'], 'first', ['state.json'], '2nd'];
    const listed = [['B', 'b'], true, true, false, ['B', 'b'], ['B']];
    const refused = ['data-missing', 'data-invalid', 'usage'];
    expect(moved).toEqual([...empty, ...replaced, ...listed, ...refused, false]);
    expect(copied).toEqual(moved);
  });
});
