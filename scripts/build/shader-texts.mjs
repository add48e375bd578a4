// WGSL as it goes into dist/: comments and indentation are for whoever reads shaders/. The lines stay what they are, so that what a
// compiler says of one is true of the source.
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';

/** @param text {string} WGSL without block comments */
export function withoutComments(text) {
  return text
    .split('\n')
    .map((line) => line.replace(/\/\/.*$/, '').trim())
    .join('\n')
    .trimEnd();
}

/** What is imported of a shader loads its text, and with it those of all: a device needs them all, and WebAssembly none. */
const ALL = 'moco-web-shaders';

export const shaderTexts = {
  name: 'shader-texts',
  setup(build) {
    build.onLoad({ filter: /\.wgsl$/ }, ({ path }) => {
      const name = JSON.stringify(basename(path));
      const contents = `export default () => import('${ALL}').then(({ default: texts }) => texts[${name}]);`;
      return { contents, loader: 'js', resolveDir: dirname(path) };
    });
    build.onResolve({ filter: new RegExp(`^${ALL}$`) }, ({ resolveDir }) => ({
      path: relative('.', resolveDir),
      namespace: ALL,
    }));
    build.onLoad({ filter: /.*/, namespace: ALL }, async ({ path: folder }) => {
      const names = (await readdir(folder)).filter((name) => name.endsWith('.wgsl')).sort();
      const texts = names.map(async (name) => [
        name,
        withoutComments(await readFile(join(folder, name), 'utf8')),
      ]);
      // As a script: of JSON, names of files would be exports, which not every browser that we run in may have.
      const contents = `export default ${JSON.stringify(Object.fromEntries(await Promise.all(texts)))};`;
      return { contents, loader: 'js' };
    });
  },
};
