import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

it('docs/architecture.md quotes methods/moco.ts as it is', async () => {
  const text = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
  expect(await text('docs/architecture.md')).toContain(
    `\`\`\`ts\n${await text('src/methods/moco.ts')}\`\`\`\n`,
  );
});
