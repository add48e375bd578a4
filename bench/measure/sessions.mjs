/** Graphs as sessions of onnxruntime-web whose inputs and outputs stay where they are. */

/**
 * On a GPU, on the buffers of our kernels.
 * @param device on which `kernels` are
 */
export const sessionsOfGpu = (ort, { device, kernels }) => ({
  options: {
    executionProviders: [{ name: 'webgpu', device }],
    extra: { session: { disable_cpu_ep_fallback: '1' } },
    preferredOutputLocation: 'gpu-buffer',
  },
  tensor: (array, dims) => ort.Tensor.fromGpuBuffer(kernels.buffer(array), { dataType: 'float32', dims }),
});

/** On one core: its memory is its own, so values are copied into it at each run, as they are in training. */
export const sessionsOfWasm = (ort, { kernels }) => ({
  options: { executionProviders: ['wasm'] },
  tensor: (array, dims) => new ort.Tensor('float32', kernels.view(array).slice(), dims),
});

/**
 * @param sessions of the two above
 * @param model {Uint8Array}
 * @param inputs {(name: string) => { array, shape }} of the kernels
 * @returns of the graph's one output: `run` leaves it, `read` gives its values
 */
export async function openSession(ort, sessions, model, inputs) {
  const session = await ort.InferenceSession.create(model, sessions.options);
  const feeds = {};
  for (const name of session.inputNames) {
    const { array, shape } = inputs(name);
    feeds[name] = sessions.tensor(array, shape);
  }
  const output = async () => Object.values(await session.run(feeds))[0];
  return {
    run: async () => (await output()).dispose(),
    read: async () => (await output()).getData(true),
    close: () => session.release(),
  };
}
