/** What Detectron2 calls the parts of a ResNet. Its model zoo's map, as MoCo's conversion script applies it: golden detectron2_names. */

/** The stages count from 2, as in the papers of detection; a norm belongs to its convolution. */
export function detectron2Name(name: string): string {
  const staged = name.startsWith('layer') ? name : `stem.${name}`;
  return staged
    .replace(/layer([1-4])/g, (_, stage) => `res${Number(stage) + 1}`)
    .replace(/bn([1-3])/g, 'conv$1.norm')
    .replace(/downsample\.0/g, 'shortcut')
    .replace(/downsample\.1/g, 'shortcut.norm');
}
