// onnxruntime-web looks for its own file under a name that it has in its package: bundlers of those who use ours then look for
// it beside ours, and webpack and Next refuse to build. Here it is part of another file, whose address is right for what it is used for.
import { readFile } from 'node:fs/promises';

const IS_FILE = /import\.meta\.url>"file:"&&import\.meta\.url<"file;"/g;
const OWN_NAME = /new \w+\("ort\.\w+\.bundle\.min\.mjs",import\.meta\.url\)/g;

/** Each stands twice: where threads are started, and where the .wasm file is looked for. */
function replaceTwice(text, pattern, replacement, path) {
  let count = 0;
  const replaced = text.replace(pattern, () => {
    count++;
    return replacement;
  });
  if (count !== 2)
    throw new Error(
      `${path}: ${pattern} is there ${count} times, not twice: look at what a new version does`,
    );
  return replaced;
}

/** @param text {string} of a file of onnxruntime-web/dist */
export function withoutOwnName(text, path) {
  return replaceTwice(replaceTwice(text, IS_FILE, 'false', path), OWN_NAME, 'new URL(import.meta.url)', path);
}

/** For esbuild. `then` is what the file goes through after that. */
export function onnxruntimeAsPart(then = (text) => text) {
  return {
    name: 'onnxruntime-as-part',
    setup(build) {
      build.onLoad(
        { filter: /onnxruntime-web[\\/]dist[\\/]ort\.\w+\.bundle\.min\.mjs$/ },
        async ({ path }) => ({
          contents: then(withoutOwnName(await readFile(path, 'utf8'), path)),
          loader: 'js',
        }),
      );
    },
  };
}
