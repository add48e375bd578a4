/** docs/settings.md says what the table says. `npm run docs:settings` writes it. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { settingsDocs } from '../../scripts/settings-docs.ts';
import { KNOWN } from '../../src/train/configure.ts';

it('docs/settings.md is up to date (else: npm run docs:settings)', async () => {
  const table = await readFile(new URL('../../src/settings/table.ts', import.meta.url), 'utf8');
  await expect(settingsDocs(table, KNOWN)).toMatchFileSnapshot('../../docs/settings.md');
});
