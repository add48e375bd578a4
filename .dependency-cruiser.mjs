// The law of imports: `npm run law`. docs/architecture.md says what each room holds.

/** The rooms of src/ from top to bottom. A room may import those on the steps below its own, and no other. */
const STEPS = [
  ['cli', 'page', 'golden'],
  ['ablate'],
  ['report'],
  ['train'],
  ['search'],
  ['methods', 'evaluate'],
  ['optimizers', 'models'],
  ['checkpoint'],
  ['scheduler'],
  ['encoder'],
  ['kernels', 'data', 'formats'],
  ['autodiff'],
  ['onnx'],
  ['runtime'],
];
/** May be imported from anywhere, and import no room. */
const ANYWHERE = ['errors.ts', 'arguments.ts', 'random.ts', 'math.ts', 'crc32.ts'];
/** May be imported from every room of the list, and imports none. */
const SETTINGS = 'settings';
/** What a room may import beside what the list gives it, and the two that are not in the list. */
const MORE = {
  cli: ['golden', 'conformance'],
  conformance: ['kernels', 'runtime'],
  [SETTINGS]: [],
  'index.ts': ['page', 'conformance', SETTINGS, ...STEPS.slice(1).flat()],
  'kernels.ts': ['kernels', 'runtime'],
  'onnx.ts': ['autodiff', 'onnx'],
};

const ROOMS = [...STEPS.flat(), ...Object.keys(MORE)];
const IN_SRC = [...ROOMS, ...ANYWHERE];

/** Matches the paths of rooms and of files that lie in src/ itself. */
const paths = (names) =>
  `^src/(${names.map((name) => (name.endsWith('.ts') ? `${name}$` : `${name}/`)).join('|')})`;

/** The rule of a room: which others it may import. */
function ruleOf(room) {
  const step = STEPS.findIndex((rooms) => rooms.includes(room));
  const below = step < 0 ? [] : [...STEPS.slice(step + 1).flat(), SETTINGS];
  const allowed = [...below, ...(MORE[room] ?? [])];
  return {
    name: `${room}-imports-what-is-below`,
    comment: `${room} may import ${allowed.join(', ') || 'no other room'}.`,
    severity: 'error',
    from: { path: paths([room]) },
    to: { path: '^src/', pathNot: paths([room, ...allowed, ...ANYWHERE]) },
  };
}

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'No file imports itself by way of others, types included.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...[...new Set(ROOMS)].map(ruleOf),
    {
      name: 'imports-no-room',
      severity: 'error',
      from: { path: paths(ANYWHERE) },
      to: { path: '^src/', pathNot: paths(ANYWHERE) },
    },
    {
      name: 'every-room-has-a-step',
      comment: 'A new room, or a new file in src/ itself, has its place in .dependency-cruiser.mjs.',
      severity: 'error',
      from: { path: '^src/', pathNot: paths(IN_SRC) },
      to: {},
    },
    {
      name: 'src-imports-src',
      comment: 'Beside src/ there are the shaders, for the kernels, and the versions in package.json.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['local'],
        pathNot: ['^src/', '^shaders/', '(^|/)package\\.json$'],
      },
    },
    {
      name: 'shaders-are-of-the-kernels',
      severity: 'error',
      from: { pathNot: '^src/kernels/' },
      to: { path: '^shaders/' },
    },
    {
      name: 'kernels-of-wasm-are-leaves',
      severity: 'error',
      from: { path: '^wasm/' },
      to: { pathNot: '^wasm/' },
    },
    {
      name: 'node-by-one-door',
      comment: 'Node’s own modules are imported in runtime/node.ts and the command alone: a page has none.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/cli/', '^src/runtime/(node|comlink-node-adapter\\.d)\\.ts$'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'onnxruntime-by-one-door',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/encoder/ort\\.ts$' },
      // Its version is read, too.
      to: { path: 'onnxruntime-web', pathNot: '/package\\.json$' },
    },
    {
      name: 'nothing-unresolved',
      comment: 'What is not found is not checked.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Type-only imports are imports.
    tsPreCompilationDeps: true,
    // The other parser that it knows, TypeScript 5 or 6, is not here.
    parser: 'swc',
    doNotFollow: { path: ['node_modules', '^shaders/'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
