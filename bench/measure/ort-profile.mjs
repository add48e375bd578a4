/** What onnxruntime-web's profiler tells of WebGPU sessions: it writes its events to the console when a session ends. */

/**
 * @param layout {'NHWC' | 'NCHW' | undefined} in which the provider is to compute convolutions, if not as it would itself
 * @returns `ort`: the same module, whose sessions are profiled until they are released; `events`: what they told by then, by session
 */
export function profiled(ort, layout) {
  const events = [];
  // Before the module starts: it keeps the function that it finds then.
  const { log } = console;
  let ending = null;
  console.log = (...words) => {
    if (ending === null) return log(...words);
    const line = words.join(' ');
    // The others are the brackets around them.
    if (line.startsWith('{"cat"')) ending.push(JSON.parse(line.replace(/,$/, '')));
  };
  const create = async (model, options) => {
    const executionProviders = options.executionProviders.map((provider) =>
      layout === undefined ? provider : { ...provider, preferredLayout: layout },
    );
    const settings = { ...options, executionProviders, enableProfiling: true };
    const session = await ort.InferenceSession.create(model, settings);
    const release = session.release.bind(session);
    session.release = () => {
      ending = [];
      events.push(ending);
      try {
        session.endProfiling();
      } finally {
        ending = null;
      }
      return release();
    };
    return session;
  };
  return { ort: { ...ort, InferenceSession: { create } }, events };
}

/**
 * Times by operator and program, of all steps together.
 * @param sessions {object[][]} the events of each
 * @returns {{ operator: string, program: string, runs: number, gpuMs: number }[]} `operators`, the longest first, empty without
 *   timestamp queries; `hosts`: what each operator costs the host, from the shortest of the runs of a node, as the first compiles
 */
export function operatorTimes(sessions) {
  const programs = new Map();
  const hosts = new Map();
  for (const events of sessions) {
    const nodes = new Map();
    for (const { cat, name, dur, args } of events) {
      if (cat === 'Api') {
        const [, operator, program] = name.split('&');
        const found = entry(programs, `${operator}&${program}`, { operator, program, runs: 0, gpuMs: 0 });
        found.runs++;
        found.gpuMs += dur / 1000;
      } else if (cat === 'Node' && args.op_name) {
        const node = entry(nodes, name, { operator: args.op_name, runs: 0, least: Number.POSITIVE_INFINITY });
        node.runs++;
        node.least = Math.min(node.least, dur / 1000);
      }
    }
    for (const { operator, runs, least } of nodes.values()) {
      const found = entry(hosts, operator, { operator, runs: 0, hostMs: 0 });
      found.runs += runs;
      found.hostMs += runs * least;
    }
  }
  const longest = (of) => (a, b) => b[of] - a[of];
  return {
    operators: [...programs.values()].sort(longest('gpuMs')),
    hosts: [...hosts.values()].sort(longest('hostMs')),
  };
}

function entry(map, key, fresh) {
  if (!map.has(key)) map.set(key, fresh);
  return map.get(key);
}
