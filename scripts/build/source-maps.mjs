// Minified packages bring no source that anybody would step through: their lines are left out of the source maps, which
// would otherwise be larger than the code.
import { readFile } from 'node:fs/promises';

/** A map of nothing, which esbuild takes as the map of the file it stands in. */
const EMPTY_MAP = Buffer.from('{"version":3,"sources":[""],"mappings":"A"}').toString('base64');

/** @param text {string} of a script of a package */
export const withEmptyMap = (text) =>
  `${text}\n//# sourceMappingURL=data:application/json;base64,${EMPTY_MAP}`;

export const withoutForeignSourceMaps = {
  name: 'without-foreign-source-maps',
  setup(build) {
    build.onLoad({ filter: /node_modules.*\.m?js$/ }, async ({ path }) => ({
      contents: withEmptyMap(await readFile(path, 'utf8')),
      loader: 'js',
    }));
  },
};
