// Frameworks that render a page on a server first: what they import there must not fail, and the page trains.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resultOf, serve } from '../page.mjs';
import { PROGRAM } from '../program.mjs';
import { run, sizeOf, versionOf, writeFiles } from '../project.mjs';

/** What the page says before any script runs: only what was rendered ahead has it. */
const RENDERED = 'chance ';

/** In a component, once it is on the page. `set` is told when it has trained. */
const train = (set) => `globalThis.result = trainAndEmbed(library, 'run').then(
      (result) => { ${set}; return result; },
      (error) => ({ error: (error.code ?? error.name) + ': ' + error.message }),
    );`;

const NEXT = {
  'app/layout.js': 'export default ({ children }) => <html><body>{children}</body></html>;\n',
  'app/program.js': PROGRAM,
  // Imported where the page is rendered on the server, too.
  'app/page.js': `'use client';
import { useEffect, useState } from 'react';
import * as library from 'moco-web';
import { trainAndEmbed } from './program.js';
export default function Page() {
  const [text, setText] = useState('${RENDERED}' + library.PRESET_NAMES.length);
  useEffect(() => {
    ${train("setText('trained')")}
  }, []);
  return <p>{text}</p>;
}
`,
  'next.config.mjs': 'export default {};\n',
};

const SVELTE = {
  'svelte.config.js': `import adapter from '@sveltejs/adapter-static';
export default { kit: { adapter: adapter({ pages: 'out', assets: 'out' }) } };
`,
  'vite.config.js': `import { sveltekit } from '@sveltejs/kit/vite';
export default { plugins: [sveltekit()] };
`,
  'src/app.html':
    '<!doctype html><html><head><meta charset="utf-8">%sveltekit.head%</head><body>%sveltekit.body%</body></html>\n',
  'src/program.js': PROGRAM,
  'src/routes/+layout.js': 'export const prerender = true;\n',
  'src/routes/+page.svelte': `<script>
  import { onMount } from 'svelte';
  import * as library from 'moco-web';
  import { trainAndEmbed } from '../program.js';
  let text = $state('${RENDERED}' + library.PRESET_NAMES.length);
  onMount(() => {
    ${train("text = 'trained'")}
  });
</script>
<p>{text}</p>
`,
};

const ASTRO = {
  'astro.config.mjs': "export default { outDir: 'out' };\n",
  'src/program.js': PROGRAM,
  'src/pages/index.astro': `---
import { PRESET_NAMES } from 'moco-web';
---
<!doctype html><meta charset="utf-8"><p>{'${RENDERED}' + PRESET_NAMES.length}</p>
<script>
  import * as library from 'moco-web';
  import { trainAndEmbed } from '../program.js';
  ${train("document.querySelector('p').textContent = 'trained'")}
</script>
`,
};

/** A program of an installed package, where its package.json says it is. */
async function programOf(folder, name) {
  const home = join(folder, 'node_modules', name);
  const { bin } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8'));
  return join(home, typeof bin === 'string' ? bin : bin[name]);
}

function expectRendered(page) {
  if (!page.includes(RENDERED)) throw new Error('the page was not rendered ahead of its scripts');
}

/** Of a framework that renders its pages into files of out/ when it builds. */
function prerendered({ name, packages, of, files, program, env = {} }) {
  return {
    name,
    packages,
    settings: 'none',
    inPage: true,
    async run(folder) {
      await writeFiles(folder, files);
      const begun = performance.now();
      await run(process.execPath, [await programOf(folder, program), 'build'], {
        cwd: folder,
        env: { ...process.env, ...env },
      });
      const seconds = (performance.now() - begun) / 1000;
      const out = join(folder, 'out');
      expectRendered(await readFile(join(out, 'index.html'), 'utf8'));
      const { address, close } = await serve(out);
      try {
        return {
          version: await versionOf(folder, of),
          built: { seconds, ...(await sizeOf(out)) },
          result: await resultOf(address),
        };
      } finally {
        close();
      }
    },
  };
}

function nextPage(bundler, flag) {
  return {
    name: `Next, ${bundler}`,
    packages: ['next', 'react', 'react-dom'],
    settings: 'none',
    inPage: true,
    async run(folder) {
      const program = await programOf(folder, 'next');
      const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };
      await writeFiles(folder, NEXT);
      const begun = performance.now();
      await run(process.execPath, [program, 'build', flag], { cwd: folder, env });
      const seconds = (performance.now() - begun) / 1000;
      const { bytes, files } = await sizeOf(join(folder, '.next/static'));
      const server = spawn(process.execPath, [program, 'start', '-p', '0', '-H', '127.0.0.1'], {
        cwd: folder,
        env,
      });
      try {
        const address = await new Promise((resolve, reject) => {
          let said = '';
          const hear = (data) => {
            said += data;
            const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
            if (found) resolve(`${found[0]}/`);
          };
          server.stdout.on('data', hear);
          server.stderr.on('data', hear);
          server.on('exit', () => reject(new Error(`next start ended: ${said}`)));
        });
        expectRendered(await (await fetch(address)).text());
        return {
          version: await versionOf(folder, 'next'),
          built: { seconds, bytes, files },
          result: await resultOf(address),
        };
      } finally {
        server.kill();
      }
    },
  };
}

export const FRAMEWORKS = [
  nextPage('webpack', '--webpack'),
  nextPage('Turbopack', '--turbopack'),
  prerendered({
    name: 'SvelteKit',
    packages: [
      '@sveltejs/kit@2',
      '@sveltejs/adapter-static@3',
      '@sveltejs/vite-plugin-svelte@6',
      'svelte@5',
      'vite@7',
    ],
    of: '@sveltejs/kit',
    files: SVELTE,
    program: 'vite',
  }),
  prerendered({
    name: 'Astro',
    // The last that runs on Node 20.
    packages: ['astro@5'],
    of: 'astro',
    files: ASTRO,
    program: 'astro',
    env: { ASTRO_TELEMETRY_DISABLED: '1' },
  }),
];
