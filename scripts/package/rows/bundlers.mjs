// Pages, with no bundler and with each of those that people use, none of them configured beyond what it asks of everybody.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { initialBytes, resultOf, serve } from '../page.mjs';
import { html, PAGE_PROGRAM, PROGRAM } from '../program.mjs';
import { run, sizeOf, versionOf, writeFiles } from '../project.mjs';

const SOURCES = { 'src/program.js': PROGRAM, 'src/main.js': PAGE_PROGRAM };
const inBin = (folder, path) => join(folder, 'node_modules', path);

/** Runs a program of the project with Node. */
const node = (folder, script, ...args) =>
  run(process.execPath, [inBin(folder, script), ...args], { cwd: folder });

/** What esbuild and Rollup do not take along. */
const copyAssets = (folder) => node(folder, 'moco-web/dist/cli.js', 'assets', 'out');

async function builtPage(folder, build) {
  const begun = performance.now();
  await build();
  const seconds = (performance.now() - begun) / 1000;
  const { bytes, files } = await sizeOf(join(folder, 'out'));
  return { seconds, bytes, files, initial: await initialBytes(join(folder, 'out')) };
}

/** A row whose page is static files in out/. */
function staticPage({
  name,
  packages,
  of,
  ci = false,
  files = {},
  build,
  scripts = false,
  settings = 'none',
}) {
  return {
    name,
    packages,
    ci,
    scripts,
    settings,
    inPage: true,
    async run(folder) {
      await writeFiles(folder, { ...SOURCES, ...files });
      const built = await builtPage(folder, () => build(folder));
      const { address, close } = await serve(join(folder, 'out'));
      try {
        return { version: of ? await versionOf(folder, of) : '', built, result: await resultOf(address) };
      } finally {
        close();
      }
    },
  };
}

const IMPORT_MAP = (address) =>
  `<script type="importmap">${JSON.stringify({ imports: { 'moco-web': `${address}index.js` } })}</script>`;

const ROLLUP = `import resolve from '@rollup/plugin-node-resolve';
export default {
  input: 'src/main.js',
  output: { dir: 'out', format: 'es' },
  plugins: [resolve({ browser: true })],
};
`;

const WEBPACK = `export default {
  mode: 'production',
  entry: './src/main.js',
  output: { path: import.meta.dirname + '/out', filename: 'main.js' },
  performance: { hints: false },
};
`;

export const BUNDLERS = [
  staticPage({
    name: 'import map',
    packages: [],
    ci: true,
    async build(folder) {
      await cp(inBin(folder, 'moco-web/dist'), join(folder, 'out/moco-web'), { recursive: true });
      await cp(join(folder, 'src'), join(folder, 'out'), { recursive: true });
      await writeFiles(folder, { 'out/index.html': html('./main.js', IMPORT_MAP('./moco-web/')) });
    },
  }),
  {
    name: 'import map, other origin',
    packages: [],
    ci: true,
    settings: 'none; the other host sends Access-Control-Allow-Origin',
    inPage: true,
    async run(folder) {
      const cdn = await serve(inBin(folder, 'moco-web/dist'), {
        headers: { 'Access-Control-Allow-Origin': '*' },
      });
      await writeFiles(folder, {
        'out/program.js': PROGRAM,
        'out/main.js': PAGE_PROGRAM,
        'out/index.html': html('./main.js', IMPORT_MAP(cdn.address)),
      });
      const page = await serve(join(folder, 'out'));
      try {
        return { version: '', result: await resultOf(page.address) };
      } finally {
        page.close();
        cdn.close();
      }
    },
  },
  staticPage({
    name: 'Vite 7',
    packages: ['vite@7'],
    of: 'vite',
    ci: true,
    files: { 'index.html': html('/src/main.js') },
    build: (folder) => node(folder, 'vite/bin/vite.js', 'build', '--outDir', 'out', '--logLevel', 'warn'),
  }),
  staticPage({
    name: 'Vite 8',
    packages: ['vite@8'],
    of: 'vite',
    files: { 'index.html': html('/src/main.js') },
    build: (folder) => node(folder, 'vite/bin/vite.js', 'build', '--outDir', 'out', '--logLevel', 'warn'),
  }),
  ...[7, 8].map((version) => ({
    name: `Vite ${version}, dev server`,
    packages: [`vite@${version}`],
    settings: "optimizeDeps: { exclude: ['moco-web'] }",
    inPage: true,
    async run(folder) {
      await writeFiles(folder, {
        ...SOURCES,
        'index.html': html('/src/main.js'),
        'vite.config.js': "export default { optimizeDeps: { exclude: ['moco-web'] } };\n",
      });
      const { createServer } = await import(inBin(folder, 'vite/dist/node/index.js'));
      const server = await createServer({
        root: folder,
        logLevel: 'warn',
        server: { port: 0, host: '127.0.0.1' },
      });
      try {
        await server.listen();
        const { port } = server.httpServer.address();
        return {
          version: await versionOf(folder, 'vite'),
          result: await resultOf(`http://127.0.0.1:${port}/`),
        };
      } finally {
        await server.close();
      }
    },
  })),
  staticPage({
    name: 'webpack 5',
    packages: ['webpack@5', 'webpack-cli'],
    of: 'webpack',
    ci: true,
    files: { 'webpack.config.mjs': WEBPACK, 'out/index.html': html('./main.js') },
    build: (folder) => node(folder, 'webpack/bin/webpack.js', '--no-stats'),
  }),
  staticPage({
    name: 'esbuild',
    packages: ['esbuild'],
    of: 'esbuild',
    ci: true,
    settings: 'npx moco-web assets out',
    files: { 'out/index.html': html('./main.js') },
    async build(folder) {
      const options = [
        '--bundle',
        '--format=esm',
        '--splitting',
        '--minify',
        '--outdir=out',
        '--log-level=warning',
      ];
      await run(process.execPath, [inBin(folder, 'esbuild/bin/esbuild'), 'src/main.js', ...options], {
        cwd: folder,
      });
      await copyAssets(folder);
    },
  }),
  staticPage({
    name: 'Rollup',
    packages: ['rollup@4', '@rollup/plugin-node-resolve'],
    of: 'rollup',
    settings: 'npx moco-web assets out',
    files: { 'rollup.config.mjs': ROLLUP, 'out/index.html': html('./main.js') },
    async build(folder) {
      await node(folder, 'rollup/dist/bin/rollup', '-c', '--silent');
      await copyAssets(folder);
    },
  }),
  staticPage({
    name: 'Parcel',
    packages: ['parcel@2'],
    of: 'parcel',
    scripts: true,
    // For browsers of before it makes workers into scripts, which have no import.meta.
    settings: 'browserslist: browsers with module workers',
    files: { 'index.html': html('./src/main.js'), '.browserslistrc': 'last 2 Chrome versions\n' },
    build: (folder) =>
      node(
        folder,
        'parcel/lib/bin.js',
        'build',
        'index.html',
        '--dist-dir',
        'out',
        '--no-source-maps',
        '--log-level',
        'error',
      ),
  }),
];
